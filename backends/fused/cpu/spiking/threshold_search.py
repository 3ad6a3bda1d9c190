"""The threshold at which a given number of output spikes is just lost.

Maxima near the threshold propose where, counts on both sides decide.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled
from .course import count_spikes, course_space, fill_pattern, pattern_space, trace
from .grazes import ABOVE, BEFORE, BELOW, DETAILS, INTERVAL, PROPOSED, follow
from .touching import touched

__all__ = ["find_thresholds"]

_BEGIN = 0.85  # of a bound of the potential: where to begin if the first guess is not below
# Of a threshold, alone and for all spikes: maxima further below propose nothing.
_REACH, _REACH_OF_ALL = 0.1, 0.4
_KNOWN = 6  # proposals that are kept
_FEW = 2  # so many are tried one by one
_FAR = 0.8  # of a threshold: no step without a proposal is larger
_CLOSE = 3  # proposals are asked for where the count is so close
_OVER = 1.1  # how far a step goes over a proposal: just behind a graze, others cannot be judged
_GUIDED, _STEPS = 60, 200  # steps that proposals and counts guide, and those with bisection
_DOUBTFUL = 1e-11  # of the scale: whether there is anything to find asks for the peak
_MORE = 64  # output spikes beyond twice those asked for are not followed
# Counts decide so far apart, of the threshold or of the scale, and nothing closer than rounding.
_APART, _APART_OF_SCALE, _ROUNDING = 2e-12, 1e-13, 1e-15


@compiled
def find_thresholds(
    times, afferents, counts, rows, duration, constants, first, last, lanes, guess, tau, k, theta,
    t, n_before,
):  # fmt: skip
    """Fill critical thresholds, their times and the spikes before, arrays [B, O].

    ``k`` [B, O] is how many spikes are asked for; pairs of fewer than 2 are passed over.  A search
    begins at ``guess``.  Where a threshold is so small that only the peak can tell whether there is
    one, -1 - n_before stands for n_before.
    """
    n_outputs, n_lanes = k.shape[1], len(lanes)
    pattern, (states, tops) = pattern_space(times.shape[1]), course_space(times.shape[1], lanes)
    bounds, sizes = np.empty(n_lanes), np.empty(n_lanes)
    seen, spikes = np.empty((_KNOWN, DETAILS)), np.empty((2, 2, 2 * max(k.max(), 1) + _MORE))
    for p in range(first, last):
        filled = False
        for o in range(0, n_outputs, n_lanes):
            traced = False
            for lane in range(min(n_lanes, n_outputs - o)):
                wanted = k[p, o + lane]
                if wanted < 2:
                    continue
                if not filled:
                    fill_pattern(times[p], counts[p], duration, constants, pattern)
                    filled = True
                if not traced:
                    trace(
                        afferents[p], counts[p], rows, o, lanes, constants, tau, pattern, states,
                        tops, bounds, sizes,
                    )  # fmt: skip
                    traced = True
                bound, scale = bounds[lane], sizes[lane]
                if not bound > 0.0:  # NaN, or a potential that never rises
                    theta[p, o + lane], t[p, o + lane] = bound, bound
                    continue
                begin = guess if guess < bound else min(guess, _BEGIN * bound)
                course = pattern, states, tops, lane, counts[p]
                found, time, before = _search(
                    course, wanted, begin, bound, scale, constants, tau, seen, spikes
                )  # fmt: skip
                theta[p, o + lane], t[p, o + lane] = found, time
                # below what counts can tell apart, the peak decides
                n_before[p, o + lane] = -1 - before if found <= _DOUBTFUL * scale else before


@compiled
def _search(course, k, theta, high, scale, constants, tau, seen, spikes):
    """Find the smallest threshold at which fewer than k spikes are counted.

    Maxima near a threshold propose others, further up where k spikes are counted, else further
    down.  Counts leave few of them, and what counts on both sides prove is it.

    Parameters
    ----------
    theta, high
        Where to begin, and a threshold that fewer than k spikes are known of.
    scale
        Size of the potentials that are added.
    seen, spikes
        Room for what `follow` sees, and for the spikes of `touched`.

    Returns
    -------
    theta, t, n_before
    """
    nowhere, most = np.empty(0), 2 * k + _MORE
    low, n_low, n_high = 0.0, 0.0, 0.0  # spikes counted there, or nearby
    for step in range(_STEPS):
        if high <= _ROUNDING * scale:
            return 0.0, 0.0, 0
        apart = max(_APART * theta, _APART_OF_SCALE * scale)
        if high - low <= 2.0 * apart or high - low <= 4e-16 * high:
            break
        if not low < theta < high:
            theta = 0.5 * (low + high)
        found = count_spikes(course, theta, most, constants, tau, nowhere, nowhere)
        if found >= k:
            kind, low, n_low = ABOVE, theta, found
        else:
            kind, high, n_high = BELOW, theta, found
        if step >= _GUIDED or not k - _CLOSE <= found < k + _CLOSE:
            if low == 0.0:
                theta *= max(_FAR, (found + 0.5) / (k + 0.5))
            elif n_low > n_high and step < _GUIDED:
                theta = high + (low - high) * (k - 0.5 - n_high) / (n_low - n_high)
            continue
        reach = min(_REACH, _REACH_OF_ALL / k) * theta
        known = follow(
            course, theta, low, high, reach, kind, most, constants, tau,
            seen, spikes[0],
        )  # fmt: skip
        _in_order(seen, known, theta)
        alone = known > 0  # the closest first, then one of few that counts have left
        while known > 0:
            if alone or known <= _FEW:
                before, interval = np.int64(seen[0, BEFORE]), np.int64(seen[0, INTERVAL])
                exact, time = touched(
                    course, seen[0, PROPOSED], before, interval, spikes[0], low,
                    high, 0.1 * apart, constants, tau, spikes[1],
                )  # fmt: skip
                seen[0, PROPOSED] = np.nan
                if time >= 0.0:
                    below, above = max(exact - apart, 0.5 * exact), exact + apart
                    if kind == BELOW:  # the count that is in doubt first
                        reached = _reached(course, k, below, low, high, constants, tau)
                        kept = reached and _reached(course, k, above, low, high, constants, tau)
                    else:
                        kept = _reached(course, k, above, low, high, constants, tau)
                        reached = kept or _reached(course, k, below, low, high, constants, tau)
                    if reached and not kept:
                        return exact, time, before
                    if kept:
                        low = max(low, above)
                    else:
                        high = min(high, below)
            else:
                between = 0.5 * (seen[known // 2 - 1, PROPOSED] + seen[known // 2, PROPOSED])
                if _reached(course, k, between, low, high, constants, tau):
                    low = between
                else:
                    high = between
            alone = False
            known = _between(seen, known, low, high)
        begin = theta
        theta += _OVER * ((high if kind == BELOW else low) - theta)
        if theta == begin:  # no proposal was of use
            theta *= _FAR if kind == BELOW else 1.0 / _FAR
        middle = 0.5 * (low + high)
        theta = max(theta, middle) if kind == BELOW else min(theta, middle)
    # no proposal: the bracket itself, and the maximum that comes closest
    kind = np.int64(BELOW)  # no constant, for which everything would be compiled once more
    known = follow(
        course, high, 0.0, np.inf, high, kind, most, constants, tau, seen,
        spikes[0],
    )  # fmt: skip
    if known == 0:
        return high, 0.0, 0
    before, interval = np.int64(seen[0, BEFORE]), np.int64(seen[0, INTERVAL])
    _, time = touched(
        course, high, before, interval, spikes[0], 0.0, np.inf, np.inf,
        constants, tau, spikes[1],
    )  # fmt: skip
    return high, max(time, 0.0), before


@compiled
def _in_order(seen, known, theta):
    """Sort proposals by their distance from a threshold."""
    for i in range(1, known):
        for j in range(i, 0, -1):
            if abs(seen[j, PROPOSED] - theta) < abs(seen[j - 1, PROPOSED] - theta):
                for part in range(DETAILS):
                    seen[j, part], seen[j - 1, part] = seen[j - 1, part], seen[j, part]


@compiled
def _between(seen, known, low, high):
    """Leave the proposals that lie between the two, in their order; return how many there are."""
    left = 0
    for i in range(known):
        if low < seen[i, PROPOSED] < high:
            seen[left] = seen[i]
            left += 1
    return left


@compiled
def _reached(course, k, theta, low, high, constants, tau):
    """Whether there are k spikes at a threshold, given one where there are and one without."""
    if not low < theta < high:
        return theta <= low
    nowhere = np.empty(0)
    return count_spikes(course, theta, k, constants, tau, nowhere, nowhere) == k
