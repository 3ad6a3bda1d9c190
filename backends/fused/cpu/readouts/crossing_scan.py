"""The first threshold crossing, by one pass over the spikes of a pattern."""

from __future__ import annotations

import math

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import first_lane, fma, lanes_of, load, store
from ..membrane.interior import exceeding, fill_crests, interval_tops
from ..membrane.moments import fill_jumps, fill_moments, room_for_moments
from ..membrane.roots import rising_root
from ..membrane.steps import CHUNK, fill_steps, free_state

__all__ = ["scan_crossings"]


@compiled
def scan_crossings(
    times, afferents, counts, rows, duration, constants, first, last, lanes, threshold,
    to_the_end, t_spike, last_event, v_free, t_free,
):  # fmt: skip
    """Fill the arrays [B, O] of the patterns from ``first`` to ``last``.

    t_spike: the first crossing, inf without one, NaN where the potential does not stay finite, for
    which a scan has to go on ``to_the_end``.  last_event: the spike before it, or the last spike of
    the pattern.  v_free, t_free: where a pair crosses, the peak of the trajectory that ignores the
    spikes after the crossing, and its time.
    """
    kappa, n_lanes = constants[2], len(lanes)
    n_outputs = t_spike.shape[1]
    width = (n_outputs + n_lanes - 1) // n_lanes * n_lanes  # rows may be wider
    room = room_for_moments()
    moment, _, _, u, now = room
    jump, flat = np.empty(CHUNK * n_lanes), rows.reshape(-1)
    a, b, c, e = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    potential, slope, limit = np.empty(width), np.empty(width), np.empty(width)
    v_now, d_now = np.empty(n_lanes), np.empty(n_lanes)
    top_now, value_now = np.empty(n_lanes), np.empty(n_lanes)
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
            if silent == 0 and not to_the_end:
                break
            n_spikes = min(CHUNK, count - start)
            n = fill_moments(
                times[p], afferents[p], start, n_spikes, count, duration, rows.shape[1], room
            )
            fill_steps(u, n, constants, a, b, c, e)
            sparse = fill_crests(u, n, constants, crest_a, crest_b)
            for o in range(0, width, n_lanes):
                v, d, open_limit = (
                    load(potential, o, lanes),
                    load(slope, o, lanes),
                    load(limit, o, lanes),
                )
                fill_jumps(flat, room, n_spikes, o, lanes, jump)
                for i in range(n):
                    d = fma(kappa, load(jump, i * n_lanes, lanes), d)
                    v_next = fma(b[i], d, a[i] * v)
                    d_next = fma(e[i], d, c[i] * v)
                    crest = crest_a[i], crest_b[i]
                    crossing = lanes_of(
                        exceeding(v, d, v_next, d_next, u[i], crest, open_limit, sparse, constants)
                    )
                    if crossing:
                        floor = fma(crest_b[i], d, crest_a[i] * v)
                        store(v_now, 0, v)
                        store(d_now, 0, d)
                        top, value = interval_tops(
                            v, d, v_next, d_next, u[i], floor, open_limit, constants
                        )
                        store(top_now, 0, top)
                        store(value_now, 0, value)
                        while crossing:
                            lane = first_lane(crossing)
                            crossing &= crossing - 1
                            v0, d0, value = v_now[lane], d_now[lane], value_now[lane]
                            rounded[0] = value
                            if not rounded[0] > least:
                                continue
                            limit[o + lane] = np.inf
                            silent -= 1
                            reached, _ = rising_root(
                                v0, d0, top_now[lane], value, threshold, constants
                            )
                            t_spike[p, o + lane] = min(now[i] + reached, now[i + 1])
                            following = np.searchsorted(moment[:n_spikes], i, "right")
                            last_event[p, o + lane] = start + following - 1
                            free, free_time = _free_peak(v0, d0, duration - now[i], constants)
                            v_free[p, o + lane] = max(free, value)
                            t_free[p, o + lane] = min(now[i] + free_time, duration)
                        open_limit = load(limit, o, lanes)
                    v, d = v_next, d_next
                store(potential, o, v)
                store(slope, o, d)
        for o in range(n_outputs):
            if not np.isfinite(potential[o]):
                t_spike[p, o], last_event[p, o] = np.nan, count - 1


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
