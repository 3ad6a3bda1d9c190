"""A trained network read from its checkpoint: scored on data, used on new patterns."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Network, load, read_metadata

from .._backend import Backend
from ..data.loader import PatternSource
from ..data.patterns import Patterns, encoded
from ..recipes.recipe import Recipe
from .experiment import checksum, split
from .loop import count, potentials
from .run_metadata import check_network, checked_data, checked_dtype

__all__ = ["TrainedModel"]

PathLike = str | os.PathLike[str]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A checkpoint written by a training run, on a backend; made by `read`."""

    path: str
    network: Network
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
            data, dtype = checked_data(metadata["data"]), checked_dtype(metadata["dtype"])
            held_out = metadata["held_out"]
            if type(held_out["checksum"]) is not int:
                raise TypeError(f"checksum of held_out: {held_out['checksum']!r}")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"checkpoint must be one that 'tempotron train' wrote, got {os.fspath(path)!r}: "
                f"its metadata lack or garble {error}"
            ) from None
        backend.dtype(dtype)
        network = load(path, xp=backend.xp, device=backend.native_device)
        if not isinstance(network, Network):
            raise ValueError(
                f"checkpoint must hold a network, got {os.fspath(path)!r} "
                f"with a {type(network).__name__}"
            )
        try:
            check_network(network, recipe, data)
            n_classes = network.weights[-1].shape[0] // recipe.neurons_per_class
            if not recipe.counts and len(data.get("classes", range(n_classes))) != n_classes:
                raise ValueError(f"{n_classes} classes, named {data['classes']}")
        except ValueError as error:
            raise ValueError(
                f"checkpoint must hold the network of its recipe, got {os.fspath(path)!r}: {error}"
            ) from None
        return cls(os.fspath(path), network, recipe, data, held_out, backend, dtype)

    def parts(self, data: Patterns) -> tuple[Integers, Integers, Integers] | None:
        """Return the patterns trained on, watched and held out; None if these are other data.

        Raises
        ------
        ValueError
            If the split cannot be repeated.
        """
        if data.describe()["fingerprint"] != self.data["fingerprint"]:
            return None
        found = split(data, self.recipe, np.random.default_rng(self.recipe.seed))
        if checksum(found[2]) != self.held_out["checksum"]:
            raise ValueError(
                f"checkpoint must come from a NumPy that splits data as this one does, got "
                f"{self.path!r}: its held-out patterns cannot be told (NumPy {np.__version__})"
            )
        return found

    def potentials(self, data: Patterns, index: Integers) -> NDArray[Any]:
        """Return the value of each class, shape (B, C), for chosen patterns.

        Raises
        ------
        ValueError
            If the patterns have another number of afferents or features than those trained on.
        """
        return potentials(self.backend, self._source(data, index), self.network, self.recipe)

    def counts(self, data: Patterns, index: Integers) -> Integers:
        """Return how often each output spikes, shape (B, O), in chosen patterns.

        Raises
        ------
        ValueError
            As `potentials`.
        """
        return count(self.backend, self._source(data, index), self.network, self.recipe)

    def values(self, features: NDArray[Any]) -> NDArray[Any]:
        """Return the value of each class, shape (B, C), for rows of features.

        Raises
        ------
        ValueError
            If the number of features is not that of the training data, a value is not finite, or
            the model was trained on spikes whose coding is not known.
        """
        self._check_features(features)
        if not len(features):
            return np.empty((0, self.n_classes))
        return potentials(self.backend, self._encoded(features), self.network, self.recipe)

    def counts_of_features(self, features: NDArray[Any]) -> Integers:
        """Return how often each output spikes, shape (B, O), for rows of features.

        Raises
        ------
        ValueError
            As `values`.
        """
        self._check_features(features)
        if not len(features):
            return np.zeros((0, self.n_outputs), dtype=np.int64)
        return count(self.backend, self._encoded(features), self.network, self.recipe)

    def _source(self, data: Patterns, index: Integers) -> PatternSource:
        """Return chosen patterns as spikes, or raise unless the network can take them."""
        source = data.source(index, self.recipe, self.backend, self.dtype)
        expected = self.network.n_afferents
        if source.n_afferents != expected:
            raise ValueError(
                f"data must have the features that the model was trained on ({expected} "
                f"afferents), got {data.name} with {source.n_afferents}"
            )
        return source

    def _check_features(self, features: NDArray[Any]) -> None:
        if "n_features" not in self.data:
            raise ValueError(
                f"checkpoint must come from features to classify features, got {self.path!r}: it "
                f"was trained on the spikes of {self.data['name']}"
            )
        if features.ndim != 2 or features.shape[1] != self.data["n_features"]:
            raise ValueError(
                f"input must have {self.data['n_features']} features per pattern, "
                f"got shape {features.shape}"
            )

    def _encoded(self, features: NDArray[Any]) -> PatternSource:
        low, high = self.data["value_range"]
        return encoded(features, (low, high), self.recipe, self.backend, self.dtype)

    def classify(self, features: NDArray[Any]) -> Integers:
        """Return the class of each row of features; errors are those of `values`."""
        classes: Integers = np.argmax(self.values(features), axis=1).astype(np.int64)
        return classes

    def probabilities(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the softmax of the classes' values over the recipe's temperature, shape (B, C).

        These are the probabilities that training with the cross-entropy adjusts; after other losses
        they tell no more than an order.
        """
        scaled = values.astype(np.float64) / (self.recipe.temperature * self.recipe.v_threshold)
        odds = np.exp(scaled - scaled.max(axis=1, keepdims=True, initial=-np.inf))
        found: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
        return found

    @property
    def n_outputs(self) -> int:
        """Neurons of the last layer."""
        return int(self.network.weights[-1].shape[0])

    @property
    def n_classes(self) -> int:
        """Classes that the network tells apart."""
        return self.n_outputs // self.recipe.neurons_per_class

    @property
    def class_names(self) -> list[str] | list[int]:
        """Names of the classes; their numbers where they have none."""
        names: list[str] | None = self.data.get("classes")
        return list(range(self.n_classes)) if names is None else names
