"""The membrane at given times, from its state after every event."""

from __future__ import annotations

from typing import Any, Literal

import array_api_extra as xpx

from ..arrays.namespace import device_of
from ..kernel import Kernel
from .integration import Membrane

__all__ = ["sample"]

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
    n_outputs, n_patterns, n_events = membrane.v.shape
    k = xpx.searchsorted(membrane.times, query, side=side, xp=xp) - 1
    begun = k >= 0
    k = xp.where(begun, k, 0)
    if last_event is not None:
        k = xp.minimum(k[None, ...], xp.astype(last_event, k.dtype)[..., None])
    start = xp.arange(n_patterns, dtype=k.dtype, device=device_of(k))[:, None] * n_events
    since = xp.take(xp.reshape(membrane.times, (-1,)), xp.reshape(k + start, (-1,)))
    elapsed = xp.astype(query - xp.reshape(since, k.shape), membrane.v.dtype)
    elapsed = xp.where(begun, elapsed, 0.0)
    if last_event is None:
        flat = xp.reshape(k + start, (-1,))
        rows, shape = (n_outputs, n_patterns * n_events), (n_outputs, *query.shape)
        v, s = (
            xp.reshape(xp.take(xp.reshape(a, rows), flat, axis=1), shape)
            for a in (membrane.v, membrane.s)
        )
    else:
        v, s = (xp.take_along_axis(a, k, axis=-1) for a in (membrane.v, membrane.s))
    begun_as_number = xp.astype(begun, v.dtype)
    decay_slow = xp.exp(elapsed * (-1.0 / kernel.slow)) * begun_as_number
    decay_fast = xp.exp(elapsed * (-1.0 / kernel.fast)) * begun_as_number
    return v * decay_slow + s * kernel.value(elapsed, xp=xp), s * decay_fast
