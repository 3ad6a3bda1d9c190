"""Constants of the neuron as tensors that require gradients."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import (
    Events,
    Network,
    Neuron,
    first_crossing,
    first_crossing_vjp,
    fit,
    fit_counts,
    peak,
    peak_vjp,
    soft_peak_time,
    soft_peak_time_vjp,
    voltage,
    voltage_vjp,
)
from tempotron_core.spiking import (
    Stream,
    critical_threshold,
    critical_threshold_vjp,
    eligibility,
    output_spikes,
    output_spikes_vjp,
)

torch = pytest.importorskip("torch")

from torch_cases import traced  # noqa: E402

from tempotron_backends.torch import ExactTempotron, Tempotron  # noqa: E402

T, N = 60.0, 5
RNG = np.random.default_rng(8)
EVENTS = Events.from_trains(torch.tensor(RNG.uniform(0.0, 66.0, (3, N, 2))), T)
WEIGHT = torch.tensor(RNG.normal(0.6, 0.4, (2, N)))
VALUES = {"tau": 12.0, "tau_s": 3.0, "psp_peak": 0.9, "v_threshold": 0.8}
SAMPLES = torch.linspace(1.0, 59.0, 6, dtype=torch.float64)


def learned(*names: str, **values: float):
    """A neuron with these constants as leaves, and the leaves."""
    values = {**VALUES, **values}
    leaves = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=name in names)
        for name, value in values.items()
    }
    return Neuron().with_constants(**leaves), leaves


def of_crossing(neuron):
    t_spike = first_crossing(EVENTS, WEIGHT, neuron)
    return torch.where(torch.isfinite(t_spike), t_spike, 0.0)


def of_trains(neuron):
    times = output_spikes(EVENTS, WEIGHT, neuron, max_spikes=3).times
    return torch.where(torch.isfinite(times), times, 0.0)


READOUTS = {
    "v_max": lambda n: peak(EVENTS, WEIGHT, n).v_max,
    "t_max": lambda n: peak(EVENTS, WEIGHT, n).t_max,
    "first_crossing": of_crossing,
    "voltage": lambda n: voltage(EVENTS, WEIGHT, n, SAMPLES),
    "output_spikes": of_trains,
    "critical_threshold": lambda n: critical_threshold(EVENTS, WEIGHT, n, 2).theta,
}


@pytest.mark.parametrize("name", READOUTS)
def test_against_differences(name):
    """gradcheck towards all four constants, with psp_peak its own and following the threshold."""

    def read(*values):
        constants = dict(zip(VALUES, values, strict=False))
        return READOUTS[name](Neuron().with_constants(**constants))

    _, leaves = learned(*VALUES)
    assert torch.autograd.gradcheck(read, tuple(leaves.values()))
    _, leaves = learned("v_threshold")
    follows = Neuron(tau=12.0, tau_s=3.0).with_constants(v_threshold=leaves["v_threshold"])
    (found,) = torch.autograd.grad(READOUTS[name](follows).sum(), leaves["v_threshold"])
    scales = name in ("v_max", "voltage", "critical_threshold")
    expected = READOUTS[name](follows).sum() / 0.8 if scales else torch.zeros_like(found)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-9, atol=1e-9)


def test_the_constants_of_a_vjp():
    """What autograd gets is what the functions return with ``constants=True``."""
    neuron, leaves = learned(*VALUES)
    fixed = neuron.fixed()
    given = EVENTS, WEIGHT, fixed
    found = peak(*given)
    t_spike, trains = first_crossing(*given), output_spikes(*given).times
    critical = critical_threshold(*given, 2)
    ones = torch.ones_like(found.v_max)
    at_spikes = torch.isfinite(trains).double()
    vjps = {
        peak: peak_vjp(*given, found, ones, constants=True),
        first_crossing: first_crossing_vjp(*given, t_spike, ones, constants=True),
        voltage: voltage_vjp(*given, SAMPLES, ones[..., None].expand(3, 2, 6), constants=True),
        soft_peak_time: soft_peak_time_vjp(*given, 50, ones, constants=True),
        output_spikes: output_spikes_vjp(*given, trains, at_spikes, constants=True),
        critical_threshold: critical_threshold_vjp(*given, critical, ones, constants=True),
    }
    more = {voltage: (SAMPLES,), soft_peak_time: (50,), critical_threshold: (2,)}
    for function, gradient in vjps.items():
        value = function(EVENTS, WEIGHT, neuron, *more.get(function, ()))
        value = value[0] if isinstance(value, tuple) else value
        value = torch.where(torch.isfinite(value), value, 0.0).sum()
        from_autograd = torch.autograd.grad(value, list(leaves.values()))
        for name, ours in zip(leaves, from_autograd, strict=True):
            theirs = getattr(gradient.constants, name)
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        assert max(abs(each) for each in from_autograd) > 1e-3, function


def test_transforms():
    """A gradient of its own for every entry of a mapped constant, and of mapped weights."""

    def v_max(tau, weight):
        return peak(EVENTS, weight, Neuron().with_constants(tau=tau)).v_max.sum()

    taus = torch.tensor([10.0, 20.0], dtype=torch.float64)
    weights = torch.stack([WEIGHT, -WEIGHT])
    one_by_one = torch.func.grad(v_max)
    for axes in ((0, None), (None, 0), (0, 0)):

        def entry(v, axes=axes):
            pairs = zip((taus, weights), axes, strict=True)
            return [each[0 if axis is None else v] for each, axis in pairs]

        pairs = zip((taus, weights), axes, strict=True)
        given = [each[0] if axis is None else each for each, axis in pairs]
        found = torch.func.vmap(one_by_one, axes)(*given)
        for v in range(2):
            torch.testing.assert_close(found[v], one_by_one(*entry(v)), rtol=1e-12, atol=0.0)


def test_errors():
    raw = torch.nn.Parameter(torch.tensor(10.0))
    with pytest.raises(
        TypeError, match=r"(?s)tau must be a constant.*with_constants\(tau=.*learn="
    ):
        Neuron(tau=raw)
    with pytest.raises(ValueError, match="tau must be 0-d"):
        Neuron().with_constants(tau=raw.reshape(1))
    with pytest.raises(ValueError, match="tau_s must be positive and finite, got -1"):
        Neuron().with_constants(tau_s=torch.tensor(-1.0))
    with pytest.raises(TypeError, match="tau must be float32 or float64"):
        Neuron().with_constants(tau=torch.tensor(10))
    neuron = Neuron().with_constants(tau=raw)
    with pytest.raises(TypeError, match="tau"):
        peak(Events.from_latencies(np.ones((1, 2)), 10.0), np.ones((1, 2)), neuron)
    spikes = output_spikes(EVENTS, WEIGHT, neuron.fixed())
    with pytest.raises(TypeError, match=r"pass neuron\.fixed\(\)"):
        eligibility(EVENTS, WEIGHT, neuron, spikes.times)
    for what_fixes in (
        lambda: Network([WEIGHT], neuron),
        lambda: fit(EVENTS, [0, 1, 1], neuron),
        lambda: fit_counts(EVENTS, [0, 1, 1], neuron),
        lambda: Stream(WEIGHT, neuron),
    ):
        with pytest.raises(TypeError, match=r"pass neuron\.fixed\(\).*learn=\('tau',\)"):
            what_fixes()
    value = peak(EVENTS, WEIGHT, neuron).v_max.sum()
    (gradient,) = torch.autograd.grad(value, raw, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives"):
        gradient.backward()


# -- layers -------------------------------------------------------------------------------------

IN_SPIKES = torch.tensor(RNG.uniform(0.0, 66.0, (6, N)))


def layer_of(learn, **options):
    torch.manual_seed(0)
    layer = ExactTempotron(N, 2, T, 12.0, 3.0, learn=learn, dtype=torch.float64, **options)
    torch.nn.init.uniform_(layer.fc.weight, 0.2, 1.4)
    return layer


@pytest.mark.parametrize("ret_type", ["v_max", "t_spike", "trains"])
def test_layers_learn_logarithms(ret_type):
    """d/d log tau = tau d/d tau, for every constant; a step moves the constant that is read."""
    layer = layer_of(tuple(VALUES), ret_type=ret_type, min_slope=0.0)
    given = layer.neuron
    constants = given.tau, given.tau_s, given.v_threshold, given.psp_peak
    assert constants == pytest.approx((12.0, 3.0, 1.0, 1.0), rel=1e-15)
    assert set(layer.state_dict()) == {"fc.weight", *(f"log_{name}" for name in VALUES)}
    found = layer(IN_SPIKES)
    torch.where(torch.isfinite(found), found, 0.0).sum().backward()
    given = Events.from_latencies(IN_SPIKES, T), layer.fc.weight.detach(), layer.neuron
    if ret_type == "v_max":
        constants = peak_vjp(*given, peak(*given), torch.ones(6, 2).double(), constants=True)
    elif ret_type == "t_spike":
        ones = torch.ones(6, 2).double()
        constants = first_crossing_vjp(*given, first_crossing(*given), ones, constants=True)
    else:
        times = output_spikes(*given).times
        at = torch.isfinite(times).double()
        constants = output_spikes_vjp(*given, times, at, constants=True)
    for name in VALUES:
        expected = getattr(layer.neuron, name) * getattr(constants.constants, name)
        torch.testing.assert_close(getattr(layer, f"log_{name}").grad, expected)
    with torch.no_grad():
        layer.log_tau += 0.1
    assert layer.tau == pytest.approx(12.0 * np.exp(0.1), rel=1e-12)
    assert "learn=('tau', 'tau_s'" in repr(layer)


def test_layers_keep_what_they_learned():
    """In state_dict and copies; without ``learn`` there is nothing of it."""
    layer, other = layer_of(("tau",)), layer_of(("tau",))
    with torch.no_grad():
        layer.log_tau.fill_(np.log(30.0))
    other.load_state_dict(layer.state_dict())
    assert other.tau == layer.tau == pytest.approx(30.0)
    torch.testing.assert_close(other(IN_SPIKES), layer(IN_SPIKES), rtol=0.0, atol=0.0)
    assert other.neuron.psp_peak is None  # follows the threshold still
    assert set(layer_of(()).state_dict()) == {"fc.weight"}
    assert layer.to(torch.bfloat16)(IN_SPIKES.float()).isfinite().any()


@pytest.mark.parametrize("learn", ["tau", ("tau", "tua"), 3])
def test_what_cannot_be_learned(learn):
    with pytest.raises(ValueError, match=r"learn must hold names of constants.*got "):
        layer_of(learn)
    with pytest.raises(ValueError, match=r"learn must hold names of constants.*got "):
        Tempotron(N, 2, 60, learn=learn)


@pytest.mark.parametrize("ret_type", ["v", "v_max", "spikes"])
def test_layers_on_a_grid_learn_logarithms(ret_type):
    """Against differences; the time of the maximum by the gradient of its soft arg max."""
    torch.manual_seed(0)
    layer = Tempotron(N, 2, 60, 12.0, 3.0, 0.8, learn=tuple(VALUES), dtype=torch.float64)
    assert "learn=('tau', 'tau_s'" in repr(layer)
    assert set(layer.state_dict()) == {"fc.weight", *(f"log_{name}" for name in VALUES)}
    names = [f"log_{name}" for name in VALUES]
    logs = [getattr(layer, name).detach().clone().requires_grad_() for name in names]

    def read(*logs):
        found = dict(zip(names, logs, strict=True))
        return torch.func.functional_call(layer, found, (IN_SPIKES, ret_type))

    if ret_type != "spikes":
        assert torch.autograd.gradcheck(read, logs, fast_mode=True)
        return
    given = Events.from_latencies(IN_SPIKES, 60.0), layer.fc.weight.detach(), layer.neuron
    constants = soft_peak_time_vjp(*given, 60, torch.ones(6, 2).double(), constants=True).constants
    for name, found in zip(VALUES, torch.autograd.grad(read(*logs).sum(), logs), strict=True):
        expected = getattr(layer.neuron, name) * getattr(constants, name)
        torch.testing.assert_close(found, expected)


@traced
@pytest.mark.parametrize("on_grid", [False, True])
def test_a_new_value_compiles_nothing_anew(on_grid):
    """Steps of an optimiser through a compiled layer: one graph, that of the eager layer."""
    learn, more = ("tau", "v_threshold"), ()
    layer = layer_of(learn, ret_type="v_max")
    if on_grid:
        layer = Tempotron(N, 2, 60, 12.0, 3.0, learn=learn, dtype=torch.float64)
        more = ("v_max",)
    seen = []

    def backend(graph, _inputs):
        seen.append(graph)
        return graph

    compiled = torch.compile(layer, fullgraph=True, backend=backend)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(5):
        optimiser.zero_grad()
        found = compiled(IN_SPIKES, *more)
        torch.testing.assert_close(found, layer(IN_SPIKES, *more), rtol=0.0, atol=0.0)
        found.square().sum().backward()
        optimiser.step()
    assert len(seen) == 1
    assert layer.tau != pytest.approx(12.0, rel=0.01)
