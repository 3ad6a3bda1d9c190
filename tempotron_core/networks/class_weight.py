"""How much patterns of each class count, as users say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["class_weights"]


def class_weights(
    class_weight: Any, classes: NDArray[Any], counts: NDArray[Any]
) -> NDArray[np.float64] | None:
    """Return the weight of each class, or None where all count alike.

    Parameters
    ----------
    class_weight : 'balanced', mapping from label to float, or None
        Inversely to how many patterns a class has, 1 on average over the patterns; or as given, 1
        for a label that is not.
    classes : array of NumPy, shape (C,)
        The labels.
    counts : array of NumPy, shape (C,)
        Patterns of each.

    Returns
    -------
    array of NumPy, shape (C,), or None

    Raises
    ------
    ValueError
        If it is something else, names a class that is not there, or a weight is negative or not
        finite.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        balanced: NDArray[np.float64] = np.sum(counts) / (len(classes) * counts)
        return balanced
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be None, 'balanced' or a dict, got {class_weight!r}")
    names = classes.tolist()
    given = {
        name.item() if isinstance(name, np.generic) else name: weight
        for name, weight in class_weight.items()
    }
    unknown = sorted(set(given) - set(names), key=str)
    if unknown:
        raise ValueError(f"class_weight must name classes among {names}, got {unknown}")
    try:
        weights = np.asarray([given.get(name, 1.0) for name in names], dtype=np.float64)
    except (TypeError, ValueError):
        weights = np.asarray([np.nan])
    if not (np.all(np.isfinite(weights)) and np.all(weights >= 0.0)):
        raise ValueError(f"class_weight must hold finite weights, zero or more, got {given}")
    return weights
