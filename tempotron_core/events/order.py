"""The order of the spikes: rows sorted in time, without what is no spike, padded to one length."""

from __future__ import annotations

from typing import Any

import array_api_extra as xpx

from ..arrays.namespace import device_of, known_int
from ..arrays.registry import fused

__all__ = ["rows_of_lists", "sorted_spikes"]

Array = Any


def rows_of_lists(
    times: Array, afferents: Array, starts: Array, lengths: Array, xp: Any
) -> tuple[Array, Array]:
    """Lay spike lists that start there out in rows of one length [B, M], silent at their ends."""
    n_entries, device = times.shape[0], device_of(times)
    width = max(1, int(xp.max(lengths))) if lengths.shape[0] > 0 else 1
    column = xp.arange(width, dtype=lengths.dtype, device=device)[None, :]
    # Entries past a pattern's length point at one extra, silent entry.
    entry = xp.where(column < lengths[:, None], starts[:, None] + column, n_entries)
    entry = xp.reshape(entry, (-1,))
    silent = xp.full((1,), -1.0, dtype=times.dtype, device=device)
    nobody = xp.zeros((1,), dtype=afferents.dtype, device=device)
    padded_times = xp.take(xp.concat([times, silent]), entry, axis=0)
    padded_afferents = xp.take(xp.concat([afferents, nobody]), entry, axis=0)
    shape = (lengths.shape[0], width)
    return xp.reshape(padded_times, shape), xp.reshape(padded_afferents, shape)


def sorted_spikes(
    times: Array, afferents: Array, n_afferents: int, duration: float, xp: Any
) -> tuple[Array, Array, Array, Array]:
    """Sort the rows of ``times`` [B, M], drop what is no spike, pad to the longest pattern.

    Returns ``times``, ``afferents``, ``counts`` and ``order`` as in :class:`Events`.
    """
    if times.shape[1] == 0:  # no afferents: one column of padding
        times = xp.full((times.shape[0], 1), -1.0, dtype=times.dtype, device=device_of(times))
        afferents = xp.zeros(times.shape, dtype=afferents.dtype, device=device_of(times))
    order, counts = _ordered(times, duration, xp)
    longest = known_int(xp.max(counts)) if counts.shape[0] else 0
    # traced: the number of spikes is not known, so every column stays
    width = times.shape[1] if longest is None else max(1, longest)
    integer = xpx.default_dtype(xp, "indexing", device=device_of(times))
    kept = xp.astype(order[:, :width], integer, copy=False)
    present = xp.arange(width, dtype=counts.dtype, device=device_of(times))[None, :]
    present = present < counts[:, None]
    times = xp.take_along_axis(times, kept, axis=1)
    last = xp.where(counts > 0, counts - 1, 0)[:, None]
    last_time = xp.take_along_axis(times, xp.astype(last, integer), axis=1)
    last_time = xp.where((counts > 0)[:, None], last_time, 0.0)
    afferents = xp.where(present, xp.take_along_axis(afferents, kept, axis=1), n_afferents)
    if max(n_afferents, order.shape[1]) < 2**31:  # half the memory
        afferents, order = xp.astype(afferents, xp.int32), xp.astype(order, xp.int32)
    return xp.where(present, times, last_time), afferents, counts, order


def _ordered(times: Array, duration: float, xp: Any) -> tuple[Array, Array]:
    """Positions [B, M] of each row's spikes in ascending order, then of the rest; their number."""
    if form := fused("order_spikes", "auto", times):
        found: tuple[Array, Array] = form(times, duration)
        return found
    is_spike = (times >= 0.0) & (times <= duration)
    # A finite key past the duration sends all else to the end of its row.
    key = xp.where(is_spike, times, 2.0 * duration)
    return xp.argsort(key, axis=1, stable=True), xp.count_nonzero(is_spike, axis=1)
