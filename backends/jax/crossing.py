"""The first crossing for JAX: compiled, and differentiable any number of times."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from tempotron_core import Events, Neuron
from tempotron_core.arrays.numbers import positive_float
from tempotron_core.membrane.constants import course
from tempotron_core.membrane.integration import integrate, with_nobody
from tempotron_core.readouts.arguments import check_readout, is_static
from tempotron_core.readouts.constants import Constants
from tempotron_core.readouts.crossing import first_crossing as first_crossing_function
from tempotron_core.readouts.crossing_gradient import (
    first_crossing_adjoint,
    first_crossing_constants,
)

from .gradients import Gradients, call_compiled, with_gradient
from .kernels import Layout, Shapes, by_kernels, gradient_by_kernels, mode, serves
from .neurons import Arrays, Frame, Static, split, to_arrays, traced_neuron
from .pytree import flatten, unflatten
from .settings import own_settings

__all__ = ["first_crossing"]


def _crossing(layout: Layout, static: Static) -> Callable[..., jax.Array]:
    """First crossings as a function of arrays, with derivatives of any order.

    The arrays are times, a tuple of integers, the weights and a tuple of constants.

    Differentiating the backward pass again differentiates the crossing it was taken at.  The search
    for it ends in selections between two iterates, whose derivative is not that of the root, so the
    derivative is given here: dt = -dV/V'.
    """

    @jax.custom_jvp
    @own_settings()
    def crossing(
        times: jax.Array, integers: tuple[Any, ...], weight: jax.Array, arrays: Arrays
    ) -> jax.Array:
        neuron = traced_neuron(static, arrays, weight)
        return first_crossing_function.__wrapped__(  # type: ignore[attr-defined,no-any-return]
            unflatten(layout, (times, *integers)), weight, neuron, method="static"
        )

    @own_settings()
    def tangent(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[jax.Array, jax.Array]:
        times, integers, weight, arrays = primals
        times_dot, _, weight_dot, arrays_dot = tangents
        neuron = traced_neuron(static, arrays, weight)
        t_spike = crossing(*primals)  # so that the next derivative comes by here too
        kernel, afferents = neuron.kernel, integers[0]
        fires = jnp.isfinite(t_spike)
        elapsed = jnp.where(fires, t_spike, 0.0)[:, :, None] - times[:, None, :]
        memory = kernel.memory(weight.dtype, xp=jnp)
        x = jnp.clip(elapsed, 0.0, memory).astype(weight.dtype)
        value = kernel.value(x, xp=jnp)
        slope = jnp.where(x > 0.0, kernel.slope(x, value, xp=jnp), 0.0)
        w, w_dot = (
            jnp.moveaxis(jnp.take(with_nobody(a), afferents, axis=1), 0, 1)
            for a in (weight, weight_dot)
        )
        shift = times_dot.astype(weight.dtype)[:, None, :]
        v_dot = jnp.sum(w_dot * value - w * slope * shift, axis=2)
        if arrays:
            events = unflatten(layout, (times, *integers))
            at = jnp.where(fires, t_spike, 0.0)
            v_dot = v_dot + _excess_dot(events, weight, neuron, at, static, arrays_dot)
        rise = jnp.sum(w * slope, axis=2)
        rising = fires & (rise > 0.0)
        t_dot = jnp.where(rising, -v_dot / jnp.where(rising, rise, 1.0), 0.0)
        return t_spike, t_dot.astype(times.dtype)

    crossing.defjvp(tangent)
    return crossing


def _excess_dot(
    events: Events,
    weight: jax.Array,
    neuron: Any,
    at: jax.Array,
    static: Static,
    arrays_dot: Arrays,
) -> jax.Array:
    """Change of V less the threshold at times [B, O], as the constants change."""
    assert isinstance(static, Frame)
    membrane = integrate(events, with_nobody(weight), neuron.kernel, static=True)
    seen = course(membrane, at.T[:, :, None], neuron, side="left", xp=jnp)
    by_height = seen.v / neuron.kernel.psp_peak
    follows = by_height if neuron.psp_peak is None else 0.0
    by = {
        "tau": seen.by_tau,
        "tau_s": seen.by_tau_s,
        "psp_peak": by_height,
        "v_threshold": follows - jnp.ones_like(seen.v),
    }
    pairs = zip(static.names, arrays_dot, strict=True)
    total: Any = sum(by[name] * dot.astype(weight.dtype) for name, dot in pairs)
    return total[:, :, 0].T  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _compiled_first_crossing(
    layout: Layout, static: Static, min_slope: float, chosen: str
) -> Callable[..., Any]:
    crossing = _crossing(layout, static)

    def compute(events: Events, weight: jax.Array, *arrays: jax.Array) -> jax.Array:
        times, *integers = flatten(events)[0]
        return crossing(times, tuple(integers), weight, arrays)

    def adjoint(
        events: Events,
        weight: jax.Array,
        *arrays: jax.Array,
        outputs: jax.Array,
        cotangents: jax.Array,
    ) -> Gradients:
        neuron = traced_neuron(static, arrays, weight)
        given = events, weight, neuron, outputs, cotangents
        to_weight, to_times = first_crossing_adjoint(*given, True, min_slope, "static", jnp)

        def of_constants() -> Constants:
            return first_crossing_constants(*given, min_slope, "static", jnp)

        return to_times, to_weight, *to_arrays(static, arrays, of_constants)

    if not serves(static, chosen):
        return with_gradient(layout, compute, adjoint)

    def shapes(times: Any, weight: Any) -> Shapes:
        return (((times.shape[0], weight.shape[0]), times.dtype),)

    def pulled_back(events: Events, weight: Any, t: Any, t_bar: Any) -> Gradients:
        return adjoint(events, weight, outputs=t, cotangents=t_bar)

    given = {"min_slope": min_slope}
    forward = by_kernels(layout, static, "first_crossing", compute, shapes)
    backward = gradient_by_kernels(layout, static, "first_crossing_vjp", pulled_back, **given)

    def fast(events: Events, weight: jax.Array) -> jax.Array:
        found: jax.Array = forward(events, weight)[0]
        return found

    def fast_adjoint(events: Events, weight: Any, *, outputs: Any, cotangents: Any) -> Gradients:
        return backward(events, weight, outputs, cotangents)

    return with_gradient(layout, fast, fast_adjoint)


def first_crossing(
    events: Events,
    weight: jax.Array,
    neuron: Neuron,
    *,
    method: str = "auto",
    min_slope: float = 0.0,
) -> jax.Array:
    """`tempotron_core.first_crossing`, compiled and differentiable.

    ``min_slope`` bounds the gradient, as in `tempotron_core.first_crossing_vjp`.
    """
    check_readout(events, weight, neuron, parametric=True)
    is_static(method)
    min_slope = positive_float("min_slope", min_slope, or_zero=True)
    static, arrays = split(neuron)
    compiled = _compiled_first_crossing(flatten(events)[1], static, min_slope, mode())
    return call_compiled(compiled, events, weight, *arrays)  # type: ignore[no-any-return]
