"""Whole epochs of the published rule: a pattern's peak, and on errors the change it asks for."""

from __future__ import annotations

import numpy as np

from .adjoint import pull_back
from .compiled import compiled
from .lanes import fma, load, splat, store
from .peak_scan import scan_peaks
from .readouts import potential_starts

__all__ = ["learn_epochs"]


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
    step = np.zeros(rows.shape)
    wrong, kept = np.empty(n_lanes), np.empty(n_lanes)
    everything, no_times = np.empty((0, n_lanes), np.int64), np.empty((0, 0))
    for epoch in range(orders.shape[0]):
        total = 0
        for p in orders[epoch]:
            scan_peaks(
                times, afferents, counts, rows, duration, constants, p, p + 1, scanned, v_max,
                t_max,
            )  # fmt: skip
            n_wrong = 0
            for o in range(n_lanes):
                is_wrong = (v_max[p, o] > threshold) != fire[p, o]
                wrong[o], kept[o] = is_wrong, momentum if is_wrong else 1.0
                v_bar[p, o] = (learning_rate if fire[p, o] else -learning_rate) * is_wrong
                errors[epoch, o] += is_wrong
                n_wrong += is_wrong
            if n_wrong == 0:
                continue
            total += n_wrong
            event[:] = -1
            potential_starts(
                times, afferents, counts, rows, duration, constants, p, p + 1, t_max, v_bar,
                everything, False, event, x, p_bar, q_bar,
            )  # fmt: skip
            pull_back(
                times, afferents, counts, rows, duration, constants, p, p + 1, lanes, event, x,
                p_bar, q_bar, step, no_times,
            )  # fmt: skip
            # a lane that is right has no step, and keeps its last change
            of_wrong, repeated = load(wrong, 0, lanes), load(kept, 0, lanes)
            for i in range(rows.shape[0]):
                now = fma(repeated, load(change[i], 0, lanes), load(step[i], 0, lanes))
                store(change[i], 0, now)
                store(rows[i], 0, fma(of_wrong, now, load(rows[i], 0, lanes)))
                store(step[i], 0, splat(0.0, lanes))
        if total == 0:
            return epoch + 1
    return orders.shape[0]
