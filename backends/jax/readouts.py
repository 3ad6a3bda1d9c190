"""The core's readouts for JAX: compiled, and differentiable with the core's analytic gradients.

Registered under the core's names, so that ``tempotron_core.peak`` and the others work under
``jax.jit``, ``jax.grad`` and ``jax.vmap`` of the weights, and are compiled once per shape when
called eagerly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from tempotron_core import Events, Neuron, Peak
from tempotron_core.arrays.numbers import whole_number
from tempotron_core.readouts.arguments import check_grid, check_readout, is_static
from tempotron_core.readouts.constants import Constants
from tempotron_core.readouts.peak import peak as peak_function
from tempotron_core.readouts.peak_gradient import peak_adjoint, peak_constants
from tempotron_core.readouts.soft_peak import soft_peak_time as soft_peak_time_function
from tempotron_core.readouts.soft_peak_gradient import (
    soft_peak_time_adjoint,
    soft_peak_time_constants,
)
from tempotron_core.readouts.voltage import checked_times
from tempotron_core.readouts.voltage import voltage as voltage_function
from tempotron_core.readouts.voltage_gradient import (
    sample_time_gradient,
    voltage_adjoint,
    voltage_constants,
)

from .crossing import first_crossing
from .gradients import Gradients, call_compiled, with_gradient
from .kernels import Layout, Shapes, by_kernels, gradient_by_kernels, mode, serves
from .neurons import Static, split, to_arrays, traced_neuron
from .pytree import flatten

__all__ = ["DIFFERENTIABLE", "first_crossing", "peak", "soft_peak_time", "voltage"]


@lru_cache(maxsize=256)
def _compiled_peak(layout: Layout, static: Static, grid: Any, chosen: str) -> Callable[..., Any]:
    def compute(events: Events, weight: jax.Array, *arrays: jax.Array) -> Peak:
        neuron = traced_neuron(static, arrays, weight)
        return peak_function.__wrapped__(  # type: ignore[attr-defined,no-any-return]
            events, weight, neuron, grid=grid, method="static"
        )

    def adjoint(
        events: Events, weight: jax.Array, *arrays: jax.Array, outputs: Peak, cotangents: Any
    ) -> Gradients:
        v_bar, t_bar = cotangents
        given = events, weight, traced_neuron(static, arrays, weight), outputs, v_bar, t_bar
        to_weight, to_times = peak_adjoint(*given, True, grid, "static", jnp)

        def of_constants() -> Constants:
            return peak_constants(*given, grid, "static", jnp)

        return to_times, to_weight, *to_arrays(static, arrays, of_constants)

    if not serves(static, chosen):
        return with_gradient(layout, compute, adjoint)

    def shapes(times: Any, weight: Any) -> Shapes:
        pairs = times.shape[0], weight.shape[0]
        return (pairs, weight.dtype), (pairs, times.dtype)

    def pulled_back(events: Events, weight: Any, v: Any, t: Any, *cotangents: Any) -> Gradients:
        return adjoint(events, weight, outputs=Peak(v, t), cotangents=cotangents)

    forward = by_kernels(layout, static, "peak", compute, shapes, grid=grid)
    backward = gradient_by_kernels(layout, static, "peak_vjp", pulled_back, grid=grid)

    def fast(events: Events, weight: jax.Array) -> Peak:
        return Peak(*forward(events, weight))

    def fast_adjoint(events: Events, weight: Any, *, outputs: Peak, cotangents: Any) -> Gradients:
        return backward(events, weight, *outputs, *cotangents)

    return with_gradient(layout, fast, fast_adjoint)


def peak(
    events: Events,
    weight: jax.Array,
    neuron: Neuron,
    *,
    grid: tuple[int, float] | None = None,
    method: str = "auto",
) -> Peak:
    """`tempotron_core.peak`, compiled and differentiable towards its arrays."""
    check_readout(events, weight, neuron, parametric=True)
    is_static(method)  # compiled shapes cannot depend on values, so every method is 'static'
    grid = None if grid is None else check_grid(grid, neuron)
    static, arrays = split(neuron)
    compiled = _compiled_peak(flatten(events)[1], static, grid, mode())
    return call_compiled(compiled, events, weight, *arrays)  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _compiled_voltage(layout: Layout, static: Static, chosen: str) -> Callable[..., Any]:
    def compute(
        events: Events, weight: jax.Array, times: jax.Array, *arrays: jax.Array
    ) -> jax.Array:
        neuron = traced_neuron(static, arrays, weight)
        return voltage_function.__wrapped__(  # type: ignore[attr-defined,no-any-return]
            events, weight, neuron, times, method="static"
        )

    def adjoint(
        events: Events,
        weight: jax.Array,
        times: jax.Array,
        *arrays: jax.Array,
        outputs: jax.Array,
        cotangents: jax.Array,
    ) -> Gradients:
        del outputs
        given = events, weight, traced_neuron(static, arrays, weight), times, cotangents
        to_weight, to_times = voltage_adjoint(*given, True, "static", jnp)
        to_samples = sample_time_gradient(*given, True, jnp)

        def of_constants() -> Constants:
            return voltage_constants(*given, "static", jnp)

        return to_times, to_weight, to_samples, *to_arrays(static, arrays, of_constants)

    if not serves(static, chosen):
        return with_gradient(layout, compute, adjoint)

    neuron: Neuron = static

    def shapes(times: Any, weight: Any, at: Any) -> Shapes:
        return (((times.shape[0], weight.shape[0], at.shape[0]), weight.dtype),)

    def pulled_back(events: Events, weight: Any, at: Any, v_bar: Any) -> Any:
        given = events, weight, neuron, at, v_bar
        to_weight, to_times = voltage_adjoint(*given, True, "static", jnp)
        return to_times, to_weight

    forward = by_kernels(layout, static, "voltage", compute, shapes)
    backward = gradient_by_kernels(layout, static, "voltage_vjp", pulled_back)

    def fast(events: Events, weight: jax.Array, at: jax.Array) -> jax.Array:
        found: jax.Array = forward(events, weight, at)[0]
        return found

    def fast_adjoint(
        events: Events, weight: Any, at: Any, *, outputs: Any, cotangents: Any
    ) -> Gradients:
        del outputs
        to_samples = sample_time_gradient(events, weight, neuron, at, cotangents, True, jnp)
        return *backward(events, weight, at, cotangents), to_samples

    return with_gradient(layout, fast, fast_adjoint)


def voltage(
    events: Events,
    weight: jax.Array,
    neuron: Neuron,
    times: jax.Array,
    *,
    method: str = "auto",
) -> jax.Array:
    """`tempotron_core.voltage`, compiled and differentiable, also towards the sample times."""
    check_readout(events, weight, neuron, parametric=True)
    is_static(method)
    static, arrays = split(neuron)
    compiled = _compiled_voltage(flatten(events)[1], static, mode())
    at = checked_times("times", events, times, method, jnp)
    return call_compiled(compiled, events, weight, at, *arrays)  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _compiled_soft_peak_time(layout: Layout, static: Static, n_steps: int) -> Callable[..., Any]:
    def compute(events: Events, weight: jax.Array, *arrays: jax.Array) -> jax.Array:
        neuron = traced_neuron(static, arrays, weight)
        return soft_peak_time_function.__wrapped__(  # type: ignore[attr-defined,no-any-return]
            events, weight, neuron, n_steps, method="static"
        )

    def adjoint(
        events: Events,
        weight: jax.Array,
        *arrays: jax.Array,
        outputs: jax.Array,
        cotangents: jax.Array,
    ) -> Gradients:
        del outputs
        given = events, weight, traced_neuron(static, arrays, weight), n_steps, cotangents
        to_weight, to_times = soft_peak_time_adjoint(*given, True, "static", jnp)

        def of_constants() -> Constants:
            return soft_peak_time_constants(*given, "static", jnp)

        return to_times, to_weight, *to_arrays(static, arrays, of_constants)

    return with_gradient(layout, compute, adjoint)


def soft_peak_time(
    events: Events, weight: jax.Array, neuron: Neuron, n_steps: int, *, method: str = "auto"
) -> jax.Array:
    """`tempotron_core.soft_peak_time`, compiled, with the gradient of the soft argmax."""
    check_readout(events, weight, neuron, parametric=True)
    is_static(method)
    static, arrays = split(neuron)
    compiled = _compiled_soft_peak_time(
        flatten(events)[1], static, whole_number("n_steps", n_steps)
    )
    return call_compiled(compiled, events, weight, *arrays)  # type: ignore[no-any-return]


DIFFERENTIABLE: dict[str, Callable[..., Any]] = {
    "peak": peak,
    "first_crossing": first_crossing,
    "voltage": voltage,
    "soft_peak_time": soft_peak_time,
}
