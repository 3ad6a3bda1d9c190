"""The compiled kernels within JAX's programs: the bits of NumPy's fused forms, and ways out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tempotron_backends.fused.choice import for_numpy
from tempotron_core import (
    Events,
    Neuron,
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
    voltage,
    voltage_vjp,
)
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

jax = pytest.importorskip("jax")
export = pytest.importorskip("jax.export")
pytest.importorskip("numba")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

from tempotron_backends.jax import first_crossing as first_crossing_of  # noqa: E402
from tempotron_backends.jax import foreign, kernels, readouts  # noqa: E402
from tempotron_backends.jax import peak as peak_of  # noqa: E402
from tempotron_backends.jax import voltage as voltage_of  # noqa: E402
from tempotron_backends.jax.spiking import output_spikes as jax_spikes  # noqa: E402

DURATION, NEURON = 60.0, Neuron()
RNG = np.random.default_rng(11)
TIMES = RNG.uniform(-5.0, 62.0, (3, 8))
WEIGHT = RNG.normal(0.5, 0.5, (2, 8))
BAR = RNG.normal(size=(3, 2))
SAMPLES = np.asarray([7.0, 31.0, 12.5])


def given(dtype="float64"):
    """The same patterns and weights for NumPy and JAX."""
    events = Events.from_latencies(TIMES.astype(dtype), DURATION)
    return events, WEIGHT.astype(dtype), jnp.asarray(TIMES.astype(dtype))


def same(found, expected):
    """To the last bit, and of one dtype."""
    found = np.asarray(found)
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_peaks_and_their_gradients_are_those_of_numpy(dtype):
    events, weight, times = given(dtype)
    bar = BAR.astype(dtype)
    expected = peak(events, weight, NEURON)
    by_weight = peak_vjp(events, weight, NEURON, expected, bar)
    by_both = peak_vjp(events, weight, NEURON, expected, bar, bar, times=True)

    def loss(w, t):
        found = peak_of(w, t, duration=DURATION)
        return (found.v_max * bar).sum(), found

    def both(w, t):
        found = peak_of(w, t, duration=DURATION)
        return ((found.v_max + found.t_max) * bar).sum()

    gradient, found = jax.jit(jax.grad(loss, has_aux=True))(jnp.asarray(weight), times)
    same(found.v_max, expected.v_max)
    same(found.t_max, expected.t_max)
    same(gradient, by_weight.weight)
    gradient, to_times = jax.jit(jax.grad(both, (0, 1)))(jnp.asarray(weight), times)
    same(gradient, by_both.weight)
    same(to_times, by_both.times)


def test_crossings_and_potentials_are_those_of_numpy():
    events, weight, times = given()
    neuron = Neuron(shunt=True)
    t_spike = first_crossing(events, weight, neuron)
    fires = np.isfinite(t_spike)
    assert fires.any()
    bar = np.where(fires, BAR, 0.0)
    to_weight = first_crossing_vjp(events, weight, neuron, t_spike, bar, min_slope=0.01).weight
    v = voltage(events, weight, neuron, SAMPLES)
    by_samples = voltage_vjp(events, weight, neuron, SAMPLES, np.ones_like(v)).weight
    constants = {"duration": DURATION, "neuron": neuron}

    def loss(w):
        found = first_crossing_of(w, times, min_slope=0.01, **constants)
        return jnp.where(fires, found * bar, 0.0).sum(), found

    def total(w):
        found = voltage_of(w, times, jnp.asarray(SAMPLES), **constants)
        return found.sum(), found

    gradient, found = jax.jit(jax.grad(loss, has_aux=True))(jnp.asarray(weight))
    same(found, t_spike)
    same(gradient, to_weight)
    gradient, found = jax.jit(jax.grad(total, has_aux=True))(jnp.asarray(weight))
    same(found, v)
    same(gradient, by_samples)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_output_spikes_and_their_gradients_are_those_of_numpy(dtype):
    """The first so many of each train, which is all that is counted."""
    events, weight, times = given(dtype)
    expected = output_spikes(events, weight, NEURON, max_spikes=2)
    assert expected.counts.max() > 2
    assert expected.counts.min() < 2
    fires = np.isfinite(expected.times)
    by_hand = output_spikes_vjp(
        events, weight, NEURON, expected.times, fires.astype(dtype), times=True, min_slope=0.01
    )

    def loss(w, t):
        patterns = Events.from_latencies(t, DURATION)
        found = jax_spikes(patterns, w, NEURON, max_spikes=2, min_slope=0.01)
        return jnp.where(fires, found.times, 0.0).sum(), found

    gradients, found = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(jnp.asarray(weight), times)
    same(found.times, expected.times)
    same(found.counts, np.minimum(expected.counts, 2))
    same(gradients[0], by_hand.weight)
    same(gradients[1], by_hand.times)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_critical_thresholds_and_their_gradients_are_those_of_numpy(dtype):
    events, weight, times = given(dtype)
    k = np.asarray([[1, 2], [3, 1], [2, 4]])
    where = np.asarray([[True, True], [True, True], [True, False]])
    bar = BAR.astype(dtype)
    expected = critical_threshold(events, weight, NEURON, k, where=where)
    assert expected.n_before.max() > 0
    by_hand = critical_threshold_vjp(events, weight, NEURON, expected, bar, times=True)

    def loss(w, t):
        patterns = Events.from_latencies(t, DURATION)
        asked = {"where": jnp.asarray(where), "most": 4}
        found = critical_threshold(patterns, w, NEURON, jnp.asarray(k), **asked)
        return (found.theta * bar).sum(), found

    gradients, found = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(jnp.asarray(weight), times)
    for ours, theirs in zip(found, expected, strict=True):
        same(ours, theirs)
    same(gradients[0], by_hand.weight)
    same(gradients[1], by_hand.times)


def test_spikes_without_64_bit_types():
    """Numbers of spikes are then of 32 bits."""
    events, weight, times = given("float32")
    weights, k = np.stack([weight, 2 * weight]), np.full((3, 2), 2)
    with jax.enable_x64(False):
        patterns = Events.from_latencies(times, DURATION)

        def both(w):
            spikes = output_spikes(patterns, w, NEURON, max_spikes=4)
            return spikes, critical_threshold(patterns, w, NEURON, jnp.asarray(k), most=2)

        spikes, critical = jax.jit(jax.vmap(both))(jnp.asarray(weights))
    for i, weight in enumerate(weights):
        expected = output_spikes(events, weight, NEURON, max_spikes=4)
        same(spikes.times[i, :, :, : expected.times.shape[2]], expected.times)
        same(spikes.counts[i], np.minimum(expected.counts, 4).astype("int32"))
        expected = critical_threshold(events, weight, NEURON, k)
        same(critical.theta[i], expected.theta)
        same(critical.n_before[i], expected.n_before.astype("int32"))


def test_no_more_spikes_are_looked_for_than_asked():
    """Those that cannot be told apart are no error of a program, as without kernels."""
    events = Events.from_latencies(np.asarray([[1.0, 40.0]], "float32"), DURATION)
    weight = np.asarray([[5.0, 1e7], [0.0, 1e8]], "float32")
    form = for_numpy(None)["output_spikes"]
    with pytest.raises(ValueError, match="told apart"):
        form(events, weight, NEURON, 2)
    _, times, counts = form(events, weight, NEURON, 2, 2)
    assert counts.tolist() == [[2, 2]]
    assert times[0] < times[1]
    patterns = Events.from_latencies(jnp.asarray([[1.0, 40.0]], "float32"), DURATION)
    found = output_spikes(patterns, jnp.asarray(weight), NEURON, max_spikes=2)
    same(jnp.ravel(found.times), times)
    same(found.times[:, :, 0], first_crossing(events, weight, NEURON))


def test_maps_within_maps():
    """Over patterns, over weights that are one for all of those, and both."""
    weights, patterns = np.stack([WEIGHT, -WEIGHT, 2.0 * WEIGHT]), np.stack([TIMES, TIMES / 2.0])

    def of_weights(times):
        return jax.vmap(lambda w: peak_of(w, times, duration=DURATION).v_max)(jnp.asarray(weights))

    found = jax.jit(jax.vmap(of_weights))(jnp.asarray(patterns))
    assert found.shape == (2, 3, 3, 2)
    for i, times in enumerate(patterns):
        events = Events.from_latencies(times, DURATION)
        for k, weight in enumerate(weights):
            same(found[i, k], peak(events, weight, NEURON).v_max)


def test_loops_and_second_derivatives():
    """A gradient is differentiated by the definition, as it is without kernels."""
    _, weight, times = given()

    def loss(w):
        return (peak_of(w, times, duration=DURATION).v_max ** 2 * BAR).sum()

    def step(w, _):
        return w - 0.1 * jax.grad(loss)(w), loss(w)

    _, losses = jax.jit(lambda w: jax.lax.scan(step, w, None, length=3))(jnp.asarray(weight))
    assert losses[2] < losses[0]
    along = np.random.default_rng(2).normal(size=weight.shape)
    turn = jax.jit(lambda w: jax.jvp(jax.grad(loss), (w,), (jnp.asarray(along),))[1])
    eps = 1e-6
    ends = [jax.grad(loss)(jnp.asarray(weight + sign * eps * along)) for sign in (1, -1)]
    np.testing.assert_allclose(turn(jnp.asarray(weight)), (ends[0] - ends[1]) / (2 * eps), 1e-5)


def test_exported_programs_hold_the_definition(monkeypatch):
    """But where they are asked to call the kernels."""
    _, weight, times = given()

    def lowered(kind):
        program = jax.jit(lambda w: peak_of(w, times, duration=DURATION).v_max)
        allowed = [export.DisabledSafetyCheck.custom_call(foreign.TARGET)]
        return export.export(program, platforms=[kind], disabled_checks=allowed)(
            jnp.asarray(weight)
        ).mlir_module()

    assert foreign.TARGET not in lowered("cpu")
    assert foreign.TARGET not in lowered("cuda")
    monkeypatch.setenv("TEMPOTRON_JAX_KERNELS", "export")
    assert foreign.TARGET in lowered("cpu")
    assert foreign.TARGET not in lowered("cuda")


def program():
    """The text of a program that finds peaks."""
    events = Events.from_latencies(jnp.asarray(TIMES), DURATION)
    lowered = jax.jit(lambda w: peak(events, w, NEURON).v_max).lower(jnp.asarray(WEIGHT))
    return lowered.as_text()


def test_they_can_be_switched_off(monkeypatch):
    assert foreign.TARGET in program()
    monkeypatch.setenv("TEMPOTRON_JAX_KERNELS", "off")
    assert foreign.TARGET not in program()
    monkeypatch.setenv("TEMPOTRON_JAX_KERNELS", "never")
    with pytest.raises(ValueError, match=r"JAX_KERNELS must be one of on, off, .*'never'"):
        program()


@pytest.mark.parametrize("broken", ["register_ffi_target", "include_dir"])
def test_without_registration_the_definition_serves(broken, monkeypatch):
    """One warning says so."""

    def refuse(*_, **__):
        raise RuntimeError("no such thing here")

    monkeypatch.setattr(jax.ffi, broken, refuse)
    monkeypatch.setattr(foreign, "_kept", [])
    for function in (kernels._registered, foreign.api_version, readouts._compiled_peak):
        function.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match=r"without them: no such thing here"):
            assert foreign.TARGET not in program()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert foreign.TARGET not in program()
    finally:
        monkeypatch.undo()
        for function in (kernels._registered, foreign.api_version, readouts._compiled_peak):
            function.cache_clear()
    assert foreign.TARGET in program()


def test_an_error_within_a_call_is_an_error_of_the_program(monkeypatch):
    """With its text, rather than of the process."""

    def fail(*_):
        raise ValueError("afferents must be in range")

    monkeypatch.setitem(kernels.calls.CALLS, "peak", fail)
    with pytest.raises(Exception, match="ValueError: afferents must be in range"):
        jax.block_until_ready(peak_of(jnp.asarray(WEIGHT), given()[2], duration=DURATION))
