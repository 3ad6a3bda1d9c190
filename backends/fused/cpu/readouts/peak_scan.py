"""The largest potential, by one pass over the spikes of a pattern.

Most intervals between spikes are ruled out by a bound on their maximum; the others are kept open,
and worked out once the potentials at later spikes have ruled out most of them too.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import (
    both,
    either,
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
from ..membrane.interior import bounds, closest_bounds, fill_crests, interior_maxima
from ..membrane.moments import fill_jumps, fill_moments, room_for_moments
from ..membrane.steps import CHUNK, fill_steps

__all__ = ["scan_peaks"]


@compiled
def scan_peaks(
    times, afferents, counts, rows, duration, constants, first, last, lanes, v_max, t_max
):  # fmt: skip
    """Fill v_max and t_max [B, O] of the patterns from ``first`` to ``last``.

    ``rows`` [N, W] holds the weights of all outputs of each afferent, W a multiple of the
    number of ``lanes`` worked out at a time, with room to spare maybe.
    """
    kappa, n_lanes = constants[2], len(lanes)
    n_outputs = v_max.shape[1]
    width = (n_outputs + n_lanes - 1) // n_lanes * n_lanes
    room = room_for_moments()
    _, _, _, u, now = room
    jump, flat = np.empty(CHUNK * n_lanes), rows.reshape(-1)
    a, b, c, e = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    potential, slope = np.empty(width), np.empty(width)
    best, best_time = np.empty(width), np.empty(width)
    crest_a, crest_b = np.empty(CHUNK), np.empty(CHUNK)
    # Intervals that may hold a maximum, and the states they start from.  A later spike's potential
    # beats most of them, so they are worked out when a chunk of spikes is done.
    open_event = np.empty(CHUNK, np.int64)
    open_v, open_d = np.empty(CHUNK * n_lanes), np.empty(CHUNK * n_lanes)
    open_bound, crest_now = np.empty(CHUNK * n_lanes), np.empty(n_lanes)
    for p in range(first, last):
        potential[:] = 0.0
        slope[:] = 0.0
        best[:] = 0.0
        best_time[:] = 0.0
        count = counts[p]
        for start in range(0, count, CHUNK):
            n_spikes = min(CHUNK, count - start)
            n = fill_moments(
                times[p], afferents[p], start, n_spikes, count, duration, rows.shape[1], room
            )
            fill_steps(u, n, constants, a, b, c, e)
            sparse = fill_crests(u, n, constants, crest_a, crest_b)
            for o in range(0, width, n_lanes):
                v, d = load(potential, o, lanes), load(slope, o, lanes)
                top, when = load(best, o, lanes), load(best_time, o, lanes)
                fill_jumps(flat, room, n_spikes, o, lanes, jump)
                crest, n_open = splat(0.0, lanes), 0  # the largest floor of an interior maximum
                for i in range(n):
                    d = fma(kappa, load(jump, i * n_lanes, lanes), d)
                    v_next = fma(b[i], d, a[i] * v)
                    d_next = fma(e[i], d, c[i] * v)
                    turns, bound, known = minimum(d, 0.0 - d_next), fma(u[i], d, v), top
                    if sparse:
                        floor = fma(crest_b[i], d, crest_a[i] * v)
                        bound, known = bounds(v, d, u[i], floor, constants), maximum(top, crest)
                        # where the slope does not turn, no maximum is kept above the floor
                        crest = maximum(crest, select(turns > 0.0, floor, 0.0))
                    if lanes_of(minimum(turns, bound - known) > 0.0):
                        open_event[n_open] = i
                        store(open_v, n_open * n_lanes, v)
                        store(open_d, n_open * n_lanes, d)
                        bound = select(turns > 0.0, bound, -np.inf)
                        store(open_bound, n_open * n_lanes, bound)
                        n_open += 1
                    when = select(v_next > top, now[i + 1], when)
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
                        crest_b, crest_now, now, constants, lanes, best, best_time, o,
                    )  # fmt: skip
        for o in range(n_outputs):
            # weights that are no numbers make no number, not a silent neuron
            known = np.isfinite(potential[o])
            v_max[p, o] = best[o] if known else np.nan
            t_max[p, o] = min(best_time[o], duration) if known else np.nan


@compiled
def _settle(
    n_open, open_event, open_v, open_d, open_bound, u, a, b, c, e, crest_a, crest_b, crest_now,
    now, constants, lanes, best, best_time, o,
):  # fmt: skip
    """Raise the best potentials by the maxima of open intervals.

    The maximum under the largest bound is worked out first, for all lanes at once: it often beats
    the other bounds.
    """
    n_lanes = len(lanes)
    nothing = splat(-np.inf, lanes)
    first_v, first_d, first_gap, first_time = nothing, nothing, nothing, nothing
    first_floor, first_bound, first_of = nothing, nothing, nothing
    known = maximum(load(best, o, lanes), load(crest_now, 0, lanes))
    for j in range(n_open):
        # at a tie the earlier time counts, so a bound that is only reached is not enough to skip
        bound = load(open_bound, j * n_lanes, lanes)
        if not lanes_of(not_less(bound, known)):
            continue
        i = open_event[j]
        v, d = load(open_v, j * n_lanes, lanes), load(open_d, j * n_lanes, lanes)
        v_end, d_end = fma(b[i], d, a[i] * v), fma(e[i], d, c[i] * v)
        floor = fma(crest_b[i], d, crest_a[i] * v)
        closest = closest_bounds(v, d, v_end, d_end, u[i], floor, constants)
        bound = select(bound > -np.inf, closest, bound)
        store(open_bound, j * n_lanes, bound)
        larger = bound > first_bound
        first_v, first_d = select(larger, v, first_v), select(larger, d, first_d)
        first_gap = select(larger, u[i], first_gap)
        first_time = select(larger, now[i], first_time)
        first_floor, first_bound = select(larger, floor, first_floor), maximum(bound, first_bound)
        first_of = select(larger, np.float64(j), first_of)
    _raise(
        first_v, first_d, first_gap, first_time, first_floor, first_bound, constants, lanes,
        best, best_time, o,
    )  # fmt: skip
    for j in range(n_open):
        bound = load(open_bound, j * n_lanes, lanes)
        known = maximum(load(best, o, lanes), load(crest_now, 0, lanes))
        if lanes_of(both(not_less(bound, known), either(first_of > j, j > first_of))):
            i = open_event[j]
            v, d = load(open_v, j * n_lanes, lanes), load(open_d, j * n_lanes, lanes)
            floor = fma(crest_b[i], d, crest_a[i] * v)
            _raise(
                v, d, splat(u[i], lanes), splat(now[i], lanes), floor, bound, constants, lanes,
                best, best_time, o,
            )  # fmt: skip


@compiled
def _raise(v, d, gap, time, floor, bound, constants, lanes, best, best_time, o):
    """Raise the best potentials where the bound says that an interval's maximum may beat them."""
    top, when = load(best, o, lanes), load(best_time, o, lanes)
    inside, value = interior_maxima(v, d, gap, floor, bound, constants)
    inside = time + inside
    earlier = both(not_less(value, top), when > inside)
    better = both(not_less(bound, top), either(value > top, earlier))
    store(best, o, select(better, value, top))
    store(best_time, o, select(better, inside, when))
