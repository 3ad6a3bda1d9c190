"""The classifier's parameters as the settings of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from ..recipes.recipe import Recipe
from .given import clock_of, spikes_of

__all__ = ["NOT_OFFERED", "plain", "recipe_of"]

NOT_OFFERED = ("shift", "hold_out", "seed", "rule")
"""Settings of a recipe that tables, scikit-learn's splitters and ``random_state`` make useless, and
the rule of counts, which `TempotronCounter` has."""


def recipe_of(classifier: Any, given: Any = None) -> Recipe:
    """Return the recipe with the settings that a classifier has as attributes, checked.

    Parameters
    ----------
    classifier : TempotronClassifier
    given : Events, LabelledEvents or None
        The patterns, where they are spikes: they have a duration, and trials a clock.
    """
    settings = {field.name for field in fields(Recipe)} - set(NOT_OFFERED)
    values = {name: plain(getattr(classifier, name)) for name in settings}
    values["clock"] = clock_of(values["clock"], given)
    if given is not None:  # spikes are coded already
        values |= {"duration": spikes_of(given).duration, "window": None}
    weight = classifier.class_weight
    if weight is not None and weight != "balanced" and not isinstance(weight, Mapping):
        raise ValueError(f"class_weight must be None, 'balanced' or a dict, got {weight!r}")
    values["class_weight"] = "balanced" if weight == "balanced" else "none"
    return Recipe(**values)


def plain(value: Any) -> Any:
    """Return NumPy's numbers and arrays as Python's, also those in a tuple or list."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return tuple(map(plain, value)) if isinstance(value, tuple | list) else value
