"""Spikes put into buckets by their times, so many and so small that insertion ends the sort.

A spike is a word, its time as a part of the duration in 31 bits above the number of its entry in
the pattern: one array is moved, and no two words are equal, so that any sort of them is stable.
The words go into about as many buckets as there are of them, by their highest bits: where spikes
are spread evenly, most are alone in theirs.  A bucket of many is divided again, from its first word
to its last one.  What 31 bits cannot tell apart, and is not in order, is divided by the times.

Numbers of entries and places are unsigned: a signed one could count from an array's end, which
would be asked at every access.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled

__all__ = ["COUNTERS", "ENTRY", "FEW", "PARTS", "settle", "sort_words", "words_of"]

WIDTH, UPPER, ENTRY = np.uint64(63), np.uint64(32), np.uint64(0xFFFFFFFF)
ZERO, ONE = np.uint64(0), np.uint64(1)

PARTS = 2**31 - 2**12
"""Parts of the duration: with a rounding error in float32 still no more than 31 bits hold."""

MOST_BITS = 13
"""Buckets told apart at once: counters of so many stay in the caches near the processor."""

COUNTERS = 2**MOST_BITS

FEW = 12
"""So many spikes of a bucket are sorted by insertion as quickly as by anything."""

START, UNFORESEEN = np.uint64(64), np.uint64(4)
"""Words that are moved before anything is concluded; moves in the time a processor takes to begin
anew, where it went on as if there were none."""


@compiled
def words_of(row, duration, scale, n_spikes, parts, words, silent):
    """Write a word for each spike of a row, and the numbers of all other entries."""
    zero, nothing = row.dtype.type(0.0), np.int32(-1)
    n_entries = np.uint64(len(row))
    # first what a processor does for several entries at once
    for i in range(n_entries):
        t = row[i]
        parts[i] = np.int32(t * scale) if (t >= zero) & (t <= duration) else nothing
    spikes_first = True
    for i in range(n_spikes):
        spikes_first &= parts[i] >= 0
    if spikes_first:
        for i in range(n_spikes):
            words[i] = (np.uint64(parts[i]) << UPPER) | i
        for i in range(n_spikes, n_entries):
            silent[i - n_spikes] = i
        return
    n = ZERO
    for i in range(n_entries):
        # written without asking, which is faster than a branch that no one can predict
        words[n] = (np.uint64(parts[i]) << UPPER) | i
        silent[i - n] = i
        n += np.uint64(parts[i] >= 0)


@compiled
def _bits_for(n):
    """Of the number of buckets for n spikes: as many, to the next power of two."""
    n_bits = ONE
    while n > ONE << n_bits and n_bits < np.uint64(MOST_BITS):
        n_bits += ONE
    return n_bits


@compiled
def _begin(counters, n_buckets, first):
    """Turn the spikes of each bucket into where it begins, and return the largest number."""
    largest = np.uint32(0)
    for b in range(n_buckets):  # on its own, so that a processor looks at several at once
        largest = max(largest, counters[b])
    total = np.uint32(first)
    for b in range(n_buckets):
        n_here = counters[b]
        counters[b] = total
        total += n_here
    return largest


@compiled
def _stack(counters, n_buckets, first, ranges, height):
    """Put buckets of many, which end where the counters say, on a stack; return its height."""
    begin = np.uint32(first)
    for b in range(n_buckets):
        end = counters[b]
        if end - begin > np.uint32(FEW):
            ranges[height, 0], ranges[height, 1] = begin, end
            height += ONE
        begin = end
    return height


@compiled
def _level(word, row, by_time):
    """Return an integer that ascends with the time, or with that of the word.

    The bits of a float: they tell neighbours in a volley apart, and magnitudes near zero.
    """
    if by_time:
        return np.float64(row[word & ENTRY] + 0.0).view(np.int64)  # -0.0 is 0.0
    return np.float64((word >> UPPER) + ONE).view(np.int64)  # no zero, far from all others


@compiled
def _divide(words, spare, counters, ranges, height, row, by_time):
    """Divide the ranges on a stack until all buckets have few words, or one time."""
    while height > ZERO:
        height -= ONE
        first, last = np.uint64(ranges[height, 0]), np.uint64(ranges[height, 1])
        low = high = _level(words[first], row, by_time)
        for i in range(first, last):
            spare[i] = words[i]
            level = _level(words[i], row, by_time)
            low, high = min(low, level), max(high, level)
        if low == high:
            continue
        n_buckets = ONE << _bits_for(last - first)
        scale = np.float64(n_buckets - ONE) / np.float64(high - low)
        counters[:n_buckets] = 0
        for i in range(first, last):
            above = np.float64(_level(spare[i], row, by_time) - low)
            counters[np.uint64(above * scale)] += np.uint32(1)
        largest = _begin(counters, n_buckets, first)
        for i in range(first, last):
            above = np.float64(_level(spare[i], row, by_time) - low)
            b = np.uint64(above * scale)
            to = counters[b]
            words[to] = spare[i]
            counters[b] = to + np.uint32(1)
        if largest > np.uint32(FEW):
            height = _stack(counters, n_buckets, first, ranges, height)


@compiled
def _insert(words, n, patience):
    """Sort in place what is nearly sorted, and say whether it is done.

    It is given up where putting a word right takes more than ``patience`` on the average.
    """
    before, highest, spent = ZERO, words[ZERO], ZERO
    for i in range(ONE, n):
        # The first move without asking, from a register: most that move at all move by one place.
        word = words[i]
        highest, word = max(highest, word), min(highest, word)
        k = i - ONE
        if word >= before:
            before = word
        else:
            while k > ZERO and words[k - ONE] > word:
                words[k] = words[k - ONE]
                k -= ONE
            spent += i + UNFORESEEN - k
            if spent > patience * (i + START):
                words[k], words[i] = word, highest
                return False
        words[k] = word
    words[n - ONE] = highest
    return True


@compiled
def sort_words(words, n, spare, counters, ranges, row):
    """Sort within two arrays; return the one that has them all, and the other."""
    if n == ZERO or _insert(words, n, ONE):  # as after a jitter
        return words, spare
    n_bits = _bits_for(n)
    n_buckets, shift = ONE << n_bits, WIDTH - n_bits
    counters[:n_buckets] = 0
    for i in range(n):
        counters[words[i] >> shift] += np.uint32(1)
    largest = _begin(counters, n_buckets, ZERO)
    for i in range(n):
        word = words[i]
        to = counters[word >> shift]
        spare[to] = word
        counters[word >> shift] = to + np.uint32(1)
    if largest > np.uint32(FEW):
        height = _stack(counters, n_buckets, ZERO, ranges, ZERO)
        _divide(spare, words, counters, ranges, height, row, False)
    _insert(spare, n, n)
    return spare, words


@compiled
def settle(words, n, spare, counters, ranges, row):
    """Divide words of many equal times by the times of the row themselves."""
    height, first = ZERO, ZERO
    for i in range(ONE, n + ONE):
        if i == n or words[i] >> UPPER != words[first] >> UPPER:
            if i - first > np.uint64(FEW):
                ranges[height, 0], ranges[height, 1] = first, i
                height += ONE
            first = i
    _divide(words, spare, counters, ranges, height, row, True)
