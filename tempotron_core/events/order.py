"""The order of the spikes: rows sorted in time, without what is no spike, padded to one length."""

from __future__ import annotations

from typing import Any

from ..arrays.extras import default_dtype
from ..arrays.namespace import device_of, known_int, namespace_of
from ..arrays.registry import fused, is_followed
from .arguments import check_afferents, check_not_nan

__all__ = ["sorted_lists", "sorted_spikes"]

Array = Any

Sorted = tuple[Array, Array, Array, Array]
"""Times, afferents, counts and order of `Events`."""

MOST = 2**32 - 1
"""So many entries of a pattern have no number in compiled kernels."""


def sorted_lists(
    times: Array,
    afferents: Array,
    starts: Array,
    lengths: Array,
    n_afferents: int,
    duration: float,
    xp: Any,
) -> Sorted:
    """Sort spike lists of those lengths, which start there in arrays (E,), as rows.

    Raises
    ------
    ValueError
        If a time is NaN or there is no such afferent.
    """
    form = fused("sort_spikes", "auto", times)
    if form and times.shape[0] < MOST and not is_followed(times):
        found: Sorted | None
        found = form(times, afferents, starts, lengths, n_afferents, duration, None)
        if found is not None:
            return found
    check_not_nan("times", times)
    check_afferents(afferents, n_afferents, xp)
    rows, afferents = _rows_of_lists(times, afferents, starts, lengths, xp)
    return sorted_spikes(rows, afferents, n_afferents, duration)


def sorted_spikes(
    times: Array,
    afferents: Array | int,
    n_afferents: int,
    duration: float,
    *,
    name: str | None = None,
    source: Array | None = None,
) -> Sorted:
    """Sort the rows of ``times`` [B, M], drop what is no spike, pad to the longest pattern.

    The afferent of each entry is given; or how many entries, one after the other, each has.  The
    order is of entries or, where columns of sorted events are sorted anew, of what their order,
    ``source`` [B, M or more], has in their places.

    Raises
    ------
    ValueError
        If a time is NaN, and times have a ``name``; otherwise it is no spike.
    """
    if times.shape[1] == 0:  # no afferents: one column of padding
        xp, n_patterns = namespace_of(times), times.shape[0]
        times = xp.full((n_patterns, 1), -1.0, dtype=times.dtype, device=device_of(times))
        afferents = 1
    form = fused("sort_spikes", "auto", times)
    if form and times.shape[1] < MOST:
        followed = is_followed(times)
        given = afferents, None, None, n_afferents, duration
        found: Sorted | None = form(times, *given, None if followed else source)
        if found is not None and not followed:
            return found
        if found is not None:
            # autodiff has to see which time comes from where
            _, of_spike, counts, order = found
            xp = namespace_of(times)
            times = _in_order(times, order, counts, of_spike.shape[1], xp)[0]
            return times, of_spike, counts, _sources(order, source, xp)
    if name is not None:
        check_not_nan(name, times)
    xp = namespace_of(times)
    is_spike = (times >= 0.0) & (times <= duration)
    # A finite key past the duration sends all else to the end of its row.
    key = xp.where(is_spike, times, 2.0 * duration)
    order, counts = xp.argsort(key, axis=1, stable=True), xp.count_nonzero(is_spike, axis=1)
    longest = known_int(xp.max(counts)) if counts.shape[0] else 0
    # traced: the number of spikes is not known, so every column stays
    width = times.shape[1] if longest is None else max(1, longest)
    times, kept, present = _in_order(times, order, counts, width, xp)
    if isinstance(afferents, int):
        of_spike = kept // afferents
    else:
        of_spike = xp.take_along_axis(afferents, kept, axis=1)
    of_spike = xp.where(present, of_spike, n_afferents)
    if max(n_afferents, order.shape[1]) < 2**31:  # half the memory
        of_spike, order = xp.astype(of_spike, xp.int32), xp.astype(order, xp.int32)
    return times, of_spike, counts, _sources(order, source, xp)


def _sources(order: Array, source: Array | None, xp: Any) -> Array:
    """What ``source`` has in the places of an order [B, M], and in those behind them."""
    if source is None:
        return order
    width = order.shape[1]
    places = xp.astype(order, default_dtype(xp, "indexing", device=device_of(order)))
    found = xp.take_along_axis(source[:, :width], places, axis=1)
    return xp.concat([found, source[:, width:]], axis=1)


def _in_order(
    times: Array, order: Array, counts: Array, width: int, xp: Any
) -> tuple[Array, Array, Array]:
    """The first columns of rows in their order, padded; their entries, and which are spikes."""
    device = device_of(times)
    integer = default_dtype(xp, "indexing", device=device)
    kept = xp.astype(order[:, :width], integer, copy=False)
    present = xp.arange(width, dtype=counts.dtype, device=device)[None, :] < counts[:, None]
    times = xp.take_along_axis(times, kept, axis=1)
    last = xp.where(counts > 0, counts - 1, 0)[:, None]
    last_time = xp.take_along_axis(times, xp.astype(last, integer), axis=1)
    last_time = xp.where((counts > 0)[:, None], last_time, 0.0)
    return xp.where(present, times, last_time), kept, present


def _rows_of_lists(
    times: Array, afferents: Array, starts: Array, lengths: Array, xp: Any
) -> tuple[Array, Array]:
    """Lay spike lists out in rows of one length [B, M], silent at their ends."""
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
