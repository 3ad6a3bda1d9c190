r"""Gradients of output spikes and critical thresholds, one pair after the other.

For each pair they come down to cotangents :math:`c_x` of the potential without resets at times
:math:`t_x`, see docs/multispike.md, which one pass backwards pulls back as in `adjoint`.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import fma, load, splat, store
from ..membrane.steps import free_state
from ..readouts.starts import last_event_until
from .course import (
    BLOCK,
    FAST,
    PSP,
    SLOW,
    TIME,
    after_input,
    count_spikes,
    course_space,
    fill_pattern,
    pattern_space,
    trace,
)

__all__ = ["add_spike_gradient", "add_threshold_gradient"]

_NOTHING = 1e-280  # states are taken for 0 before they become subnormal numbers, which are slow


@compiled
def add_spike_gradient(
    times, afferents, counts, rows, duration, constants, first, last, lanes, threshold, tau,
    spike_times, cotangent, min_slope, weight_sum, time_sum,
):  # fmt: skip
    """Add the gradients of output spikes [B, O, S], inf where there is none, with cotangents."""
    most = spike_times.shape[2]
    n_outputs, n_lanes, most = spike_times.shape[1], len(lanes), spike_times.shape[2]
    pattern, slopes = pattern_space(times.shape[1]), np.empty(most)
    at, bar = np.empty((n_lanes, most)), np.empty((n_lanes, most))
    n_at = np.zeros(n_lanes, np.int64)
    for p in range(first, last):
        filled = False
        for o in range(0, n_outputs, n_lanes):
            n_at[:] = 0
            for lane in range(min(n_lanes, n_outputs - o)):
                given, given_bar = spike_times[p, o + lane], cotangent[p, o + lane]
                n, wanted = 0, np.isnan(given[0]) and given_bar[0] != 0.0
                while n < most and given[n] < np.inf:
                    at[lane, n], bar[lane, n] = given[n], given_bar[n]
                    wanted = wanted or given_bar[n] != 0.0
                    n += 1
                if not wanted:
                    continue
                if not filled:
                    fill_pattern(times[p], counts[p], duration, constants, pattern)
                    filled = True
                if n > 0:
                    n_at[lane] = n
                    _slopes(
                        times[p], afferents[p], counts[p], rows, o + lane, constants, pattern,
                        at[lane], n, slopes,
                    )  # fmt: skip
                    _through_resets(at[lane], bar[lane], slopes, n, threshold, tau, min_slope)
                else:
                    at[lane, 0], bar[lane, 0], n_at[lane] = duration, np.nan, 1
            _pull_back(
                times[p], afferents[p], counts[p], rows, o, lanes, constants, pattern, at, bar,
                n_at, weight_sum, time_sum, p,
            )  # fmt: skip


@compiled
def _through_resets(at, bar, slopes, n, threshold, tau, min_slope):
    """Turn cotangents of n spikes, given slopes without resets, into those of the potential."""
    resets = 0.0
    for k in range(n):
        resets = (resets + 1.0) * math.exp((at[k - 1] - at[k]) / tau) if k else 0.0
        slopes[k] += resets * threshold / tau
        if slopes[k] < min_slope:
            slopes[k] = min_slope
    later = 0.0
    for k in range(n - 1, -1, -1):
        total = bar[k] + later
        bar[k] = -total / slopes[k] if slopes[k] > 0.0 else 0.0
        if k:
            later -= bar[k] * threshold / tau
            later *= math.exp((at[k - 1] - at[k]) / tau)


@compiled
def add_threshold_gradient(
    times, afferents, counts, rows, duration, constants, first, last, lanes, tau, theta, t,
    n_before, cotangent, floor, most, weight_sum, time_sum,
):  # fmt: skip
    """Add the gradients of critical thresholds, with cotangents [B, O].

    ``most`` is the largest ``n_before``, and ``floor`` the least slope of a spike.
    """
    n_outputs, n_lanes, by_times = theta.shape[1], len(lanes), time_sum.shape[0] > 0
    pattern, (states, tops) = pattern_space(times.shape[1]), course_space(times.shape[1], lanes)
    bounds, sizes, slopes = np.empty(n_lanes), np.empty(n_lanes), np.empty(most + 1)
    at, bar = np.empty((n_lanes, most + 1)), np.empty((n_lanes, most + 1))
    n_at, n_events = np.zeros(n_lanes, np.int64), np.zeros(n_lanes, np.int64)
    for p in range(first, last):
        filled = 0
        for o in range(0, n_outputs, n_lanes):
            n_at[:], n_events[:] = 0, 0
            traced = 0
            for lane in range(min(n_lanes, n_outputs - o)):
                when = np.float64(t[p, o + lane])
                if cotangent[p, o + lane] == 0.0 or when <= 0.0:
                    continue
                lost = np.isnan(theta[p, o + lane])
                until = duration if lost else when
                n_events[lane] = last_event_until(times[p], counts[p], until, False) + 1
                if not lost and (n_before[p, o + lane] > 0 or (by_times and when < duration)):
                    traced = max(traced, n_events[lane])
            # all that outputs need, and the end of its last interval
            needed = min(n_events.max() + 1, counts[p])
            if n_events.max() > 0 and needed > filled:
                fill_pattern(times[p], needed, duration, constants, pattern)
                filled = needed
            if traced > 0:
                trace(
                    afferents[p], traced, rows, o, lanes, constants, tau, pattern, states, tops,
                    bounds, sizes,
                )  # fmt: skip
            for lane in range(n_lanes):
                if n_events[lane] == 0:
                    continue
                threshold, when = np.float64(theta[p, o + lane]), np.float64(t[p, o + lane])
                if np.isnan(threshold):
                    at[lane, 0], bar[lane, 0], n_at[lane] = duration, np.nan, 1
                    continue
                course, n = (pattern, states, tops, lane, n_events[lane]), 0
                if n_before[p, o + lane] > 0:
                    n = count_spikes(
                        course, threshold, n_before[p, o + lane], constants, tau, at[lane], slopes
                    )
                while n > 0 and at[lane, n - 1] >= when:
                    n -= 1
                at[lane, n], n_at[lane] = when, n + 1
                _shares(at[lane], slopes, n, threshold, tau, floor, bar[lane])
                for j in range(n + 1):
                    bar[lane, j] *= cotangent[p, o + lane]
                if by_times and when < duration:
                    slope = _slope_before(course, at[lane], n, threshold, tau, constants)
                    _move_cusp(
                        times[p], afferents[p], counts[p], rows, o + lane, constants, when, slope,
                        bar[lane, n], time_sum, p,
                    )  # fmt: skip
            _pull_back(
                times[p], afferents[p], counts[p], rows, o, lanes, constants, pattern, at, bar,
                n_at, weight_sum, time_sum, p,
            )  # fmt: skip


@compiled
def _shares(at, slopes, n, threshold, tau, floor, bar):
    """Cotangents of the potential at n spikes and at the graze behind them.

    From their logarithms: the products of all 1 + rho overflow.
    """
    later, top = 0.0, 0.0
    for j in range(n - 1, -1, -1):
        rho = threshold / (tau * max(slopes[j], floor))
        left = later - (at[n] - at[j]) / tau
        later += math.log1p(rho)
        # for now: their own logarithms, and those of the terms of D
        bar[j], slopes[j] = left + math.log(rho), left + math.log1p(rho)
        top = max(top, slopes[j])
    d = math.exp(-top)
    for j in range(n):
        d += math.exp(slopes[j] - top)
    log_d = top + math.log(d)
    for j in range(n):
        bar[j] = math.exp(bar[j] - log_d)
    bar[n] = math.exp(-log_d)


@compiled
def _slope_before(course, at, n, threshold, tau, constants):
    """Slope of the potential with its resets just before the graze."""
    pattern, i = course[0], 0
    while i + 1 < course[4] and pattern[TIME, i + 1] < at[n]:
        i += 1
    v, d = after_input(course, i, constants)
    slope = free_state(v, d, at[n] - pattern[TIME, i], constants)[1]
    for j in range(n):
        slope += threshold / tau * math.exp((at[j] - at[n]) / tau)
    return slope


@compiled
def _move_cusp(
    times, afferents, count, rows, o, constants, when, slope, bar, time_sum, p
):  # fmt: skip
    """Add what moving the inputs at a cusp does; they share it by weight, as for the peak."""
    group, i = 0.0, last_event_until(times, count, when, False) + 1
    for k in range(i, count):
        if times[k] != when:
            break
        group += rows[afferents[k], o]
    if group == 0.0:
        return
    of_group = bar * min(max(slope / group, -constants[2]), 0.0)
    for k in range(i, count):
        if times[k] != when:
            break
        time_sum[p, k] += of_group * rows[afferents[k], o]


@compiled
def _slopes(times, afferents, count, rows, o, constants, pattern, at, n, slopes):
    """Slopes of the potential without resets just before n times."""
    slow, fast, psp = pattern[SLOW], pattern[FAST], pattern[PSP]
    tau, _, kappa, _, _, _ = constants
    v, s, j = 0.0, 0.0, 0
    while j < n and (count == 0 or at[j] <= times[0]):
        slopes[j] = 0.0
        j += 1
    for i in range(count):
        if j == n:
            break
        s += rows[afferents[i], o]
        while j < n and (i == count - 1 or at[j] <= times[i + 1]):
            slopes[j] = free_state(v, kappa * s - v / tau, at[j] - times[i], constants)[1]
            j += 1
        v, s = slow[i] * v + psp[i] * s, fast[i] * s


@compiled
def _pull_back(
    times, afferents, count, rows, o, lanes, constants, pattern, at, bar, n_at, weight_sum,
    time_sum, p,
):  # fmt: skip
    """Add what cotangents pull back, to inputs strictly before them.

    Each of the outputs from ``o`` on has ``n_at`` of them, ``bar``, at ascending times ``at``.
    """
    n_lanes, (tau, tau_s, kappa, _, _, _) = len(lanes), constants
    h_now, s_now, left = np.empty(n_lanes), np.empty(n_lanes), n_at.copy()
    latest = _latest(at, left)
    h, s = splat(0.0, lanes), splat(0.0, lanes)
    for i in range(last_event_until(times, count, latest, False), -1, -1):
        # nothing at the first
        h = fma(pattern[SLOW, i], h, pattern[PSP, i] * s)
        s = pattern[FAST, i] * s
        if latest > times[i]:
            store(h_now, 0, h)
            store(s_now, 0, s)
            for lane in range(n_lanes):
                while left[lane] > 0 and at[lane, left[lane] - 1] > times[i]:
                    left[lane] -= 1
                    x, c = at[lane, left[lane]] - times[i], bar[lane, left[lane]]
                    h_now[lane] += c * kappa * free_state(0.0, 1.0, x, constants)[0]
                    s_now[lane] += c * math.exp(-x / tau_s)
            latest = _latest(at, left)
            h, s = load(h_now, 0, lanes), load(s_now, 0, lanes)
        elif i % BLOCK == 0:
            store(h_now, 0, h)
            store(s_now, 0, s)
            ended = latest < 0.0
            for lane in range(n_lanes):
                if abs(h_now[lane]) + abs(s_now[lane]) < _NOTHING:
                    h_now[lane], s_now[lane] = 0.0, 0.0
                else:
                    ended = False
            if ended:
                break
            h, s = load(h_now, 0, lanes), load(s_now, 0, lanes)
        row = weight_sum[afferents[i]]
        store(row, o, load(row, o, lanes) + h)
        if time_sum.shape[0] > 0:
            store(h_now, 0, load(rows[afferents[i]], o, lanes) * (kappa * s - h * (1.0 / tau)))
            for lane in range(n_lanes):
                time_sum[p, i] -= h_now[lane]


@compiled
def _latest(at, left):
    """Latest of the times that are left, -1 if there are none."""
    latest = -1.0
    for lane in range(left.shape[0]):
        if left[lane] > 0:
            latest = max(latest, at[lane, left[lane] - 1])
    return latest
