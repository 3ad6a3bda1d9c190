"""The order of each pattern's spikes in time, by a radix sort.

Times that are not negative are ordered like the integers with the same bits, so a spike's key is
those bits, sorted by one byte at a time from the lowest.  A pass in which all keys have the same
byte is left out, which for times in whole steps is most of them.  Entries that are no spike are set
aside first and cost no sorting.
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled

__all__ = ["order_patterns"]

BITS = 8
N_DIGITS = 1 << BITS


@compiled
def order_patterns(times, bits, duration, first, last, order, counts):
    """Fill order [B, M] and counts [B] of some patterns; ``bits`` are the times as integers.

    The sort is stable: entries at the same time, and entries that are no spike, stay in order.
    """
    n_entries = times.shape[1]
    n_passes = 8 * times.itemsize // BITS
    # one place more, which is written to by the entry after the last and never read
    keys, new_keys = np.empty(n_entries + 1, bits.dtype), np.empty(n_entries + 1, bits.dtype)
    entry, new_entry = np.empty(n_entries + 1, order.dtype), np.empty(n_entries + 1, order.dtype)
    silent = np.empty(n_entries + 1, order.dtype)
    start = np.empty((n_passes, N_DIGITS), np.int64)
    for p in range(first, last):
        n_spikes, n_silent = 0, 0
        for i in range(n_entries):
            t = times[p, i]
            is_spike = (t >= 0.0) & (t <= duration)
            # written without asking, which is faster than a branch that no one can predict
            keys[n_spikes] = bits[p, i] * (t > 0.0)  # the bits of -0.0 are not those of 0.0
            entry[n_spikes] = i
            silent[n_silent] = i
            n_spikes += is_spike
            n_silent += 1 - is_spike
        start[:] = 0
        for i in range(n_spikes):
            for d in range(n_passes):
                start[d, (keys[i] >> (BITS * d)) & (N_DIGITS - 1)] += 1
        for d in range(n_passes):
            if n_spikes == 0 or start[d, (keys[0] >> (BITS * d)) & (N_DIGITS - 1)] == n_spikes:
                continue
            total = 0
            for digit in range(N_DIGITS):
                n_here = start[d, digit]
                start[d, digit] = total
                total += n_here
            for i in range(n_spikes):
                digit = (keys[i] >> (BITS * d)) & (N_DIGITS - 1)
                to = start[d, digit]
                start[d, digit] = to + 1
                new_keys[to], new_entry[to] = keys[i], entry[i]
            keys, new_keys = new_keys, keys
            entry, new_entry = new_entry, entry
        order[p, :n_spikes] = entry[:n_spikes]
        order[p, n_spikes:] = silent[:n_silent]
        counts[p] = n_spikes
