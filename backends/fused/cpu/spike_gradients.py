r"""Gradients of output spikes and critical thresholds, one pair after the other.

For each pair they come down to cotangents :math:`c_x` of the potential without resets at times
:math:`t_x`, see docs/multispike.md, which one pass backwards pulls back as in `adjoint`.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import compiled
from .course import (
    COLUMNS,
    D_START,
    START,
    V_START,
    count_spikes,
    fill_pattern,
    pattern_space,
    trace,
)
from .readouts import last_event_until
from .steps import free_state

__all__ = ["add_spike_gradient", "add_threshold_gradient"]

_LEVEL = 0.999  # of a threshold: rounding must not leave out where it is touched
_NOTHING = 1e-280  # states are taken for 0 before they become subnormal numbers, which are slow


@compiled
def add_spike_gradient(
    times, afferents, counts, rows, duration, constants, first, last, threshold, tau, spike_times,
    cotangent, min_slope, weight_sum, time_sum,
):  # fmt: skip
    """Add the gradients of output spikes [B, O, S], inf where there is none, with cotangents."""
    most = spike_times.shape[2]
    space, at, bar, slopes = (
        pattern_space(times.shape[1]), np.empty(most), np.empty(most), np.empty(most),
    )  # fmt: skip
    for p in range(first, last):
        filled = False
        for o in range(spike_times.shape[1]):
            n, wanted = 0, False
            while n < most and spike_times[p, o, n] < np.inf:
                at[n], bar[n] = spike_times[p, o, n], cotangent[p, o, n]
                wanted = wanted or bar[n] != 0.0
                n += 1
            if not wanted:
                if np.isnan(spike_times[p, o, 0]) and cotangent[p, o, 0] != 0.0:
                    at[0], bar[0], n = duration, np.nan, 1
                else:
                    continue
            if not filled:
                fill_pattern(times[p], counts[p], duration, constants, space)
                filled = True
            if wanted:
                _slopes(
                    times[p], afferents[p], counts[p], rows, o, constants, space, at, n, slopes
                )  # fmt: skip
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
            _pull_back(
                times[p], afferents[p], counts[p], rows, o, constants, space, at, bar, n,
                weight_sum, time_sum, p,
            )  # fmt: skip


@compiled
def add_threshold_gradient(
    times, afferents, counts, rows, duration, constants, first, last, tau, theta, t, n_before,
    cotangent, floor, most, weight_sum, time_sum,
):  # fmt: skip
    """Add the gradients of critical thresholds, with cotangents [B, O].

    ``most`` is the largest ``n_before``, and ``floor`` the least slope of a spike.
    """
    space, course = pattern_space(times.shape[1]), np.empty((COLUMNS, times.shape[1]))
    at, bar, slopes = np.empty(most + 1), np.empty(most + 1), np.empty(most + 1)
    for p in range(first, last):
        filled = 0
        for o in range(theta.shape[1]):
            if cotangent[p, o] == 0.0 or t[p, o] <= 0.0:
                continue
            threshold, when, n = np.float64(theta[p, o]), np.float64(t[p, o]), 0
            until = duration if np.isnan(threshold) else when
            count = last_event_until(times[p], counts[p], until, False) + 1
            if count > filled:  # all that outputs need
                fill_pattern(times[p], count, duration, constants, space)
                filled = count
            if np.isnan(threshold):
                at[0], bar[0] = duration, np.nan
            else:
                at_cusp, length = time_sum.shape[0] > 0 and when < duration, 0
                if at_cusp or n_before[p, o] > 0:
                    length, _, _ = trace(
                        times[p], afferents[p], count, rows, o, duration, constants, tau, space,
                        _LEVEL * threshold if threshold > 0.0 else -np.inf, course,
                    )  # fmt: skip
                if n_before[p, o] > 0:
                    n = count_spikes(
                        course, length, threshold, n_before[p, o], constants, tau, at, slopes
                    )
                    n = min(n, n_before[p, o])
                while n > 0 and at[n - 1] >= when:
                    n -= 1
                at[n] = when
                _shares(at, slopes, n, threshold, tau, floor, bar)
                for j in range(n + 1):
                    bar[j] *= cotangent[p, o]
                if at_cusp:
                    slope = _slope_before(course, length, at, n, threshold, tau, constants)
                    _move_cusp(
                        times[p], afferents[p], counts[p], rows, o, constants, when, slope, bar[n],
                        time_sum, p,
                    )  # fmt: skip
            _pull_back(
                times[p], afferents[p], counts[p], rows, o, constants, space, at, bar, n + 1,
                weight_sum, time_sum, p,
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
def _slope_before(course, length, at, n, threshold, tau, constants):
    """Slope of the potential with its resets just before the graze."""
    i = 0
    while i + 1 < length and course[START, i + 1] < at[n]:
        i += 1
    slope = free_state(
        course[V_START, i], course[D_START, i], at[n] - course[START, i], constants
    )[1]  # fmt: skip
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
def _slopes(times, afferents, count, rows, o, constants, space, at, n, slopes):
    """Slopes of the potential without resets just before n times."""
    _, _, slow, fast, psp = space
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
    times, afferents, count, rows, o, constants, space, at, bar, n, weight_sum, time_sum, p
):  # fmt: skip
    """Add what n cotangents at ascending times pull back, to inputs strictly before them."""
    _, _, slow, fast, psp = space
    tau, tau_s, kappa, _, _, _ = constants
    h, s, j = 0.0, 0.0, n - 1
    for i in range(last_event_until(times, count, at[n - 1], False), -1, -1):
        h, s = slow[i] * h + psp[i] * s, fast[i] * s  # nothing at the first
        while j >= 0 and at[j] > times[i]:
            x = at[j] - times[i]
            h += bar[j] * kappa * free_state(0.0, 1.0, x, constants)[0]
            s += bar[j] * math.exp(-x / tau_s)
            j -= 1
        if abs(h) + abs(s) < _NOTHING:
            h, s = 0.0, 0.0
            if j < 0:
                break
        weight_sum[afferents[i], o] += h
        if time_sum.shape[0] > 0:
            time_sum[p, i] -= rows[afferents[i], o] * (kappa * s - h / tau)
