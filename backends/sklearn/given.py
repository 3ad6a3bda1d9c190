"""What an estimator is given: a table of features, or spike patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tempotron_core import Events
from tempotron_core.arrays.plain import check_plain

from .._backend import Backend
from ..data.loader import InMemory
from ..interchange.moving import to_backend
from ..recordings import LabelledEvents

__all__ = ["classes_of", "clock_of", "joined", "source_of", "spikes_of"]

Integers = NDArray[np.int64]


def joined(patterns: Any) -> Events | LabelledEvents | None:
    """Return spike patterns as one batch; None if they are something else, such as a table.

    scikit-learn makes lists of single patterns where it splits and searches.
    """
    if isinstance(patterns, Events | LabelledEvents):
        return patterns
    if isinstance(patterns, Sequence) and not isinstance(patterns, str) and len(patterns):
        for kind in (Events, LabelledEvents):
            if all(isinstance(each, kind) for each in patterns):
                found: Events | LabelledEvents = type(patterns[0]).concat(patterns)
                return found
    return None


def spikes_of(given: Events | LabelledEvents) -> Events:
    """Return the patterns themselves."""
    return given.events if isinstance(given, LabelledEvents) else given


def classes_of(given: Events | LabelledEvents, y: ArrayLike | None) -> NDArray[Any]:
    """Return the class of each pattern: ``y``, or the labels that the patterns have.

    Raises
    ------
    ValueError
        If there is none, or not one for each.
    """
    if y is None:
        if isinstance(given, LabelledEvents):
            return given.y
        raise ValueError("y must be given for Events, which have no labels, got None")
    check_plain("y", y)
    classes = np.asarray(y)
    if classes.shape != (len(given),):
        raise ValueError(
            f"y must have one class for each of {len(given)} patterns, got shape {classes.shape}"
        )
    return classes


def clock_of(clock: Any, given: Any) -> Any:
    """Return the clock of a recipe: ``'auto'`` is one for trials, and none for anything else."""
    if isinstance(clock, str) and clock == "auto":
        return "tau" if isinstance(given, LabelledEvents) else None
    return clock


def source_of(
    events: Events, labels: Integers | None, backend: Backend, dtype: str, n_classes: int
) -> InMemory:
    """Return patterns on a backend; all of class 0 where the labels are not known."""
    numbers = np.zeros(len(events), dtype=np.int64) if labels is None else labels
    moved = to_backend(events, backend, dtype=dtype)
    return InMemory(moved, numbers, backend, n_classes=n_classes)
