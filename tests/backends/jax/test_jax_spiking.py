"""The multi-spike neuron under ``jax.jit``, ``jax.grad``, ``jax.vmap`` and ``jax.export``.

By the definition; `test_kernels` has the kernels.
"""

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


@pytest.fixture(autouse=True)
def _by_definition(monkeypatch):
    monkeypatch.setenv("TEMPOTRON_JAX_KERNELS", "off")


def close(found, expected, rtol=1e-11):
    expected = np.asarray(expected)
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=1e-3)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0.0, atol=rtol * largest)


def spikes_of(times, weight):
    return output_spikes(Events.from_latencies(times, T), weight, NEURON, max_spikes=MOST)


def sum_of_times(found):
    return jnp.where(jnp.isfinite(found.times), found.times, 0.0).sum()


def thresholds_of(times, weight, k=K):
    events = Events.from_latencies(times, T)
    given = jnp.asarray(k), jnp.asarray(WHERE)
    return critical_threshold(events, weight, NEURON, given[0], where=given[1], most=MOST)


def sum_of_squares(found):
    return (found.theta**2).sum()


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


CASES = {"spikes": (spikes_of, sum_of_times), "thresholds": (thresholds_of, sum_of_squares)}
SPIKES = [
    pytest.param(name, marks=[] if name == "spikes" else [pytest.mark.slow]) for name in CASES
]
"""Each compiles for long."""


def values_and_gradients(name):
    """A function of times and weights: values, and gradients of a loss of them."""
    values, loss = CASES[name]

    def loss_and_values(times, weight):
        found = values(times, weight)
        return loss(found), found

    derive = jax.value_and_grad(loss_and_values, (0, 1), has_aux=True)

    def run(times, weight):
        (_, found), gradients = derive(times, weight)
        return found, gradients

    return run


def check(name, found, gradients):
    expected, by_hand = expected_of(name)
    for ours, theirs in zip(found, expected, strict=True):
        close(ours, theirs)
    to_times, to_weight = gradients
    close(to_weight, by_hand.weight)
    close(to_times, by_hand.times)


def test_values_of_thresholds_and_traced_gradients():
    given = jnp.asarray(TIMES), jnp.asarray(WEIGHT)
    expected, by_hand = expected_of("thresholds")
    for ours, theirs in zip(jax.jit(thresholds_of)(*given), expected, strict=True):
        close(ours, theirs)
    _, gradients = jax.eval_shape(values_and_gradients("thresholds"), *given)
    assert [g.shape for g in gradients] == [by_hand.times.shape, by_hand.weight.shape]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    check(name, *jax.jit(values_and_gradients(name))(jnp.asarray(TIMES), jnp.asarray(WEIGHT)))


@pytest.mark.parametrize("name", SPIKES)
def test_mapped_over_weights(name):
    weights = jnp.stack([0.8 * jnp.asarray(WEIGHT), jnp.asarray(WEIGHT)])
    mapped = jax.jit(jax.vmap(values_and_gradients(name), (None, 0)))
    check(name, *jax.tree.map(lambda array: array[1], mapped(jnp.asarray(TIMES), weights)))


@pytest.mark.slow  # test_jax_functions.py exports a peak
@pytest.mark.parametrize("name", CASES)
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
