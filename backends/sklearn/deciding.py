"""What a trained classifier says of patterns: values, probabilities, classes; and its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from tempotron_core import Network

from .._backend import Backend
from .._selection import select
from ..data.loader import InMemory
from ..recipes.recipe import Recipe
from ..training.loop import potentials

__all__ = ["Decisions"]


class Decisions:
    """The part of a classifier that needs nothing but what training has left."""

    classes_: NDArray[Any]
    network_: Network
    recipe_: Recipe
    n_features_in_: int
    device: str

    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the classes' values: the pooled largest potentials of their neurons.

        Parameters
        ----------
        X : array, shape (B, F), or spike patterns
            As for `fit`.

        Returns
        -------
        array, shape (B, C), or with two classes (B,)
            With two, the second class's less the first's.
        """
        values = self._potentials(X)
        return values[:, 1] - values[:, 0] if len(self.classes_) == 2 else values

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the softmax of the classes' values over ``temperature``.

        These are the probabilities that training with the cross-entropy adjusts; other losses know
        none, and they then tell no more than an order.

        Parameters
        ----------
        X : array, shape (B, F), or spike patterns
            As for `fit`.

        Returns
        -------
        array, shape (B, C)
            Rows sum to one.
        """
        values = self._potentials(X) / (self.recipe_.temperature * self.recipe_.v_threshold)
        odds = np.exp(values - values.max(axis=1, keepdims=True))
        result: NDArray[Any] = odds / odds.sum(axis=1, keepdims=True)
        return result

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of the largest value for each row, the first of equal ones.

        Parameters
        ----------
        X : array, shape (B, F), or spike patterns
            As for `fit`.

        Returns
        -------
        array, shape (B,)
        """
        best = np.argmax(self._potentials(X), axis=1)
        found: NDArray[Any] = self.classes_[best]
        return found

    @property
    def feature_weights_(self) -> NDArray[Any]:
        """Weights of the first layer by feature, shape (O, n_features, fields).

        Entry ``[o, f, k]`` is the weight from field k of feature f to neuron o: with the Gaussian
        encoder fields follow one another from the least to the largest value, and the latency
        encoder has one, and so have spikes, whose features are the units.  Without hidden layers,
        the neurons of class c are numbers ``c * neurons_per_class`` and those that follow.  A
        clock's weights are no part of it.
        """
        check_is_fitted(self, "network_")
        weight: NDArray[Any] = self.network_.weights[0][:, : self.network_.n_afferents]
        return weight.reshape(len(weight), self.n_features_in_, -1)

    @property
    def clock_(self) -> tuple[float, ...]:
        """Times of the reference spikes, whose afferents follow those of the features or units."""
        check_is_fitted(self, "network_")
        return tuple(self.network_.clock)

    @property
    def afferent_names_(self) -> list[str]:
        """What each column of the first layer's weights belongs to.

        For spikes the units, or the numbers of afferents, and then the clock's spikes, by their
        times: ``'clock 0'``, ``'clock 15'``.
        """
        check_is_fitted(self, "network_")
        units = getattr(self, "unit_ids_", np.arange(self.network_.n_afferents))
        return [*map(str, units.tolist()), *(f"clock {time:g}" for time in self.clock_)]

    @property
    def _dtype(self) -> str:
        """The dtype of the trained weights."""
        return str(self.network_.weights[0].dtype)

    def _on(self, backend: Backend) -> Network:
        """Return the trained network on a backend."""
        return self.network_.with_weights([backend.from_numpy(w) for w in self.network_.weights])

    def _later(self, X: Any, backend: Backend) -> InMemory:
        """Return patterns that are met after training."""
        raise NotImplementedError

    def _potentials(self, X: Any) -> NDArray[Any]:
        """Return the value of each class, shape (B, C), in double precision."""
        check_is_fitted(self, "network_")
        backend = select(self.device)
        values = potentials(backend, self._later(X, backend), self._on(backend), self.recipe_)
        return values.astype(np.float64)
