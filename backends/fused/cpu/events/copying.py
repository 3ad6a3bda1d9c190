"""Rows of events copied one by one: of each row its spikes, and padding behind them."""

from __future__ import annotations

from ..compiling.compiled import compiled

__all__ = ["copy_patterns"]


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
