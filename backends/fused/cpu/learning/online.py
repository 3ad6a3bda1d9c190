"""Learning rules on NumPy arrays and PyTorch CPU tensors, by compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Neuron

from ..batch import usable
from ..layout import lanes_for, scan_lanes
from ..threads import run
from .online_scan import learn_epochs

__all__ = ["learn_online"]

Array = NDArray[Any]


def learn_online(
    events: Events,
    fire: Array,
    weight: Array,
    change: Array,
    neuron: Neuron,
    learning_rate: float,
    momentum: float,
    orders: Array,
) -> tuple[Array, Array, Array]:
    """Weights and last changes [O, N] after epochs of given orders [E, B], and errors [E, O]."""
    n_outputs = weight.shape[0]
    lanes, scanned = lanes_for(n_outputs), scan_lanes(n_outputs)
    n_lanes = len(lanes)
    # in double precision for weights of either, which is compiled once
    times, afferents = usable(events.times, np.float64), usable(events.afferents)
    counts = usable(events.counts, np.int64)
    constants = neuron.kernel.constants
    new_weight, new_change = np.empty_like(weight), np.empty_like(change)
    errors = np.zeros((orders.shape[0], n_outputs), np.int64)
    needed = []

    def learn(first: int) -> None:
        """Learn outputs from ``first`` on, filled up with some that are never wrong."""
        some = slice(first, min(first + n_lanes, n_outputs))
        n = some.stop - first
        rows, last = np.zeros((2, events.n_afferents, n_lanes))
        rows[:, :n], last[:, :n] = weight[some].T, change[some].T
        wanted = np.zeros((len(events), n_lanes), bool)
        found = np.zeros((len(orders), n_lanes), int)
        wanted[:, :n] = fire[:, some]
        needed.append(
            learn_epochs(
                times, afferents, counts, rows, events.duration, constants, lanes, scanned, wanted,
                last, neuron.v_threshold, learning_rate, momentum, usable(orders, np.int64), found,
            )
        )  # fmt: skip
        new_weight[some], new_change[some] = rows[:, :n].T, last[:, :n].T
        errors[:, some] = found[:, :n]

    run(learn, range(0, n_outputs, n_lanes))
    return new_weight, new_change, errors[: max(needed, default=0)]
