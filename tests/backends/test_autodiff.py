"""Autodiff of torch and JAX through the core returns the analytic gradients of the core."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from tempotron_core import (
    Events,
    Neuron,
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
    soft_peak_time,
    soft_peak_time_vjp,
    voltage,
    voltage_vjp,
)

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

DURATION = 60.0
N_STEPS = 60
SAMPLES = np.linspace(0.0, DURATION, 23)
# One shape for all, since JAX compiles every function once per shape.
RNG = np.random.default_rng(7)
TIMES = RNG.uniform(-10.0, 65.0, (4, 12))
WEIGHT = RNG.normal(0.1, 0.5, (3, 12))
BARS = {name: RNG.normal(size=(4, 3)) for name in ("v", "t", "spike", "soft")}
BARS["voltage"] = RNG.normal(size=(4, 3, SAMPLES.size))


def _events(times):
    return Events.from_latencies(times, DURATION)


# Each readout as a loss of (times, weight) for one array library, and its analytic gradients.
def _peak_loss(neuron, asarray, _where):
    def loss(times, weight):
        found = peak(_events(times), weight, neuron)
        return (found.v_max * asarray(BARS["v"])).sum() + (found.t_max * asarray(BARS["t"])).sum()

    events = _events(TIMES)
    found = peak(events, WEIGHT, neuron)
    return loss, peak_vjp(events, WEIGHT, neuron, found, BARS["v"], BARS["t"], times=True)


def _crossing_loss(neuron, asarray, _where):
    def loss(times, weight):
        found = first_crossing(_events(times), weight, neuron)
        return _where(found < DURATION + 1.0, found * asarray(BARS["spike"]), 0.0).sum()

    events = _events(TIMES)
    found = first_crossing(events, WEIGHT, neuron)
    return loss, first_crossing_vjp(events, WEIGHT, neuron, found, BARS["spike"], times=True)


def _voltage_loss(neuron, asarray, _where):
    def loss(times, weight):
        v = voltage(_events(times), weight, neuron, asarray(SAMPLES))
        return (v * asarray(BARS["voltage"])).sum()

    return loss, voltage_vjp(_events(TIMES), WEIGHT, neuron, SAMPLES, BARS["voltage"], times=True)


def _soft_loss(neuron, asarray, _where):
    def loss(times, weight):
        found = soft_peak_time(_events(times), weight, neuron, N_STEPS)
        return (found * asarray(BARS["soft"])).sum()

    given = (_events(TIMES), WEIGHT, neuron, N_STEPS, BARS["soft"])
    return loss, soft_peak_time_vjp(*given, times=True)


LOSSES = {
    "peak": (_peak_loss, Neuron()),
    "peak-shunt": (_peak_loss, Neuron(shunt=True)),
    "first_crossing": (_crossing_loss, Neuron()),
    "voltage": (_voltage_loss, Neuron()),
    "voltage-shunt": (_voltage_loss, Neuron(shunt=True)),
    "soft_peak_time": (_soft_loss, Neuron()),
}


def _close(found, expected):
    scale = np.max(np.abs(expected))
    assert scale > 0.0
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0.0, atol=1e-11 * scale)


@pytest.mark.parametrize("name", LOSSES)
def test_torch_backward(name):
    make, neuron = LOSSES[name]
    loss, gradient = make(neuron, torch.tensor, torch.where)
    times = torch.tensor(TIMES, requires_grad=True)
    weight = torch.tensor(WEIGHT, requires_grad=True)
    loss(times, weight).backward()
    _close(weight.grad, gradient.weight)
    _close(times.grad, gradient.times)


# What the others take is in test_jax_functions.py and test_strict_modes.py.
COMPILED = [
    pytest.param(name, marks=[] if name == "peak-shunt" else pytest.mark.slow) for name in LOSSES
]


@pytest.mark.parametrize("name", COMPILED)
def test_jax_grad(name):
    make, neuron = LOSSES[name]
    loss, gradient = make(neuron, jnp.asarray, jnp.where)
    to_times, to_weight = jax.jit(jax.grad(loss, (0, 1)))(jnp.asarray(TIMES), jnp.asarray(WEIGHT))
    _close(to_weight, gradient.weight)
    _close(to_times, gradient.times)


@pytest.mark.parametrize("neuron", [Neuron(), Neuron(shunt=True)], ids=["plain", "shunt"])
def test_gradient_towards_sample_times(neuron):
    weight = torch.tensor(WEIGHT)
    samples = torch.tensor(SAMPLES + 0.1234, requires_grad=True)
    events = _events(torch.tensor(TIMES))
    v = voltage(events, weight, neuron, samples)
    (v * torch.tensor(BARS["voltage"])).sum().backward()
    h = 1e-6
    ahead, behind = (
        voltage(_events(TIMES), WEIGHT, neuron, SAMPLES + 0.1234 + step) for step in (h, -h)
    )
    slope = ((ahead - behind) / (2.0 * h) * BARS["voltage"]).sum(axis=(0, 1))
    np.testing.assert_allclose(samples.grad, slope, rtol=0.0, atol=1e-7 * np.abs(slope).max())


def test_torch_gradcheck():
    neuron = Neuron()
    weight = torch.tensor(WEIGHT, requires_grad=True)
    times = torch.tensor(TIMES, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda t, w: tuple(peak(_events(t), w, neuron)), (times, weight), eps=1e-7, atol=1e-5
    )


def test_only_what_needs_a_gradient_gets_one():
    weight = torch.tensor(WEIGHT, requires_grad=True)
    times = torch.tensor(TIMES)
    peak(_events(times), weight, Neuron()).v_max.sum().backward()
    assert weight.grad is not None
    assert times.grad is None


def test_no_grad_gives_plain_tensors():
    weight = torch.tensor(WEIGHT, requires_grad=True)
    with torch.no_grad():
        found = peak(_events(torch.tensor(TIMES)), weight, Neuron())
    assert not found.v_max.requires_grad
    np.testing.assert_array_equal(
        found.v_max, peak(_events(TIMES), WEIGHT, Neuron()).v_max, strict=False
    )


def test_vjp_of_torch_parameters_is_a_constant():
    weight = torch.nn.Parameter(torch.tensor(WEIGHT))
    events = _events(torch.tensor(TIMES, requires_grad=True))
    found = peak(events, weight, Neuron())
    bar = torch.tensor(BARS["v"])
    gradient = peak_vjp(events, weight, Neuron(), found, bar, times=True)
    assert not gradient.weight.requires_grad
    assert not gradient.times.requires_grad


def test_second_derivative_is_an_error():
    weight = torch.tensor(WEIGHT, requires_grad=True)
    v_max = peak(_events(torch.tensor(TIMES)), weight, Neuron()).v_max
    (first,) = torch.autograd.grad((v_max**2).sum(), weight, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives of peak"):
        first.sum().backward()


def test_unregistered_library_is_an_error_not_a_detached_result(monkeypatch):
    registry = importlib.import_module("tempotron_core.arrays.registry")
    monkeypatch.setattr(registry, "_of_type", lambda _kind: {})
    weight = torch.tensor(WEIGHT, requires_grad=True)
    events = _events(torch.tensor(TIMES))
    with pytest.raises(NotImplementedError, match="no differentiable peak is registered for torch"):
        peak(events, weight, Neuron())
    with pytest.raises(NotImplementedError, match="detach it first"):
        peak_vjp(
            events,
            weight,
            Neuron(),
            peak(events, weight.detach(), Neuron()),
            torch.tensor(BARS["v"]),
        )


def test_jit_takes_events_as_an_argument_and_compiles_once_per_shape():
    traces = []

    @jax.jit
    def compiled(events, weight):
        traces.append(None)
        return peak(events, weight, Neuron())

    for times in (TIMES, TIMES[:, ::-1]):
        found = compiled(_events(jnp.asarray(times)), jnp.asarray(WEIGHT))
        expected = peak(_events(times), WEIGHT, Neuron())
        np.testing.assert_allclose(found.v_max, expected.v_max, rtol=0.0, atol=1e-12)
        np.testing.assert_allclose(found.t_max, expected.t_max, rtol=0.0, atol=1e-9)
    assert len(traces) == 1


def test_vmap_over_weights():
    events = _events(jnp.asarray(TIMES))
    weights = jnp.asarray(np.stack([WEIGHT, -WEIGHT]))
    found = jax.jit(jax.vmap(lambda w: peak(events, w, Neuron()).v_max))(weights)
    for got, weight in zip(found, (WEIGHT, -WEIGHT), strict=True):
        expected = peak(_events(TIMES), weight, Neuron()).v_max
        np.testing.assert_allclose(got, expected, rtol=0.0, atol=1e-12)
