"""From data to a trained checkpoint and back: what the command line does, as functions.

A checkpoint's metadata hold the recipe, the fingerprint of the data and the outcome, so that a
model can be scored later on the very patterns it has not seen.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Tempotron, load, peak, read_metadata, save, voltage

from ._backend import Backend
from .datasets import Dataset, hold_out
from .recipe import Recipe
from .training import Progress, Training, classify, initial_weight, train

__all__ = ["Experiment", "TrainedModel", "run_experiment"]

PathLike = str | os.PathLike[str]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Experiment:
    """A data set split in two and turned into events on a backend.

    Make one with `prepare`; the generator it leaves has drawn the split and nothing else.
    """

    dataset: Dataset
    recipe: Recipe
    backend: Backend
    dtype: str
    train_index: Integers
    held_out_index: Integers
    times: NDArray[np.float32]
    rng: np.random.Generator

    @classmethod
    def prepare(cls, dataset: Dataset, recipe: Recipe, backend: Backend, dtype: str) -> Experiment:
        """Split and encode the data.

        Raises
        ------
        ValueError
            If the data cannot be split so, or the backend cannot hold the dtype.
        """
        backend.dtype(dtype)
        rng = np.random.default_rng(recipe.seed)
        chosen, held_out = hold_out(dataset, recipe.hold_out, rng)
        times = recipe.encode(dataset.features, dataset.value_range)
        return cls(dataset, recipe, backend, dtype, chosen, held_out, times, rng)

    def events(self, index: Integers) -> Events:
        """Return those patterns as events on the backend's device."""
        return events_of(self.times[index], self.recipe, self.backend, self.dtype)
