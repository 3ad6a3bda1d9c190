"""Weights to start from: neurons fire for the part of the patterns that was asked for."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from reference import Constants, FloatTrajectory

from tempotron_core import (
    Events,
    Network,
    Neuron,
    fire_like,
    initial_network,
    peak,
    scale_to_fire,
)

DURATION = 50.0
N_PATTERNS, N_INPUTS = 40, 8
TIMES = np.random.default_rng(21).uniform(0.0, 40.0, (N_PATTERNS, N_INPUTS))
TIMES[::7, 2] = -1.0
WEIGHT = np.random.default_rng(22).normal(0.6, 1.0, (3, N_INPUTS))
NEURONS = {"default": Neuron(), "other": Neuron(10.0, 10.0, 0.05, psp_peak=2.0)}
NOT_ON_JAX = pytest.mark.skip_backend("jax", reason="compiles for each case; NumPy has all")


def events_of(asarray: Any, times: np.ndarray = TIMES) -> Events:
    return Events.from_latencies(asarray(times), DURATION)


@lru_cache
def plain_v_max(name: str) -> np.ndarray:
    """Largest potential of each pattern and neuron, before scaling."""
    neuron = NEURONS[name]
    constants = Constants(neuron.tau, neuron.tau_s, neuron.v_threshold, neuron.kernel.psp_peak)
    return np.asarray(
        [
            [
                FloatTrajectory(pattern.tolist(), row.tolist(), constants, DURATION).peak().v_max
                for row in WEIGHT
            ]
            for pattern in TIMES
        ]
    )


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("potential", [1.0, 0.4])
@pytest.mark.parametrize("name", ["default", pytest.param("other", marks=NOT_ON_JAX)])
def test_a_part_of_the_patterns_exceeds_the_level(
    name: str, potential: float, fraction: float, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    neuron = NEURONS[name]
    found = scale_to_fire(
        events_of(asarray), asarray(WEIGHT), neuron, fraction=fraction, potential=potential
    )
    assert found.dtype == dtype
    assert found.device == asarray(WEIGHT).device
    factor = to_numpy(found)[:, 0] / WEIGHT[:, 0]
    assert (factor > 0.0).all()
    np.testing.assert_allclose(to_numpy(found), WEIGHT * factor[:, None], rtol=1e-5)
    # potentials are proportional to the weights
    level = potential * neuron.v_threshold
    drive = plain_v_max(name) * factor
    if fraction:
        assert ((drive > level).sum(axis=0) == int(fraction * N_PATTERNS)).all()
        assert (np.abs(drive / level - 1.0) > 1e-5).all()  # not a matter of rounding
    else:
        np.testing.assert_allclose(drive.max(axis=0), level, rtol=1e-5)


@NOT_ON_JAX
def test_scaling_before_does_not_matter(asarray: Any, to_numpy: Any) -> None:
    found = [
        to_numpy(scale_to_fire(events_of(asarray), asarray(size * WEIGHT), Neuron(), fraction=0.3))
        for size in (1e-10, 1.0, 1e10)
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-4)


def test_dead_neurons_are_turned_over(asarray: Any, to_numpy: Any) -> None:
    dead = np.concatenate([-np.abs(WEIGHT), WEIGHT])
    found = to_numpy(scale_to_fire(events_of(asarray), asarray(dead), Neuron(), fraction=0.25))
    alive = np.concatenate([np.abs(WEIGHT), WEIGHT])
    expected = scale_to_fire(events_of(asarray), asarray(alive), Neuron(), fraction=0.25)
    np.testing.assert_allclose(found, to_numpy(expected), rtol=1e-6)
    assert (found[:3] > 0.0).all()


@NOT_ON_JAX
def test_what_no_scale_wakes_stays_as_it_was(asarray: Any, to_numpy: Any) -> None:
    weight = np.zeros((4, N_INPUTS))
    weight[1, :3] = 0.5, -1.0, 2.0  # of afferents that never fire
    weight[2, 3:6] = 0.1, 0.2, -0.3  # fire together, and add up to a rounding error
    times = TIMES.copy()
    times[:, :3] = math.inf
    times[:, 3:6] = 7.0
    weight[3, 3:] = 0.1, 0.2, -0.3, -1.0, -1.0  # the same, but there is inhibition to turn over
    found = scale_to_fire(events_of(asarray, times), asarray(weight), Neuron(), fraction=0.5)
    np.testing.assert_array_equal(to_numpy(found)[:3], to_numpy(asarray(weight))[:3])
    assert (to_numpy(found)[3, 6:] > 0.1).all()


@NOT_ON_JAX
def test_the_only_pattern(asarray: Any, to_numpy: Any) -> None:
    events = events_of(asarray, TIMES[:1])
    found = scale_to_fire(events, asarray(np.abs(WEIGHT)), Neuron(), fraction=0.9)
    np.testing.assert_allclose(
        to_numpy(peak(events, found, Neuron()).v_max), np.ones((1, 3)), rtol=1e-5
    )


# -- networks ---------------------------------------------------------------------------------


@lru_cache
def numpy_network(dtype: str, hidden: tuple[int, ...]) -> Any:
    times = TIMES.astype(dtype)
    return initial_network(
        events_of(np.asarray, times),
        hidden,
        4,
        Neuron(),
        np.random.default_rng(3),
        reference_times=(0.0, 20.0),
        min_slope=0.2,
    )


@pytest.mark.slow_backend("jax", reason="compiles for every layer; test_training.py has networks")
def test_networks_fire_in_the_middle_and_not_at_the_end(
    backend: Any, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    exact = dtype == backend.xp.float64
    if backend.name == "jax" and not exact:
        pytest.skip("jax: compiles for each case; float64 has it")
    hidden = (12,) if backend.name == "jax" else (12, 10)
    events = events_of(asarray)
    network = initial_network(
        events,
        hidden,
        4,
        Neuron(),
        np.random.default_rng(3),
        reference_times=(0.0, 20.0),
        min_slope=0.2,
    )
    assert (network.reference_times, network.min_slope) == ((0.0, 20.0), 0.2)
    inputs = [N_INPUTS, *(size + 2 for size in hidden)]
    assert [tuple(w.shape) for w in network.weights] == list(zip((*hidden, 4), inputs, strict=True))
    for weight in network.weights:
        assert weight.dtype == dtype
        assert weight.device == events.times.device
    activity = network.forward(events)
    for spikes in activity.hidden:
        fired = np.isfinite(to_numpy(spikes)).mean(axis=0)
        np.testing.assert_allclose(fired, 0.3, atol=1e-9)
    v_max = to_numpy(activity.peak.v_max)
    np.testing.assert_allclose(v_max.max(axis=0), 0.5, rtol=1e-5)
    assert (v_max > 0.0).all()
    # the same numbers as on NumPy; a spike time that grazes loses digits
    expected = numpy_network("float64" if exact else "float32", hidden)
    for ours, theirs in zip(network.weights, expected.weights, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(
            to_numpy(ours), theirs, rtol=0.0, atol=scale * (1e-10 if exact else 1e-3)
        )


def test_a_single_layer_is_a_silent_start() -> None:
    events = events_of(np.asarray)
    for dtype in (np.float64, np.float32):
        network = initial_network(events, (), 3, Neuron(), np.random.default_rng(0), dtype=dtype)
        (weight,) = network.weights
        assert (weight.shape, weight.dtype) == ((3, N_INPUTS), dtype)
        assert (weight > 0.0).all()
        v_max = peak(events, weight, Neuron()).v_max
        np.testing.assert_allclose(v_max.max(axis=0), 0.5, rtol=1e-6)


def test_options_of_the_start() -> None:
    events, slow = events_of(np.asarray), Neuron(25.0, 5.0, 2.0)
    network = initial_network(
        events,
        [6],
        3,
        [Neuron(), slow],
        np.random.default_rng(0),
        fraction=0.8,
        output_potential=0.9,
        output_spread=0.0,
        pass_on="peak",
    )
    assert network.neurons == (Neuron(), slow)
    activity = network.forward(events)
    fired = (activity.hidden[0].v_max > 1.0).mean(axis=0)
    np.testing.assert_allclose(fired, 0.8, atol=1e-9)
    np.testing.assert_allclose(activity.peak.v_max.max(axis=0), 1.8, rtol=1e-12)
    assert (network.weights[1] == network.weights[1][0, 0]).all()


def test_the_generator_decides() -> None:
    events = events_of(np.asarray)
    drawn = [
        initial_network(events, [5], 2, Neuron(), rng).weights
        for rng in (*map(np.random.default_rng, (1, 1, 2)),)
    ]
    for first, second, other in zip(*drawn, strict=True):
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, other)


# -- errors -----------------------------------------------------------------------------------

EVENTS = events_of(np.asarray)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"events": TIMES}, TypeError, "events must be an Events"),
        ({"events": EVENTS[:0]}, ValueError, "events must hold at least one pattern, got none"),
        ({"weight": WEIGHT[:, 1:]}, ValueError, "weight must have one column per afferent"),
        ({"neuron": Neuron(shunt=True)}, ValueError, "neuron must have shunt=False to be scaled"),
        ({"neuron": None}, TypeError, "neuron must be a Neuron, got NoneType"),
        ({"fraction": 1.0}, ValueError, r"fraction must be from 0 to 1 .*got 1\.0"),
        ({"fraction": -0.1}, ValueError, "fraction must be finite and not negative, got -0.1"),
        ({"fraction": math.nan}, ValueError, "fraction must be finite and not negative, got nan"),
        ({"fraction": "half"}, TypeError, "fraction must be a real number, got 'half'"),
        ({"potential": 0.0}, ValueError, r"potential must be positive and finite, got 0\.0"),
    ],
)
def test_bad_scaling(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    given: dict[str, Any] = {
        "events": EVENTS,
        "weight": WEIGHT,
        "neuron": Neuron(),
        "fraction": 0.3,
    }
    with pytest.raises(error, match=message):
        scale_to_fire(**given | changes)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"events": TIMES}, TypeError, "events must be an Events, got ndarray"),
        ({"events": EVENTS[:0]}, ValueError, "events must hold at least one pattern, got none"),
        ({"hidden": 5}, TypeError, "hidden must be a sequence of integers, got 5"),
        ({"hidden": [2.0]}, TypeError, r"hidden must .*integer.*, got .*2\.0"),
        ({"hidden": [0]}, ValueError, "hidden must be from 1 to"),
        ({"n_outputs": 0}, ValueError, "n_outputs must be from 1 to"),
        ({"neuron": None}, TypeError, "neuron must be a Neuron or a sequence of them, got NoneT"),
        ({"neuron": [Neuron()]}, ValueError, "neuron must be one Neuron or one per layer, got 1"),
        ({"neuron": [Neuron(), 1.0]}, TypeError, "neuron must .*, got float"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator, got int"),
        ({"dtype": np.int64}, TypeError, "dtype must be float32 or float64 of .*, got .*int64"),
        ({"dtype": "half"}, TypeError, "dtype must be float32 or float64 of .*, got 'half'"),
        ({"fraction": 2.0}, ValueError, "fraction must be from 0 to 1"),
        ({"output_potential": 0.0}, ValueError, "output_potential must be positive and finite"),
        ({"output_spread": -1.0}, ValueError, "output_spread must be finite and not negative"),
        ({"pass_on": "all"}, ValueError, "pass_on must be one of"),
        ({"reference_times": [51.0]}, ValueError, r"reference_times must be at most .* 50\.0"),
    ],
)
def test_bad_starts(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    given: dict[str, Any] = {
        "events": EVENTS,
        "hidden": [4],
        "n_outputs": 2,
        "neuron": Neuron(),
        "rng": np.random.default_rng(0),
    }
    with pytest.raises(error, match=message):
        initial_network(**given | changes)


def test_float64_needs_a_library_that_holds_it() -> None:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(False):
        events = events_of(jax.numpy.asarray)
        rng = np.random.default_rng(0)
        with pytest.raises(ValueError, match=r"dtype must be one that .*float64.*jax_enable_x64"):
            initial_network(events, [], 2, Neuron(), rng, dtype=jax.numpy.float64)


@pytest.mark.parametrize("pass_on", ["first_crossing", "peak"])
def test_a_network_fires_like_its_patterns(pass_on: str, asarray: Any, to_numpy: Any) -> None:
    rng = np.random.default_rng(3)
    weights = [rng.normal(0.5, 1.0, shape) for shape in ((9, N_INPUTS), (7, 10), (2, 8))]
    given = Network(
        [asarray(weight) for weight in weights], Neuron(), pass_on, [4.0], min_slope=0.25
    )
    network = fire_like(given, events_of(asarray), fraction=0.5, output_potential=0.8)
    assert (network.pass_on, network.reference_times, network.min_slope) == (pass_on, (4.0,), 0.25)
    for weight, scaled in zip(weights, network.weights, strict=True):
        factor = to_numpy(scaled)[:, :1] / weight[:, :1]
        np.testing.assert_allclose(to_numpy(scaled), weight * factor, rtol=1e-5)
    activity = network.forward(events_of(asarray))
    for events in activity.inputs[1:]:
        spikes = to_numpy(events.to_latencies())[:, :-1]  # the last one is the reference
        assert (np.isfinite(spikes).sum(axis=0) == N_PATTERNS // 2).all()
    np.testing.assert_allclose(to_numpy(activity.peak.v_max).max(axis=0), 0.8, rtol=1e-5)


def test_bad_patterns_to_fire_like() -> None:
    network = Network([WEIGHT], Neuron())
    with pytest.raises(TypeError, match="network must be a Network, got list"):
        fire_like([WEIGHT], events_of(np.asarray))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="output_potential must be positive"):
        fire_like(network, events_of(np.asarray), output_potential=0.0)
    with pytest.raises(TypeError, match="events must be an Events"):
        fire_like(network, TIMES)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="events must hold at least one pattern"):
        fire_like(network, events_of(np.asarray)[:0])
