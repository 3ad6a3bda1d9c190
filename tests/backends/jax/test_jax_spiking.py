"""The multi-spike neuron under ``jax.jit``, ``jax.grad``, ``jax.vmap`` and ``jax.export``."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Neuron
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

jax = pytest.importorskip("jax")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

T, NEURON, MOST = 100.0, Neuron(10.0, 2.5, psp_peak=0.9), 2
RNG = np.random.default_rng(3)
TIMES = RNG.uniform(0.0, 110.0, (2, 9))
WEIGHT = RNG.normal(0.9, 0.4, (2, 9))
K = np.asarray([[1, 2], [2, 2]])
WHERE = np.asarray([[True, True], [True, False]])
EVENTS = Events.from_latencies(TIMES, T)


def close(found, expected, rtol=1e-11):
    expected = np.asarray(expected)
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=1e-3)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0.0, atol=rtol * largest)


def spikes_of(times, weight):
    return output_spikes(Events.from_latencies(times, T), weight, NEURON, max_spikes=MOST)


def of_spikes(times, weight):
    found = spikes_of(times, weight).times
    return jnp.where(jnp.isfinite(found), found, 0.0).sum()


def thresholds_of(times, weight, k=K):
    events = Events.from_latencies(times, T)
    given = jnp.asarray(k), jnp.asarray(WHERE)
    return critical_threshold(events, weight, NEURON, given[0], where=given[1], most=MOST)


def of_thresholds(times, weight):
    return (thresholds_of(times, weight).theta ** 2).sum()


def expected_of(name):
    """Values and gradients of the definition."""
    if name == "spikes":
        found = output_spikes(EVENTS, WEIGHT, NEURON, max_spikes=MOST)
        given = EVENTS, WEIGHT, NEURON, found.times, np.isfinite(found.times).astype(float)
        assert found.counts.max() > 2
        found = found._replace(counts=np.minimum(found.counts, MOST))
        return found, output_spikes_vjp(*given, times=True)
    found = critical_threshold(EVENTS, WEIGHT, NEURON, K, where=WHERE)
    given = EVENTS, WEIGHT, NEURON, found, 2.0 * found.theta
    return found, critical_threshold_vjp(*given, times=True)


CASES = {"spikes": (spikes_of, of_spikes), "thresholds": (thresholds_of, of_thresholds)}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    values, loss = CASES[name]
    expected, gradient = expected_of(name)
    times, weight = jnp.asarray(TIMES), jnp.asarray(WEIGHT)
    for ours, theirs in zip(jax.jit(values)(times, weight), expected, strict=True):
        close(ours, theirs)
    to_times, to_weight = jax.jit(jax.grad(loss, (0, 1)))(times, weight)
    close(to_weight, gradient.weight)
    close(to_times, gradient.times)


SLOW = ["spikes", pytest.param("thresholds", marks=pytest.mark.slow)]  # minutes of compiling


@pytest.mark.parametrize("name", SLOW)
def test_mapped_over_weights(name):
    _, loss = CASES[name]
    weights = jnp.stack([jnp.asarray(WEIGHT), 0.8 * jnp.asarray(WEIGHT)])
    derive = jax.grad(loss, 1)
    found = jax.vmap(derive, (None, 0))(jnp.asarray(TIMES), weights)
    close(found[0], expected_of(name)[1].weight)


@pytest.mark.parametrize("name", SLOW)
def test_exported(name):
    values, _ = CASES[name]
    given = jnp.asarray(TIMES), jnp.asarray(WEIGHT)
    written = jax.export.export(jax.jit(values))(*given).serialize()
    for ours, theirs in zip(
        jax.export.deserialize(written).call(*given), expected_of(name)[0], strict=True
    ):
        close(ours, theirs)


def test_what_must_be_static():
    events = Events.from_latencies(jnp.asarray(TIMES), T)
    with pytest.raises(ValueError, match="max_spikes must be given"):
        output_spikes(events, jnp.asarray(WEIGHT), NEURON)
    with pytest.raises(ValueError, match="most, the largest k, must be given"):
        critical_threshold(events, jnp.asarray(WEIGHT), NEURON, jnp.asarray(K))
