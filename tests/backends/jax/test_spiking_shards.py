"""Multi-spike neurons within ``jax.shard_map``: weights shared, patterns not."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from tempotron_core import Events, Neuron  # noqa: E402
from tempotron_core.spiking import (  # noqa: E402
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

RNG = np.random.default_rng(2)
LATENCIES, WEIGHT = RNG.uniform(0.0, 40.0, (4, 6)), RNG.normal(0.5, 0.3, (2, 6))


def expected_of(of):
    """Gradients of the sum of spike times, or of critical thresholds, of the definition."""
    given = Events.from_latencies(LATENCIES, 60.0), WEIGHT, Neuron()
    if of == "thresholds":
        found = critical_threshold(*given, 2)
        gradient = critical_threshold_vjp(*given, found, np.ones((4, 2)), times=True)
    else:
        times = output_spikes(*given, max_spikes=2).times
        gradient = output_spikes_vjp(*given, times, 1.0 * np.isfinite(times), times=True)
    return gradient.weight, gradient.times


@pytest.mark.parametrize("of", ["spikes", pytest.param("thresholds", marks=pytest.mark.slow)])
def test_gradients_within_shard_map(of):
    """The sum over shards is XLA's."""
    mesh = jax.make_mesh((1,), ("shard",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec

    def loss(weight, latencies):
        events = Events.from_latencies(latencies, 60.0)
        if of == "thresholds":
            return critical_threshold(events, weight, Neuron(), 2).theta.sum()
        times = output_spikes(events, weight, Neuron(), max_spikes=2).times
        return jnp.where(jnp.isfinite(times), times, 0.0).sum()

    def shared(weight, latencies):
        return jax.lax.psum(loss(weight, latencies), "shard")

    specs = {"in_specs": (spec(), spec("shard")), "out_specs": spec()}
    with jax.enable_x64(True):
        given = jnp.asarray(WEIGHT), jnp.asarray(LATENCIES)
        sharded = jax.shard_map(shared, mesh=mesh, **specs)
        found = jax.jit(jax.grad(sharded, (0, 1)))(*given)
    for ours, theirs in zip(found, expected_of(of), strict=True):
        largest = np.abs(theirs).max()
        assert largest > 0.0
        np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=1e-11 * largest)
