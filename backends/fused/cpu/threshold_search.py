"""The threshold at which a given number of output spikes is just lost.

Maxima near the threshold propose where, counts on both sides decide.
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled
from .course import COLUMNS, count_spikes, fill_pattern, pattern_space, trace
from .grazes import ABOVE, AWAY, BEFORE, BELOW, PROPOSED, TIME, follow

__all__ = ["find_thresholds"]

_KEPT = 0.85  # of the threshold to begin with: the level down to which its course is kept
_REACH = 0.03  # of a threshold: maxima further below propose nothing
_NEAR = 1e-5  # of a threshold: a step of this size is nearly the last
_GUIDED, _STEPS = 60, 200  # steps that proposals and counts guide, and those with bisection
_DOUBTFUL = 1e-11  # of the scale: whether there is anything to find asks for the peak
_MORE = 64  # output spikes beyond twice those asked for are not followed
# Counts decide so far apart, of the threshold or of the scale, and nothing closer than rounding.
_APART, _APART_OF_SCALE, _ROUNDING = 2e-12, 1e-13, 1e-15


@compiled
def find_thresholds(
    times, afferents, counts, rows, duration, constants, first, last, guess, tau, k, theta, t,
    n_before,
):  # fmt: skip
    """Fill critical thresholds, their times and the spikes before, arrays [B, O].

    ``k`` [B, O] is how many spikes are asked for; pairs of fewer than 2 are passed over.  A search
    begins at ``guess``.  Where a threshold is so small that only the peak can tell whether there is
    one, -1 - n_before stands for n_before.
    """
    space = pattern_space(times.shape[1])
    course, seen = np.empty((times.shape[1], COLUMNS)), np.empty((2, 4))
    for p in range(first, last):
        filled = False
        for o in range(k.shape[1]):
            if k[p, o] < 2:
                continue
            if not filled:
                fill_pattern(times[p], counts[p], duration, constants, space)
                filled = True
            low, high, begin, level = 0.0, np.inf, guess, _KEPT * guess
            while True:
                n, bound, scale = trace(
                    times[p], afferents[p], counts[p], rows, o, duration, constants, tau, space,
                    level, course,
                )  # fmt: skip
                if not bound > 0.0:  # NaN, or a potential that never rises
                    theta[p, o], t[p, o] = bound, bound
                    break
                if high == np.inf:
                    high = bound
                    begin = min(begin, _KEPT * bound) if begin >= bound else begin
                found, time, before, low, high = _search(
                    course, n, k[p, o], begin, low, high, level, scale, constants, tau, seen
                )
                if time >= 0.0:
                    doubtful = found <= _DOUBTFUL * scale
                    theta[p, o], t[p, o] = found, time
                    n_before[p, o] = -1 - before if doubtful else before
                    break
                # below what counts can tell apart, everything is kept
                begin, level = found, 0.5 * found if found > 1e3 * _APART_OF_SCALE * scale else 0.0


@compiled
def _search(course, n, k, theta, low, high, level, scale, constants, tau, seen):
    """Find the smallest threshold at which fewer than k spikes are counted.

    Parameters
    ----------
    course, n, level
        What was traced, and above what.
    theta, low, high
        Where to begin, a threshold that k spikes are known of, and one that fewer are known of.
    scale
        Size of the potentials that are added.

    Returns
    -------
    theta, t, n_before
        t is -1 where a course of a level below ``theta`` is needed.
    low, high
        What is known by then.
    """
    n_low, n_high, nowhere = np.inf, 0.0, np.empty(0)
    for step in range(_STEPS):
        if high <= _ROUNDING * scale:
            return 0.0, 0.0, 0, low, high
        apart = max(_APART * theta, _APART_OF_SCALE * scale)
        if level > 0.0 and theta - 4.0 * apart <= level:
            return theta, -1.0, 0, low, high
        reach, most = min(_REACH * theta, theta - level), 2 * k + _MORE
        found = follow(course, n, theta, low, high, reach, most, constants, tau, seen)
        if found >= k:
            low, n_low, kind = theta, found, ABOVE
        else:
            high, n_high, kind = theta, found, BELOW
        away, proposed = seen[kind, AWAY], seen[kind, PROPOSED]
        proposal = abs(proposed - theta) if away < np.inf else np.inf
        if found < k and proposal <= 3.0 * apart:
            t, before = seen[kind, TIME], np.int64(seen[kind, BEFORE])
            below = max(proposed - apart, 0.5 * proposed)
            if below <= low or k <= count_spikes(
                course, n, below, k, constants, tau, nowhere, nowhere
            ):
                return proposed, t, before, low, high
            high = theta = below
            continue
        if high - low <= 2.0 * apart or high - low <= 4e-16 * high:
            follow(course, n, high, 0.0, np.inf, high - level, most, constants, tau, seen)
            return high, seen[BELOW, TIME], np.int64(seen[BELOW, BEFORE]), low, high
        if proposal <= _NEAR * theta:
            theta = proposed + apart
        elif away < np.inf and k - 2 <= found <= k + 1:
            # a little further, to be past it, where the bracket is not narrow yet
            theta += (proposed - theta) * (1.0 if high - low < 1e-3 * high else 1.1)
        elif low == 0.0:
            theta *= max(0.8, (n_high + 0.5) / (k + 0.5))
        else:
            theta = high + (low - high) * (k - 0.5 - n_high) / (n_low - n_high)
        if not low < theta < high or step >= _GUIDED:
            theta = 0.5 * (low + high)
    return high, 0.0, 0, low, high
