"""Sorted events of dense rows and of lists of spike times, by compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..batch import WORTH_THREADS, usable
from ..threads import n_threads, run, split
from .few import are_few, sort_few

__all__ = ["sort_spikes"]

Array = NDArray[Any]


def sort_spikes(
    times: Array,
    afferents: Array | int,
    starts: Array | None,
    lengths: Array | None,
    n_afferents: int,
    duration: float,
    source: Array | None,
) -> tuple[Array, Array, Array, Array] | None:
    """Times, afferents, counts and order of `Events`; None if an argument is wrong."""
    rows = starts is None and source is None
    if rows and isinstance(afferents, int) and are_few(times):
        return sort_few(times, afferents, n_afferents, duration)
    from .buckets import PARTS
    from .ordering import count_spikes, sort_patterns
    from .ranges import copy_within

    end = times.dtype.type(duration)  # compared in the precision of the times, as everywhere
    in_lists = starts is not None
    if starts is None or lengths is None:
        n_patterns, n_columns = times.shape
        starts, lengths = np.arange(n_patterns) * n_columns, np.full(n_patterns, n_columns)
    else:
        starts, lengths = usable(starts, np.int64), usable(lengths, np.int64)
        n_patterns, n_columns = len(starts), int(lengths.max(initial=0))
    n_columns = max(1, n_columns)
    integer = np.dtype(np.int32 if max(n_afferents, n_columns) < 2**31 else np.int64)
    per_afferent = 0
    if isinstance(afferents, int):
        per_afferent, afferents = afferents, np.empty(0, integer)
    elif in_lists:  # as narrow as what is made of them, so that one kernel serves all
        listed, afferents = usable(afferents), np.empty(len(afferents), integer)
        if not copy_within(listed, starts, lengths, n_afferents, afferents):
            return None
    else:
        afferents = usable(afferents).reshape(-1)
    times = usable(times).reshape(-1)
    parts = split(n_patterns, min(n_patterns, 4 * n_threads()))
    worth = times.size > WORTH_THREADS
    counts = np.empty(n_patterns, np.int64)
    run(lambda part: count_spikes(times, starts, lengths, end, *part, counts), parts, worth=worth)
    if counts.min(initial=0) < 0:
        return None
    n_kept = max(1, int(counts.max(initial=0)))
    if source is None:
        source = np.empty((0, 0), integer)
    else:
        source, integer, n_columns = usable(source), source.dtype, source.shape[1]
    found = (
        np.empty((n_patterns, n_kept), times.dtype),
        np.empty((n_patterns, n_kept), integer),
        np.empty((n_patterns, n_columns), integer),
    )
    # a time becomes a whole number of parts, without an infinity for the shortest durations
    scale = times.dtype.type(min(PARTS / duration, float(np.finfo(times.dtype).max)))
    given = times, afferents, starts, lengths, counts, per_afferent, end, scale, n_afferents, source
    run(lambda part: sort_patterns(*given, *part, *found), parts, worth=worth)
    return found[0], found[1], counts, found[2]
