"""Networks to teach numbers of spikes to: outputs that spike as often as they should, somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays.host import to_host
from ..encoding.clock import clock_times, with_clock
from ..events import Events
from ..events.changing import map_arrays
from ..learning.optimisers import Adam, Momentum
from ..neuron import Neuron
from ..spiking import output_spikes
from .initialisation import initial_network
from .layers import checked_neurons, hidden_sizes
from .network import Network
from .training import Training

__all__ = ["begin_counting"]

Array = Any
Integers = NDArray[np.int64]

SEEN_AT_START = 200
"""Patterns that the outputs are fitted to."""

SPREAD, SPREAD_BEHIND_HIDDEN = 15.0, 3.0
"""Of output weights, among the hundreds of spikes of a pattern or the dozens of a hidden layer."""


def begin_counting(
    events: Events,
    wanted: Integers,
    hidden: Sequence[int],
    neuron: Neuron | Sequence[Neuron],
    rng: np.random.Generator,
    make_optimiser: Any,
    *,
    fraction: float,
    spread: float | None = None,
    clock: Any = None,
    dtype: Any = None,
    **options: Any,
) -> Training:
    """Draw a network for patterns, on the host, and move it to where they are.

    Hidden layers start as those of `initial_network`.  The weights of an output are normal; their
    mean is such that it spikes as often as it should.

    Parameters
    ----------
    events : Events
        Some hundred of the training patterns.
    wanted : integer array of NumPy, shape (B, O)
        Spikes that each of the O outputs should answer them with.
    hidden : sequence of int
        Neurons of each hidden layer.
    neuron, rng, clock, dtype, **options
        As for `initial_network`.
    make_optimiser : callable
        Returns a new optimiser, for one layer.
    fraction : float
        Part of the patterns for which a hidden neuron spikes.
    spread : float, optional
        Standard deviation of the output weights, in thresholds, times the mean number of spikes
        that the outputs receive; by default `SPREAD`, or `SPREAD_BEHIND_HIDDEN`.

    Returns
    -------
    Training
    """
    on_host = map_arrays(events, to_host)
    sizes = hidden_sizes(hidden)
    if spread is None:
        spread = SPREAD_BEHIND_HIDDEN if sizes else SPREAD
    neurons = checked_neurons(neuron, len(sizes) + 1)
    n_outputs = wanted.shape[1]
    options = {"pass_on": "spikes", "readout": "counts"} | options
    if sizes:
        network = initial_network(
            on_host,
            sizes,
            n_outputs,
            neurons,
            rng,
            dtype=dtype,
            fraction=fraction,
            clock=clock,
            **options,
        )
        before, options["clock"] = network.weights[:-1], network.clock
        inputs = network.forward(on_host).inputs
    else:
        before, options["clock"] = (), clock_times(clock, on_host.duration, neurons[0])
        inputs = (with_clock(on_host, options["clock"]),)
    received = [max(float(np.mean(each.counts)), 1.0) for each in inputs]
    last = _counting_weight(inputs[-1], wanted, neurons[-1], spread / received[-1], rng, dtype)
    place = events.xp.asarray
    weights = [place(weight, device=events.device) for weight in (*before, last)]
    optimisers: list[Momentum | Adam] = [make_optimiser() for _ in weights]
    return Training(Network(weights, neurons, **options), optimisers, max(received), rng)


def _counting_weight(
    events: Events,
    wanted: Integers,
    neuron: Neuron,
    spread: float,
    rng: np.random.Generator,
    dtype: Any,
) -> Array:
    """Random weights with the mean for which each neuron spikes as often as it should.

    At least one spike in ten patterns: silent neurons learn as well, but from the noisier side.
    """
    spread = spread * neuron.v_threshold
    shape = (wanted.shape[1], events.n_afferents)
    drawn = rng.normal(0.0, spread, shape)
    seen = events[:SEEN_AT_START]
    aim = np.maximum(wanted.mean(axis=0), 0.1)
    dtype = events.like.dtype if dtype is None else dtype

    def shifted(mean: NDArray[np.float64]) -> Array:
        return (drawn + mean[:, None]).astype(dtype)

    low = np.full(shape[0], -10.0 * spread)
    high = -low
    for _ in range(12):
        middle = 0.5 * (low + high)
        counts = output_spikes(seen, shifted(middle), neuron, max_spikes=1).counts
        often = counts.mean(axis=0) >= aim
        low, high = np.where(often, low, middle), np.where(often, middle, high)
    return shifted(0.5 * (low + high))
