"""What a network makes of any number of patterns, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays.host import to_host
from ..arrays.namespace import array_namespace
from ..arrays.registry import compiled
from ..events import Events
from ..neuron import Neuron
from .counting import counting
from .learning_step import Objective
from .network import Network

__all__ = ["class_values", "spike_counts"]

Array = Any


def class_values(
    network: Network,
    objective: Objective,
    batch: Callable[[NDArray[np.int64]], Events],
    n_patterns: int,
    *,
    batch_size: int = 256,
) -> Array:
    """Return the value of each class for each pattern: the pooled largest potentials.

    Parameters
    ----------
    network : Network
    objective : Objective
        Which says how they are pooled.
    batch : callable
        From numbers of patterns, shape (n,), to their events.
    n_patterns : int
    batch_size : int, default 256
        Patterns per call, which bounds the memory.

    Returns
    -------
    array, shape (n_patterns, C)
    """
    size = min(batch_size, n_patterns)
    n_batches = -(-n_patterns // size) if size else 1
    # all of one size, so that a library that compiles for shapes does so once
    numbers = np.resize(np.arange(n_patterns), (n_batches, size))
    fixed = tuple(network.reference_times), tuple(network.clock), network.max_spikes
    read = _reader(objective, network.neurons, network.pass_on, *fixed)
    read = compiled(read, network.weights[0])
    values = [read(batch(chosen), tuple(network.weights)) for chosen in numbers]
    xp = array_namespace(values=values[0])
    return xp.concat(values, axis=0)[:n_patterns, :]


def spike_counts(
    network: Network,
    batch: Callable[[NDArray[np.int64]], Events],
    n_patterns: int,
    *,
    batch_size: int = 256,
) -> NDArray[np.int64]:
    """Return the output spikes of each pattern, all of them on every library.

    Parameters
    ----------
    network : Network
        With ``readout='counts'``.
    batch, n_patterns, batch_size
        As for `class_values`.

    Returns
    -------
    integer array of NumPy, shape (n_patterns, O)
    """
    found = [np.zeros((0, network.weights[-1].shape[0]), dtype=np.int64)]
    network, moved = counting(network)
    for begin in range(0, n_patterns, batch_size):
        events = batch(np.arange(begin, min(begin + batch_size, n_patterns)))
        found.append(to_host(network.forward(moved(events)).spikes.counts))
    counts: NDArray[np.int64] = np.concatenate(found)
    return counts


@lru_cache(maxsize=16)
def _reader(
    objective: Objective,
    neurons: tuple[Neuron, ...],
    pass_on: str,
    reference_times: tuple[float, ...],
    clock: tuple[float, ...],
    max_spikes: int | None,
) -> Callable[[Events, tuple[Array, ...]], Array]:
    """Return a function from events and weights to class values, kept so as to compile once."""

    def read(events: Events, weights: tuple[Array, ...]) -> Array:
        network = Network(
            weights, neurons, pass_on, reference_times, clock=clock, max_spikes=max_spikes
        )
        return objective.class_values(network.forward(events).peak.v_max)

    return read
