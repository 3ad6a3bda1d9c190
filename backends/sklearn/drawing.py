"""Weights of patterns: how often an epoch draws each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.networks.class_weight import class_weights
from tempotron_core.networks.training import Training

from ..data.loader import InMemory
from ..training.callbacks import Callback, Epoch

__all__ = ["Drawn", "weights_of_patterns"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def weights_of_patterns(
    class_weight: Any, classes: NDArray[Any], labels: Integers, sample_weight: Floats | None
) -> Floats | None:
    """Return the weight of each pattern, of a dict's for its class and its own; None if all alike.

    Parameters
    ----------
    class_weight : None, 'balanced' or mapping
        Of which only a mapping counts here.
    classes : array, shape (C,)
    labels : integer array, shape (B,)
        The class of each pattern.
    sample_weight : array, shape (B,), or None
        Zero or more.

    Raises
    ------
    ValueError
        If the mapping is not one from classes to weights, or no pattern is left.
    """
    weight = np.ones(len(labels)) if sample_weight is None else sample_weight
    if isinstance(class_weight, Mapping):
        counts = np.bincount(labels, minlength=len(classes))
        by_class = class_weights(class_weight, classes, counts)
        weight = weight * np.asarray(by_class)[labels]
    if not np.any(weight > 0.0):
        given = "class_weight" if sample_weight is None else "sample_weight"
        raise ValueError(f"{given} must leave patterns to learn from, got 0 for all {len(weight)}")
    return None if np.all(weight == weight[0]) else weight


class Drawn(Callback):
    """A source that draws its patterns anew in every epoch, in proportion to their weights.

    The expected number of times a pattern is drawn is the weight's share of all draws, and the
    number differs from that by less than one: with equal weights every pattern is drawn once.
    """

    def __init__(self, source: InMemory, weight: Floats, rng: np.random.Generator) -> None:
        self._source, self._rng = source, rng
        self._ends = np.cumsum(weight)
        self.n_classes, self.n_afferents = source.n_classes, source.n_afferents
        self.duration, self.mean_spikes = source.duration, source.mean_spikes
        self._draw()

    def _draw(self) -> None:
        count = len(self._source)
        at = (np.arange(count) + self._rng.random()) / count * self._ends[-1]
        # a position may round to the very end
        last = np.searchsorted(self._ends, self._ends[-1])
        self._index = np.minimum(np.searchsorted(self._ends, at, side="right"), last)
        self.labels: Integers = self._source.labels[self._index]

    def __len__(self) -> int:
        return len(self._source)

    def events(self, index: Integers) -> Events:
        """Return chosen ones of the patterns drawn."""
        return self._source.events(self._index[index])

    def on_epoch(self, epoch: Epoch, state: Training) -> None:  # noqa: ARG002
        """Draw the next epoch's."""
        self._draw()
