"""Tables of features as patterns of spikes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tempotron_core.encoding.features import feature_range

from .._backend import Backend
from ..data.loader import InMemory
from ..data.patterns import encoded
from ..recipes.recipe import Recipe

__all__ = ["coded", "finite_range"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def finite_range(features: Floats) -> tuple[Floats, Floats]:
    """Return the least and largest value of each feature, not further apart than a float goes."""
    with np.errstate(over="ignore"):
        low, high = feature_range(features)
        too_wide = np.flatnonzero(np.isinf(high - low))
    if len(too_wide):
        raise ValueError(f"X must have features of a finite range, got {too_wide} without")
    return low, high


def coded(
    features: Floats,
    value_range: tuple[Floats, Floats],
    recipe: Recipe,
    backend: Backend,
    dtype: str,
    *,
    labels: Integers | None,
    n_classes: int,
) -> InMemory:
    """Return rows of features as spikes, each feature coded over its range."""
    # Fields do not answer far beyond their range, so values there are moved to its end.  What is
    # left of a range too small for its place among the numbers counts as constant.
    low, high = value_range
    width = high - low
    within = np.clip(features, low, high) - low
    within = within / np.where(width > 0.0, width, 1.0)
    return encoded(within, (0.0, 1.0), recipe, backend, dtype, labels=labels, n_classes=n_classes)
