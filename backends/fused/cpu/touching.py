r"""The threshold that one maximum of the potential just touches, to the last digits.

The spikes before it and the threshold are improved together.  That takes a few exponentials for
each of these spikes, and none of the intervals in between.
"""

from __future__ import annotations

import math

from .compiled import compiled
from .course import D_AFTER, D_END, D_START, END, GAP, START, V_END, V_START
from .grazes import maximum_after
from .steps import free_state

__all__ = ["touched"]

_STEPS = 12
_STEEPEST = 1e-12  # a slope of less than this part of kappa counts as this


@compiled
def touched(
    course, n, threshold, before, interval, spikes, low, high, tolerance, constants, tau, room
):
    """Find the threshold between two that a maximum in an interval touches.

    Parameters
    ----------
    threshold, spikes
        Where to begin, and the spikes at a threshold nearby, of which ``before`` many count.
    tolerance
        A step of less is the last.
    room : array, shape (2, S)
        For spikes, as many as there may be.

    Returns
    -------
    threshold, t
        t is -1 where there is none, or it was not found.
    """
    tau_slow, tau_fast, kappa, _, _, _ = constants
    rate, product = 1.0 / tau_slow + 1.0 / tau_fast, 1.0 / (tau_slow * tau_fast)
    floor = _STEEPEST * kappa
    for j in range(before):
        room[0, j], room[1, j] = spikes[0, j], spikes[1, j]
    for _ in range(_STEPS):
        resets, gain, latest = 0.0, 0.0, 0.0
        i, v, d, u = 0, 0.0, 0.0, 0.0
        for j in range(before):
            i, u = int(room[0, j]), room[1, j]
            if j > 0:
                decay = math.exp((latest - course[START, i] - u) / tau)
                resets, gain = decay * resets, decay * gain
            v, d = free_state(course[V_START, i], course[D_START, i], u, constants)
            v, d = v - resets, d + resets / tau
            if not d > 0.0:
                return threshold, -1.0
            # as in `rising_root`
            curvature = -rate * d - product * v
            step = (
                2.0
                * (threshold - v)
                / (d + math.sqrt(max(d * d + 2.0 * (threshold - v) * curvature, 0.0)))
            )
            u += step
            while u < 0.0 and i > 0 and course[END, i - 1] == course[START, i]:
                i -= 1
                u += course[GAP, i]
            while u > course[GAP, i] and i + 1 < n and course[START, i + 1] == course[END, i]:
                u -= course[GAP, i]
                i += 1
            if not 0.0 <= u <= course[GAP, i]:
                return threshold, -1.0
            resets = (resets * math.exp(-step / tau)) + threshold
            d = max(d + step * curvature, floor)
            gain = (1.0 + gain) * (1.0 + threshold / (tau * d))
            room[0, j], room[1, j] = i, u
            latest = course[START, i] + u
        passed = 0.0
        if before and i == interval:
            passed = u
            v, d = free_state(course[V_START, i], course[D_START, i], u, constants)
        else:
            i = interval
            if before:
                if latest > course[START, i]:
                    return threshold, -1.0
                decay = math.exp((latest - course[START, i]) / tau)
                resets, gain = decay * resets, decay * gain
            v, d = course[V_START, i], course[D_START, i]
        v, d = v - resets, d + resets / tau
        gap = course[GAP, i] - passed
        left = resets * math.exp(-gap / tau)
        d_after = course[D_AFTER, i] + left / tau
        u, value = maximum_after(
            v, d, gap, course[V_END, i] - left, course[D_END, i] + left / tau, d_after, constants
        )
        if u == 0.0:  # it has moved on, or back
            if d > 0.0 and d_after > 0.0 and i + 1 < n and course[START, i + 1] == course[END, i]:
                interval = i + 1
                continue
            if passed == 0.0 and i > 0 and course[END, i - 1] == course[START, i]:
                interval = i - 1
                continue
            return threshold, -1.0
        step = (value - threshold) / (1.0 + gain * math.exp(-u / tau))
        threshold += step
        if not low < threshold < high:
            return threshold, -1.0
        if abs(step) <= tolerance:
            return threshold, course[END, i] if u == gap else course[START, i] + passed + u
    return threshold, -1.0
