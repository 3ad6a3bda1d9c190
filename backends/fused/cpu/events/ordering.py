"""Each pattern's spikes in order of time, by a radix sort of packed words.

A spike's word is its time as a part of the duration, in 32 bits, above the number of its entry in
the pattern: a sort moves one array, and no two words are equal, so that any sort of them is stable.
Patterns that are nearly in order are put there by insertion; others by the two highest bytes first,
and by all four where many spikes gather in few places.  What 32 bits cannot tell apart, and is not
in order yet, is merged by the times themselves.  Entries that are no spike are set aside and cost
no sorting.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled

__all__ = ["count_spikes", "sort_patterns"]

DIGITS = 256

UPPER, ENTRY = np.uint64(32), np.uint64(0xFFFFFFFF)


@compiled
def count_spikes(times, starts, lengths, duration, first, last, counts):
    """Fill counts [B] of some patterns, of ``lengths[p]`` entries from ``starts[p]`` on."""
    for p in range(first, last):
        n_spikes = 0
        for i in range(starts[p], starts[p] + lengths[p]):
            n_spikes += (times[i] >= 0.0) & (times[i] <= duration)
        counts[p] = n_spikes


@compiled
def _insert(words, n):
    """Sort in place; stop where words move far on the average, and say whether it is done."""
    moves = 0
    for i in range(1, n):
        word = words[i]
        k = i
        while k > 0 and words[k - 1] > word:
            words[k] = words[k - 1]
            k -= 1
        words[k] = word
        moves += i - k
        if moves > 4 * i + 64:  # what another distribution costs
            return False
    return True


@compiled
def _distribute(words, spare, n, n_bytes):
    """Sort by the highest bytes, an even number of them, keeping the order of equal ones."""
    begin = np.empty(DIGITS, np.uint32)  # no pattern has so many entries
    one, mask = np.uint32(1), np.uint64(DIGITS - 1)
    for low in range(64 - 8 * n_bytes, 64, 8):
        shift = np.uint64(low)
        begin[:] = 0
        for i in range(n):
            begin[(words[i] >> shift) & mask] += one
        total = np.uint32(0)
        for digit in range(DIGITS):
            n_here = begin[digit]
            begin[digit] = total
            total += n_here
        for i in range(n):
            word = words[i]
            digit = (word >> shift) & mask
            to = begin[digit]
            spare[to] = word
            begin[digit] = to + one
        words, spare = spare, words


@compiled
def _merge(words, spare, first, last, times, start):
    """Sort some words by the times of their entries, keeping the order of equal ones."""
    width = 1
    while width < last - first:
        for low in range(first, last, 2 * width):
            middle, high = min(low + width, last), min(low + 2 * width, last)
            i, k = low, middle
            for to in range(low, high):
                take_left = k == high
                if i < middle and k < high:
                    left = times[start + np.int64(words[i] & ENTRY)]
                    take_left = left <= times[start + np.int64(words[k] & ENTRY)]
                spare[to] = words[i] if take_left else words[k]
                i += take_left
                k += 1 - take_left
        for i in range(first, last):
            words[i] = spare[i]
        width *= 2


@compiled
def _settle(words, spare, n, times, start):
    """Sort runs of equal times in words by the times themselves, of entries after ``start``."""
    first = 0
    for i in range(1, n + 1):
        if i == n or words[i] >> UPPER != words[first] >> UPPER:
            _merge(words, spare, first, i, times, start)
            first = i


@compiled
def sort_patterns(
    times, afferents, starts, lengths, per_afferent, duration, nobody, first, last,
    sorted_times, sorted_afferents, order,
):  # fmt: skip
    """Fill rows of the times and afferents [B, K] and of the order [B, M] of some patterns.

    An entry's afferent is in ``afferents``, of as many entries as times; without those, so many
    entries in a row are ``per_afferent``.  Rows end in padding: the last time, and ``nobody``.
    """
    longest = 0
    for p in range(first, last):
        longest = max(longest, lengths[p])
    # one place more, which is written to by the entry after the last and never read
    words, spare = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.uint64)
    silent = np.empty(longest + 1, np.uint32)
    scale = min(4294967295.0 / np.float64(duration), 1e300)
    for p in range(first, last):
        start, n_spikes, n_silent = starts[p], 0, 0
        for i in range(lengths[p]):
            t = times[start + i]
            is_spike = (t >= 0.0) & (t <= duration)
            # written without asking, which is faster than a branch that no one can predict
            words[n_spikes] = (np.uint64(np.int64(t * scale)) << UPPER) | np.uint64(i)
            silent[n_silent] = i
            n_spikes += is_spike
            n_silent += 1 - is_spike
        for n_bytes in (0, 2, 4):
            _distribute(words, spare, n_spikes, n_bytes)
            if _insert(words, n_spikes):
                break
        in_order = False
        while not in_order:
            in_order = True
            latest = times.dtype.type(0.0)
            for i in range(n_spikes):
                entry = np.int64(words[i] & ENTRY)
                t = times[start + entry]
                in_order &= latest <= t
                latest = t
                order[p, i] = entry
                sorted_times[p, i] = t
                if per_afferent == 1:
                    sorted_afferents[p, i] = entry
                elif per_afferent > 0:
                    sorted_afferents[p, i] = entry // per_afferent
                else:
                    sorted_afferents[p, i] = afferents[start + entry]
            if not in_order:
                _settle(words, spare, n_spikes, times, start)
        for i in range(n_spikes, sorted_times.shape[1]):
            sorted_times[p, i] = latest
            sorted_afferents[p, i] = nobody
        for i in range(n_silent):
            order[p, n_spikes + i] = silent[i]
        for i in range(n_spikes + n_silent, order.shape[1]):
            order[p, i] = i
