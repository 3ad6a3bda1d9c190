"""Labels of any kind as class numbers, and the names that classes may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tempotron_core.arrays.plain import check_plain

__all__ = ["checked_names", "class_numbers"]


def class_numbers(labels: ArrayLike, names: Sequence[str] | None = None) -> NDArray[Any]:
    """Return labels as integers of whatever dtype.

    Parameters
    ----------
    labels : array of integers, booleans or strings
        False is class 0, true is class 1.
    names : sequence of str, optional
        Of the classes, in order: what labels that are strings have to be of.

    Raises
    ------
    TypeError
        If labels are of another kind, or strings where classes have no names.
    ValueError
        If a string is no name of a class.
    """
    check_plain("labels", labels)
    found = np.asarray(labels)
    if found.dtype.kind == "b":
        return found.astype(np.int64)
    if found.dtype.kind == "O" and all(isinstance(each, str) for each in found.ravel()):
        found = found.astype(str)  # as data frames keep them
    if found.dtype.kind == "U" and names is not None:
        unknown = np.setdiff1d(found, names)
        if len(unknown):
            raise ValueError(
                f"labels must be among the classes {', '.join(names)}, got {str(unknown[0])!r}"
            )
        order = np.argsort(names)
        return order[np.searchsorted(np.asarray(names)[order], found)].astype(np.int64)
    if found.dtype.kind not in "iu":
        more = ", whose classes have no names" if found.dtype.kind == "U" else ""
        raise TypeError(f"labels must be integers or booleans, got {found.dtype}{more}")
    return found


def checked_names(name: str, value: Any, n_classes: int) -> tuple[str, ...]:
    """Return the names of classes.

    Raises
    ------
    ValueError
        If they are not a different text for each class.
    """
    if (
        not isinstance(value, list | tuple)
        or not all(isinstance(each, str) for each in value)
        or len(set(value)) != len(value)
        or len(value) != n_classes
    ):
        raise ValueError(
            f"{name} must be a different text for each of the {n_classes} classes, got {value!r}"
        )
    return tuple(value)
