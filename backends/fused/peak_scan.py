r"""One pass over the spikes of a pattern, for the peak or for the first crossing.

Between two spikes the potential has an interior maximum iff its slope is positive just after the
first and negative just before the second.  The tangent at the interval's start lies above it, so
only where that bound beats what was found so far is the maximum worked out.  The maximum is kept
below its bound after rounding too, so that the peak and the crossing, which compare bounds with
different numbers, always decide alike.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import compiled
from .crossing_root import rising_root
from .lanes import (
    WIDTH,
    both,
    divide,
    either,
    first_lane,
    fma,
    lanes_of,
    load,
    maximum,
    minimum,
    not_less,
    select,
    splat,
    store,
)
from .steps import CHUNK, fill_steps, free_state, gaps

__all__ = ["scan_crossings", "scan_peaks"]


@compiled
def bounds(v, d, v_end, d_end, gap, constants):
    """Lanes that no interior maximum of an interval exceeds.

    The potential lies below its tangent at the start up to the maximum, and below the one at the
    end too if it is concave all the way.  V'' changes its sign at most once, so it is if it is at
    the end; then the maximum lies below the point where the tangents meet.
    """
    tau, tau_s, _, _, _ = constants
    simple = fma(gap, d, v)
    convexity = fma(1.0 / tau + 1.0 / tau_s, d_end, v_end * (1.0 / (tau * tau_s)))
    meeting = divide(v_end - v - gap * d_end, d - d_end)
    meeting = minimum(maximum(meeting, splat(0.0)), splat(gap))
    return select(convexity > 0.0, minimum(simple, fma(d, meeting, v)), simple)


@compiled
def interior_maximum(v, d, gap, bound, constants):
    """Time and value of the maximum after a state whose slope d > 0 turns negative within gap."""
    tau, tau_s, _, beta, log_ratio = constants
    drive = d + v * (1.0 / tau)  # kappa s
    if beta == 0.0:
        u = tau - v / drive
    else:
        u = (log_ratio - math.log1p(beta * v / drive)) * (1.0 / beta)
    if not u >= 0.0:  # rounding, or NaN where no maximum can be told from the start
        u = 0.0
    u = min(u, gap)
    value = tau_s * (drive + beta * v) * math.exp(u * (-1.0 / tau))
    return u, max(v, min(value, bound))


@compiled
def scan_peaks(times, afferents, counts, rows, duration, constants, first, last, v_max, t_max):
    """Fill v_max and t_max [B, O] of the patterns from ``first`` to ``last``.

    ``rows`` [N, W] holds the weights of all outputs of each afferent, W a multiple of WIDTH.
    """
    kappa = constants[2]
    n_outputs, width = v_max.shape[1], rows.shape[1]
    u, next_time = np.zeros(CHUNK), np.zeros(CHUNK)
    a, b, c, e = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    potential, slope = np.empty(width), np.empty(width)
    best, best_time = np.empty(width), np.empty(width)
    # Intervals that may hold a maximum, and the states they start from.  A later spike's potential
    # beats most of them, so they are worked out when a chunk of spikes is done.
    open_event = np.empty(CHUNK, np.int64)
    open_v, open_d = np.empty(CHUNK * WIDTH), np.empty(CHUNK * WIDTH)
    for p in range(first, last):
        potential[:] = 0.0
        slope[:] = 0.0
        best[:] = 0.0
        best_time[:] = 0.0
        count = counts[p]
        for start in range(0, count, CHUNK):
            n = min(CHUNK, count - start)
            gaps(times[p], start, n, count, duration, u, next_time)
            fill_steps(u, n, constants, a, b, c, e)
            for o in range(0, width, WIDTH):
                v, d = load(potential, o), load(slope, o)
                top, when = load(best, o), load(best_time, o)
                n_open = 0
                for i in range(n):
                    d = fma(kappa, load(rows[afferents[p, start + i]], o), d)
                    v_next = fma(a[i], v, b[i] * d)
                    d_next = fma(c[i], v, e[i] * d)
                    turns = minimum(d, 0.0 - d_next) > 0.0
                    if lanes_of(both(turns, fma(u[i], d, v) > top)):
                        open_event[n_open] = i
                        store(open_v, n_open * WIDTH, v)
                        store(open_d, n_open * WIDTH, d)
                        n_open += 1
                    when = select(v_next > top, splat(next_time[i]), when)
                    top = maximum(v_next, top)
                    v, d = v_next, d_next
                store(potential, o, v)
                store(slope, o, d)
                store(best, o, top)
                store(best_time, o, when)
                if n_open:
                    _settle(
                        n_open, open_event, open_v, open_d, u, a, b, c, e, times[p], start,
                        constants, best, best_time, o,
                    )  # fmt: skip
        for o in range(n_outputs):
            v_max[p, o] = best[o]
            t_max[p, o] = best_time[o]


@compiled
def _settle(
    n_open, open_event, open_v, open_d, u, a, b, c, e, times, start, constants, best, best_time, o
):  # fmt: skip
    """Raise the best potentials by the maxima of open intervals.

    The last one comes first: while the potential rises, it is the one that beats the others.
    """
    bound_now = np.empty(WIDTH)
    for j in range(n_open - 1, -1, -1):
        i = open_event[j]
        v, d = load(open_v, j * WIDTH), load(open_d, j * WIDTH)
        v_end, d_end = fma(a[i], v, b[i] * d), fma(c[i], v, e[i] * d)
        bound = bounds(v, d, v_end, d_end, u[i], constants)
        turns = minimum(d, 0.0 - d_end) > 0.0
        # at a tie the earlier time counts, so a bound that is only reached is not enough to skip
        lanes = lanes_of(both(turns, not_less(bound, load(best, o))))
        if lanes:
            store(bound_now, 0, bound)
        while lanes:
            lane = first_lane(lanes)
            lanes &= lanes - 1
            inside, value = interior_maximum(
                open_v[j * WIDTH + lane], open_d[j * WIDTH + lane], u[i], bound_now[lane], constants
            )
            when = times[start + i] + inside
            if value > best[o + lane] or (value == best[o + lane] and when < best_time[o + lane]):
                best[o + lane] = value
                best_time[o + lane] = when


@compiled
def scan_crossings(
    times, afferents, counts, rows, duration, constants, first, last, threshold,
    t_spike, last_event, v_free, t_free,
):  # fmt: skip
    """Fill the arrays [B, O] of the patterns from ``first`` to ``last``.

    t_spike: the first crossing, inf without one.  last_event: the spike before it, or the last
    spike of the pattern.  v_free, t_free: where a pair crosses, the peak of the trajectory that
    ignores the spikes after the crossing, and its time.
    """
    kappa = constants[2]
    n_outputs, width = t_spike.shape[1], rows.shape[1]
    u, next_time = np.zeros(CHUNK), np.zeros(CHUNK)
    a, b, c, e = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    potential, slope, limit = np.empty(width), np.empty(width), np.empty(width)
    v_now, d_now, bound_now = np.empty(WIDTH), np.empty(WIDTH), np.empty(WIDTH)
    v_after, d_after = np.empty(WIDTH), np.empty(WIDTH)
    # The peak exceeds the threshold if it does so in the dtype it is returned in.
    rounded = np.empty(1, rows.dtype)
    rounded[0] = threshold
    least = np.float64(rounded[0])
    for p in range(first, last):
        count = counts[p]
        potential[:], slope[:] = 0.0, 0.0
        limit[:n_outputs] = least
        limit[n_outputs:] = np.inf
        t_spike[p] = np.inf
        last_event[p] = count - 1
        silent = n_outputs
        for start in range(0, count, CHUNK):
            if silent == 0:
                break
            n = min(CHUNK, count - start)
            gaps(times[p], start, n, count, duration, u, next_time)
            fill_steps(u, n, constants, a, b, c, e)
            for o in range(0, width, WIDTH):
                v, d, open_limit = load(potential, o), load(slope, o), load(limit, o)
                for i in range(n):
                    d = fma(kappa, load(rows[afferents[p, start + i]], o), d)
                    v_next = fma(a[i], v, b[i] * d)
                    d_next = fma(c[i], v, e[i] * d)
                    turns = minimum(d, 0.0 - d_next) > 0.0
                    inside = both(turns, fma(u[i], d, v) > open_limit)
                    lanes = lanes_of(either(inside, v_next > open_limit))
                    if lanes:
                        store(v_now, 0, v)
                        store(d_now, 0, d)
                        store(v_after, 0, v_next)
                        store(d_after, 0, d_next)
                        store(bound_now, 0, bounds(v, d, v_next, d_next, u[i], constants))
                        while lanes:
                            lane = first_lane(lanes)
                            lanes &= lanes - 1
                            v0, d0 = v_now[lane], d_now[lane]
                            top, value = u[i], v_after[lane]
                            if d0 > 0.0 and d_after[lane] < 0.0 and bound_now[lane] > least:
                                top, value = interior_maximum(
                                    v0, d0, u[i], bound_now[lane], constants
                                )
                                value = max(value, v_after[lane])
                            rounded[0] = value
                            if not rounded[0] > least:
                                continue
                            limit[o + lane] = np.inf
                            silent -= 1
                            now = np.float64(times[p, start + i])
                            reached = rising_root(v0, d0, top, threshold, constants)
                            t_spike[p, o + lane] = now + reached
                            last_event[p, o + lane] = start + i
                            free, free_time = _free_peak(v0, d0, duration - now, constants)
                            v_free[p, o + lane] = max(free, value)
                            t_free[p, o + lane] = now + free_time
                        open_limit = load(limit, o)
                    v, d = v_next, d_next
                store(potential, o, v)
                store(slope, o, d)


@compiled
def _free_peak(v, d, left, constants):
    """Largest potential of a state that rises and then runs freely for a time, and when."""
    v_end, d_end = free_state(v, d, left, constants)
    if d > 0.0 and d_end < 0.0:
        when, value = interior_maximum(v, d, left, v + d * left, constants)
        return value, when
    return v_end, left
