r"""Gradients by one pass over the spikes of a pattern, backwards.

A readout of the potential at a time t* pulls its cotangent back to a function of the time before
t*, :math:`h(x) = p K(x) + q K'(x)`: the spike at :math:`t_f` adds :math:`h(t^* - t_f)` to its
weight's gradient and :math:`-w_f h'(t^* - t_f)` to its own time's.  In the form

.. math:: h(x) = q\kappa\, e^{-x/\tau} + (p - q/\tau_s) K(x), \qquad
          S(x) = (p - q/\tau_s)\, e^{-x/\tau_s}

the pair (h, S) moves from a spike to the one before it by decays that depend on the spikes alone,

.. math:: h \leftarrow e^{-u/\tau} h + K(u) S, \qquad S \leftarrow e^{-u/\tau_s} S, \qquad
          h' = \kappa S - h/\tau

so a gradient costs a multiplication or two per spike and output, and no exponential.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import both, fma, load, maximum, not_less, select, store
from ..membrane.steps import CHUNK, decays, fill_decays, gaps

__all__ = ["pull_back"]

# What S is kept from falling below once its readout has passed, of what it starts from: a processor
# is slow with the subnormal numbers it would become, and h with it.
_TINY = 1e-100


@compiled
def pull_back(
    times, afferents, counts, rows, duration, constants, first, last, lanes,
    event, x, p_bar, q_bar, weight_sum, time_sum,
):  # fmt: skip
    """Add the gradients of the patterns from ``first`` to ``last``.

    Parameters
    ----------
    event : integer array, shape (last - first, W)
        The last spike that each pair's readout comes after; -1 for none.
    x, p_bar, q_bar : array, shape (last - first, W)
        The time from there to the readout, and its p and q.
    weight_sum : array, shape (N, W)
        Gains the gradient towards the weights.
    time_sum : array, shape (B, K), or of no rows
        Filled with the gradient towards the spike times.
    """
    _, tau_s, kappa, _, _, _ = constants
    n_lanes = len(lanes)
    width = rows.shape[1]
    with_times = time_sum.shape[0] > 0
    u, unused = np.zeros(CHUNK), np.empty(CHUNK)
    slow, fast, psp = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    h_state, s_state = np.empty(width), np.empty(width)
    h_start, s_start, tiny = np.empty(width), np.empty(width), np.empty(width)
    pending = np.empty(width // n_lanes, np.int64)  # where the next pair of each tile starts
    last_event = np.empty(width)  # as numbers that lanes are compared with
    by_lane = np.zeros(CHUNK * n_lanes)
    for p in range(first, last):
        h_state[:] = 0.0
        s_state[:] = 0.0
        tiny[:] = 0.0
        latest = -1
        for tile in range(width // n_lanes):
            pending[tile] = -1
            for o in range(tile * n_lanes, (tile + 1) * n_lanes):
                pending[tile] = max(pending[tile], event[p - first, o])
                last_event[o] = event[p - first, o]
            latest = max(latest, pending[tile])
        if latest < 0:
            continue
        for o in range(0, width, n_lanes):
            slow_x, fast_x, k = decays(load(x[p - first], o, lanes), constants)
            q = load(q_bar[p - first], o, lanes)
            s = fma(-1.0 / tau_s, q, load(p_bar[p - first], o, lanes))
            store(h_start, o, kappa * fma(slow_x, q, k * s))
            store(s_start, o, fast_x * s)
        for start in range(latest // CHUNK * CHUNK, -1, -CHUNK):
            n = min(CHUNK, latest + 1 - start)
            # the last spike that matters has nothing after it: its h and S are zero before
            gaps(times[p], start, n, counts[p], duration, u, unused)
            fill_decays(u, n, constants, slow, fast, psp)
            if with_times:
                by_lane[:] = 0.0
            for tile in range(width // n_lanes):
                o = tile * n_lanes
                h, s, least = load(h_state, o, lanes), load(s_state, o, lanes), load(tiny, o, lanes)
                i = n - 1
                while i >= 0:
                    # a spike that readouts may come after, then those before it that none does
                    h = fma(slow[i], h, psp[i] * s)
                    s = fma(fast[i], s, least)
                    if start + i == pending[tile]:
                        now, of_lane = np.float64(start + i), load(last_event, o, lanes)
                        here = both(not_less(of_lane, now), not_less(now, of_lane))
                        s_here = load(s_start, o, lanes)
                        h = h + select(here, load(h_start, o, lanes), 0.0)
                        s = s + select(here, s_here, 0.0)
                        least = select(here, _TINY * maximum(s_here, 0.0 - s_here), least)
                        following = -1
                        for lane in range(o, o + n_lanes):
                            if event[p - first, lane] < start + i:
                                following = max(following, event[p - first, lane])
                        pending[tile] = following
                    _add(
                        h, s, i, afferents[p, start + i], o, lanes, constants, rows, weight_sum,
                        with_times, by_lane,
                    )  # fmt: skip
                    before = max(pending[tile] - start, -1)
                    for k in range(i - 1, before, -1):
                        h = fma(slow[k], h, psp[k] * s)
                        s = fma(fast[k], s, least)
                        _add(
                            h, s, k, afferents[p, start + k], o, lanes, constants, rows,
                            weight_sum, with_times, by_lane,
                        )  # fmt: skip
                    i = before
                store(tiny, o, least)
                store(h_state, o, h)
                store(s_state, o, s)
            if with_times:
                for i in range(n):
                    total_time = 0.0
                    for lane in range(i * n_lanes, (i + 1) * n_lanes):
                        total_time -= by_lane[lane]
                    time_sum[p, start + i] += total_time


@compiled
def _add(h, s, i, afferent, o, lanes, constants, rows, weight_sum, with_times, by_lane):
    """Add what a spike's lanes give its weight and, at i in ``by_lane``, its time."""
    tau, _, kappa, _, _, _ = constants
    total = weight_sum[afferent]
    store(total, o, load(total, o, lanes) + h)
    if with_times:
        towards = fma(-1.0 / tau, h, kappa * s)
        weight = load(rows[afferent], o, lanes)
        at = i * len(lanes)
        store(by_lane, at, fma(weight, towards, load(by_lane, at, lanes)))
