r"""The course of one neuron's potential, kept so that it can be followed at any threshold.

One scan goes through the potentials without resets of a few neurons, in lanes.  Resets only lower
the potential.  So only intervals in which the potential without resets exceeds a threshold can hold
an output spike, and blocks of intervals whose bound does not are passed over as a whole.  To follow
a course at another threshold takes no scan, and no exponential in an interval that stays below.

A course is a tuple: the pattern, the states and the bounds of blocks of several neurons, the lane
of one of them, and the number of its intervals.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import fma, load, maximum, splat, store
from ..membrane.steps import CHUNK, fill_decays, gaps
from .resets import crossing_after

__all__ = [
    "BLOCK",
    "BLOCK_DECAY",
    "FAST",
    "GAP",
    "PSP",
    "SLOW",
    "TIME",
    "V",
    "after_input",
    "at_end",
    "count_spikes",
    "course_space",
    "fill_pattern",
    "left_of_resets",
    "pattern_space",
    "slope_beyond",
    "trace",
]

# Of each interval between input spikes: when it starts, how long it is, what it leaves of the
# potential and of the synaptic sum, and the potential that it makes of the latter.
TIME, GAP, SLOW, FAST, PSP = range(5)
BLOCK_DECAY = 5  # of each block of intervals: what is left of a reset after them
_ROWS = 6
BLOCK = 8

V, S = 0, 1  # parts of a state after the input that begins an interval

_NOTHING = 1e-280  # less is left out before it is a subnormal number, which is slow


@compiled
def pattern_space(n_spikes):
    """Room for what `fill_pattern` tells of a pattern of so many spikes."""
    return np.zeros((_ROWS, (n_spikes // CHUNK + 2) * CHUNK))


@compiled
def course_space(n_spikes, lanes):
    """Room for the states that `trace` goes through, and for bounds of their blocks."""
    n_lanes = len(lanes)
    return np.empty((n_spikes + 1, 2, n_lanes)), np.empty((n_spikes // BLOCK + 1, n_lanes))


@compiled
def left_of_resets(tau, constants):
    """Row of what an interval leaves of a reset."""
    return SLOW if tau == constants[0] else FAST


@compiled
def fill_pattern(times, count, duration, constants, pattern):
    """Intervals of a pattern and their decays, which all outputs share."""
    pattern[TIME, 0] = times[0] if count else 0.0
    for start in range(0, count, CHUNK):
        n, stop = min(CHUNK, count - start), start + CHUNK
        gap = pattern[GAP, start:stop]
        gaps(times, start, n, count, duration, gap, pattern[TIME, start + 1 : stop + 1])
        fill_decays(
            gap, n, constants, pattern[SLOW, start:stop], pattern[FAST, start:stop],
            pattern[PSP, start:stop],
        )  # fmt: skip


@compiled
def trace(afferents, count, rows, o, lanes, constants, tau, pattern, states, tops, bounds, sizes):
    """Follow the potentials without resets of as many outputs from ``o`` on as there are lanes.

    Parameters
    ----------
    states, tops
        Filled with the states after the inputs, and with bounds of blocks of intervals.
    bounds, sizes
        Filled with bounds of the potentials, NaN where they do not stay finite, and with the sums
        of the sizes of all weights.
    """
    kappa, rate, left = constants[2], 1.0 / constants[0], left_of_resets(tau, constants)
    v, s = splat(0.0, lanes), splat(0.0, lanes)
    highest, total = splat(0.0, lanes), splat(0.0, lanes)
    for start in range(0, count, BLOCK):
        top, decay = splat(0.0, lanes), 1.0
        for i in range(start, min(start + BLOCK, count)):
            weight = load(rows[afferents[i]], o, lanes)
            total = total + maximum(weight, 0.0 - weight)
            s = s + weight
            store(states[i, V], 0, v)
            store(states[i, S], 0, s)
            d = fma(kappa, s, v * -rate)
            tangent = fma(pattern[GAP, i], maximum(d, 0.0), v)
            v = fma(pattern[SLOW, i], v, pattern[PSP, i] * s)
            s = pattern[FAST, i] * s
            top = maximum(maximum(tangent, v), top)
            decay *= pattern[left, i]
        pattern[BLOCK_DECAY, start // BLOCK] = decay
        store(tops[start // BLOCK], 0, top)
        highest = maximum(top, highest)
    store(states[count, V], 0, v)
    store(bounds, 0, highest)
    store(sizes, 0, total)
    for lane in range(len(lanes)):
        if not np.isfinite(states[count, V, lane]):
            bounds[lane] = np.nan


@compiled
def after_input(course, i, constants):
    """Potential without resets and its slope when an interval starts."""
    _, states, _, lane, _ = course
    v, s = states[i, V, lane], states[i, S, lane]
    return v, constants[2] * s - v * (1.0 / constants[0])


@compiled
def at_end(course, i, constants):
    """Potential without resets and its slope when an interval ends, before the input there."""
    pattern, states, _, lane, _ = course
    v, s = states[i + 1, V, lane], states[i, S, lane] * pattern[FAST, i]
    return v, constants[2] * s - v * (1.0 / constants[0])


@compiled
def slope_beyond(course, i, constants):
    """Slope without resets after all inputs at the end of an interval.

    The end of the pattern turns the potential, as it were.
    """
    pattern, n = course[0], course[4]
    i += 1
    while i < n and not pattern[GAP, i] > 0.0:
        i += 1
    return after_input(course, i, constants)[1] if i < n else -np.inf


@compiled
def count_spikes(course, threshold, most, constants, tau, spike_times, slopes):
    """Count output spikes, up to ``most``; keep times and slopes of those there is room for."""
    pattern, states, tops, lane, n = course
    left = left_of_resets(tau, constants)
    resets, found, i = 0.0, 0, -1
    while i + 1 < n:
        i += 1
        before = resets
        if i % BLOCK == 0:  # most are passed over as a whole
            resets = before * pattern[BLOCK_DECAY, i // BLOCK]
            if tops[i // BLOCK, lane] - resets <= threshold:
                i += BLOCK - 1
                if resets < _NOTHING:
                    resets = 0.0
                continue
        resets = before * pattern[left, i]
        gap = pattern[GAP, i]
        v, d = after_input(course, i, constants)
        v_end = states[i + 1, V, lane]
        if not gap > 0.0 or max(v + max(d, 0.0) * gap, v_end) - resets <= threshold:
            continue
        v, d = v - before, d + before / tau
        d_end = at_end(course, i, constants)[1] + resets / tau
        v_end -= resets
        while True:
            reached, d = crossing_after(v, d, gap, v_end, d_end, threshold, constants)
            if reached < 0.0:
                break
            gap = max(gap - reached, 0.0)
            if found < spike_times.shape[0]:
                spike_times[found], slopes[found] = pattern[TIME, i + 1] - gap, d
            found += 1
            if found == most:
                return found
            v, d = 0.0, d + threshold / tau
            reset = threshold * math.exp(-gap / tau)
            resets += reset
            v_end, d_end = v_end - reset, d_end + reset / tau
    return found
