"""Two data sets that come with scikit-learn: handwritten digits and breast cancer."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset

__all__ = ["load_breast_cancer", "load_digits"]


BREAST_CANCER_RANGES = (
    # mean of the cell nuclei in an image: radius, texture, perimeter, area, smoothness,
    # compactness, concavity, concave points, symmetry, fractal dimension
    ((6.981, 28.11), (9.71, 39.28), (43.79, 188.5), (143.5, 2501.0), (0.05263, 0.1634)),
    ((0.01938, 0.3454), (0.0, 0.4268), (0.0, 0.2012), (0.106, 0.304), (0.04996, 0.09744)),
    # standard error, of the same
    ((0.1115, 2.873), (0.3602, 4.885), (0.757, 21.98), (6.802, 542.2), (0.001713, 0.03113)),
    ((0.002252, 0.1354), (0.0, 0.396), (0.0, 0.05279), (0.007882, 0.07895), (0.0008948, 0.02984)),
    # mean of the three largest values
    ((7.93, 36.04), (12.02, 49.54), (50.41, 251.2), (185.2, 4254.0), (0.07117, 0.2226)),
    ((0.02729, 1.058), (0.0, 1.252), (0.0, 0.291), (0.1565, 0.6638), (0.05504, 0.2075)),
)
"""Smallest and largest value of each of the 30 features, over all 569 patterns."""


def load_digits() -> Dataset:
    """Return the 1,797 handwritten digits, 8 x 8 pixels, that come with scikit-learn.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    """
    features, labels = _read_sklearn("load_digits", "the digits come")
    return Dataset(
        "scikit-learn digits",
        np.asarray(features, dtype=np.float64),
        np.asarray(labels, dtype=np.int64),
        value_range=(0.0, 16.0),
        image_shape=(8, 8),
    )


def load_breast_cancer() -> Dataset:
    """Return the 569 diagnoses, malignant (0) or benign (1), that come with scikit-learn.

    Each of the 30 features is mapped to [0, 1] by its range over all patterns, which is written
    down in ``BREAST_CANCER_RANGES``.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    """
    features, labels = _read_sklearn("load_breast_cancer", "the breast cancer data come")
    low, high = np.asarray(BREAST_CANCER_RANGES).reshape(-1, 2).T
    return Dataset(
        "breast cancer Wisconsin",
        (np.asarray(features, dtype=np.float64) - low) / (high - low),
        np.asarray(labels, dtype=np.int64),
        value_range=(0.0, 1.0),
        classes=("malignant", "benign"),
    )


def _read_sklearn(loader: str, subject: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Features and labels of one of scikit-learn's own data sets."""
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise ImportError(
            f"{subject} with scikit-learn, which is not installed: "
            "pip install 'tempotron-core[train]'"
        ) from error
    features, labels = getattr(datasets, loader)(return_X_y=True)
    return features, labels
