"""The membrane at given times, from its state after every event."""

from __future__ import annotations

from typing import Any, Literal

from ..arrays.extras import searchsorted
from ..arrays.namespace import device_of
from ..kernel import Kernel
from .integration import Membrane

__all__ = ["locate", "picked", "sample"]

Array = Any


def sample(
    membrane: Membrane,
    query: Array,
    kernel: Kernel,
    *,
    last_event: Array | None = None,
    side: Literal["left", "right"] = "right",
    xp: Any,
) -> tuple[Array, Array]:
    """Membrane potential and synaptic sum at given times.

    Parameters
    ----------
    membrane : Membrane
    query : array, shape (B, T)
        Times, in the dtype of the events.
    kernel : Kernel
    last_event : integer array, shape (O, B), optional
        Events after this one are ignored.
    side : {'right', 'left'}
        Whether events at exactly a time are counted there, or only those before it.

    Returns
    -------
    v, s : array, shape (O, B, T)
        Zero before the first event.
    """
    k, elapsed, begun = locate(membrane, query, last_event=last_event, side=side, xp=xp)
    v, s = picked(membrane.v, k, xp=xp), picked(membrane.s, k, xp=xp)
    begun_as_number = xp.astype(begun, v.dtype)
    decay_slow = xp.exp(elapsed * (-1.0 / kernel.slow)) * begun_as_number
    decay_fast = xp.exp(elapsed * (-1.0 / kernel.fast)) * begun_as_number
    return v * decay_slow + s * kernel.value(elapsed, xp=xp), s * decay_fast


def locate(
    membrane: Membrane,
    query: Array,
    *,
    last_event: Array | None = None,
    side: Literal["left", "right"] = "right",
    xp: Any,
) -> tuple[Array, Array, Array]:
    """Event before each time, time since it in the dtype of the weights, and if there is one.

    Times [B, T] are those of all outputs, and times [O, B, T] each output's own.
    """
    n_patterns, n_events = membrane.times.shape
    own = query.ndim == 3
    if own:
        shape = query.shape
        query = xp.reshape(xp.permute_dims(query, (1, 0, 2)), (n_patterns, -1))
    k = searchsorted(membrane.times, query, side=side, xp=xp) - 1
    if own:
        by_output = (n_patterns, shape[0], shape[2])
        k, query = (xp.permute_dims(xp.reshape(a, by_output), (1, 0, 2)) for a in (k, query))
    begun = k >= 0
    k = xp.where(begun, k, 0)
    if last_event is not None:
        last = xp.astype(last_event, k.dtype)[..., None]
        k = xp.minimum(k if own else k[None, ...], last)
    start = xp.arange(n_patterns, dtype=k.dtype, device=device_of(k))[:, None] * n_events
    since = xp.take(xp.reshape(membrane.times, (-1,)), xp.reshape(k + start, (-1,)))
    elapsed = xp.astype(query - xp.reshape(since, k.shape), membrane.v.dtype)
    return k, xp.where(begun, elapsed, 0.0), begun


def picked(array: Array, k: Array, *, xp: Any) -> Array:
    """Entries [O, B, T] of an array [O, B, K] at events [B, T] or [O, B, T]."""
    if k.ndim == 3:
        return xp.take_along_axis(array, k, axis=-1)
    n_outputs, n_patterns, n_events = array.shape
    start = xp.arange(n_patterns, dtype=k.dtype, device=device_of(k))[:, None] * n_events
    rows = xp.reshape(array, (n_outputs, n_patterns * n_events))
    flat = xp.reshape(k + start, (-1,))
    return xp.reshape(xp.take(rows, flat, axis=1), (n_outputs, *k.shape))
