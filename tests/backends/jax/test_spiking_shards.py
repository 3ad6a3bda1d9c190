"""Multi-spike neurons within ``jax.shard_map``: weights shared, patterns not."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from tempotron_core import Events, Neuron  # noqa: E402
from tempotron_core.spiking import critical_threshold, output_spikes  # noqa: E402

RNG = np.random.default_rng(2)
LATENCIES, WEIGHT = RNG.uniform(0.0, 40.0, (4, 6)), RNG.normal(0.5, 0.3, (2, 6))


CASES = [
    ("spikes", "on"),
    ("spikes", "off"),
    ("thresholds", "on"),
    pytest.param("thresholds", "off", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("of", "kernels"), CASES)
def test_gradients_within_shard_map(of, kernels, monkeypatch):
    """What varies over the mesh is seen in tracing; numbers of one shard would say no more."""
    monkeypatch.setenv("TEMPOTRON_JAX_KERNELS", kernels)
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
        found = jax.eval_shape(jax.grad(sharded, (0, 1)), *given)
    assert [gradient.shape for gradient in found] == [WEIGHT.shape, LATENCIES.shape]
