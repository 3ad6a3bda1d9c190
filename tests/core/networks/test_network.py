"""Networks: forward against plain Python, gradients against difference quotients and autodiff."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from reference import Constants, FloatTrajectory

from tempotron_core import Activity, Events, Network, Neuron, Peak, first_crossing, peak

DURATION = 60.0
SIZES = (6, 5, 4, 3)  # inputs, hidden, hidden, outputs
TAUS = ((15.0, 3.75, 1.0, 1.0), (10.0, 10.0, 0.8, 1.0), (12.0, 4.0, 1.2, 1.2))
REFERENCES = (0.0, 12.5)
# depth, pass_on, reference times, shunted, seed: between them every option and both depths
CASES = {
    "two layers": (2, "first_crossing", (), False, 0),
    "three layers": (3, "first_crossing", REFERENCES, False, 35),
    "two layers, peaks": (2, "peak", REFERENCES, False, 0),
    "three layers, peaks": (3, "peak", (), False, 1),
    "two layers, peaks, shunted": (2, "peak", (), True, 0),
}
# An eager call compiles each operation for each shape; compiled as a whole it is tested below.
NOT_ON_JAX = pytest.mark.skip_backend("jax", reason="compiles for each case; NumPy has all")
ONE_ON_JAX = [
    pytest.param(case, marks=() if case == "two layers, peaks" else NOT_ON_JAX) for case in CASES
]


def latencies() -> np.ndarray:
    """Six patterns; the third has a spike at the duration, the last one none at all."""
    times = np.random.default_rng(11).uniform(0.0, 35.0, (6, SIZES[0]))
    times[1, :2] = -1.0, math.inf
    times[2, 0] = DURATION
    times[3, 4] = DURATION + 5.0
    times[5] = -1.0
    return times


def spikes(times: np.ndarray) -> np.ndarray:
    """Which entries can be moved both ways and stay spikes."""
    return (times >= 0.0) & (times < DURATION)


@lru_cache
def network_of(case: str) -> Network:
    """On NumPy in float64.  Most hidden neurons fire in some patterns and not in others."""
    depth, pass_on, reference, shunt, seed = CASES[case]
    rng = np.random.default_rng(seed)
    sizes = (*SIZES[:depth], SIZES[-1])
    weights = []
    for layer in range(depth):
        inputs = sizes[layer] + (len(reference) if layer else 0)
        weights.append(rng.normal(0.6, 0.5, (sizes[layer + 1], inputs)))
    weights[0][1] = -np.abs(weights[0][1])  # never fires
    neurons = [Neuron(*t[:3], psp_peak=t[3], shunt=shunt) for t in TAUS[:depth]]
    return Network(weights, neurons, pass_on, reference)


def moved(network: Network, asarray: Any, **options: Any) -> Network:
    given = {
        "neuron": network.neuron,
        "pass_on": network.pass_on,
        "reference_times": network.reference_times,
        "min_slope": network.min_slope,
    }
    return Network([asarray(weight) for weight in network.weights], **given | options)


def plain_layer(times: list[float], weight: Any, neuron: Neuron) -> list[FloatTrajectory]:
    constants = Constants(neuron.tau, neuron.tau_s, neuron.v_threshold, neuron.kernel.psp_peak)
    return [FloatTrajectory(times, map(float, row), constants, DURATION) for row in weight]


def plain_peak(trajectory: Any, shunt: bool) -> tuple[float, float]:
    if shunt and trajectory.first_crossing().fired:
        trajectory = trajectory.shunted()
    found = trajectory.peak()
    return float(found.v_max), float(found.t_max)


@lru_cache
def plain_forward(case: str) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, float]:
    """Spike times of each hidden layer, v_max, t_max, and the closest call to threshold."""
    network = network_of(case)
    hidden: list[list[Any]] = [[] for _ in network.weights[:-1]]
    last, margin = [], math.inf
    for pattern in latencies():
        times = pattern.tolist()
        layers = list(zip(network.weights, network.neurons, strict=True))
        for layer, (weight, neuron) in enumerate(layers[:-1]):
            fired = []
            for trajectory in plain_layer(times, weight, neuron):
                crossing = trajectory.first_crossing()
                margin = min(margin, crossing.margin)
                time = crossing.time
                if network.pass_on == "peak" and crossing.fired:
                    time = plain_peak(trajectory, neuron.shunt)[1]
                fired.append(float(time))
            hidden[layer].append(fired)
            times = fired + list(network.reference_times)
        weight, neuron = layers[-1]
        last.append([plain_peak(t, neuron.shunt) for t in plain_layer(times, weight, neuron)])
    v_max, t_max = np.moveaxis(np.asarray(last), 2, 0)
    return [np.asarray(each) for each in hidden], v_max, t_max, margin


@pytest.mark.parametrize("case", CASES)
def test_cases_hold_what_they_should(case: str) -> None:
    hidden, v_max, _, margin = plain_forward(case)
    assert margin > 1e-3
    assert np.ptp(v_max) > 0.1
    for spikes_of_layer in hidden:
        fired = np.isfinite(spikes_of_layer)
        assert 0.15 < fired[:-1].mean() < 0.95
    assert not np.isfinite(hidden[0][:, 1]).any()
    assert not np.isfinite(hidden[0][-1]).any()


@pytest.mark.parametrize("case", ONE_ON_JAX)
def test_forward(case: str, backend: Any, asarray: Any, to_numpy: Any, dtype: Any) -> None:
    if backend.name == "jax" and dtype != backend.dtype("float32"):
        pytest.skip("jax: compiled as a whole in float64 below")
    network = moved(network_of(case), asarray)
    activity = network.forward(Events.from_latencies(asarray(latencies()), DURATION))
    hidden, v_max, t_max, _ = plain_forward(case)
    exact = to_numpy(activity.peak.v_max).dtype == np.float64
    time_bar, v_bar = (1e-9, 1e-11) if exact else (1e-3, 1e-4)
    for layer, expected in enumerate(hidden):
        found = to_numpy(activity.inputs[layer + 1].to_latencies())
        own, reference = np.split(found, [expected.shape[1]], axis=1)
        np.testing.assert_allclose(own, expected, rtol=0.0, atol=time_bar)
        np.testing.assert_array_equal(
            reference, np.broadcast_to(network.reference_times, reference.shape)
        )
    assert activity.peak.v_max.dtype == activity.peak.t_max.dtype == dtype
    np.testing.assert_allclose(to_numpy(activity.peak.v_max), v_max, rtol=0.0, atol=v_bar)
    np.testing.assert_allclose(to_numpy(activity.peak.t_max), t_max, rtol=0.0, atol=time_bar)
    assert len(activity.hidden) == len(network.weights) - 1
    kind = Peak if network.pass_on == "peak" else type(network.weights[0])
    assert all(isinstance(each, kind) for each in activity.hidden)


# -- gradients --------------------------------------------------------------------------------

COTANGENT = np.random.default_rng(5).normal(size=(6, SIZES[-1]))


def loss(network: Network, times: np.ndarray) -> float:
    v_max = network.forward(Events.from_latencies(times, DURATION)).peak.v_max
    return float((v_max * COTANGENT).sum())


def quotient(values: Callable[[np.ndarray], float], at: np.ndarray, index: Any) -> float:
    """Derivative by one entry, from four values: to fourth order in the step."""
    step, total = 2e-5, 0.0
    for steps, factor in ((1, 8.0), (-1, -8.0), (2, -1.0), (-2, 1.0)):
        shifted = at.copy()
        shifted[index] += steps * step
        total += factor * values(shifted)
    return total / (12.0 * step)


@lru_cache
def quotients(case: str) -> tuple[np.ndarray, ...]:
    """Derivatives of the loss towards the weights of each layer and the input times."""
    network, times, found = network_of(case), latencies(), []
    for layer, weight in enumerate(network.weights):

        def by_weight(changed: np.ndarray, layer: int = layer) -> float:
            weights = [*network.weights[:layer], changed, *network.weights[layer + 1 :]]
            return loss(network.with_weights(weights), times)

        slope = np.zeros(weight.shape)
        for index in np.ndindex(*weight.shape):
            slope[index] = quotient(by_weight, weight, index)
        found.append(slope)
    slope = np.zeros(times.shape)
    for index in zip(*np.nonzero(spikes(times)), strict=True):
        slope[index] = quotient(lambda changed: loss(network, changed), times, index)
    return (*found, slope)


def gradients(network: Network, asarray: Any, to_numpy: Any) -> list[np.ndarray]:
    activity = network.forward(Events.from_latencies(asarray(latencies()), DURATION))
    found = network.vjp(activity, asarray(COTANGENT), times=True)
    without = network.vjp(activity, asarray(COTANGENT))
    assert without.times is None
    for first, second, weight in zip(found.weights, without.weights, network.weights, strict=True):
        assert first.dtype == weight.dtype
        assert first.device == weight.device
        np.testing.assert_array_equal(to_numpy(first), to_numpy(second))
    return [to_numpy(array) for array in (*found.weights, found.times)]


def check_close(found: Any, expected: Any, bar: float) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        scale = np.abs(theirs).max()
        assert scale > 1e-3
        np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=bar * scale)


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_the_difference_quotient(case: str) -> None:
    found = gradients(network_of(case), np.asarray, np.asarray)
    check_close(found, quotients(case), 1e-7)
    times = latencies()
    assert not found[-1][~spikes(times) & (times != DURATION)].any()  # no spike, no gradient
    assert not found[0][1].any()  # the neuron that never fires
    assert not found[-1][-1].any()  # the pattern without spikes


@NOT_ON_JAX
@pytest.mark.parametrize("case", CASES)
def test_gradients_agree_between_backends(
    case: str, asarray: Any, to_numpy: Any, dtype: Any, xp: Any
) -> None:
    expected = gradients(network_of(case), np.asarray, np.asarray)
    found = gradients(moved(network_of(case), asarray), asarray, to_numpy)
    check_close(found, expected, 1e-11 if dtype == xp.float64 else 2e-3)


def composed(case: str, weights: Any, times: Any, where: Any, concat: Any, full: Any) -> Any:
    """The same network from the public functions, without `Network`."""
    _, pass_on, reference, *_ = CASES[case]
    neurons = network_of(case).neurons
    events = Events.from_latencies(times, DURATION)
    for weight, neuron in zip(weights[:-1], neurons[:-1], strict=True):
        if pass_on == "peak":
            found = peak(events, weight, neuron)
            passed_on = where(found.v_max > neuron.v_threshold, found.t_max, math.inf)
        else:
            passed_on = first_crossing(events, weight, neuron)
        passed_on = concat([passed_on, *(full((6, 1), t) for t in reference)], 1)
        events = Events.from_latencies(passed_on, DURATION)
    return peak(events, weights[-1], neurons[-1]).v_max


@pytest.mark.parametrize("case", CASES)
def test_torch_autograd_of_the_composed_functions(case: str) -> None:
    torch = pytest.importorskip("torch")
    expected = gradients(network_of(case), np.asarray, np.asarray)

    def full(shape: tuple[int, int], value: float) -> Any:
        return torch.full(shape, value, dtype=torch.float64)

    for through_network in (False, True):
        weights = [torch.tensor(w, requires_grad=True) for w in network_of(case).weights]
        times = torch.tensor(latencies(), requires_grad=True)
        if through_network:
            network = network_of(case).with_weights(weights)
            v_max = network.forward(Events.from_latencies(times, DURATION)).peak.v_max
        else:
            v_max = composed(case, weights, times, torch.where, torch.concat, full)
        (v_max * torch.tensor(COTANGENT)).sum().backward()
        check_close([array.grad.numpy() for array in (*weights, times)], expected, 1e-10)


def test_jax_compiles_and_differentiates() -> None:
    case = "two layers"
    jax = pytest.importorskip("jax")
    jnp = importlib.import_module("jax.numpy")
    host = network_of(case)

    def autodiff(weights: Any, times: Any) -> Any:
        network = host.with_weights(weights)
        activity = network.forward(Events.from_latencies(times, DURATION))
        return (activity.peak.v_max * COTANGENT).sum(), activity.peak

    def analytic(weights: Any, times: Any) -> Any:
        network = host.with_weights(weights)
        activity = network.forward(Events.from_latencies(times, DURATION))
        return network.vjp(activity, jnp.asarray(COTANGENT), times=True)

    with jax.enable_x64(True):
        given = tuple(map(jnp.asarray, host.weights)), jnp.asarray(latencies())
        by_jax, found = jax.jit(jax.grad(autodiff, (0, 1), has_aux=True))(*given)
        ours = jax.eval_shape(analytic, *given)  # traced alone: the same operations
    _, v_max, t_max, _ = plain_forward(case)
    np.testing.assert_allclose(found.v_max, v_max, rtol=0.0, atol=1e-11)
    np.testing.assert_allclose(found.t_max, t_max, rtol=0.0, atol=1e-9)
    expected = gradients(host, np.asarray, np.asarray)
    check_close(map(np.asarray, (*by_jax[0], by_jax[1])), expected, 1e-11)
    for traced, array in zip((*ours.weights, ours.times), expected, strict=True):
        assert traced.shape == array.shape


def test_gradient_of_times_comes_in_the_layout_of_the_events() -> None:
    network = network_of("three layers")
    times = latencies()
    trains = np.stack([times, np.where(spikes(times), times + 3.0, -1.0)], axis=2)
    activity = network.forward(Events.from_trains(trains, DURATION))
    found = network.vjp(activity, COTANGENT, times=True).times
    assert found.shape == trains.shape

    def of_trains(changed: np.ndarray) -> float:
        v_max = network.forward(Events.from_trains(changed, DURATION)).peak.v_max
        return float((v_max * COTANGENT).sum())

    for slot in (0, 1):
        largest = np.unravel_index(np.argmax(np.abs(found[..., slot])), times.shape)
        expected = quotient(of_trains, trains, (*largest, slot))
        assert abs(expected) > 1e-3
        assert found[(*largest, slot)] == pytest.approx(expected, rel=1e-6)


# -- single cases -----------------------------------------------------------------------------


@pytest.mark.on_jax
@NOT_ON_JAX
@pytest.mark.parametrize("pass_on", ["first_crossing", "peak"])
def test_one_layer_is_a_tempotron(pass_on: str, asarray: Any, to_numpy: Any) -> None:
    weight = asarray(network_of("two layers").weights[0])
    events = Events.from_latencies(asarray(latencies()), DURATION)
    network = Network([weight], Neuron(), pass_on, REFERENCES, 0.5)
    activity = network.forward(events)
    alone = peak(events, weight, Neuron())
    np.testing.assert_array_equal(to_numpy(activity.peak.v_max), to_numpy(alone.v_max))
    assert activity.hidden == ()
    assert activity.inputs == (events,)
    found = network.vjp(activity, alone.v_max)
    assert [tuple(array.shape) for array in found.weights] == [tuple(weight.shape)]


@NOT_ON_JAX
@pytest.mark.parametrize("pass_on", ["first_crossing", "peak"])
@pytest.mark.parametrize("reference", [(), (4.0,)])
def test_a_silent_layer_passes_on_reference_spikes_alone(
    pass_on: str, reference: tuple[float, ...], asarray: Any, to_numpy: Any
) -> None:
    hidden, output = np.full((3, 6), 0.01), np.ones((2, 3 + len(reference)))
    network = Network([asarray(hidden), asarray(output)], Neuron(), pass_on, reference)
    activity = network.forward(Events.from_latencies(asarray(latencies()), DURATION))
    np.testing.assert_allclose(to_numpy(activity.peak.v_max), 1.0 if reference else 0.0, atol=1e-6)
    found = network.vjp(activity, asarray(np.ones((6, 2))), times=True)
    assert not to_numpy(found.weights[0]).any()
    assert not to_numpy(found.times).any()
    expected = np.zeros(output.shape)
    expected[:, 3:] = 6.0  # of each pattern, the peak of one postsynaptic potential
    np.testing.assert_allclose(to_numpy(found.weights[1]), expected, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_patterns_do_not_depend_on_each_other(case: str) -> None:
    network, times = network_of(case), latencies()
    together = network.forward(Events.from_latencies(times, DURATION))
    total = [np.zeros(weight.shape) for weight in network.weights]
    for row in range(len(times)):
        alone = network.forward(Events.from_latencies(times[row : row + 1], DURATION))
        assert alone.peak.v_max.shape == (1, SIZES[-1])
        np.testing.assert_allclose(alone.peak.v_max[0], together.peak.v_max[row], rtol=1e-13)
        found = network.vjp(alone, COTANGENT[row : row + 1]).weights
        total = [before + more for before, more in zip(total, found, strict=True)]
    check_close(network.vjp(together, COTANGENT).weights, total, 1e-12)


@NOT_ON_JAX
@pytest.mark.parametrize("pass_on", ["first_crossing", "peak"])
def test_no_patterns(pass_on: str, asarray: Any) -> None:
    network = Network([asarray(np.ones((2, 3))), asarray(np.ones((1, 2)))], Neuron(), pass_on)
    activity = network.forward(Events.from_latencies(asarray(np.empty((0, 3))), DURATION))
    assert tuple(activity.peak.v_max.shape) == (0, 1)
    found = network.vjp(activity, asarray(np.empty((0, 1))), times=True)
    assert [tuple(array.shape) for array in found.weights] == [(2, 3), (1, 2)]
    assert tuple(found.times.shape) == (0, 3)


@NOT_ON_JAX
def test_a_hidden_peak_at_the_duration_reaches_nobody(asarray: Any, to_numpy: Any) -> None:
    # Two spikes just before the end: the hidden potential still rises there.
    times, end = np.asarray([[57.0, 57.0]]), DURATION
    hidden, output = asarray(np.asarray([[4.0, 4.0]])), asarray(np.asarray([[2.0]]))
    network = Network([hidden, output], Neuron(), "peak")
    activity = network.forward(Events.from_latencies(asarray(times), end))
    np.testing.assert_array_equal(to_numpy(activity.inputs[1].to_latencies()), [[end]])
    np.testing.assert_array_equal(to_numpy(activity.peak.v_max), [[0.0]])
    found = network.vjp(activity, asarray(np.ones((1, 1))), times=True)
    for array in (*found.weights, found.times):
        assert not to_numpy(array).any()


@NOT_ON_JAX
def test_a_neuron_that_just_reaches_threshold_stays_silent(asarray: Any, to_numpy: Any) -> None:
    found = peak(Events.from_latencies(asarray([[1.0]]), DURATION), asarray([[1.0]]), Neuron())
    threshold = to_numpy(found.v_max).item()
    for pass_on in ("first_crossing", "peak"):
        neuron = Neuron(v_threshold=threshold, psp_peak=1.0)
        network = Network([asarray([[1.0]]), asarray([[1.0]])], neuron, pass_on)
        activity = network.forward(Events.from_latencies(asarray([[1.0]]), DURATION))
        assert to_numpy(activity.inputs[1].to_latencies()).tolist() == [[math.inf]]


@NOT_ON_JAX
@pytest.mark.parametrize("min_slope", [0.0, 0.01, 0.1])
def test_min_slope_bounds_what_grazing_sends_back(
    min_slope: float, asarray: Any, to_numpy: Any, dtype: Any, xp: Any
) -> None:
    """One neuron that grazes, and one that reads it at the duration, while it still rises."""
    times, hidden, output = (asarray([[each]]) for each in (2.0, 1.0 + 1e-6, 0.7))
    network = Network([hidden, output], Neuron(), min_slope=min_slope)
    spike = to_numpy(first_crossing(Events.from_latencies(times, 60.0), hidden, Neuron())).item()
    activity = network.forward(Events.from_latencies(times, spike + 3.0))
    found = network.vjp(activity, asarray([[1.0]]), times=True)

    def slope(x: float) -> float:  # of one postsynaptic potential
        v0 = 1.0 / (4.0 ** (-1 / 3) - 4.0 ** (-4 / 3))
        return v0 * (math.exp(-x / 3.75) / 3.75 - math.exp(-x / 15.0) / 15.0)

    grazing = slope(spike - 2.0)
    assert 0.0 < grazing < 0.005
    # dE/dt = -0.7 K'(3), dt/dw = -K/V' with K the threshold, dt/dt_in = 1 but for the bound
    slope_out, bounded = 0.7 * slope(3.0), max(grazing, min_slope)
    if min_slope or dtype == xp.float64:  # float32 has lost the slope itself
        weight, time = (to_numpy(array).item() for array in (found.weights[0], found.times))
        assert weight == pytest.approx(slope_out / bounded, rel=1e-4)
        assert time == pytest.approx(-slope_out * grazing / bounded, rel=1e-3, abs=3e-3)
    assert np.isfinite(to_numpy(found.weights[0])).all()


def test_with_weights_keeps_everything_else() -> None:
    network = Network([np.ones((2, 3)), np.ones((1, 3))], Neuron(9.0), "peak", [1.0], 0.25)
    other = network.with_weights([np.zeros((4, 3)), np.zeros((2, 5))])
    assert (other.neurons, other.pass_on) == ((Neuron(9.0),) * 2, "peak")
    assert (other.reference_times, other.min_slope) == ((1.0,), 0.25)
    assert [weight.shape for weight in other.weights] == [(4, 3), (2, 5)]
    assert network.weights[0].shape == (2, 3)


# -- errors -----------------------------------------------------------------------------------

TWO = [np.ones((2, 3)), np.ones((1, 2))]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"weights": []}, ValueError, "weights must hold one array per layer, got none"),
        ({"weights": None}, TypeError, "weights must be a sequence of arrays.*got NoneType"),
        ({"weights": [TWO[0], [1.0, 2.0]]}, TypeError, r"weights\[1\] must be an array"),
        (
            {"weights": [np.ones(3)]},
            ValueError,
            r"weights\[0\] must have shape \(O, N\), got \(3,\)",
        ),
        (
            {"weights": [TWO[0], np.ones((1, 3))]},
            ValueError,
            r"\[1\] must have shape \(O, 2\), got",
        ),
        ({"weights": [TWO[0].astype(int)]}, TypeError, r"weights\[0\] must be float32 or float64"),
        ({"reference_times": [1.0]}, ValueError, r"\[1\] must have shape \(O, 3\), got \(1, 2\)"),
        (
            {"reference_times": 1.0},
            TypeError,
            "reference_times must be a sequence of times, got fl",
        ),
        (
            {"reference_times": [-1.0]},
            ValueError,
            "reference_times must be finite and not negative",
        ),
        ({"reference_times": ["a"]}, TypeError, "reference_times must be a real number, got 'a'"),
        ({"neuron": [Neuron()] * 3}, ValueError, "one per layer, got 3 for 2 layers"),
        ({"neuron": None}, TypeError, "neuron must be a sequence of Neurons, or one, got NoneType"),
        ({"neuron": [Neuron(), 1.0]}, TypeError, "neuron must hold Neurons, got float"),
        ({"pass_on": "all"}, ValueError, "pass_on must be one of .*peak.*, got 'all'"),
        ({"min_slope": -0.1}, ValueError, "min_slope must be finite and not negative, got -0.1"),
        ({"min_slope": math.nan}, ValueError, "min_slope must be finite and not negative, got nan"),
        ({"min_slope": None}, TypeError, "min_slope must be a real number, got None"),
    ],
)
def test_bad_networks(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Network(**{"weights": TWO, "neuron": Neuron()} | changes)


def test_libraries_and_devices_do_not_mix() -> None:
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match=r"weights\[0\] and weights\[1\] must come from one array"):
        Network([TWO[0], strict.ones((1, 2))], Neuron())
    devices = [strict.Device(f"device{number}") for number in (1, 2)]
    with pytest.raises(ValueError, match=r"weights\[0\] and weights\[1\] must be on one device"):
        Network([strict.ones((2, 2), device=device) for device in devices], Neuron())
    with pytest.raises(TypeError, match=r"events.times and weight must come from one"):
        Network([strict.ones((2, 6))], Neuron()).forward(
            Events.from_latencies(latencies(), DURATION)
        )


def test_bad_calls() -> None:
    network = Network(TWO, Neuron())
    events = Events.from_latencies(np.ones((4, 3)), 50.0)
    activity = network.forward(events)
    with pytest.raises(TypeError, match=r"events must be an Events .*, got ndarray"):
        network.forward(np.ones((4, 3)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weight must have one column per afferent"):
        network.forward(Events.from_latencies(np.ones((4, 2)), 50.0))
    with pytest.raises(TypeError, match=r"activity must be an Activity .*, got ndarray"):
        network.vjp(activity.peak.v_max, np.ones((4, 1)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="activity must be of a network of 2 layers, got 1"):
        network.vjp(Activity(activity.inputs[:1], (), activity.peak), np.ones((4, 1)))
    with pytest.raises(ValueError, match=r"v_cotangent must have shape \(4, 1\), got \(4, 2\)"):
        network.vjp(activity, np.ones((4, 2)))
    late = Network([TWO[0], np.ones((1, 3))], Neuron(), reference_times=[50.5])
    with pytest.raises(ValueError, match=r"reference_times must be at most .* 50.0 .* got 50.5"):
        late.forward(events)


@NOT_ON_JAX
@pytest.mark.parametrize("pass_on", ["first_crossing", "peak"])
def test_weights_that_are_no_numbers_do_not_look_silent(pass_on: str, asarray: Any) -> None:
    events = Events.from_latencies(asarray(latencies()), DURATION)
    hidden = np.ones((2, 6))
    hidden[1, 3] = math.nan
    network = Network([asarray(hidden), asarray(np.ones((1, 2)))], Neuron(), pass_on)
    with pytest.raises(ValueError, match="spikes of layer 0 must not hold NaN"):
        network.forward(events)
