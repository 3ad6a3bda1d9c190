"""The functions in modules of other libraries: parameters that are no arrays, half precision."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from tempotron_backends.jax import first_crossing, peak, voltage  # noqa: E402
from tempotron_core import Neuron  # noqa: E402

PAGE = Path(__file__).parents[3] / "docs" / "jax.md"
DRAW = np.random.default_rng(0)
TIMES = jnp.asarray(DRAW.uniform(0.0, 40.0, (3, 5)), jnp.float32)
WEIGHT = jnp.asarray(DRAW.normal(0.8, 0.5, (2, 5)), jnp.float32)


class Holder:
    """As a parameter of Flax: no array, but it has one."""

    def __init__(self, array):
        self.array = array

    def __jax_array__(self):
        return self.array


def test_what_holds_an_array_stands_for_it():
    t_spike = jax.eval_shape(lambda: first_crossing(Holder(WEIGHT), Holder(TIMES), duration=50.0))
    assert t_spike.shape == (3, 2)
    read = jax.jit(lambda *given: voltage(*given, duration=50.0))
    v = jax.jit(lambda: voltage(Holder(WEIGHT), Holder(TIMES), Holder(TIMES[0]), duration=50.0))()
    np.testing.assert_array_equal(v, read(WEIGHT, TIMES, TIMES[0]))
    with pytest.raises(TypeError, match="weight must be a JAX or NumPy array, got list"):
        peak(Holder([[1.0]]), TIMES, duration=50.0)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, pytest.param(jnp.float16, marks=pytest.mark.slow)])
def test_half_precision_is_computed_with_in_float32(dtype):
    def v_max(weight, times):
        return peak(weight, times, duration=50.0).v_max

    half, times = WEIGHT.astype(dtype), TIMES.astype(dtype)
    whole = half.astype(jnp.float32), times.astype(jnp.float32)
    found = v_max(half, times)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, v_max(*whole))
    np.testing.assert_array_equal(v_max(np.asarray(half), np.asarray(times)), found)
    gradient = jax.grad(lambda *given: v_max(*given).sum(), (0, 1))
    for ours, exact in zip(gradient(half, times), gradient(*whole), strict=True):
        assert ours.dtype == dtype
        np.testing.assert_array_equal(ours, exact.astype(dtype))


@pytest.mark.slow  # .ci/run has them
@pytest.mark.parametrize(("library", "place"), [("equinox", 0), ("flax", 1)])
def test_modules_of_other_libraries_learn(library, place):
    """The page's, on twenty steps with one batch of the digits."""
    pytest.importorskip(library)
    pytest.importorskip("optax")
    images, labels = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    latencies = np.where(images > 0, 20.0 * (1.0 - images / 16.0), np.inf)
    given = {"in_spikes": latencies[:64].astype(np.float32), "labels": labels[:64]}
    blocks = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    program = blocks[place]
    assert f"import {library}" in program or f"from {library}" in program
    exec(compile(program, f"{PAGE.name}, {library}", "exec"), given)
    assert given["value"] < 1.6  # of log 10 = 2.3 where it guesses


@pytest.mark.parametrize("library", ["equinox", "flax"])
def test_modules_learn_a_time_constant(library):
    """As a parameter of the module, whose new values trace nothing anew."""
    traced = []

    def descend(value, slope):
        return value - 0.1 * slope

    def loss(model, times):
        traced.append(model)
        neuron = Neuron(20.0, 5.0).with_constants(tau=jnp.exp(model.log_tau[...]))
        return peak(model.weight[...], times, duration=50.0, neuron=neuron).v_max.sum()

    log_tau = jnp.log(20.0)
    if library == "equinox":
        eqx = pytest.importorskip("equinox")

        class Tempotrons(eqx.Module):
            weight: jax.Array
            log_tau: jax.Array

        model, gradient_of = Tempotrons(WEIGHT, log_tau), eqx.filter_jit(eqx.filter_grad(loss))
        step = partial(jax.tree.map, descend)
    else:
        nnx = pytest.importorskip("flax.nnx")

        class Tempotrons(nnx.Module):
            def __init__(self):
                self.weight, self.log_tau = nnx.Param(WEIGHT), nnx.Param(log_tau)

        model, gradient_of = Tempotrons(), nnx.jit(nnx.grad(loss))

        def step(model, gradient):
            nnx.update(model, jax.tree.map(descend, nnx.state(model, nnx.Param), gradient))
            return model

    for _ in range(3):
        gradient = gradient_of(model, TIMES)
        model = step(model, gradient)
    assert len(traced) == 1
    assert abs(float(model.log_tau[...]) - float(log_tau)) > 0.05
