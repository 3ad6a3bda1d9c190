"""State of a training run: all that it depends on, and that a resumed one continues from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Network
from tempotron_core.learning import Adam, Momentum

__all__ = ["Training"]

Array = Any
Integers = NDArray[np.int64]


@dataclass
class Training:
    """State of a training run.

    Attributes
    ----------
    network : Network
        With the current weights, on the backend's device.
    optimisers : list
        One per layer.
    mean_spikes : float
        Spikes per pattern that the layer with most of them receives at the start: what the step
        size is divided by.
    rng : numpy.random.Generator
        Source of the order of patterns and of augmentation.
    history : dict
        ``loss`` and ``accuracy`` of each completed epoch, on the training patterns during it, and
        ``validation_accuracy`` after it if there are validation patterns.
    best : Network or None
        With the weights of the best epoch on the validation patterns.
    best_epoch : int
        That epoch, counted from 1.
    interrupted : bool
        Whether Ctrl-C ended the run early.
    warned : bool
        Whether there was a `SilenceWarning`.
    """

    network: Network
    optimisers: list[Momentum | Adam]
    mean_spikes: float
    rng: np.random.Generator
    history: dict[str, list[float]] = field(default_factory=lambda: {"loss": [], "accuracy": []})
    best: Network | None = None
    best_epoch: int = 0
    interrupted: bool = False
    warned: bool = False

    @property
    def epoch(self) -> int:
        """Completed epochs."""
        return len(self.history["accuracy"])

    @property
    def result(self) -> Network:
        """The network to keep: the best on the validation patterns, or else the last."""
        return self.network if self.best is None else self.best
