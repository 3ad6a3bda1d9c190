"""JAX's strict modes for broadcasting and promotion do not reach into this library."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from calls import (
    NEURONS,
    OTHERS,
    READOUTS,
    Inputs,
    arrays_of,
    events_of,
    host_inputs,
    moved,
)

from tempotron_core import Network, peak, voltage
from tempotron_core.learning import pool, pool_vjp
from tempotron_core.networks.delays import peak_with_delays, peak_with_delays_vjp
from tempotron_core.networks.learning_step import Objective, learning_step
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

jax = pytest.importorskip("jax")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

from tempotron_backends import jax as functions  # noqa: E402

# weights and spike times of different dtypes, for the promotion there is between them
INPUTS = host_inputs("float32", "float64")
NEURON = NEURONS["default"]


@pytest.fixture(scope="module")
def inputs():
    return moved(INPUTS, jnp.asarray)


@pytest.fixture(scope="module")
def events(inputs):
    return events_of(inputs, "latencies")


@pytest.fixture(autouse=True)
def _strict():
    """Within the test and so while JAX traces."""
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        yield


def test_the_modes_are_on():
    with pytest.raises(ValueError, match="broadcast"):
        jnp.ones((2, 1)) + jnp.ones(2)
    with pytest.raises(Exception, match="promotion"):
        jnp.ones(2, "float32") + jnp.ones(2, "float64")


def traced(call, inputs, events=None):
    """Shapes and dtypes of what a call returns, by tracing: the modes look on, nothing compiles."""
    arrays = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
    found = jax.eval_shape(
        lambda arrays, events: arrays_of(call(Inputs(**arrays), events)), arrays, events
    )
    return [(a.shape, a.dtype) for a in found]


@pytest.mark.parametrize("name", READOUTS)
def test_readouts_and_gradients(name, inputs, events):
    def call(inputs, events):
        return READOUTS[name](inputs, events, NEURON, "auto")

    expected = arrays_of(READOUTS[name](INPUTS, events_of(INPUTS, "latencies"), NEURON, "static"))
    assert traced(call, inputs, events) == [(a.shape, a.dtype) for a in expected]


@pytest.mark.parametrize("name", OTHERS)
def test_functions_of_arrays(name, inputs):
    expected = arrays_of(OTHERS[name](INPUTS))
    found = traced(lambda inputs, _: OTHERS[name](inputs), inputs)
    assert found == [(a.shape, a.dtype) for a in expected]


@pytest.mark.parametrize(
    "readout",
    [
        lambda e, w: peak(e, w, NEURON).v_max,
        lambda e, w: voltage(e, w, NEURON, jnp.asarray(INPUTS.sample_times)),
    ],
    ids=["peak", "voltage"],
)
@pytest.mark.parametrize("compiled", [pytest.param(False, marks=pytest.mark.slow), True])
def test_autodiff_of_the_core(readout, compiled, inputs, events):
    gradient = jax.grad(lambda w, e: jnp.sum(readout(e, w)))
    gradient = jax.jit(gradient) if compiled else gradient
    assert jnp.all(jnp.isfinite(gradient(inputs.weight, events)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["peak", "first_crossing", "voltage"])
def test_pure_functions_and_their_gradients(name, inputs):
    more = (inputs.sample_times,) if name == "voltage" else ()

    def loss(weight, in_spikes):
        found = getattr(functions, name)(weight, in_spikes, *more, duration=50.0)
        found = found.v_max if name == "peak" else found
        return jnp.sum(jnp.where(jnp.isfinite(found), found, jnp.zeros_like(found)))

    to_weight, to_times = jax.jit(jax.grad(loss, argnums=(0, 1)))(inputs.weight, inputs.latencies)
    assert jnp.all(jnp.isfinite(to_weight))
    assert to_times.dtype == jnp.float64


@pytest.mark.slow
def test_second_derivative_of_a_crossing(inputs):
    def loss(weight):
        found = functions.first_crossing(weight, inputs.latencies, duration=50.0)
        return jnp.sum(jnp.where(jnp.isfinite(found), found, jnp.zeros_like(found)))

    second = jax.grad(lambda w: jnp.sum(jax.grad(loss)(w)))(inputs.weight)
    assert jnp.all(jnp.isfinite(second))


def test_pooling(inputs):
    v = jnp.concat([inputs.cotangent, inputs.cotangent], axis=1)
    for how in ("max", "mean", "logsumexp"):
        pool(v, 3, how=how)
        assert pool_vjp(v, 3, inputs.cotangent, how=how).shape == v.shape


@pytest.mark.slow
def test_delays(inputs, events):
    delay = 0.25 * jnp.ones_like(inputs.weight)
    found = peak_with_delays(events, inputs.weight, delay, NEURON)
    given = events, inputs.weight, delay, NEURON, found, inputs.cotangent
    assert jnp.all(jnp.isfinite(peak_with_delays_vjp(*given).delay))


@pytest.mark.slow
def test_learning_step_of_a_network(inputs, events):
    weights = jnp.ones((4, INPUTS.weight.shape[1]), "float32"), jnp.ones((6, 4), "float32")
    network = Network(weights, [NEURON, NEURON])
    step = learning_step(network, Objective(neurons_per_class=2, clip_norm=1.0), np.ones(3))
    found = step(events, inputs.labels.astype("int32"), weights)
    assert all(jnp.all(jnp.isfinite(gradient)) for gradient in found.gradients)


@pytest.mark.slow
def test_multi_spike_neuron(inputs, events):
    given = events, 3.0 * inputs.weight, NEURON
    found = output_spikes(*given, max_spikes=3, method="static")
    cotangent = jnp.where(jnp.isfinite(found.times), 1.0, 0.0).astype(jnp.float32)
    output_spikes_vjp(*given, found.times, cotangent, times=True, method="static")
    critical = critical_threshold(*given, 2, method="static")
    critical_threshold_vjp(*given, critical, inputs.cotangent, times=True, most=1, method="static")
