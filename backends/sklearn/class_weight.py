"""Weights of classes: how often an epoch draws the patterns of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.networks.training import Training

from ..data.loader import InMemory
from ..training.callbacks import Callback, Epoch
from .settings import plain

__all__ = ["Drawn", "weights_of_classes"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def weights_of_classes(class_weight: Any, classes: NDArray[Any]) -> Floats | None:
    """Return the weight of each class that a dict gives, checked; None without a dict."""
    if not isinstance(class_weight, Mapping):
        return None
    given = {plain(name): weight for name, weight in class_weight.items()}
    names = [plain(name) for name in classes]
    unknown = sorted(set(given) - set(names), key=str)
    if unknown:
        raise ValueError(f"class_weight must name classes among {names}, got {unknown}")
    weights = np.asarray([given.get(name, 1.0) for name in names], dtype=np.float64)
    if not (np.all(np.isfinite(weights)) and np.all(weights >= 0.0)):
        raise ValueError(f"class_weight must hold finite weights, zero or more, got {given}")
    return weights


class Drawn(Callback):
    """A source that draws its patterns anew in every epoch, in proportion to its class's weight.

    The expected number of times a pattern is drawn is the weight's share of all draws, and the
    number differs from that by less than one: with equal weights every pattern is drawn once.
    """

    def __init__(self, source: InMemory, weight_of_class: Floats, rng: np.random.Generator) -> None:
        weight = weight_of_class[source.labels]
        if not np.any(weight > 0.0):
            raise ValueError(
                f"class_weight must leave patterns to learn from, got 0 for all {len(weight)}"
            )
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
