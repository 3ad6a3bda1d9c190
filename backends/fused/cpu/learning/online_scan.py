"""Whole epochs of the published rule: a pattern's peak, and on errors the change it asks for.

Momentum takes a part of a neuron's last change at every error, from all of its weights.  So that
the gradient can be added to the change where it lies, that part is kept aside, one number for each
neuron: the change is this ``scale`` times what is stored, and a step is divided by it.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import fma, load, store
from ..readouts.adjoint import pull_back
from ..readouts.peak_scan import scan_peaks
from ..readouts.starts import potential_starts

__all__ = ["learn_epochs"]

_SMALLEST = 1e-100
"""Scale below which the change is stored anew, so that what it is divided by stays a number."""


@compiled
def learn_epochs(
    times, afferents, counts, rows, duration, constants, lanes, scanned, fire, change, threshold,
    learning_rate, momentum, orders, errors,
):  # fmt: skip
    """Change the weights of as many outputs as lanes, rows [N, L], and count errors [E, L].

    ``change`` [N, L] is each output's last change, ``fire`` [B, L] what is wanted, and
    ``orders`` [E, B] the patterns of each epoch; patterns are ``scanned`` in lanes of their own.
    Returned is how many epochs were needed: one without an error is the last.
    """
    n_patterns, n_lanes = times.shape[0], len(lanes)
    v_max, t_max = np.empty((n_patterns, n_lanes)), np.empty((n_patterns, n_lanes), times.dtype)
    v_bar = np.zeros((n_patterns, n_lanes))
    event, x = np.empty((1, n_lanes), np.int64), np.zeros((1, n_lanes))
    p_bar, q_bar = np.zeros((1, n_lanes)), np.zeros((1, n_lanes))
    scale, of_step, of_change = np.ones(n_lanes), np.empty(n_lanes), np.empty(n_lanes)
    everything, no_times = np.empty((0, n_lanes), np.int64), np.empty((0, 0))
    needed = 0
    for epoch in range(orders.shape[0]):
        needed, total = epoch + 1, 0
        for p in orders[epoch]:
            scan_peaks(
                times, afferents, counts, rows, duration, constants, p, p + 1, scanned, v_max,
                t_max,
            )  # fmt: skip
            n_wrong, least = 0, 1.0
            for o in range(n_lanes):
                is_wrong = (v_max[p, o] > threshold) != fire[p, o]
                of_change[o] = 1.0
                if is_wrong:
                    scale[o] *= momentum
                    least = min(least, scale[o])
                    if scale[o] < _SMALLEST:
                        of_change[o], scale[o] = scale[o], 1.0
                # a lane that is right has no step, and keeps its weights and its last change
                of_step[o] = scale[o] * is_wrong
                step = learning_rate / scale[o] * is_wrong
                v_bar[p, o] = step if fire[p, o] else -step
                errors[epoch, o] += is_wrong
                n_wrong += is_wrong
            if n_wrong == 0:
                continue
            total += n_wrong
            if least < _SMALLEST:
                _multiply(change, of_change, lanes)
            event[:] = -1
            potential_starts(
                times, afferents, counts, rows, duration, constants, p, p + 1, t_max, v_bar,
                everything, False, event, x, p_bar, q_bar,
            )  # fmt: skip
            pull_back(
                times, afferents, counts, rows, duration, constants, p, p + 1, lanes, event, x,
                p_bar, q_bar, change, no_times,
            )  # fmt: skip
            of_rows = load(of_step, 0, lanes)
            for i in range(rows.shape[0]):
                store(rows[i], 0, fma(of_rows, load(change[i], 0, lanes), load(rows[i], 0, lanes)))
        if total == 0:
            break
    _multiply(change, scale, lanes)
    return needed


@compiled
def _multiply(change, factors, lanes):
    """Multiply each neuron's change by a factor of its own."""
    of_lanes = load(factors, 0, lanes)
    for i in range(change.shape[0]):
        store(change[i], 0, of_lanes * load(change[i], 0, lanes))
