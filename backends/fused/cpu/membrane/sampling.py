"""The potential at given times, by one pass over the spikes and the times together.

Spikes and sample times are merged in ascending order, spikes first where they coincide, and the
state steps from point to point: a spike kicks its slope, at a sample it is read.  The gradient is
the same pass backwards, where a sample kicks the adjoint state and at a spike it is read.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import fma, load, maximum, select, store
from .steps import CHUNK, fill_decays, fill_steps

__all__ = ["pull_back_samples", "sample_patterns", "sampled_peaks"]


@compiled
def _points(times, count, samples, k, j, now, u, spike, sample):
    """Next points in ascending order, from spike k and sample j on.

    For each: the time since the point before, and its spike or its sample, the other being -1.
    Returns their number and where to go on from.
    """
    n = 0
    while n < CHUNK and (k < count or j < samples.shape[0]):
        is_spike = k < count and (j == samples.shape[0] or times[k] <= samples[j])
        following = np.float64(times[k]) if is_spike else np.float64(samples[j])
        # before the first spike there is nothing to decay
        u[n] = following - now if now > -np.inf else 0.0
        spike[n] = k if is_spike else -1
        sample[n] = -1 if is_spike else j
        if is_spike or k > 0:
            now = following
        k += is_spike
        j += not is_spike
        n += 1
    return n, k, j, now


@compiled
def _kick(weights, k, allowed):
    """Weights of spike k, 0 for outputs that ignore it; ``allowed`` is their last spike."""
    return select(allowed > k - 0.5, weights, 0.0)


@compiled
def _last_allowed(last_event, p, allowed):
    """Fill in the last spike that each output takes in, as a number to compare with."""
    allowed[:] = np.inf
    if last_event.shape[0] > 0:
        allowed[: last_event.shape[1]] = last_event[p]


@compiled
def sample_patterns(
    times, afferents, counts, rows, duration, constants, first, last, lanes, samples, order,
    last_event, potential_at,
):  # fmt: skip
    """Fill potential_at [B, T, O], given ascending samples [T] and where each belongs."""
    kappa, n_lanes = constants[2], len(lanes)
    n_outputs, width = potential_at.shape[2], rows.shape[1]
    u, spike, sample = np.zeros(CHUNK), np.empty(CHUNK, np.int64), np.empty(CHUNK, np.int64)
    a, b, c, e = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    potential, slope = np.empty(width), np.empty(width)
    allowed, v_now = np.empty(width), np.empty(n_lanes)
    for p in range(first, last):
        potential[:] = 0.0
        slope[:] = 0.0
        _last_allowed(last_event, p, allowed)
        k, j, now = 0, 0, -np.inf
        while k < counts[p] or j < samples.shape[0]:
            n, k, j, now = _points(times[p], counts[p], samples, k, j, now, u, spike, sample)
            fill_steps(u, n, constants, a, b, c, e)
            for o in range(0, width, n_lanes):
                v, d, until = (
                    load(potential, o, lanes),
                    load(slope, o, lanes),
                    load(allowed, o, lanes),
                )
                for i in range(n):
                    v, d = fma(b[i], d, a[i] * v), fma(e[i], d, c[i] * v)
                    if spike[i] >= 0:
                        weights = load(rows[afferents[p, spike[i]]], o, lanes)
                        d = fma(kappa, _kick(weights, spike[i], until), d)
                    else:
                        store(v_now, 0, v)
                        t = order[sample[i]]
                        for lane in range(min(n_lanes, n_outputs - o)):
                            potential_at[p, t, o + lane] = v_now[lane]
                store(potential, o, v)
                store(slope, o, d)


@compiled
def sampled_peaks(
    times, afferents, counts, rows, duration, constants, first, last, lanes, samples, v_max,
    t_max,
):  # fmt: skip
    """Fill v_max and t_max [B, O]: the first largest potential at ascending samples [T]."""
    kappa, n_lanes = constants[2], len(lanes)
    n_outputs, width = v_max.shape[1], rows.shape[1]
    u, spike, sample = np.zeros(CHUNK), np.empty(CHUNK, np.int64), np.empty(CHUNK, np.int64)
    a, b, c, e = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    potential, slope = np.empty(width), np.empty(width)
    best, best_time = np.empty(width), np.empty(width)
    for p in range(first, last):
        potential[:] = 0.0
        slope[:] = 0.0
        best[:] = -np.inf
        best_time[:] = 0.0
        k, j, now = 0, 0, -np.inf
        while j < samples.shape[0]:
            n, k, j, now = _points(times[p], counts[p], samples, k, j, now, u, spike, sample)
            fill_steps(u, n, constants, a, b, c, e)
            for o in range(0, width, n_lanes):
                v, d = load(potential, o, lanes), load(slope, o, lanes)
                top, when = load(best, o, lanes), load(best_time, o, lanes)
                for i in range(n):
                    v, d = fma(b[i], d, a[i] * v), fma(e[i], d, c[i] * v)
                    if spike[i] >= 0:
                        d = fma(kappa, load(rows[afferents[p, spike[i]]], o, lanes), d)
                    else:
                        when = select(v > top, np.float64(samples[sample[i]]), when)
                        top = maximum(v, top)
                store(potential, o, v)
                store(slope, o, d)
                store(best, o, top)
                store(best_time, o, when)
        for o in range(n_outputs):
            known = np.isfinite(potential[o])
            v_max[p, o] = best[o] if known else np.nan
            t_max[p, o] = best_time[o] if known else np.nan


@compiled
def _points_back(times, samples, k, j, now, u, spike, sample):
    """Next points in descending order, from spike k and sample j on, see `_points`."""
    n = 0
    while n < CHUNK and k >= 0:
        is_spike = j < 0 or times[k] > samples[j]
        following = np.float64(times[k]) if is_spike else np.float64(samples[j])
        u[n] = now - following if now < np.inf else 0.0
        spike[n] = k if is_spike else -1
        sample[n] = -1 if is_spike else j
        now = following
        k -= is_spike
        j -= not is_spike
        n += 1
    return n, k, j, now


@compiled
def pull_back_samples(
    times, afferents, counts, rows, duration, constants, first, last, lanes, samples, order,
    cotangent, last_event, weight_sum, time_sum,
):  # fmt: skip
    """Add the gradients of sampled potentials, given their cotangents [B, O, T].

    See `adjoint`: a sample's cotangent g is a readout with p = g, which adds g to S.
    """
    tau, _, kappa, _, _, _ = constants
    n_lanes = len(lanes)
    n_outputs, width = cotangent.shape[1], rows.shape[1]
    with_times = time_sum.shape[0] > 0
    u, spike, sample = np.zeros(CHUNK), np.empty(CHUNK, np.int64), np.empty(CHUNK, np.int64)
    slow, fast, psp = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    h_state, s_state, allowed = np.empty(width), np.empty(width), np.empty(width)
    kick, by_lane = np.zeros(n_lanes), np.zeros(CHUNK * n_lanes)
    for p in range(first, last):
        h_state[:] = 0.0
        s_state[:] = 0.0
        _last_allowed(last_event, p, allowed)
        k, j, now = counts[p] - 1, samples.shape[0] - 1, np.inf
        while k >= 0:
            n, k, j, now = _points_back(times[p], samples, k, j, now, u, spike, sample)
            fill_decays(u, n, constants, slow, fast, psp)
            by_lane[:] = 0.0
            for o in range(0, width, n_lanes):
                h, s, until = (
                    load(h_state, o, lanes),
                    load(s_state, o, lanes),
                    load(allowed, o, lanes),
                )
                for i in range(n):
                    h = fma(slow[i], h, psp[i] * s)
                    s = fast[i] * s
                    if spike[i] < 0:
                        t = order[sample[i]]
                        for lane in range(min(n_lanes, n_outputs - o)):
                            kick[lane] = cotangent[p, o + lane, t]
                        for lane in range(min(n_lanes, n_outputs - o), n_lanes):
                            kick[lane] = 0.0
                        s = s + load(kick, 0, lanes)
                    else:
                        afferent = afferents[p, spike[i]]
                        total = weight_sum[afferent]
                        store(total, o, load(total, o, lanes) + _kick(h, spike[i], until))
                        if with_times:
                            towards = _kick(fma(-1.0 / tau, h, kappa * s), spike[i], until)
                            at = i * n_lanes
                            weight = load(rows[afferent], o, lanes)
                            store(by_lane, at, fma(weight, towards, load(by_lane, at, lanes)))
                store(h_state, o, h)
                store(s_state, o, s)
            if with_times:
                for i in range(n):
                    for lane in range(i * n_lanes, (i + 1) * n_lanes):
                        if spike[i] >= 0:
                            time_sum[p, spike[i]] -= by_lane[lane]
