r"""Maxima of the potential near a threshold, and the thresholds that they would just touch.

With the terms of the gradient (docs/multispike.md) a maximum of the potential, V, grows apart from
the threshold by :math:`D = d(\vartheta - V)/d\vartheta`, so that it would touch about

.. math:: \vartheta + (V - \vartheta)/D .

Maxima below the threshold tell where, further down, there is another spike; what a spike would have
risen to without its reset tells where, further up, it is lost.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiling.compiled import compiled
from .course import (
    BLOCK,
    BLOCK_DECAY,
    GAP,
    V,
    after_input,
    at_end,
    left_of_resets,
    slope_beyond,
)
from .resets import crossing_after, top_after

__all__ = [
    "ABOVE",
    "AWAY",
    "BEFORE",
    "BELOW",
    "DETAILS",
    "INTERVAL",
    "PROPOSED",
    "follow",
    "maximum_after",
]

BELOW, ABOVE = 0, 1  # kinds of maxima: those below the threshold, and those above
# distance from the threshold, threshold proposed, spikes before, place in the course
AWAY, PROPOSED, BEFORE, INTERVAL = range(4)
DETAILS = 4

_STEEPEST = 1e-12  # a slope of less than this part of kappa counts as this


@compiled
def follow(
    course, threshold, low, high, reach, kind, most, constants, tau, seen,
    spikes,
):  # fmt: skip
    """See the maxima of a kind that come closest to a threshold, up to ``most`` output spikes.

    Parameters
    ----------
    low, high, reach
        Proposals between the two are kept, of maxima no more than ``reach`` away; above a spike,
        the first one beyond as well.
    seen : array, shape (M, DETAILS)
        Filled with the closest maxima, the closest first.
    spikes : array, shape (2, most)
        Filled with the interval of each output spike and the time since it began.

    Returns
    -------
    int
        How many maxima were seen.
    """
    pattern, states, tops, lane, n = course
    floor, left = _STEEPEST * constants[2], left_of_resets(tau, constants)
    # sums of resets and of the gain D - 1 over all spikes, and the same but for the last one
    resets, gain, other_resets, other_gain = 0.0, 0.0, 0.0, 0.0
    found, known, highest = 0, 0, np.inf
    least = threshold - reach if kind == BELOW else threshold
    i = -1
    while i + 1 < n:
        i += 1
        if i % BLOCK == 0:  # many are passed over as a whole
            bound, decay = tops[i // BLOCK, lane], pattern[BLOCK_DECAY, i // BLOCK]
            if bound - decay * resets <= least and bound - decay * other_resets <= highest:
                resets, gain = decay * resets, decay * gain
                other_resets, other_gain = decay * other_resets, decay * other_gain
                i += BLOCK - 1
                continue
        decay = pattern[left, i]
        before, gain_before, other_before, other_gain_before = (
            resets, gain, other_resets, other_gain,
        )  # fmt: skip
        resets, gain = decay * resets, decay * gain
        other_resets, other_gain = decay * other_resets, decay * other_gain
        gap = pattern[GAP, i]
        v, d = after_input(course, i, constants)
        bound = max(v + max(d, 0.0) * gap, states[i + 1, V, lane])
        if not gap > 0.0 or (bound - resets <= least and bound - other_resets <= highest):
            continue
        v_end, d_end = at_end(course, i, constants)
        d_beyond = slope_beyond(course, i, constants)
        if bound - other_resets > highest:
            u, value = maximum_after(
                v - other_before, d + other_before / tau, gap, v_end - other_resets,
                d_end + other_resets / tau, d_beyond + other_resets / tau, constants,
            )  # fmt: skip
            if value > highest:
                highest = value if value < threshold + reach else np.inf
                other = other_gain_before * math.exp(-u / tau)
                known = _keep(seen, known, value, other, found - 1, i, threshold, low, high)
        within, now = gain_before, 0.0
        v, d = v - before, d + before / tau
        v_end, d_end = v_end - resets, d_end + resets / tau
        while True:
            reached, d = crossing_after(v, d, gap, v_end, d_end, threshold, constants)
            if reached < 0.0:
                break
            d = max(d, floor)
            now, gap = now + reached, max(gap - reached, 0.0)
            within *= math.exp(-reached / tau)
            decay = math.exp(-gap / tau)
            if kind == ABOVE:
                u, value = maximum_after(
                    threshold, d, gap, v_end, d_end, d_beyond + resets / tau, constants
                )
                if value > threshold:
                    other = within * math.exp(-u / tau)
                    known = _keep(seen, known, value, other, found, i, threshold, low, high)
                highest = max(value, threshold) if value < threshold + reach else np.inf
                other_resets, other_gain = resets, within * decay
            spikes[0, found], spikes[1, found] = i, now
            within = (1.0 + within) * (1.0 + threshold / (tau * d))
            gain = within * decay
            found += 1
            if found == most:
                return known
            v, d = 0.0, d + threshold / tau
            reset = threshold * decay
            resets += reset
            v_end, d_end = v_end - reset, d_end + reset / tau
        if kind == BELOW and max(v + max(d, 0.0) * gap, v_end) > least:
            u, value = maximum_after(v, d, gap, v_end, d_end, d_beyond + resets / tau, constants)
            if value > least:
                other = within * math.exp(-u / tau)
                known = _keep(seen, known, value, other, found, i, threshold, low, high)
                if known == seen.shape[0]:
                    least = max(least, threshold - seen[-1, AWAY])
    return known


@compiled
def maximum_after(v, d, gap, v_end, d_end, d_after, constants):
    """Time and value of the maximum after a state, the end included; -inf if there is none."""
    if d > 0.0 and d_end <= 0.0:
        return top_after(v, d, gap, v_end, d_end, constants)
    if d_end > 0.0 and d_after <= 0.0:
        return gap, v_end
    return 0.0, -np.inf


@compiled
def _keep(seen, known, value, gain, before, interval, threshold, low, high):
    """Keep a maximum in its place, if it is one of the closest; return how many there are."""
    proposed = threshold + (value - threshold) / (1.0 + gain)
    away, at, last = abs(value - threshold), known, seen.shape[0] - 1
    if not low < proposed < high or (at > last and away >= seen[last, AWAY]):
        return known
    at = min(at, last)
    while at > 0 and seen[at - 1, AWAY] > away:
        seen[at] = seen[at - 1]
        at -= 1
    seen[at, AWAY], seen[at, PROPOSED] = away, proposed
    seen[at, BEFORE], seen[at, INTERVAL] = before, interval
    return min(known + 1, last + 1)
