r"""What each readout pulls back from its time, :math:`h = p K + q K'`, see `adjoint`.

A potential with cotangent v has p = v.  The time of a smooth peak with cotangent t adds
:math:`q = -t/V''`; a crossing has :math:`p = -t/V'`.  What is found has one row for each pattern of
the call: the last spike before the readout, the time since then, p and q.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import fma, load, store
from ..membrane.steps import CHUNK, fill_steps, free_state, gaps

__all__ = ["crossing_starts", "peak_starts", "potential_starts", "states_before"]


@compiled
def last_event_until(times, count, t, inclusive):
    """Last of a pattern's spikes before the time t, or at it if ``inclusive``; -1 for none."""
    before, left = 0, count
    while left > 0:
        half = (left + 1) // 2
        at = times[before + half - 1]
        # not a condition, which would be a branch no one can predict
        before += half * np.int64((at < t) | (inclusive & (at == t)))
        left -= half
    return before - 1


@compiled
def last_events_until(times, count, t, inclusive, events):
    """Do the same for some times at once: a search waits for memory, several wait together."""
    events[:] = -1
    left = count
    while left > 0:
        half = (left + 1) // 2
        for o in range(np.uint64(t.shape[0])):
            at = times[events[o] + half]
            events[o] += half * np.int64((at < t[o]) | (inclusive & (at == t[o])))
        left -= half


