"""Gradients of each readout: what some patterns pull back, and the way back, in one call.

A few patterns at a time, so that memory does not grow with the batch.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled
from .adjoint import pull_back
from .starts import crossing_starts, peak_starts, potential_starts, states_before

__all__ = ["add_crossing_gradient", "add_peak_gradient", "add_potential_gradient"]

_PATTERNS = 32


@compiled
def _found(width):
    """Arrays for what the readouts of some patterns pull back, see `starts`."""
    shape = (_PATTERNS, width)
    return np.empty(shape, np.int64), np.zeros(shape), np.zeros(shape), np.zeros(shape)


@compiled
def add_potential_gradient(
    times, afferents, counts, rows, duration, constants, first, last, lanes, t_star, v_bar,
    last_event, inclusive, weight_sum, time_sum,
):  # fmt: skip
    """Add the gradients of potentials at t_star [B, O] with cotangents v_bar."""
    event, x, p_bar, q_bar = _found(rows.shape[1])
    for start in range(first, last, _PATTERNS):
        stop = min(start + _PATTERNS, last)
        event[:] = -1
        potential_starts(
            times, afferents, counts, rows, duration, constants, start, stop, t_star, v_bar,
            last_event, inclusive, event, x, p_bar, q_bar,
        )  # fmt: skip
        pull_back(
            times, afferents, counts, rows, duration, constants, start, stop, lanes, event, x,
            p_bar, q_bar, weight_sum, time_sum,
        )  # fmt: skip


@compiled
def add_peak_gradient(
    times, afferents, counts, rows, duration, constants, first, last, lanes, t_star, v_bar, t_bar,
    active, last_event, weight_sum, time_sum,
):  # fmt: skip
    """Add the gradients of the active peaks and their times, with cotangents v_bar and t_bar."""
    event, x, p_bar, q_bar = _found(rows.shape[1])
    v_left, d_left = np.empty((_PATTERNS, v_bar.shape[1])), np.empty((_PATTERNS, v_bar.shape[1]))
    for start in range(first, last, _PATTERNS):
        stop = min(start + _PATTERNS, last)
        event[:] = -1
        states_before(
            times, afferents, counts, rows, duration, constants, start, stop, lanes, t_star,
            active, last_event, v_left, d_left,
        )  # fmt: skip
        peak_starts(
            times, afferents, counts, rows, duration, constants, start, stop, t_star, v_bar, t_bar,
            active, last_event, v_left, d_left, event, x, p_bar, q_bar, time_sum,
        )  # fmt: skip
        pull_back(
            times, afferents, counts, rows, duration, constants, start, stop, lanes, event, x,
            p_bar, q_bar, weight_sum, time_sum,
        )  # fmt: skip


@compiled
def add_crossing_gradient(
    times, afferents, counts, rows, duration, constants, first, last, lanes, t_spike, t_bar,
    active, everything, min_slope, weight_sum, time_sum,
):  # fmt: skip
    """Add the gradients of the active crossings with cotangents t_bar.

    ``everything`` stands for the last spikes that count, and has no rows: all do.
    """
    event, x, p_bar, q_bar = _found(rows.shape[1])
    v_left, d_left = np.empty((_PATTERNS, t_bar.shape[1])), np.empty((_PATTERNS, t_bar.shape[1]))
    for start in range(first, last, _PATTERNS):
        stop = min(start + _PATTERNS, last)
        event[:] = -1
        states_before(
            times, afferents, counts, rows, duration, constants, start, stop, lanes, t_spike,
            active, everything, v_left, d_left,
        )  # fmt: skip
        crossing_starts(
            times, afferents, counts, rows, duration, constants, start, stop, t_spike, t_bar,
            active, min_slope, d_left, event, x, p_bar, q_bar,
        )  # fmt: skip
        pull_back(
            times, afferents, counts, rows, duration, constants, start, stop, lanes, event, x,
            p_bar, q_bar, weight_sum, time_sum,
        )  # fmt: skip
