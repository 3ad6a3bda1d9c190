r"""The course of one neuron's potential, kept so that it can be followed at any threshold.

Resets only lower the potential.  So only intervals in which the potential without resets exceeds a
threshold can hold an output spike, and those above a level are kept.  To follow the course at
another threshold takes no scan.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import compiled
from .resets import crossing_after
from .steps import CHUNK, fill_decays, free_state, gaps

__all__ = [
    "COLUMNS",
    "D_AFTER",
    "D_END",
    "D_START",
    "END",
    "GAP",
    "LEFT",
    "START",
    "V_END",
    "V_START",
    "count_spikes",
    "fill_pattern",
    "pattern_space",
    "trace",
]

# Columns of a course: when an interval starts and how long it is, the state after its input and at
# its end, the slope after the input there, what is left of a reset then, and when that is.
START, GAP, V_START, D_START, V_END, D_END, D_AFTER, LEFT, END = range(9)
COLUMNS = 9


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
    """Fill the course of output ``o`` above a level.

    Returns the number of its intervals, a bound of the potential, NaN if it does not stay finite,
    and the sum of the sizes of all weights.
    """
    gap, end, slow, fast, psp = space
    tau_slow, _, kappa, _, _, _ = constants
    left = slow if tau == tau_slow else fast
    v, s, top, total = 0.0, 0.0, 0.0, 0.0
    n, at_end = 0, False  # whether an interval still waits for the slope after its end
    for i in range(count):
        weight = np.float64(rows[afferents[i], o])
        total += abs(weight)
        s += weight
        d = kappa * s - v / tau_slow
        if at_end:
            course[n - 1, D_AFTER] = d
        v_end, s_end = slow[i] * v + psp[i] * s, fast[i] * s
        if gap[i] > 0.0:  # a group of inputs at once has one state, the one after all
            bound = max(v + max(d, 0.0) * gap[i], v_end)
            top = max(top, bound)
            at_end = bound > level
            if at_end:
                course[n, START], course[n, GAP] = times[i], gap[i]
                course[n, V_START], course[n, D_START] = v, d
                course[n, V_END], course[n, D_END] = v_end, kappa * s_end - v_end / tau_slow
                course[n, LEFT], course[n, END] = left[i], end[i]
                n += 1
        v, s = v_end, s_end
    if n > 0 and course[n - 1, END] >= duration:
        course[n - 1, D_AFTER] = -np.inf  # the end of the pattern turns the potential, as it were
    return n, top if np.isfinite(v) else np.nan, total


@compiled
def count_spikes(course, n, threshold, most, constants, tau, spike_times, slopes):
    """Count output spikes, up to ``most``; keep times and slopes of those there is room for."""
    resets, at, found = 0.0, 0.0, 0
    for i in range(n):
        v, d, gap = course[i, V_START], course[i, D_START], course[i, GAP]
        if max(v + max(d, 0.0) * gap, course[i, V_END]) <= threshold:
            continue
        if found:
            if course[i, START] > at:
                resets *= math.exp((at - course[i, START]) / tau)
            at = course[i, END]
            v, d = v - resets, d + resets / tau
            resets *= course[i, LEFT]
        at = course[i, END]
        v_end, d_end = course[i, V_END] - resets, course[i, D_END] + resets / tau
        while True:
            reached = crossing_after(v, d, gap, v_end, d_end, threshold, constants)
            if reached < 0.0:
                break
            d = free_state(v, d, reached, constants)[1]
            gap = max(gap - reached, 0.0)
            if found < spike_times.shape[0]:
                spike_times[found], slopes[found] = course[i, END] - gap, d
            found += 1
            if found == most:
                return found
            v, d = 0.0, d + threshold / tau
            reset = threshold * math.exp(-gap / tau)
            resets += reset
            v_end, d_end = v_end - reset, d_end + reset / tau
    return found
