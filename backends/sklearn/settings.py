"""The classifier's parameters as the settings of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from ..recipes.recipe import Recipe

__all__ = ["NOT_OFFERED", "plain", "recipe_of"]

NOT_OFFERED = ("shift", "hold_out", "seed")
"""Settings of a recipe that tables, scikit-learn's splitters and ``random_state`` make useless."""


def recipe_of(classifier: Any) -> Recipe:
    """Return the recipe with the settings that a classifier has as attributes, checked."""
    settings = {field.name for field in fields(Recipe)} - set(NOT_OFFERED)
    values = {name: plain(getattr(classifier, name)) for name in settings}
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
