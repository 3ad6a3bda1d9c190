"""From data to a trained checkpoint and back: what the command line does, as functions.

A checkpoint's metadata hold the recipe, a fingerprint of the data and the outcome, so that a model
can be scored later on the very patterns it has not seen.
"""

from __future__ import annotations

import math
import os
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Tempotron, __version__, load, peak, read_metadata, save, voltage

from ._backend import Backend
from .datasets import Dataset, hold_out
from .recipe import Recipe
from .training import Progress, Training, classify, train

__all__ = ["Experiment", "TrainedModel"]

PathLike = str | os.PathLike[str]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Experiment:
    """A data set, split and encoded, and what to do with it; made by `prepare`.

    Attributes
    ----------
    dataset : Dataset
    recipe : Recipe
    backend : Backend
    dtype : str
        Of weights and spike times.
    train_index, held_out_index : integer array
        The two parts of the data.
    times : array, shape (B, afferents)
        Spike times of all patterns, on the host.
    model : Tempotron
        With the weights to start from, in NumPy.
    rng : numpy.random.Generator
        Has drawn the split and the weights.
    """

    dataset: Dataset
    recipe: Recipe
    backend: Backend
    dtype: str
    train_index: Integers
    held_out_index: Integers
    times: NDArray[np.float32]
    model: Tempotron
    rng: np.random.Generator

    @classmethod
    def prepare(cls, dataset: Dataset, recipe: Recipe, backend: Backend, dtype: str) -> Experiment:
        """Split and encode the data, and draw the weights.

        Raises
        ------
        ValueError
            If the data cannot be split so, or the backend cannot hold the dtype.
        """
        backend.dtype(dtype)
        rng = np.random.default_rng(recipe.seed)
        chosen, held_out = hold_out(dataset, recipe.hold_out, rng)
        times = recipe.encode(dataset.features, dataset.value_range)
        model = Tempotron(
            times.shape[1],
            dataset.n_classes,
            math.ceil(recipe.duration),
            recipe.tau,
            recipe.tau_s,
            recipe.v_threshold,
            rng=rng,
            dtype=dtype,
        )
        return cls(dataset, recipe, backend, dtype, chosen, held_out, times, model, rng)

    def events(self, index: Integers) -> Events:
        """Return those patterns as events on the backend's device."""
        return _events(self.times[index], self.recipe, self.backend, self.dtype)

    def train(self, progress: Progress) -> Training:
        """Train on the training part; an interrupted run returns what it has reached."""
        state = train(
            self.backend,
            self.events(self.train_index),
            self.dataset.labels[self.train_index],
            self.backend.from_numpy(self.model.weight, self.dtype),
            self.recipe,
            self.rng,
            progress,
        )
        self.model.weight = state.weight
        return state

    def held_out_hits(self) -> int:
        """Return how many held-out patterns the current weights classify correctly."""
        found = classify(
            self.backend,
            self.events(self.held_out_index),
            self.model.weight,
            self.recipe.neuron,
        )
        return int(np.sum(found == self.dataset.labels[self.held_out_index]))

    def save(self, path: PathLike, training: Training, held_out_hits: int) -> None:
        """Write the checkpoint."""
        metadata = {
            "written_by": f"tempotron_core {__version__}",
            "backend": str(self.backend),
            "dtype": self.dtype,
            "recipe": self.recipe.to_dict(),
            "data": {
                "name": self.dataset.name,
                "fingerprint": self.dataset.fingerprint,
                "n_features": self.dataset.features.shape[1],
                "value_range": list(self.dataset.value_range),
            },
            "held_out": {
                "patterns": len(self.held_out_index),
                "correct": held_out_hits,
                "checksum": _checksum(self.held_out_index),
            },
            "history": training.history,
            "interrupted": training.interrupted,
        }
        save(self.model, path, metadata=metadata)

    def example(self, n_samples: int = 600) -> dict[str, Any]:
        """Return the first held-out pattern and what every neuron makes of it, for a figure.

        Parameters
        ----------
        n_samples : int, optional
            Samples of the potential.

        Returns
        -------
        dict
            Arguments of `tempotron_backends.plotting.training_figure`, arrays in NumPy.
        """
        chosen = self.held_out_index[:1]
        events = self.events(chosen)
        t = np.linspace(0.0, self.recipe.duration, n_samples)
        given = (events, self.model.weight, self.recipe.neuron)
        traces = voltage(*given, self.backend.from_numpy(t, self.dtype))
        found = peak(*given)
        to_numpy = self.backend.to_numpy
        shape = self.dataset.image_shape
        target = int(self.dataset.labels[chosen[0]])
        return {
            "spike_times": self.times[chosen[0]],
            "duration": self.recipe.duration,
            "t": t,
            "v": to_numpy(traces)[0],
            "v_threshold": self.recipe.v_threshold,
            "t_max": to_numpy(found.t_max)[0],
            "v_max": to_numpy(found.v_max)[0],
            "target": target,
            "weight": to_numpy(self.model.weight)[target],
            "image": None if shape is None else self.dataset.features[chosen[0]].reshape(shape),
        }


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A checkpoint written by `Experiment.save`, on a backend; made by `read`."""

    path: str
    model: Tempotron
    recipe: Recipe
    data: dict[str, Any]
    held_out: dict[str, Any]
    backend: Backend
    dtype: str

    @classmethod
    def read(cls, path: PathLike, backend: Backend) -> TrainedModel:
        """Read a checkpoint.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is no checkpoint of a training run, or its dtype cannot be had on the backend.
        """
        metadata = read_metadata(path)
        try:
            recipe = Recipe.from_dict(metadata["recipe"])
            data, held_out, dtype = (metadata[name] for name in ("data", "held_out", "dtype"))
            for name in ("name", "fingerprint", "n_features", "value_range"):
                data[name]
            held_out["checksum"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"checkpoint must be one that 'tempotron train' wrote, got {os.fspath(path)!r}: "
                f"its metadata lack or garble {error}"
            ) from None
        backend.dtype(dtype)
        model = load(path, xp=backend.xp, device=backend.native_device)
        return cls(os.fspath(path), model, recipe, data, held_out, backend, dtype)

    def held_out_part(self, dataset: Dataset) -> Integers | None:
        """Return the patterns kept from training, or None if the model was trained on other data.

        Raises
        ------
        ValueError
            If the split cannot be repeated.
        """
        if dataset.fingerprint != self.data["fingerprint"]:
            return None
        rng = np.random.default_rng(self.recipe.seed)
        _, index = hold_out(dataset, self.recipe.hold_out, rng)
        if _checksum(index) != self.held_out["checksum"]:
            raise ValueError(
                f"checkpoint must come from a NumPy that splits data as this one does, got "
                f"{self.path!r}: its held-out patterns cannot be told (NumPy {np.__version__})"
            )
        return index

    def classify(self, features: NDArray[np.float64]) -> Integers:
        """Return the class of each row of features.

        Raises
        ------
        ValueError
            If the number of features is not that of the training data, or a value is not finite.
        """
        if features.ndim != 2 or features.shape[1] != self.data["n_features"]:
            raise ValueError(
                f"input must have {self.data['n_features']} features per pattern, "
                f"got shape {features.shape}"
            )
        low, high = self.data["value_range"]
        times = self.recipe.encode(features, (low, high))
        events = _events(times, self.recipe, self.backend, self.dtype)
        return classify(self.backend, events, self.model.weight, self.recipe.neuron)


def _events(times: NDArray[np.float32], recipe: Recipe, backend: Backend, dtype: str) -> Events:
    return Events.from_latencies(backend.from_numpy(times, dtype), recipe.duration)


def _checksum(index: Integers) -> int:
    return zlib.crc32(np.ascontiguousarray(index, dtype="<i8").data)
