r"""The course of one neuron's potential, kept so that it can be followed at any threshold.

Resets only lower the potential.  So only intervals in which the potential without resets exceeds a
threshold can hold an output spike, and those above a level are kept.  To follow the course at
another threshold takes no scan, and no exponential in an interval that stays below.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import compiled
from .resets import crossing_after
from .steps import CHUNK, fill_decays, free_state, gaps

__all__ = [
    "BLOCK",
    "BLOCK_BOUND",
    "BLOCK_DECAY",
    "BOUND",
    "COLUMNS",
    "D_AFTER",
    "D_END",
    "D_START",
    "END",
    "GAP",
    "START",
    "TO_END",
    "TO_START",
    "V_END",
    "V_START",
    "count_spikes",
    "fill_pattern",
    "pattern_space",
    "trace",
]

# Of each interval that is kept: a bound of its potential, what is left of a reset at its start and
# at its end of one at the end of the interval kept before, when it starts, how long it is and when
# it ends, the state after its input and at its end, and the slope after the input there.
BOUND, TO_START, TO_END, START, GAP, END, V_START, D_START, V_END, D_END, D_AFTER = range(11)
# Of each block of intervals: a bound of their potential, and what is left of a reset after them.
BLOCK_BOUND, BLOCK_DECAY = 11, 12
COLUMNS = 13
BLOCK = 8

_NOTHING = 1e-280  # less is left out before it is a subnormal number, which is slow


@compiled
def pattern_space(n_spikes):
    """Room for what `fill_pattern` tells of a pattern of so many spikes."""
    size = (n_spikes // CHUNK + 1) * CHUNK
    return np.zeros(size), np.zeros(size), np.empty(size), np.empty(size), np.empty(size)


@compiled
def fill_pattern(times, count, duration, constants, space):
    """Intervals of a pattern, their ends and decays, which all outputs share."""
    gap, end, slow, fast, psp = space
    for start in range(0, count, CHUNK):
        n, stop = min(CHUNK, count - start), start + CHUNK
        gaps(times, start, n, count, duration, gap[start:stop], end[start:stop])
        fill_decays(
            gap[start:stop], n, constants, slow[start:stop], fast[start:stop], psp[start:stop]
        )


@compiled
def trace(times, afferents, count, rows, o, duration, constants, tau, space, level, course):
    """Fill the course of output ``o``, [COLUMNS, intervals], above a level.

    Returns the number of its intervals, a bound of the potential, NaN if it does not stay finite,
    and the sum of the sizes of all weights.
    """
    gap, end, slow, fast, psp = space
    tau_slow, _, kappa, _, _, _ = constants
    rate = 1.0 / tau_slow
    left = slow if tau == tau_slow else fast
    v, s, top, total, passed = 0.0, 0.0, 0.0, 0.0, 1.0
    n, at_end = 0, False  # whether an interval still waits for the slope after its end
    for i in range(count):
        weight = np.float64(rows[afferents[i], o])
        total += abs(weight)
        s += weight
        v_end, s_end = slow[i] * v + psp[i] * s, fast[i] * s
        if gap[i] > 0.0:  # a group of inputs at once has one state, the one after all
            d = kappa * s - v * rate
            bound = max(v + max(d, 0.0) * gap[i], v_end)
            top = max(top, bound)
            if at_end:
                course[D_AFTER, n - 1] = d
            at_end = bound > level
            if at_end:
                course[BOUND, n] = bound
                course[TO_START, n], course[TO_END, n] = passed, passed * left[i]
                course[START, n], course[GAP, n], course[END, n] = times[i], gap[i], end[i]
                course[V_START, n], course[D_START, n] = v, d
                course[V_END, n], course[D_END, n] = v_end, kappa * s_end - v_end * rate
                n, passed = n + 1, 1.0
            elif n:
                passed *= left[i]
                if passed < _NOTHING:
                    passed = 0.0
        v, s = v_end, s_end
    if at_end:
        course[D_AFTER, n - 1] = -np.inf  # the end of the pattern turns the potential, as it were
    for block in range((n + BLOCK - 1) // BLOCK):
        most, decay = 0.0, 1.0
        for i in range(block * BLOCK, min((block + 1) * BLOCK, n)):
            most, decay = max(most, course[BOUND, i]), decay * course[TO_END, i]
        course[BLOCK_BOUND, block], course[BLOCK_DECAY, block] = most, decay
    return n, top if np.isfinite(v) else np.nan, total


@compiled
def count_spikes(course, n, threshold, most, constants, tau, spike_times, slopes):
    """Count output spikes, up to ``most``; keep times and slopes of those there is room for."""
    resets, found, i = 0.0, 0, -1
    while i + 1 < n:
        i += 1
        before = resets
        if i % BLOCK == 0:  # most are passed over as a whole
            resets = before * course[BLOCK_DECAY, i // BLOCK]
            if course[BLOCK_BOUND, i // BLOCK] - resets <= threshold:
                i += BLOCK - 1
                continue
        resets = before * course[TO_END, i]
        if course[BOUND, i] - resets <= threshold:
            continue
        before *= course[TO_START, i]
        v, d, gap = course[V_START, i] - before, course[D_START, i] + before / tau, course[GAP, i]
        v_end, d_end = course[V_END, i] - resets, course[D_END, i] + resets / tau
        while True:
            reached = crossing_after(v, d, gap, v_end, d_end, threshold, constants)
            if reached < 0.0:
                break
            d = free_state(v, d, reached, constants)[1]
            gap = max(gap - reached, 0.0)
            if found < spike_times.shape[0]:
                spike_times[found], slopes[found] = course[END, i] - gap, d
            found += 1
            if found == most:
                return found
            v, d = 0.0, d + threshold / tau
            reset = threshold * math.exp(-gap / tau)
            resets += reset
            v_end, d_end = v_end - reset, d_end + reset / tau
    return found
