"""The core's functions for JAX: compiled, and differentiable with the core's analytic gradients.

Registered under the core's names, so that ``tempotron_core.peak`` and the others work under
``jax.jit``, ``jax.grad`` and ``jax.vmap`` of the weights, and are compiled once per shape when
called eagerly.  Importing this module also makes `Events` a pytree, which ``jax.jit`` accepts as
an argument.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

from tempotron_core import Events, Gradient, Neuron, Peak, RaggedEvents
from tempotron_core.arrays.numbers import positive_float, whole_number
from tempotron_core.membrane.constants import course
from tempotron_core.membrane.integration import integrate, with_nobody
from tempotron_core.readouts.arguments import check_grid, check_readout, is_static
from tempotron_core.readouts.constants import Constants
from tempotron_core.readouts.crossing import first_crossing as first_crossing_function
from tempotron_core.readouts.crossing_gradient import (
    first_crossing_adjoint,
    first_crossing_constants,
)
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

from .kernels import Layout, Shapes, by_kernels, gradient_by_kernels, mode, serves
from .neurons import Arrays, Frame, Static, split, to_arrays, traced_neuron
from .settings import own_settings

Gradients = tuple[jax.Array | None, ...]
"""Towards the sorted spike times, the weights, further inputs and the neuron's constants."""


def flatten(events: Events) -> tuple[tuple[Any, ...], Layout]:
    """Arrays of Events, and the rest."""
    arrays = (
        events.times,
        events.afferents,
        events.counts,
        events.order,
        events.source_lengths,
    )
    return arrays, (events.n_afferents, events.duration, events.source_shape)


def unflatten(layout: Layout, arrays: tuple[Any, ...]) -> Events:
    """Events of what `flatten` returned."""
    times, afferents, counts, order, source_lengths = arrays
    return Events(times, afferents, counts, order, *layout, source_lengths)


def _written(layout: Layout) -> bytes:
    return json.dumps(layout).encode()


def _read(written: bytes | bytearray) -> Layout:
    n_afferents, duration, source_shape = json.loads(written)
    return n_afferents, duration, None if source_shape is None else tuple(source_shape)


jax.tree_util.register_pytree_node(Events, flatten, unflatten)
# Programs that jax.export serialises may take and return these.
export.register_pytree_node_serialization(
    Events,
    serialized_name="tempotron_core.Events",
    serialize_auxdata=_written,
    deserialize_auxdata=_read,
)
jax.tree_util.register_pytree_node(
    RaggedEvents,
    lambda events: ((events.groups, events.place), None),
    lambda _, arrays: RaggedEvents(*arrays),
)
for _kind in (Peak, Gradient):
    export.register_namedtuple_serialization(
        _kind, serialized_name=f"tempotron_core.{_kind.__name__}"
    )


def with_gradient(
    layout: Layout,
    compute: Callable[..., Any],
    adjoint: Callable[..., Gradients],
) -> Callable[..., Any]:
    """Compile ``compute(events, weight, *more)`` with ``adjoint`` as its gradient.

    Arrays come in as (times, integer arrays, weight, *more); the integers have no gradient.
    """

    def events_of(times: jax.Array, integers: tuple[Any, ...]) -> Events:
        return unflatten(layout, (times, *integers))

    @jax.custom_vjp
    @own_settings()
    def readout(
        times: jax.Array, integers: tuple[Any, ...], weight: jax.Array, *more: jax.Array
    ) -> Any:
        return compute(events_of(times, integers), weight, *more)

    @own_settings()
    def forward(
        times: jax.Array, integers: tuple[Any, ...], weight: jax.Array, *more: jax.Array
    ) -> tuple[Any, Any]:
        outputs = compute(events_of(times, integers), weight, *more)
        return outputs, (times, integers, weight, more, outputs)

    @own_settings()
    def backward(saved: Any, cotangents: Any) -> tuple[Any, ...]:
        times, integers, weight, more, outputs = saved
        to_times, to_weight, *to_more = adjoint(
            events_of(times, integers), weight, *more, outputs=outputs, cotangents=cotangents
        )
        return (to_times, None, to_weight, *to_more)

    @own_settings()
    def call(
        times: jax.Array, integers: tuple[Any, ...], weight: jax.Array, *more: jax.Array
    ) -> Any:
        times, weight, *rest = _varying_alike(times, weight, *more)
        return readout(times, integers, weight, *rest)

    readout.defvjp(forward, backward)
    return jax.jit(call)


def _varying_alike(*arrays: jax.Array) -> tuple[jax.Array, ...]:
    """Let arrays vary over the same axes of a mesh, within ``jax.shard_map``.

    There an array that is the same for all shards, as weights are, is of another type than its
    gradient, which a custom one must not be.  Adding the sum of no entries of the others changes
    the type alone, and the gradient of the sum is the sum over shards.
    """
    nothing = sum(jax.lax.stop_gradient(jnp.sum(jnp.ravel(array)[:0])) for array in arrays)
    return tuple(array + jnp.asarray(nothing, dtype=array.dtype) for array in arrays)


def call_compiled(
    compiled: Callable[..., Any], events: Events, weight: jax.Array, *more: Any
) -> Any:
    """Call what `with_gradient` returned, or say why that cannot be."""
    times, *integers = flatten(events)[0]
    if times.ndim != 2:  # a pytree's arrays lose an axis under vmap
        raise ValueError(
            f"events must hold a batch, times of shape (B, K), got {tuple(times.shape)}: map over "
            f"spike times instead of over the patterns of an Events"
        )
    return compiled(times, tuple(integers), weight, *more)


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
