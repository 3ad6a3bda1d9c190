"""Constants of the neuron as arrays that JAX traces and differentiates."""

from __future__ import annotations

import numpy as np
import pytest

import tempotron_core as core
from tempotron_core import Events, Neuron, ParametricNeuron
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

jax = pytest.importorskip("jax")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

from tempotron_backends.jax import first_crossing, peak  # noqa: E402

T = 60.0
RNG = np.random.default_rng(12)
TIMES = RNG.uniform(0.0, 66.0, (3, 5))
WEIGHT = RNG.normal(0.7, 0.4, (2, 5))
BAR = RNG.normal(size=(3, 3, 2))
EVENTS = Events.from_latencies(TIMES, T)
VALUES = {"tau": 4.0, "tau_s": 11.0, "v_threshold": 0.8, "psp_peak": 0.9}
NEURON = Neuron(**VALUES)


def parametric(**values):
    return NEURON.with_constants(**{name: jnp.asarray(value) for name, value in values.items()})


def close(found, expected, names=tuple(VALUES), rtol=1e-10):
    expected = {name: float(getattr(expected, name)) for name in names}
    largest = max(map(abs, expected.values()))
    assert set(found.arrays) == set(names)
    for name, value in expected.items():
        assert abs(float(found.arrays[name]) - value) <= rtol * largest, name


def finite(times):
    return jnp.where(jnp.isfinite(times), times, 0.0)


def summed(*gradients):
    return core.readouts.constants.Constants(
        *(sum(float(each) for each in of_one) for of_one in zip(*gradients, strict=True))
    )


def test_gradients_of_the_readouts():
    """tau below tau_s: the pytree that ``jax.grad`` returns holds what the ``_vjp`` return."""

    def loss(neuron):
        given = {"duration": T, "neuron": neuron}
        v_max, t_max = peak(WEIGHT, TIMES, **given)
        t_spike = finite(first_crossing(WEIGHT, TIMES, **given))
        return sum((bar * a).sum() for bar, a in zip(BAR, (v_max, t_max, t_spike), strict=True))

    found = jax.jit(jax.grad(loss))(parametric(**VALUES))
    given = EVENTS, WEIGHT, NEURON
    top, t_spike = core.peak(*given), core.first_crossing(*given)
    assert np.isfinite(t_spike).any()
    expected = summed(
        core.peak_vjp(*given, top, BAR[0], BAR[1], constants=True).constants,
        core.first_crossing_vjp(*given, t_spike, BAR[2], constants=True).constants,
    )
    close(found, expected)


def spiking_given():
    return Events.from_latencies(jnp.asarray(TIMES), T), jnp.asarray(WEIGHT)


@pytest.mark.slow
def test_gradients_of_output_spikes():
    def loss(neuron):
        trains = output_spikes(*spiking_given(), neuron, max_spikes=2).times
        return (BAR[0][..., None] * finite(trains)).sum()

    found = jax.jit(jax.grad(loss))(parametric(tau=4.0, v_threshold=0.8))
    given = EVENTS, WEIGHT, NEURON
    trains = output_spikes(*given, max_spikes=2).times
    assert np.isfinite(trains[..., 1]).any()
    cotangent = np.where(np.isfinite(trains), BAR[0][..., None], 0.0)
    expected = output_spikes_vjp(*given, trains, cotangent, constants=True).constants
    close(found, expected, ("tau", "v_threshold"))


@pytest.mark.slow
def test_gradients_of_critical_thresholds():
    def loss(neuron):
        return (BAR[1] * critical_threshold(*spiking_given(), neuron, 2).theta).sum()

    found = jax.jit(jax.grad(loss))(parametric(tau=4.0, psp_peak=0.9))
    given = EVENTS, WEIGHT, NEURON
    critical = critical_threshold(*given, 2)
    expected = critical_threshold_vjp(*given, critical, BAR[1], constants=True).constants
    close(found, expected, ("tau", "psp_peak"))


def test_one_compilation_over_a_hundred_steps():
    """Constants and weights learn together; psp_peak follows the threshold."""
    traces = []
    wanted = core.peak(EVENTS, WEIGHT, Neuron(8.0, 3.0)).v_max

    def loss(log_tau):
        traces.append(None)
        neuron = Neuron(tau_s=3.0).with_constants(tau=jnp.exp(log_tau))
        v_max = peak(WEIGHT, TIMES, duration=T, neuron=neuron).v_max
        return ((v_max - wanted) ** 2).sum()

    step = jax.jit(jax.value_and_grad(loss))
    log_tau, first = jnp.log(20.0), None
    for _ in range(100):
        value, gradient = step(log_tau)
        first = value if first is None else first
        log_tau = log_tau - 0.5 * gradient
    assert len(traces) == 1
    assert step._cache_size() == 1
    assert abs(float(jnp.exp(log_tau)) - 8.0) < 0.01, (first, value)


def test_pytree():
    """The leaves are the constants that are arrays; the others are part of what is compiled."""
    neuron = parametric(tau=4.0, v_threshold=0.8)
    leaves, structure = jax.tree.flatten(neuron)
    assert leaves == [4.0, 0.8]
    half = jax.tree.map(lambda leaf: 0.5 * leaf, neuron)
    assert isinstance(half, ParametricNeuron)
    assert half.fixed() == Neuron(2.0, 11.0, 0.4, psp_peak=0.9)
    assert structure == jax.tree.structure(half)
    assert structure != jax.tree.structure(parametric(tau=4.0))
    both = half.with_constants(tau=3.0, v_threshold=0.5)
    assert both == Neuron(3.0, 11.0, 0.5, psp_peak=0.9)


def test_errors():
    def loss(tau):
        return peak(WEIGHT, TIMES, duration=T, neuron=Neuron(tau=tau)).v_max.sum()

    with pytest.raises(TypeError, match=r"(?s)tau must be .*with_constants\(tau=\.\.\.\)"):
        jax.grad(loss)(10.0)
    with pytest.raises(TypeError, match="tau must be an array whose value is known"):
        jax.jit(lambda tau: Neuron().with_constants(tau=tau).fixed().tau)(3.0)
    with pytest.raises(ValueError, match="tau must be positive and finite, got nan"):
        Neuron().with_constants(tau=jnp.asarray(jnp.nan))


@pytest.mark.slow
def test_second_derivatives_of_the_crossing():
    def loss(neuron, weight):
        return finite(first_crossing(weight, TIMES, duration=T, neuron=neuron)).sum()

    along = jax.jit(jax.grad(lambda n, w: jax.grad(loss)(n, w).arrays["tau"]))
    gradient = jax.jit(jax.grad(loss))
    neuron, weight = parametric(**VALUES), jnp.asarray(WEIGHT)
    found = along(neuron, weight).arrays
    for name, value in VALUES.items():
        ahead, behind = (
            gradient(parametric(**{**VALUES, name: value + h}), weight).arrays["tau"]
            for h in (1e-5, -1e-5)
        )
        assert abs(float(found[name]) - float(ahead - behind) / 2e-5) < 1e-6
