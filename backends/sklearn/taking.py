"""What a classifier takes: tables of features or spike patterns, checked, as a source of spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from tempotron_core import Events
from tempotron_core.arrays.plain import check_plain

from .._backend import Backend
from ..data.loader import InMemory
from ..recipes.recipe import Recipe
from ..recordings import LabelledEvents
from .drawing import weights_of_patterns
from .features import coded, finite_range
from .given import classes_of, joined, source_of, spikes_of

__all__ = ["Taking"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class Taking:
    """The part of a classifier that knows what its patterns are."""

    classes_: NDArray[Any]
    recipe_: Recipe
    n_features_in_: int
    unit_ids_: NDArray[Any]
    _class_weight: Any
    _dtype: str

    def _checked(
        self, X: Any, y: ArrayLike | None, *, reset: bool
    ) -> tuple[Floats | Events, NDArray[Any]]:
        """Return checked features or spikes, and the class of each pattern."""
        if isinstance(X, Events | LabelledEvents):
            self._check_spikes(X, reset=reset)
            classes = classes_of(X, y)
            check_classification_targets(classes)
            return spikes_of(X), classes
        check_plain("X", X)
        check_plain("y", y)
        self._check_kind("a table", reset=reset)
        features, classes = validate_data(
            self, X, y, reset=reset, dtype=np.float64, accept_sparse="csr"
        )
        check_classification_targets(classes)
        return _dense(features), classes

    def _check_kind(self, kind: str, *, reset: bool) -> None:
        """Raise if a table follows spikes, or spikes a table."""
        if reset:
            self._kind = kind
        elif self._kind != kind:
            raise ValueError(f"X must be {self._kind}, as in training, got {kind}")

    def _check_spikes(self, given: Events | LabelledEvents, *, reset: bool) -> None:
        """Take over, or compare, what patterns have in common."""
        self._check_kind("spike patterns", reset=reset)
        events = spikes_of(given)
        units = getattr(given, "unit_ids", None)
        if reset:
            self.n_features_in_ = events.n_afferents
            if units is not None:
                self.unit_ids_ = units
            elif hasattr(self, "unit_ids_"):
                del self.unit_ids_
            return
        for name, mine, its in (
            ("afferents", self.n_features_in_, events.n_afferents),
            ("a duration", self.recipe_.duration, events.duration),
        ):
            if mine != its:
                raise ValueError(f"X must have {name} of {mine}, as in training, got {its}")
        if units is not None and not np.array_equal(units, getattr(self, "unit_ids_", units)):
            raise ValueError(f"X must have the units {self.unit_ids_}, as in training, got {units}")

    def _weighted(
        self, patterns: Floats | Events, labels: Integers, sample_weight: ArrayLike | None
    ) -> tuple[Floats | Events, Integers, Floats | None]:
        """Return the patterns that count, and how much if not all alike."""
        given = None
        if sample_weight is not None:
            check_plain("sample_weight", sample_weight)
            given = _check_sample_weight(
                sample_weight, labels, dtype=np.float64, ensure_non_negative=True
            )
        weight = weights_of_patterns(self._class_weight, self.classes_, labels, given)
        if weight is None:
            return patterns, labels, None
        kept = weight > 0.0
        return patterns[kept], labels[kept], weight[kept]

    def _start(self, patterns: Floats | Events, recipe: Recipe) -> None:
        """Set what the first data decide."""
        if len(self.classes_) < 2:
            raise ValueError(
                f"Classifier can't train when only one class is present, got {self.classes_}"
            )
        if not isinstance(patterns, Events):
            self.x_min_, self.x_max_ = finite_range(patterns)
        self.recipe_ = recipe

    def _later(self, X: Any, backend: Backend) -> InMemory:
        """Return patterns that are met after training."""
        given = joined(X)
        if given is not None:
            self._check_spikes(given, reset=False)
            return self._source(spikes_of(given), None, backend, self._dtype)
        check_plain("X", X)
        self._check_kind("a table", reset=False)
        found = validate_data(self, X, reset=False, dtype=np.float64, accept_sparse="csr")
        return self._source(_dense(found), None, backend, self._dtype)

    def _source(
        self, patterns: Floats | Events, labels: Integers | None, backend: Backend, dtype: str
    ) -> InMemory:
        """Return the patterns as spikes."""
        n_classes = len(self.classes_)
        if isinstance(patterns, Events):
            return source_of(patterns, labels, backend, dtype, n_classes)
        value_range = self.x_min_, self.x_max_
        return coded(
            patterns, value_range, self.recipe_, backend, dtype, labels=labels, n_classes=n_classes
        )


def _dense(features: Any) -> Floats:
    """Return a table as an array of its own kind, for every feature has a spike or none."""
    return np.asarray(features.toarray() if hasattr(features, "toarray") else features)
