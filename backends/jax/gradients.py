"""A function with an adjoint of its own, compiled and differentiable towards its arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from tempotron_core import Events

from .kernels import Layout
from .pytree import flatten, unflatten
from .settings import own_settings

__all__ = ["Gradients", "call_compiled", "with_gradient"]

Gradients = tuple[jax.Array | None, ...]
"""Towards the sorted spike times, the weights, further inputs and the neuron's constants."""


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
