"""Rows of events copied one by one: of each row its spikes, and padding behind them."""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled

__all__ = ["copy_kept", "copy_patterns"]


@compiled
def copy_patterns(
    times, afferents, counts, nobody, index, picked_times, picked_afferents, picked_counts
):  # fmt: skip
    """Fill the picked arrays, [n, K] and [n], and return whether all numbers are of patterns."""
    width = times.shape[1]
    for row in range(index.shape[0]):
        p = index[row]
        if not 0 <= p < times.shape[0]:
            return False
        count = counts[p]
        picked_counts[row] = count
        for i in range(count):
            picked_times[row, i] = times[p, i]
            picked_afferents[row, i] = afferents[p, i]
        # a silent pattern is padded with what its row holds
        latest = times[p, max(count - 1, 0)]
        for i in range(count, width):
            picked_times[row, i] = latest
            picked_afferents[row, i] = nobody
    return True


@compiled
def copy_kept(
    times, afferents, counts, order, new_times, new_afferents, new_counts, new_order, nobody, kept
):  # fmt: skip
    """Fill the new arrays with the spikes that are ``kept`` [B, K], and padding behind them.

    What is left out, and the padding there was, come last in the order.
    """
    n_patterns, width = times.shape
    left_out = np.empty(width, order.dtype)
    for p in range(n_patterns):
        n, n_out = 0, 0
        for i in range(counts[p]):
            # written in either case, since no branch could predict which
            new_times[p, n], new_afferents[p, n] = times[p, i], afferents[p, i]
            new_order[p, n] = left_out[n_out] = order[p, i]
            stays = np.int64(kept[p, i])
            n += stays
            n_out += 1 - stays
        for i in range(counts[p], width):
            left_out[n_out] = order[p, i]
            n_out += 1
        latest = new_times[p, n - 1] if n > 0 else times.dtype.type(0.0)
        for i in range(n, width):
            new_times[p, i], new_afferents[p, i] = latest, nobody
            new_order[p, i] = left_out[i - n]
        for i in range(width, order.shape[1]):
            new_order[p, i] = order[p, i]
        new_counts[p] = n
