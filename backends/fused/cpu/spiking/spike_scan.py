"""Every output spike, by one pass over the spikes of a pattern.

The pass is that of the first crossing, and finds the first output spike to the last bit alike.
Every output spike resets the state that the pass goes on from.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import first_lane, fma, lanes_of, load, store
from ..membrane.interior import exceeding, fill_crests, interval_tops
from ..membrane.moments import fill_jumps, fill_moments, room_for_moments
from ..membrane.roots import rising_root
from ..membrane.steps import CHUNK, fill_steps, free_state
from .resets import crossing_after

__all__ = ["place_spikes", "scan_spikes", "with_room"]


@compiled
def scan_spikes(
    times, afferents, counts, rows, duration, constants, first, last, lanes, threshold, tau,
    kept, counted, n_found,
):  # fmt: skip
    """Find the output spikes of the patterns from ``first`` to ``last``.

    Parameters
    ----------
    threshold, tau : float
        What a reset takes away, and the constant with which it decays.
    kept : int
        The first so many spikes of each pair are kept.
    counted : int
        No more are looked for; 0 for all.
    n_found : integer array, shape (B, O)
        Filled with the number of spikes; -1 where the potential does not stay finite.

    Returns
    -------
    found : array, shape (F,)
        Times, of a pair in ascending order, of the pairs of a pattern mixed.
    pair : integer array, shape (F,)
        Which of the B O pairs each is of.
    apart : bool
        False if a spike is not later than the one before, in the dtype of the times; then a search
        for all was given up.
    """
    kappa, n_lanes = constants[2], len(lanes)
    n_outputs = n_found.shape[1]
    width = (n_outputs + n_lanes - 1) // n_lanes * n_lanes  # rows may be wider
    room = room_for_moments()
    _, _, _, u, now = room
    jump, flat = np.empty(CHUNK * n_lanes), rows.reshape(-1)
    a, b, c, e = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    potential, slope, limit = np.empty(width), np.empty(width), np.empty(width)
    v_now, d_now = np.empty(n_lanes), np.empty(n_lanes)
    v_after, d_after = np.empty(n_lanes), np.empty(n_lanes)
    top_now, value_now = np.empty(n_lanes), np.empty(n_lanes)
    crest_a, crest_b = np.empty(CHUNK), np.empty(CHUNK)
    # as for the first crossing, the peak exceeds the threshold in the dtype it is returned in
    rounded = np.empty(1, rows.dtype)
    rounded[0] = threshold
    least = np.float64(rounded[0])
    latest = np.empty(width, times.dtype)
    found, pair, n = np.empty(64, times.dtype), np.empty(64, np.int64), 0
    apart = True
    for p in range(first, last):
        potential[:], slope[:] = 0.0, 0.0
        latest[:] = -1.0
        limit[:n_outputs] = least
        limit[n_outputs:] = np.inf
        n_found[p] = 0
        for start in range(0, counts[p], CHUNK):
            n_inputs = min(CHUNK, counts[p] - start)
            n_steps = fill_moments(
                times[p], afferents[p], start, n_inputs, counts[p], duration, rows.shape[1], room
            )
            fill_steps(u, n_steps, constants, a, b, c, e)
            sparse = fill_crests(u, n_steps, constants, crest_a, crest_b)
            for o in range(0, width, n_lanes):
                v, d, open_limit = (
                    load(potential, o, lanes),
                    load(slope, o, lanes),
                    load(limit, o, lanes),
                )
                fill_jumps(flat, room, n_inputs, o, lanes, jump)
                i = 0
                while i < n_steps:
                    crossing = 0
                    while i < n_steps:  # apart from what follows, so that it stays in registers
                        d = fma(kappa, load(jump, i * n_lanes, lanes), d)
                        v_next, d_next = fma(b[i], d, a[i] * v), fma(e[i], d, c[i] * v)
                        crest = crest_a[i], crest_b[i]
                        crossing = lanes_of(
                            exceeding(
                                v, d, v_next, d_next, u[i], crest, open_limit, sparse, constants
                            )
                        )
                        if crossing:
                            break
                        v, d = v_next, d_next
                        i += 1
                    if crossing == 0:
                        break
                    v_next, d_next = fma(b[i], d, a[i] * v), fma(e[i], d, c[i] * v)
                    floor = fma(crest_b[i], d, crest_a[i] * v)
                    top, value = interval_tops(
                        v, d, v_next, d_next, u[i], floor, open_limit, constants
                    )
                    store(v_now, 0, v)
                    store(d_now, 0, d)
                    store(v_after, 0, v_next)
                    store(d_after, 0, d_next)
                    store(top_now, 0, top)
                    store(value_now, 0, value)
                    while crossing:
                        lane = first_lane(crossing)
                        crossing &= crossing - 1
                        rounded[0] = value_now[lane]
                        if not least < rounded[0] < np.inf:
                            continue
                        v_lane, d_lane, passed = v_now[lane], d_now[lane], 0.0
                        reached, d_lane = rising_root(
                            v_lane, d_lane, top_now[lane], value_now[lane], threshold, constants
                        )
                        while reached >= 0.0:
                            passed += reached
                            before = latest[o + lane]
                            latest[o + lane] = min(now[i] + passed, now[i + 1])
                            if latest[o + lane] <= before:
                                apart = False
                                if not counted:
                                    return found[:n], pair[:n], apart
                            if n_found[p, o + lane] < kept:
                                if n == found.shape[0]:
                                    found, pair = with_room(found), with_room(pair)
                                found[n] = latest[o + lane]
                                pair[n] = p * n_outputs + o + lane
                                n += 1
                            n_found[p, o + lane] += 1
                            v_lane, d_lane = 0.0, d_lane + threshold / tau
                            left = max(u[i] - passed, 0.0)
                            v_end, d_end = free_state(v_lane, d_lane, left, constants)
                            v_after[lane], d_after[lane] = v_end, d_end
                            if n_found[p, o + lane] == counted:
                                limit[o + lane] = np.inf
                                break
                            reached, d_lane = crossing_after(
                                v_lane, d_lane, left, v_end, d_end, threshold, constants
                            )
                    v, d = load(v_after, 0, lanes), load(d_after, 0, lanes)
                    open_limit = load(limit, o, lanes)
                    i += 1
                store(potential, o, v)
                store(slope, o, d)
        for o in range(n_outputs):
            if not np.isfinite(potential[o]):
                n_found[p, o] = -1
    return found[:n], pair[:n], apart


@compiled
def with_room(array):
    """Return a copy of twice the length."""
    longer = np.empty(2 * array.shape[0], array.dtype)
    longer[: array.shape[0]] = array
    return longer


@compiled
def place_spikes(found, pair, starts, stops, placed):
    """Write spikes in their order to where those of their pairs begin.

    ``starts`` [P] moves on with every spike, up to ``stops`` [P]; the rest are passed over.
    """
    for i in range(found.shape[0]):
        which = pair[i]
        if starts[which] < stops[which]:
            placed[starts[which]] = found[i]
            starts[which] += 1
