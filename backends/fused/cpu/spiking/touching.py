r"""The threshold that one maximum of the potential just touches, to the last digits.

The spikes before it and the threshold are improved together.  That takes a few exponentials for
each of these spikes, and none of the intervals in between.
"""

from __future__ import annotations

import math

from ..compiling.compiled import compiled
from ..membrane.steps import free_state
from .course import GAP, TIME, after_input, at_end, slope_beyond
from .grazes import maximum_after

__all__ = ["touched"]

_STEPS = 12
_STEEPEST = 1e-12  # a slope of less than this part of kappa counts as this


@compiled
def touched(
    course, threshold, before, interval, spikes, low, high, tolerance, constants,
    tau, room,
):  # fmt: skip
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
    pattern, n = course[0], course[4]
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
                decay = math.exp((latest - pattern[TIME, i] - u) / tau)
                resets, gain = decay * resets, decay * gain
            v, d = after_input(course, i, constants)
            v, d = free_state(v, d, u, constants)
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
            while u < 0.0 and i > 0:
                i -= 1
                u += pattern[GAP, i]
            while u > pattern[GAP, i] and i + 1 < n:
                u -= pattern[GAP, i]
                i += 1
            if not 0.0 <= u <= pattern[GAP, i]:
                return threshold, -1.0
            resets = (resets * math.exp(-step / tau)) + threshold
            d = max(d + step * curvature, floor)
            gain = (1.0 + gain) * (1.0 + threshold / (tau * d))
            room[0, j], room[1, j] = i, u
            latest = pattern[TIME, i] + u
        passed = 0.0
        if before and i == interval:
            passed = u
            v, d = after_input(course, i, constants)
            v, d = free_state(v, d, u, constants)
        else:
            i = interval
            if before:
                if latest > pattern[TIME, i]:
                    return threshold, -1.0
                decay = math.exp((latest - pattern[TIME, i]) / tau)
                resets, gain = decay * resets, decay * gain
            v, d = after_input(course, i, constants)
        v, d = v - resets, d + resets / tau
        gap = pattern[GAP, i] - passed
        left = resets * math.exp(-gap / tau)
        v_end, d_end = at_end(course, i, constants)
        d_beyond = slope_beyond(course, i, constants) + left / tau
        u, value = maximum_after(v, d, gap, v_end - left, d_end + left / tau, d_beyond, constants)
        if u == 0.0:  # it has moved on, or back
            step = 1 if d > 0.0 and d_beyond > 0.0 else -1
            i += step
            while 0 <= i < n and not pattern[GAP, i] > 0.0:
                i += step
            if 0 <= i < n and (step > 0 or passed == 0.0):
                interval = i
                continue
            return threshold, -1.0
        step = (value - threshold) / (1.0 + gain * math.exp(-u / tau))
        threshold += step
        if not low < threshold < high:
            return threshold, -1.0
        if abs(step) <= tolerance:
            return threshold, pattern[TIME, i + 1] if u == gap else pattern[TIME, i] + passed + u
    return threshold, -1.0
