"""Each pattern's spikes in order of time, and their afferents.

Times are sorted as packed words.  Entries that are no spike are set aside and cost no sorting.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled
from .buckets import COUNTERS, ENTRY, FEW, settle, sort_words, words_of

__all__ = ["count_spikes", "sort_patterns"]

ZERO, ONE = np.uint64(0), np.uint64(1)

NO_END = np.iinfo(np.int64).max


@compiled
def count_spikes(times, starts, lengths, duration, first, last, counts):
    """Fill counts [B] of some patterns, of ``lengths[p]`` entries from ``starts[p]`` on.

    The count of a pattern that holds NaN is -1.
    """
    zero = times.dtype.type(0.0)
    for p in range(first, last):
        row = times[starts[p] : starts[p] + lengths[p]]
        n_spikes = np.uint32(0)  # as wide as float32: a processor counts several at once
        has_nan = False
        for i in range(len(row)):
            t = row[i]
            n_spikes += np.uint32((t >= zero) & (t <= duration))
            has_nan |= t != t  # as no other number
        counts[p] = -1 if has_nan else n_spikes


@compiled
def _read(words, n_spikes, row, most_moves, sorted_times, order):
    """Fill the times and the order of sorted words, where insertion rarely has to put one right.

    Say whether it is done: it is given up after so many moves.
    """
    latest, left = row.dtype.type(0.0), most_moves
    for i in range(n_spikes):
        entry = words[i] & ENTRY
        t = row[entry]
        k = i
        if t >= latest:
            latest = t
        else:
            while k > ZERO and sorted_times[k - ONE] > t:
                sorted_times[k] = sorted_times[k - ONE]
                order[k] = order[k - ONE]
                k -= ONE
            left -= np.int64(i - k)
            if left < 0:
                return False
        sorted_times[k] = t
        order[k] = entry
    return True


@compiled
def _name(order, n_spikes, afferents, per_afferent, sorted_afferents):
    """Fill the afferents of entries: of those given, or so many entries in a row each."""
    if per_afferent == 1:
        for i in range(n_spikes):
            sorted_afferents[i] = order[i]
    elif per_afferent > 1:
        # the quotient rounded down: a product takes a tenth of a division
        part = 1.0 / per_afferent
        for i in range(n_spikes):
            sorted_afferents[i] = np.int64((order[i] + 0.5) * part)
    else:
        for i in range(n_spikes):
            sorted_afferents[i] = afferents[np.uint64(order[i])]


@compiled
def sort_patterns(
    times, afferents, starts, lengths, counts, per_afferent, duration, scale, nobody, source,
    first, last,
    sorted_times, sorted_afferents, order,
):  # fmt: skip
    """Fill rows of the times and afferents [B, K] and of the order [B, M] of some patterns.

    An entry's afferent is in ``afferents``, of as many entries as times; without those, so many
    entries in a row are ``per_afferent``.  Rows end in padding: the last time, and ``nobody``.
    The order is of entries, or of what ``source`` [B, M] has in their places, if there is one.
    """
    longest = 0
    for p in range(first, last):
        longest = max(longest, lengths[p])
    # one place more, which is written to by the entry after the last and never read
    words, spare = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.uint64)
    parts, silent = np.empty(longest, np.int32), np.empty(longest + 1, np.uint32)
    counters = np.empty(COUNTERS, np.uint32)
    ranges = np.empty((longest // FEW + 1, 2), np.uint32)
    for p in range(first, last):
        row = times[starts[p] : starts[p] + lengths[p]]
        row_times, row_order, row_afferents = sorted_times[p], order[p], sorted_afferents[p]
        n_spikes, n_entries = np.uint64(counts[p]), np.uint64(len(row))
        words_of(row, duration, scale, n_spikes, parts, words, silent)
        words, spare = sort_words(words, n_spikes, spare, counters, ranges, row)
        if not _read(words, n_spikes, row, counts[p], row_times, row_order):
            settle(words, n_spikes, spare, counters, ranges, row)
            _read(words, n_spikes, row, NO_END, row_times, row_order)
        given = afferents if per_afferent > 0 else afferents[starts[p] :]
        _name(row_order, n_spikes, given, per_afferent, row_afferents)
        latest = row_times[n_spikes - ONE] if n_spikes > ZERO else times.dtype.type(0.0)
        for i in range(n_spikes, np.uint64(len(row_times))):
            row_times[i] = latest
            row_afferents[i] = nobody
        for i in range(n_spikes, n_entries):
            row_order[i] = silent[i - n_spikes]
        for i in range(n_entries, np.uint64(len(row_order))):
            row_order[i] = i
        if len(source):
            row_source = source[p]
            for i in range(n_entries):
                row_order[i] = row_source[np.uint64(row_order[i])]
            for i in range(n_entries, np.uint64(len(row_order))):
                row_order[i] = row_source[i]