@compiled
def states_before(
    times, afferents, counts, rows, duration, constants, first, last, lanes, t_star, active,
    last_event, v_left, d_left,
):  # fmt: skip
    """Potential and slope just before the times t_star [B, O] of the active pairs.

    v_left and d_left have one row for each pattern from ``first`` on.  Spikes after ``last_event``
    [B, O] are ignored; it has no rows if there are no such spikes.
    """
    kappa, n_lanes = constants[2], len(lanes)
    n_outputs, width = t_star.shape[1], rows.shape[1]
    u, unused = np.zeros(CHUNK), np.empty(CHUNK)
    a, b, c, e = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    potential, slope = np.empty(width), np.empty(width)
    at, pending = np.empty(width, np.int64), np.empty(width // n_lanes, np.int64)
    for p in range(first, last):
        potential[:] = 0.0
        slope[:] = 0.0
        at[:] = counts[p]
        pending[:] = counts[p]
        latest = -1
        for o in range(n_outputs):
            v_left[p - first, o] = 0.0
            d_left[p - first, o] = 0.0
            if active[p, o]:
                k = last_event_until(times[p], counts[p], t_star[p, o], False)
                if last_event.shape[0] > 0:
                    k = min(k, last_event[p, o])
                if k >= 0:
                    at[o] = k
                    latest = max(latest, k)
                    pending[o // n_lanes] = min(pending[o // n_lanes], k)
        for start in range(0, latest + 1, CHUNK):
            n = min(CHUNK, latest + 1 - start)
            gaps(times[p], start, n, counts[p], duration, u, unused)
            fill_steps(u, n, constants, a, b, c, e)
            for tile in range(width // n_lanes):
                o = tile * n_lanes
                v, d = load(potential, o, lanes), load(slope, o, lanes)
                for i in range(n):
                    d = fma(kappa, load(rows[afferents[p, start + i]], o, lanes), d)
                    if start + i == pending[tile]:
                        store(potential, o, v)
                        store(slope, o, d)
                        following = counts[p]
                        for lane in range(o, o + n_lanes):
                            if at[lane] == start + i:
                                x = np.float64(t_star[p, lane]) - times[p, start + i]
                                state = free_state(potential[lane], slope[lane], x, constants)
                                v_left[p - first, lane], d_left[p - first, lane] = state
                            elif at[lane] > start + i:
                                following = min(following, at[lane])
                        pending[tile] = following
                    v, d = fma(b[i], d, a[i] * v), fma(e[i], d, c[i] * v)
                store(potential, o, v)
                store(slope, o, d)


@compiled
def potential_starts(
    times, afferents, counts, rows, duration, constants, first, last, t_star, v_bar, last_event,
    inclusive, event, x, p_bar, q_bar,
):  # fmt: skip
    """Find them for potentials at t_star [B, O] with cotangents v_bar; zeros are left out.

    Where t_star is no number, no gradient of the pair is one.
    """
    before = np.empty(v_bar.shape[1], np.int64)
    for p in range(first, last):
        last_events_until(times[p], counts[p], t_star[p], inclusive, before)
        for o in range(v_bar.shape[1]):
            if v_bar[p, o] != 0.0:
                when, cotangent, k = t_star[p, o], v_bar[p, o], before[o]
                if np.isnan(when):
                    when = t_star.dtype.type(duration)
                    cotangent = v_bar.dtype.type(np.nan)
                    k = last_event_until(times[p], counts[p], when, inclusive)
                if last_event.shape[0] > 0:
                    k = min(k, last_event[p, o])
                if k >= 0:
                    event[p - first, o] = k
                    x[p - first, o] = np.float64(when) - times[p, k]
                    p_bar[p - first, o] = cotangent


@compiled
def peak_starts(
    times, afferents, counts, rows, duration, constants, first, last, t_star, v_bar, t_bar, active,
    last_event, v_left, d_left, event, x, p_bar, q_bar, time_sum,
):  # fmt: skip
    """Find them for peaks and their times, given the state just before each.

    The spikes at exactly t* move a kink, or lie at a smooth peak; what they add to their own times'
    gradients goes to ``time_sum`` [B, K] (of no rows if not wanted) at once.
    """
    tau, tau_s, kappa, _, _, _ = constants
    with_times, shunted = time_sum.shape[0] > 0, last_event.shape[0] > 0
    with_t = t_bar.shape[0] > 0
    for p in range(first, last):
        for o in range(v_bar.shape[1]):
            if not active[p, o]:
                continue
            count = min(counts[p], last_event[p, o] + 1) if shunted else counts[p]
            when = t_star[p, o]
            before = last_event_until(times[p], count, when, False)
            until = last_event_until(times[p], count, when, True)
            inside = when < duration
            group = 0.0
            for k in range(before + 1, until + 1):
                group += rows[afferents[p, k], o]
            v, d = v_left[p - first, o], d_left[p - first, o]
            q, of_group = 0.0, 0.0  # the group's gradients are of_group times its weights
            if inside and group != 0.0:
                of_group = v_bar[p, o] * min(max(d / group, -kappa), 0.0)
            if with_t and inside:
                kink = group < 0.0 and d > 0.0
                curvature = -(1.0 / tau + 1.0 / tau_s) * d - v / (tau * tau_s)
                at_spike = -kappa * (1.0 / tau + 1.0 / tau_s)  # K''(0+)
                if kink:
                    of_group += t_bar[p, o] / group
                elif curvature + group * at_spike < 0.0:
                    q = -t_bar[p, o] / (curvature + group * at_spike)
                    of_group -= q * at_spike
            if with_times:
                for k in range(before + 1, until + 1):
                    time_sum[p, k] += of_group * rows[afferents[p, k], o]
            if before >= 0:
                event[p - first, o] = before
                x[p - first, o] = np.float64(when) - times[p, before]
                p_bar[p - first, o] = v_bar[p, o]
                q_bar[p - first, o] = q


@compiled
def crossing_starts(
    times, afferents, counts, rows, duration, constants, first, last, t_spike, t_bar, active,
    min_slope, d_left, event, x, p_bar, q_bar,
):  # fmt: skip
    """Find them for the active crossings, given the slope d_left at each."""
    for p in range(first, last):
        for o in range(t_bar.shape[1]):
            slope = d_left[p - first, o]
            if slope < min_slope:  # NaN stays what it is
                slope = min_slope
            if active[p, o] and (slope > 0.0 or np.isnan(t_bar[p, o])):
                k = last_event_until(times[p], counts[p], t_spike[p, o], False)
                if k >= 0:
                    event[p - first, o] = k
                    x[p - first, o] = np.float64(t_spike[p, o]) - times[p, k]
                    p_bar[p - first, o] = -t_bar[p, o] / slope
