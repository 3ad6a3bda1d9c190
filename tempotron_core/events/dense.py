"""Sorted events in the forms they are given in: dense spikes, and values of every entry."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat

from ..arrays.extras import searchsorted
from ..arrays.namespace import device_of, known_int, zeros

__all__ = ["by_entry", "latencies", "trains"]

Array = Any


def trains(times: Array, afferents: Array, n_afferents: int, most: int | None) -> Array:
    """Spikes by afferent, ascending and filled up with inf, shape (B, N, S).

    Parameters
    ----------
    times, afferents : array, shape (B, K)
        As in :class:`Events`.
    n_afferents : int
    most : int or None
        No afferent has more spikes; used where they cannot be counted, under tracing.
    """
    times, first, last = _runs(times, afferents, n_afferents)
    xp = array_api_compat.array_namespace(times)
    n_slots = known_int(xp.max(last - first)) if math.prod(first.shape) else 0
    if n_slots is None:
        n_slots = times.shape[1] if most is None else most
    return _slots(times, first, last, max(1, n_slots))


def latencies(times: Array, afferents: Array, n_afferents: int) -> Array:
    """The spike of each afferent, inf if it has none, shape (B, N); ValueError if it has two."""
    times, first, last = _runs(times, afferents, n_afferents)
    xp = array_api_compat.array_namespace(times)
    if math.prod(first.shape) and (known_int(xp.max(last - first)) or 0) > 1:
        raise ValueError("to_latencies needs at most one spike per afferent, got several")
    return _slots(times, first, last, 1)[:, :, 0]


def by_entry(events: Any, values: Array) -> Array:
    """Return values of events, (B, K), of every entry the events were made of; 0 of no spike."""
    xp = events.xp
    missing = events.order.shape[1] - values.shape[1]
    present = xp.arange(values.shape[1], device=events.device)[None, :] < events.counts[:, None]
    values = xp.where(present, values, zeros((1, 1), values, xp=xp))
    if missing > 0:
        values = xp.concat([values, zeros((len(events), missing), values, xp=xp)], axis=1)
    values = xp.take_along_axis(values, xp.argsort(events.order, axis=1), axis=1)
    if events.source_shape is not None:
        values = values[:, : math.prod(events.source_shape)]  # one column stands for no afferent
        return xp.reshape(values, (len(events), *events.source_shape))
    lengths: Array = events.source_lengths
    column = xp.arange(values.shape[1], device=events.device)
    (kept,) = xp.nonzero(xp.reshape(column[None, :] < lengths[:, None], (-1,)))
    return xp.take(xp.reshape(values, (-1,)), kept, axis=0)


def _runs(times: Array, afferents: Array, n_afferents: int) -> tuple[Array, Array, Array]:
    """Times sorted by afferent, and where the run of each afferent begins and ends [B, N]."""
    xp = array_api_compat.array_namespace(times)
    by_afferent = xp.argsort(afferents, axis=1, stable=True)  # each in ascending order
    afferents = xp.take_along_axis(afferents, by_afferent, axis=1)
    wanted = xp.arange(n_afferents + 1, dtype=afferents.dtype, device=device_of(times))
    wanted = xp.tile(wanted[None, :], (times.shape[0], 1))  # padding is last, under N
    starts = searchsorted(afferents, wanted, xp=xp)
    return xp.take_along_axis(times, by_afferent, axis=1), starts[:, :-1], starts[:, 1:]


def _slots(times: Array, first: Array, last: Array, n_slots: int) -> Array:
    """The first ``n_slots`` entries of each run, [B, N, S], inf after its end."""
    xp = array_api_compat.array_namespace(times)
    n_patterns, n_afferents = first.shape
    entry = xp.arange(n_slots, dtype=first.dtype, device=device_of(times))
    entry = first[:, :, None] + entry
    present = entry < last[:, :, None]
    entry = xp.reshape(xp.where(present, entry, 0), (n_patterns, n_afferents * n_slots))
    found = xp.reshape(xp.take_along_axis(times, entry, axis=1), (n_patterns, n_afferents, n_slots))
    return xp.where(present, found, float("inf"))
