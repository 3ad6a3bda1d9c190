"""Patterns to train on and patterns held out, each class in proportion."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .dataset import Labelled

__all__ = ["hold_out"]


def hold_out(
    dataset: Labelled,
    fraction: float,
    rng: np.random.Generator,
    *,
    index: NDArray[np.int64] | None = None,
    name: str = "fraction",
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split patterns into a training and a held-out part, each class in proportion.

    Patterns that have counts, and no class, are split at random.

    Parameters
    ----------
    dataset : Dataset, or anything labelled
    fraction : float or int
        Part to hold out, between 0 and 1; the number of patterns is rounded up.  Or an integer, 2
        or more: the number of patterns.
    rng : numpy.random.Generator
        Source of the split.
    index : integer array, optional
        The patterns to split, without repetition.  By default all; or, if the data come with a test
        set, that is the held-out part, and ``fraction`` plays no role.  To hold out 5,000 training
        patterns of such data as well, split the training part again.
    name : str, optional
        What errors call ``fraction``.

    Returns
    -------
    train, held_out : integer array
        Indices of patterns in ``dataset``, ascending.

    Raises
    ------
    ValueError
        If there is only one class, or a class would be missing from either part.
    """
    if index is None and dataset.test_from is not None:
        _strata(dataset.labels[: dataset.test_from], dataset.name)
        return np.arange(dataset.test_from), np.arange(dataset.test_from, len(dataset))
    index = np.arange(len(dataset)) if index is None else np.sort(index)
    labels, classes, sizes = _strata(dataset.labels[index], dataset.name)
    total = len(labels)
    if isinstance(fraction, int | np.integer) and fraction > 1:
        if not fraction < total:
            raise ValueError(f"{name} must be less than the {total} patterns, got {fraction}")
        wanted = int(fraction)
    elif 0.0 < fraction < 1.0:
        wanted = math.ceil(fraction * total)
    else:
        raise ValueError(
            f"{name} must be between 0 and 1, got {fraction}, or a whole number of patterns, "
            f"2 or more"
        )
    # largest remainders, so that the parts add up to the number asked for
    shares = sizes * (wanted / total)
    counts = np.floor(shares).astype(np.int64)
    short = round(float(shares.sum())) - int(counts.sum())
    counts[np.argsort(counts - shares, kind="stable")[:short]] += 1
    for label, size, count in zip(classes, sizes, counts, strict=True):
        if not 0 < count < size:
            raise ValueError(
                f"{name} must leave patterns of every class in both parts, got {fraction}: "
                f"of {size} of class {label} it holds out {count}"
            )
    places = np.concatenate(
        [
            rng.permutation(np.flatnonzero(labels == label))[:count]
            for label, count in zip(classes, counts, strict=True)
        ]
    )
    held_out = index[np.sort(places)]
    return np.setdiff1d(index, held_out), held_out


def _strata(
    labels: NDArray[np.int64], name: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the labels, the classes and their sizes; an error if there is nothing to tell apart.

    Counts, shape (B, O), are all of one class.
    """
    counted = labels.ndim == 2
    if counted:
        labels = np.zeros(len(labels), dtype=np.int64)
    classes, sizes = np.unique(labels, return_counts=True)
    if len(classes) < 2 and not counted:
        raise ValueError(
            f"labels must be of two classes or more to train on, got only class "
            f"{', '.join(map(str, classes))} in {name}"
        )
    return labels, classes, sizes
