r"""One pass over the spikes of a pattern, for the peak or for the first crossing.

Between two spikes the potential has an interior maximum iff its slope is positive just after the
first and negative just before the second.  A bound for it costs little, so only where that beats
what was found so far is the maximum worked out.  It is kept below its bound after rounding too, so
that the peak and the crossing, which compare bounds with different numbers, always decide alike.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import compiled
from .crossing_root import rising_root
from .elementary import exponential, log1p
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
def fill_crests(u, n, constants, a, b):
    """Coefficients of V and D in the potential where K would peak, in intervals that long.

    It is a floor for an interior maximum, and nearly the maximum itself where spikes are sparse;
    returned is whether they are.  Where they are not, it is not worth its cost, and left out.
    """
    tau, _, _, beta, log_ratio, crest = constants
    time = log_ratio / beta if beta > 0.0 else tau
    of_v = free_state(1.0, 0.0, time, constants)[0]
    n_long = 0
    for i in range(n):
        n_long += u[i] >= time
    sparse = 4 * n_long > n
    for i in range(n):
        reached = sparse and u[i] >= time
        a[i] = of_v if reached else 0.0
        b[i] = crest if reached else 0.0
    return sparse


@compiled
def bounds(v, d, gap, floor, constants):
    """Lanes that no interior maximum of an interval exceeds.

    Up to a maximum the potential lies below its tangent at the start, which is close in a short
    interval.  It is also at most what is left of V without decay and of the synaptic sum s at the
    crest of K, which is close where the spikes are sparse.  Rounding must not take the bound below
    the floor.
    """
    tau, _, _, _, _, crest = constants
    tangent = fma(gap, d, v)
    apart = fma(crest, fma(1.0 / tau, v, d), maximum(v, splat(0.0)))
    return maximum(minimum(tangent, apart), floor)


@compiled
def closer_bounds(v, d, v_end, d_end, gap, floor, bound, constants):
    """Lower the bounds of some intervals to where the tangents of both their ends meet.

    That takes a potential that is concave all the way.  V'' changes its sign at most once, so it
    is if it is at the end.
    """
    tau, tau_s, _, _, _, _ = constants
    convexity = fma(1.0 / tau + 1.0 / tau_s, d_end, v_end * (1.0 / (tau * tau_s)))
    meeting = divide(v_end - v - gap * d_end, d - d_end)
    meeting = minimum(maximum(meeting, splat(0.0)), splat(gap))
    closer = maximum(minimum(bound, fma(d, meeting, v)), floor)
    return select(convexity > 0.0, closer, bound)


@compiled
def interior_maxima(v, d, gap, floor, bound, constants):
    """Time and value of the maximum after each state whose slope d > 0 turns negative within gap.

    Where the slope does not, both are finite and meaningless.
    """
    tau, tau_s, _, beta, log_ratio, _ = constants
    drive = fma(1.0 / tau, v, d)  # kappa s
    if beta == 0.0:
        u = tau - divide(v, drive)
    else:
        u = (log_ratio - log1p(divide(beta * v, drive))) * (1.0 / beta)
    u = minimum(maximum(u, splat(0.0)), gap)
    value = tau_s * fma(beta, v, drive) * exponential(u * (-1.0 / tau), 0.0)
    return u, maximum(maximum(v, floor), minimum(value, bound))


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
    crest_a, crest_b = np.empty(CHUNK), np.empty(CHUNK)
    # Intervals that may hold a maximum, and the states they start from.  A later spike's potential
    # beats most of them, so they are worked out when a chunk of spikes is done.
    open_event = np.empty(CHUNK, np.int64)
    open_v, open_d = np.empty(CHUNK * WIDTH), np.empty(CHUNK * WIDTH)
    open_bound, crest_now = np.empty(CHUNK * WIDTH), np.empty(WIDTH)
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
            sparse = fill_crests(u, n, constants, crest_a, crest_b)
            for o in range(0, width, WIDTH):
                v, d = load(potential, o), load(slope, o)
                top, when = load(best, o), load(best_time, o)
                crest, n_open = splat(0.0), 0  # the largest floor of an interior maximum
                for i in range(n):
                    d = fma(kappa, load(rows[afferents[p, start + i]], o), d)
                    v_next = fma(b[i], d, a[i] * v)
                    d_next = fma(e[i], d, c[i] * v)
                    turns, bound, known = minimum(d, 0.0 - d_next), fma(u[i], d, v), top
                    if sparse:
                        floor = fma(crest_b[i], d, crest_a[i] * v)
                        bound, known = bounds(v, d, u[i], floor, constants), maximum(top, crest)
                        crest = maximum(crest, floor)
                    if lanes_of(minimum(turns, bound - known) > 0.0):
                        open_event[n_open] = i
                        store(open_v, n_open * WIDTH, v)
                        store(open_d, n_open * WIDTH, d)
                        bound = select(turns > 0.0, bound, splat(-np.inf))
                        store(open_bound, n_open * WIDTH, bound)
                        n_open += 1
                    when = select(v_next > top, splat(next_time[i]), when)
                    top = maximum(v_next, top)
                    v, d = v_next, d_next
                store(potential, o, v)
                store(slope, o, d)
                store(best, o, top)
                store(best_time, o, when)
                if n_open:
                    store(crest_now, 0, crest)
                    _settle(
                        n_open, open_event, open_v, open_d, open_bound, u, a, b, c, e, crest_a,
                        crest_b, crest_now, times[p], start, constants, best, best_time, o,
                    )  # fmt: skip
        for o in range(n_outputs):
            v_max[p, o] = best[o]
            t_max[p, o] = best_time[o]


@compiled
def _settle(
    n_open, open_event, open_v, open_d, open_bound, u, a, b, c, e, crest_a, crest_b, crest_now,
    times, start, constants, best, best_time, o,
):  # fmt: skip
    """Raise the best potentials by the maxima of open intervals.

    The maximum under the largest bound is worked out first, for all lanes at once: it often beats
    the other bounds.
    """
    nothing = splat(-np.inf)
    first_v, first_d, first_gap, first_time = nothing, nothing, nothing, nothing
    first_floor, first_bound, first_of = nothing, nothing, nothing
    known = maximum(load(best, o), load(crest_now, 0))
    for j in range(n_open):
        # at a tie the earlier time counts, so a bound that is only reached is not enough to skip
        bound = load(open_bound, j * WIDTH)
        if not lanes_of(not_less(bound, known)):
            continue
        i = open_event[j]
        v, d = load(open_v, j * WIDTH), load(open_d, j * WIDTH)
        v_end, d_end = fma(b[i], d, a[i] * v), fma(e[i], d, c[i] * v)
        floor = fma(crest_b[i], d, crest_a[i] * v)
        bound = closer_bounds(v, d, v_end, d_end, u[i], floor, bound, constants)
        store(open_bound, j * WIDTH, bound)
        larger = bound > first_bound
        first_v, first_d = select(larger, v, first_v), select(larger, d, first_d)
        first_gap = select(larger, splat(u[i]), first_gap)
        first_time = select(larger, splat(np.float64(times[start + i])), first_time)
        first_floor, first_bound = select(larger, floor, first_floor), maximum(bound, first_bound)
        first_of = select(larger, splat(np.float64(j)), first_of)
    _raise(
        first_v, first_d, first_gap, first_time, first_floor, first_bound, constants,
        best, best_time, o,
    )  # fmt: skip
    for j in range(n_open):
        bound = load(open_bound, j * WIDTH)
        known = maximum(load(best, o), load(crest_now, 0))
        if lanes_of(both(not_less(bound, known), either(first_of > j, j > first_of))):
            i = open_event[j]
            v, d = load(open_v, j * WIDTH), load(open_d, j * WIDTH)
            floor = fma(crest_b[i], d, crest_a[i] * v)
            _raise(
                v, d, splat(u[i]), splat(np.float64(times[start + i])), floor, bound, constants,
                best, best_time, o,
            )  # fmt: skip


@compiled
def _raise(v, d, gap, time, floor, bound, constants, best, best_time, o):
    """Raise the best potentials where the bound says that an interval's maximum may beat them."""
    top, when = load(best, o), load(best_time, o)
    inside, value = interior_maxima(v, d, gap, floor, bound, constants)
    inside = time + inside
    earlier = both(not_less(value, top), when > inside)
    better = both(not_less(bound, top), either(value > top, earlier))
    store(best, o, select(better, value, top))
    store(best_time, o, select(better, inside, when))


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
    v_now, d_now = np.empty(WIDTH), np.empty(WIDTH)
    top_now, value_now = np.empty(WIDTH), np.empty(WIDTH)
    crest_a, crest_b = np.empty(CHUNK), np.empty(CHUNK)
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
            fill_crests(u, n, constants, crest_a, crest_b)
            for o in range(0, width, WIDTH):
                v, d, open_limit = load(potential, o), load(slope, o), load(limit, o)
                for i in range(n):
                    d = fma(kappa, load(rows[afferents[p, start + i]], o), d)
                    v_next = fma(b[i], d, a[i] * v)
                    d_next = fma(e[i], d, c[i] * v)
                    turns = minimum(d, 0.0 - d_next) > 0.0
                    floor = fma(crest_b[i], d, crest_a[i] * v)
                    bound = bounds(v, d, u[i], floor, constants)
                    inside = both(turns, bound > open_limit)
                    lanes = lanes_of(either(inside, v_next > open_limit))
                    if lanes:
                        store(v_now, 0, v)
                        store(d_now, 0, d)
                        bound = closer_bounds(v, d, v_next, d_next, u[i], floor, bound, constants)
                        bound = select(turns, bound, splat(-np.inf))
                        top, value = interior_maxima(v, d, splat(u[i]), floor, bound, constants)
                        exceeds = bound > open_limit
                        store(top_now, 0, select(exceeds, top, splat(u[i])))
                        store(value_now, 0, select(exceeds, maximum(value, v_next), v_next))
                        while lanes:
                            lane = first_lane(lanes)
                            lanes &= lanes - 1
                            v0, d0, value = v_now[lane], d_now[lane], value_now[lane]
                            rounded[0] = value
                            if not rounded[0] > least:
                                continue
                            limit[o + lane] = np.inf
                            silent -= 1
                            now = np.float64(times[p, start + i])
                            reached = rising_root(v0, d0, top_now[lane], threshold, constants)
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
    tau, tau_s, _, beta, log_ratio, _ = constants
    v_end, d_end = free_state(v, d, left, constants)
    drive = d + v / tau
    # d_end is zero after so long a time that nothing is left
    if not (d > 0.0 and d_end <= 0.0 and drive > 0.0 and drive + beta * v > 0.0):
        return v_end, left
    u = tau - v / drive if beta == 0.0 else (log_ratio - math.log1p(beta * v / drive)) / beta
    u = min(max(u, 0.0), left)
    return tau_s * (drive + beta * v) * math.exp(-u / tau), u
