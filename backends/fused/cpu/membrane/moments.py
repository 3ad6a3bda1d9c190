"""Spikes of one time counted as one: what changes at a moment, and how long it is to the next.

Times that were written down in steps, such as the grey levels of an image, are shared by many
spikes.  From one of those to the next nothing happens but that a weight is added.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import fma, load, splat, store
from .steps import CHUNK

__all__ = ["fill_jumps", "fill_moments", "room_for_moments"]


@compiled
def room_for_moments():
    """Arrays for a chunk of spikes: moment, row, kept; gap, now."""
    return (
        np.empty(CHUNK, np.int64), np.empty(CHUNK, np.int64), np.empty(CHUNK), np.zeros(CHUNK),
        np.zeros(CHUNK + 1),
    )  # fmt: skip


@compiled
def fill_moments(times, afferents, first, n, count, duration, width, room):
    """Find the moments of n spikes of a pattern, at most CHUNK, and return how many there are.

    Filled are the number of each spike's moment, where its row of weights starts, and whether it
    shares the moment of the one before; and the time from each moment to the next, or to the end of
    the pattern, and its own.
    """
    moment, row, kept, gap, now = room
    begin, one = np.uint64(first), np.uint64(1)  # no index is negative, as the compiler can tell
    kept[0] = 0.0
    for i in range(one, np.uint64(n)):
        kept[i] = np.float64(times[begin + i] == times[begin + i - one])
    for i in range(np.uint64(n)):
        row[i] = np.int64(afferents[begin + i]) * width
    k = np.int64(-1)
    for i in range(np.uint64(n)):
        k += 1 - np.int64(kept[i])  # not a condition, which would be a branch no one can predict
        moment[i] = k
        now[np.uint64(k)] = times[begin + i]
    n_moments = k + 1
    now[n_moments] = times[first + n] if first + n < count else duration
    for i in range(n_moments):
        gap[i] = now[i + 1] - now[i]
    return n_moments


@compiled
def fill_jumps(flat, room, n, o, lanes, jump):
    """Sum the weights of each moment's spikes, of the outputs from ``o`` on."""
    moment, row, kept, _, _ = room
    n_lanes = len(lanes)
    total = splat(0.0, lanes)
    for i in range(np.uint64(n)):
        total = fma(kept[i], total, load(flat, row[i] + o, lanes))
        store(jump, moment[i] * n_lanes, total)
