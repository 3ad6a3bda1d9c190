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

from .compiled import compiled
from .course import D_AFTER, D_END, D_START, END, GAP, LEFT, START, V_END, V_START
from .resets import crossing_after, top_after
from .steps import free_state

__all__ = ["ABOVE", "AWAY", "BEFORE", "BELOW", "PROPOSED", "TIME", "follow"]

BELOW, ABOVE = 0, 1  # rows of what is seen: maxima below the threshold, and those above
AWAY, PROPOSED, TIME, BEFORE = range(4)  # distance, threshold, time, spikes before

_STEEPEST = 1e-12  # a slope of less than this part of kappa counts as this


@compiled
def follow(course, n, threshold, low, high, reach, most, constants, tau, seen):
    """Count output spikes, up to ``most``, and see the maxima that come closest to the threshold.

    Of each kind, in ``seen`` [2, 4], the closest whose proposal lies between ``low`` and ``high``;
    at an infinite distance if there is none.  What stays more than ``reach`` below the threshold is
    left out.
    """
    floor = _STEEPEST * constants[2]
    # sums of resets and of the gain D - 1 over all spikes, and the same but for the last one
    resets, gain, other_resets, other_gain = 0.0, 0.0, 0.0, 0.0
    at, found, highest = 0.0, 0, np.inf
    seen[:, AWAY] = np.inf
    for i in range(n):
        v, d, gap = course[i, V_START], course[i, D_START], course[i, GAP]
        bound = max(v + max(d, 0.0) * gap, course[i, V_END])
        if bound <= threshold - min(reach, seen[BELOW, AWAY]):
            continue
        now, end, left = course[i, START], course[i, END], course[i, LEFT]
        if found and now > at:
            decay = math.exp((at - now) / tau)
            resets, gain = resets * decay, gain * decay
            other_resets, other_gain = other_resets * decay, other_gain * decay
        at = end
        v, d = v - resets, d + resets / tau
        resets *= left
        reset, other_resets = other_resets, other_resets * left
        if (
            bound - resets <= threshold - min(reach, seen[BELOW, AWAY])
            and bound - other_resets <= highest
        ):
            gain, other_gain = gain * left, other_gain * left
            continue
        v_end, d_end = course[i, V_END] - resets, course[i, D_END] + resets / tau
        if bound - other_resets > highest:
            u, value = _maximum(
                course[i, V_START] - reset, course[i, D_START] + reset / tau, gap,
                course[i, V_END] - other_resets, course[i, D_END] + other_resets / tau,
                course[i, D_AFTER] + other_resets / tau, constants,
            )  # fmt: skip
            if value > highest:
                highest = value
                time = end if u == gap else now + u
                _see(seen, value, time, u, other_gain, found - 1, threshold, low, high, tau)
        other_gain *= left
        while True:
            reached = crossing_after(v, d, gap, v_end, d_end, threshold, constants)
            if reached < 0.0:
                break
            d = max(free_state(v, d, reached, constants)[1], floor)
            now, gap = now + reached, max(gap - reached, 0.0)
            gain *= math.exp(-reached / tau)
            u, value = _maximum(
                threshold, d, gap, v_end, d_end, course[i, D_AFTER] + resets / tau, constants
            )
            time = end if u == gap else now + u  # that of a cusp is the input's, to the last bit
            _see(seen, value, time, u, gain, found, threshold, low, high, tau)
            highest = max(value, threshold)
            decay = math.exp(-gap / tau)
            other_resets, other_gain = resets, gain * decay
            gain = (1.0 + gain) * (1.0 + threshold / (tau * d))
            found += 1
            if found == most:
                return found
            v, d = 0.0, d + threshold / tau
            resets += threshold * decay
            v_end, d_end = v_end - threshold * decay, d_end + threshold * decay / tau
            left = decay
        if max(v + max(d, 0.0) * gap, v_end) > threshold - seen[BELOW, AWAY]:
            u, value = _maximum(
                v, d, gap, v_end, d_end, course[i, D_AFTER] + resets / tau, constants
            )
            time = end if u == gap else now + u
            _see(seen, value, time, u, gain, found, threshold, low, high, tau)
        gain *= left
    return found


@compiled
def _maximum(v, d, gap, v_end, d_end, d_after, constants):
    """Time and value of the maximum after a state, the end included; -inf if there is none."""
    if d > 0.0 and d_end <= 0.0:
        return top_after(v, d, gap, v_end, d_end, constants)
    if d_end > 0.0 and d_after <= 0.0:
        return gap, v_end
    return 0.0, -np.inf


@compiled
def _see(seen, value, time, u, gain, before, threshold, low, high, tau):
    """Keep a maximum at ``time``, a time u after the gain was taken, if it is the closest."""
    kind = ABOVE if value > threshold else BELOW
    away = abs(value - threshold)
    if away < seen[kind, AWAY]:
        proposed = threshold + (value - threshold) / (1.0 + gain * math.exp(-u / tau))
        if low < proposed < high:
            seen[kind, AWAY], seen[kind, PROPOSED] = away, proposed
            seen[kind, TIME], seen[kind, BEFORE] = time, before
