"""A training run from data to checkpoint: what ``tempotron train`` does, as functions.

A checkpoint's metadata hold the recipe, a fingerprint of the data and the outcome, so that a model
can be scored later on the very patterns it has not seen, and a run can be continued.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import (
    Network,
    __version__,
    load,
    read_arrays,
    read_metadata,
    save,
)
from tempotron_core.networks.training import Training

from .._backend import Backend
from ..data.loader import PatternSource
from ..data.patterns import Patterns
from ..data.splits import hold_out
from ..recipes.recipe import Recipe
from .augment import augmentation
from .callbacks import Callback, Epoch
from .loop import begin, classify, count, train
from .run_metadata import check_network, checked_data, checked_dtype
from .run_state import pack, unpack

__all__ = ["Experiment", "KeepState", "checksum", "split"]

PathLike = str | os.PathLike[str]
Integers = NDArray[np.int64]


def split(
    data: Patterns, recipe: Recipe, rng: np.random.Generator
) -> tuple[Integers, Integers, Integers]:
    """Return the patterns to train on, to watch and to hold out, as the recipe says.

    Raises
    ------
    ValueError
        If the data cannot be split so.
    """
    chosen, held_out = hold_out(data, recipe.hold_out, rng, name="hold_out")
    watched = chosen[:0]
    if recipe.validation:
        chosen, watched = hold_out(data, recipe.validation, rng, index=chosen, name="validation")
    return chosen, watched, held_out


@dataclass(frozen=True, eq=False)
class Experiment:
    """Data, split and encoded, and what to do with them; made by `prepare` or `resume`.

    Attributes
    ----------
    data : Patterns
    recipe : Recipe
    backend : Backend
    dtype : str
        Of weights and spike times.
    train_index, validation_index, held_out_index : integer array
        The parts of the data.
    source : PatternSource
        The training patterns.
    state : Training
    """

    data: Patterns
    recipe: Recipe
    backend: Backend
    dtype: str
    train_index: Integers
    validation_index: Integers
    held_out_index: Integers
    source: PatternSource
    state: Training

    @classmethod
    def prepare(
        cls, data: Patterns, recipe: Recipe, backend: Backend, dtype: str = "float32"
    ) -> Experiment:
        """Split and encode the data, and draw the weights.

        Raises
        ------
        ValueError
            If the data cannot be split or augmented so, or the backend cannot hold the dtype.
        """
        backend.dtype(dtype)
        _check_rule(recipe, data)
        if recipe.shift and data.image_shape is None:
            raise ValueError(f"shift needs patterns that are images, got {data.name}")
        rng = np.random.default_rng(recipe.seed)
        parts = split(data, recipe, rng)
        source = data.source(parts[0], recipe, backend, dtype)
        state = begin(backend, source, recipe, rng, dtype)
        return cls(data, recipe, backend, dtype, *parts, source, state)

    @classmethod
    def resume(
        cls, path: PathLike, data: Patterns, backend: Backend, *, epochs: int | None = None
    ) -> Experiment:
        """Take a run up where its last complete epoch left it.

        Parameters
        ----------
        path : path
            Written by :meth:`save_state`.
        data : Patterns
            Those of that run.
        backend : Backend
        epochs : int, optional
            Of the whole run, if others than it was begun with.  The step size goes on as that of a
            run of so many epochs: one that had fallen to zero rises again.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is no state of a run, or one on other data.
        """
        metadata = read_metadata(path)
        network = load(path, xp=backend.xp, device=backend.native_device)
        try:
            recipe, dtype = Recipe.from_dict(metadata["recipe"]), checked_dtype(metadata["dtype"])
            run_data, numbers = checked_data(metadata["data"]), metadata["state"]
            if not isinstance(network, Network):
                raise TypeError(f"a {type(network).__name__}, not a Network")
            check_network(network, recipe, run_data)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"checkpoint must hold the state of a training run, got {os.fspath(path)!r}: "
                f"its metadata lack or garble {error}"
            ) from None
        if run_data["fingerprint"] != data.describe()["fingerprint"]:
            raise ValueError(
                f"data must be those of the run in {os.fspath(path)!r}, "
                f"{run_data['name']}, got {data.name} with other patterns or counts"
            )
        backend.dtype(dtype)
        _check_rule(recipe, data)
        if epochs is not None:
            recipe = replace(recipe, epochs=epochs)
        try:
            parts = split(data, recipe, np.random.default_rng(recipe.seed))
            source = data.source(parts[0], recipe, backend, dtype)
            state = unpack(numbers, read_arrays(path), network, recipe, backend)
            if recipe.validation and state.epoch and "validation_accuracy" not in state.history:
                raise ValueError("checkpoint must hold the validation_accuracy of its epochs")
        except ValueError as error:
            raise ValueError(f"{error}, got {os.fspath(path)!r}") from None
        if epochs is not None and epochs < state.epoch:
            raise ValueError(
                f"epochs must be at least the {state.epoch} that the run has done, got {epochs}"
            )
        return cls(data, recipe, backend, dtype, *parts, source, state)

    def train(self, callbacks: Sequence[Callback] = ()) -> Training:
        """Train on the training part; an interrupted run returns what it has reached."""
        validation = None
        if len(self.validation_index):
            validation = self.part(self.validation_index)
        return train(
            self.backend,
            self.source,
            self.state,
            self.recipe,
            validation=validation,
            augment=augmentation(self.recipe, self.data.image_shape),
            callbacks=callbacks,
        )

    def held_out_classes(self) -> Integers:
        """Return the class that the trained network gives each held-out pattern."""
        source = self.part(self.held_out_index)
        return classify(self.backend, source, self.state.result, self.recipe)

    def held_out_counts(self) -> Integers:
        """Return how often the trained network spikes in each held-out pattern, shape (B, O)."""
        source = self.part(self.held_out_index)
        return count(self.backend, source, self.state.result, self.recipe)

    def held_out_hits(self) -> int:
        """Return how many held-out patterns the trained network classifies correctly."""
        return int(np.sum(self.held_out_classes() == self.data.labels[self.held_out_index]))

    def save(self, path: PathLike, scores: Mapping[str, float] | None = None) -> None:
        """Write the trained network, the best one on the validation patterns if there are.

        Parameters
        ----------
        path : path
        scores : mapping from str to float, optional
            What is known of the held-out patterns: how many are ``correct``, for one.
        """
        save(self.state.result, path, metadata=self._metadata(scores or {}))

    def save_state(self, path: PathLike) -> None:
        """Write all that it takes to continue the run, see :meth:`resume`."""
        numbers, arrays = pack(self.state, self.backend)
        metadata = self._metadata({}) | {"state": numbers}
        save(self.state.network, path, metadata=metadata, arrays=arrays)

    def part(self, index: Integers) -> PatternSource:
        """Return chosen patterns as spikes."""
        return self.data.source(index, self.recipe, self.backend, self.dtype)

    def _metadata(self, scores: Mapping[str, float]) -> dict[str, Any]:
        return {
            "written_by": f"tempotron_core {__version__}",
            "backend": str(self.backend),
            "dtype": self.dtype,
            "recipe": self.recipe.to_dict(),
            "data": self.data.describe(),
            "held_out": {
                "patterns": len(self.held_out_index),
                "correct": None,
                "checksum": checksum(self.held_out_index),
                **scores,
            },
            "history": self.state.history,
            "best_epoch": self.state.best_epoch,
            "interrupted": self.state.interrupted,
        }


class KeepState(Callback):
    """Write the state of a run after every epoch, so that a kill costs one epoch at most.

    Parameters
    ----------
    experiment : Experiment
    last : path
        Where to write the state.
    best : path
        Where to write the network, each time it is the best on the validation patterns.
    """

    def __init__(self, experiment: Experiment, last: PathLike, best: PathLike) -> None:
        self.experiment, self.last, self.best = experiment, last, best

    def on_epoch(self, epoch: Epoch, state: Training) -> None:
        """Write them."""
        if state.best_epoch == epoch.number:
            self.experiment.save(self.best)
        self.experiment.save_state(self.last)


def _check_rule(recipe: Recipe, data: Patterns) -> None:
    """Raise unless the data have what the rule learns."""
    if (data.labels.ndim == 2) != recipe.counts:
        raise ValueError(
            f"counts must be given to learn by rule={recipe.rule!r}"
            if recipe.counts
            else f"rule must be 'aggregate' or 'correlation' to learn counts, got {recipe.rule!r}"
        )


def checksum(index: Integers) -> int:
    """Return a number that tells one choice of patterns from another."""
    return zlib.crc32(np.ascontiguousarray(index, dtype="<i8").data)
