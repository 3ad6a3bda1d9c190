"""`fit_counts`: from patterns and how many spikes each asks for to trained neurons in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays.choices import check_choice
from ..arrays.host import to_host
from ..arrays.numbers import generator_of, positive_float, whole_number
from ..events import Events
from ..learning.optimisers import Adam
from ..learning.schedules import cosine
from ..learning.spike_counts import aggregate_labels, correlation_rule
from ..neuron import Neuron
from ..spiking import critical_threshold, critical_threshold_vjp, eligibility, output_spikes

__all__ = ["FittedCounts", "count_gradient", "fit_counts"]

Array = Any
Integers = NDArray[np.int64]

SEEN_AT_START = 200
"""Patterns that the first weights are fitted to."""


@dataclass(frozen=True, eq=False)
class FittedCounts:
    """Neurons that spike as often as a pattern asks for.

    Attributes
    ----------
    weight : array, shape (O, N)
    neuron : Neuron
    history : dict of str to list of float
        ``loss`` of each epoch, the spikes too many or too few per pattern during it, and
        ``accuracy``, the part of the patterns and neurons counted exactly.
    """

    weight: Array
    neuron: Neuron
    history: dict[str, list[float]]

    def predict(self, events: Events) -> Integers:
        """Return the output spikes of every neuron in every pattern.

        Parameters
        ----------
        events : Events
            In the library and on the device of the weights.

        Returns
        -------
        integer array of NumPy, shape (B, O)
        """
        return _counted(events, self.weight, self.neuron)

    def score(self, events: Events, counts: Any) -> float:
        """Return the part of patterns and neurons that are counted exactly.

        Parameters
        ----------
        events : Events
        counts : integer array or sequence, shape (B,) or (B, O)

        Returns
        -------
        float
            From 0 to 1.
        """
        wanted = _wanted("counts", counts, events)
        found = self.predict(events)
        if wanted.shape != found.shape:
            raise ValueError(f"counts must be of {found.shape[1]} neurons, got {wanted.shape[1]}")
        return float(np.mean(found == wanted))


def fit_counts(
    events: Events,
    counts: Any,
    neuron: Neuron | None = None,
    *,
    rule: str = "exact",
    epochs: int = 40,
    batch_size: int = 32,
    learning_rate: float = 4.0,
    spread: float = 15.0,
    rng: np.random.Generator | int = 0,
) -> FittedCounts:
    """Teach neurons to answer each pattern with a number of spikes [1]_.

    Nothing says when they should spike: from the counts alone they find which parts of the patterns
    these are about.

    Parameters
    ----------
    events : Events
        The training patterns, of any array library that does not trace.
    counts : integer array or sequence, shape (B,) or (B, O)
        How many spikes each of O neurons should answer with; (B,) for a single neuron.
    neuron : Neuron, optional
        Constants of all neurons; by default ``tau`` 20, ``tau_s`` 5, and a peak of 1.
    rule : {'exact', 'correlation'}
        Follow the gradient of the critical threshold, or change the afferents that had most to do
        with the potential.
    epochs : int, default 40
        Passes through the patterns at most: learning ends with one that has no error.
    batch_size : int, default 32
    learning_rate : float, default 4
        Largest change of a weight in one step of Adam, in thresholds, times the mean number of
        spikes of a pattern; it falls along a cosine.
    spread : float, default 15
        Standard deviation of the first weights, in the same unit.  Their mean is such that the
        neurons spike as often as they should, if not where.
    rng : numpy.random.Generator or int, default 0
        Source of the weights and of the order of patterns.

    Returns
    -------
    FittedCounts

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If there is not one count per pattern, one is negative, the neuron shunts its input, or a
        number is out of range.

    References
    ----------
    .. [1] R. Gütig, "Spiking neurons can discover predictive features by aggregate-label
       learning", Science 351, aab4113 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, fit_counts
    >>> rng = np.random.default_rng(0)
    >>> counts = rng.integers(0, 3, 40)
    >>> clue, trains = rng.uniform(0.0, 20.0, 40), rng.uniform(0.0, 400.0, (40, 40, 3))
    >>> trains[counts > 0, :, 0] = 50.0 + clue
    >>> trains[counts > 1, :, 1] = 200.0 + clue
    >>> model = fit_counts(Events.from_trains(trains, 420.0), counts, rule="correlation")
    >>> model.history["accuracy"][-1]
    1.0
    """
    if not isinstance(events, Events):
        raise TypeError(f"events must be an Events, got {type(events).__name__}")
    wanted = _wanted("counts", counts, events)
    neuron = Neuron(20.0, 5.0, psp_peak=1.0) if neuron is None else neuron
    check_choice("rule", rule, ("exact", "correlation"))
    epochs = whole_number("epochs", epochs, least=0)
    batch_size = whole_number("batch_size", batch_size)
    learning_rate = positive_float("learning_rate", learning_rate)
    spread = positive_float("spread", spread)
    rng = generator_of(rng)
    xp, device = events.xp, events.device
    unit = neuron.v_threshold / max(float(np.mean(to_host(events.counts))), 1.0)
    weight = _start(events, wanted, neuron, spread * unit, rng)
    schedule, optimiser = cosine(), Adam(0.0)
    history: dict[str, list[float]] = {"loss": [], "accuracy": []}
    n_patterns, n_outputs = wanted.shape
    for epoch in range(epochs):
        order = rng.permutation(n_patterns)
        wrong, loss = 0, 0.0
        for begin in range(0, n_patterns, batch_size):
            chosen = order[begin : begin + batch_size]
            batch = events[xp.asarray(chosen, device=device)]
            target = xp.asarray(wanted[chosen], device=device)
            gradient, error, missed = count_gradient(batch, weight, neuron, target, rule)
            if missed:
                done = (epoch + begin / n_patterns) / epochs
                optimiser.learning_rate = learning_rate * unit * schedule(done)
                weight = optimiser.step(weight, gradient)
            wrong, loss = wrong + missed, loss + error * len(chosen)
        history["loss"].append(loss / n_patterns)
        history["accuracy"].append(1.0 - wrong / (n_patterns * n_outputs))
        if not wrong:
            break
    return FittedCounts(weight, neuron, history)


def count_gradient(
    events: Events, weight: Array, neuron: Neuron, wanted: Array, rule: str
) -> tuple[Array | None, float, int]:
    """Return what one step of a rule goes by.

    Parameters
    ----------
    events, weight, neuron, rule
        As for `fit_counts`.
    wanted : integer array, shape (B, O)

    Returns
    -------
    gradient : array, shape (O, N), or None
        None where there is no error.
    loss : float
        Spikes too many or too few per pattern.
    missed : int
        Pairs of a pattern and a neuron in error.
    """
    spikes = output_spikes(events, weight, neuron)
    loss, k, cotangent, where = aggregate_labels(spikes.counts, wanted)
    missed = int(events.xp.sum(events.xp.astype(where, k.dtype)))
    if not missed:
        return None, float(loss), missed
    if rule == "correlation":
        owed = eligibility(events, weight, neuron, spikes)
        return correlation_rule(owed, spikes.counts, wanted), float(loss), missed
    critical = critical_threshold(events, weight, neuron, k, where=where)
    gradient = critical_threshold_vjp(events, weight, neuron, critical, cotangent).weight
    return gradient, float(loss), missed


def _start(
    events: Events, wanted: Integers, neuron: Neuron, spread: float, rng: np.random.Generator
) -> Array:
    """Random weights with the mean for which each neuron spikes as often as it should.

    At least one spike in ten patterns: silent neurons learn as well, but from the noisier side.
    """
    shape = (wanted.shape[1], events.n_afferents)
    drawn = rng.normal(0.0, spread, shape)
    seen = events[:SEEN_AT_START]
    aim = np.maximum(wanted.mean(axis=0), 0.1)
    xp, device = events.xp, events.device

    def place(mean: NDArray[np.float64]) -> Array:
        weight = xp.asarray(drawn + mean[:, None], device=device)
        return xp.astype(weight, seen.times.dtype)

    low = np.full(shape[0], -10.0 * spread)
    high = -low
    for _ in range(12):
        middle = 0.5 * (low + high)
        often = _counted(seen, place(middle), neuron).mean(axis=0) >= aim
        low, high = np.where(often, low, middle), np.where(often, middle, high)
    return place(0.5 * (low + high))


def _counted(events: Events, weight: Array, neuron: Neuron) -> Integers:
    found: Integers = to_host(output_spikes(events, weight, neuron, max_spikes=1).counts)
    return found


def _wanted(name: str, counts: Any, events: Events) -> Integers:
    """Return counts [B, O] on the host, or an error naming them."""
    if hasattr(counts, "__array_namespace__") or hasattr(counts, "detach"):
        counts = to_host(counts)
    found = np.asarray(counts)
    if found.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {found.dtype}")
    if found.ndim not in (1, 2) or found.shape[0] != len(events) or 0 in found.shape:
        raise ValueError(
            f"{name} must have shape (B,) or (B, O) with B = {len(events)} patterns, at least one, "
            f"got {found.shape}"
        )
    if found.min() < 0:
        raise ValueError(f"{name} must not be negative, got {found.min()}")
    return found.astype(np.int64).reshape(len(events), -1)
