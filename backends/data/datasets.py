"""Labelled feature vectors: two data sets of scikit-learn, MNIST's IDX format, and hold-out.

Everything here runs on the host in NumPy, so that every backend sees the same numbers.
"""

from __future__ import annotations

import importlib
import math
import os
import warnings
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .idx import as_text, read_idx

__all__ = [
    "Dataset",
    "hold_out",
    "load_breast_cancer",
    "load_digits",
    "load_idx_folder",
    "read_features",
]

PathLike = str | os.PathLike[str]

CHECKED_AT_ONCE = 4096
"""Patterns; bounds the memory of a checksum in double precision."""

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


@dataclass(frozen=True, eq=False)
class Dataset:
    """Patterns with one class each.

    Attributes
    ----------
    name : str
        For messages.
    features : array, shape (B, F)
        Feature values: finite real numbers.  Bytes stay bytes, an eighth of float64; the encoders
        convert what they are given.
    labels : array, shape (B,)
        Class of each pattern, int64, from 0.
    value_range : tuple of float
        Smallest and largest value a feature can take, whether or not it does.
    image_shape : tuple of int, or None
        Rows and columns of a pattern that is an image.
    test_from : int or None
        Where the data come with a test set of their own, the index of its first pattern.

    Raises
    ------
    ValueError
        If there are no patterns or features, features and labels do not fit each other, a feature
        is NaN or infinite, or a label is negative.
    """

    name: str
    features: NDArray[Any]
    labels: NDArray[np.int64]
    value_range: tuple[float, float]
    image_shape: tuple[int, ...] | None = None
    test_from: int | None = None

    def __post_init__(self) -> None:
        features, labels = self.features, self.labels
        if features.ndim != 2 or labels.shape != features.shape[:1] or 0 in features.shape:
            raise ValueError(
                f"features and labels must have shapes (patterns >= 1, features >= 1) and "
                f"(patterns,), got {features.shape} and {labels.shape} in {self.name}"
            )
        if features.dtype.kind == "f":
            bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
            if len(bad):
                raise ValueError(
                    f"features must be finite, got NaN or infinity in pattern {bad[0]} "
                    f"of {self.name}"
                )
        if labels.min() < 0:
            raise ValueError(f"labels must be 0 or more, got {labels.min()} in {self.name}")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        """One more than the largest label."""
        return int(self.labels.max()) + 1

    @cached_property  # it reads all features, and a run asks for it every epoch
    def fingerprint(self) -> str:
        """Short text that changes with the data: numbers of patterns and features, a checksum."""
        checksum = 0
        for start in range(0, len(self), CHECKED_AT_ONCE):
            # of the values, whatever they are kept as
            part = self.features[start : start + CHECKED_AT_ONCE].astype(np.float64, order="C")
            checksum = zlib.crc32(part.data, checksum)
        checksum = zlib.crc32(np.ascontiguousarray(self.labels).data, checksum)
        return f"{len(self)}x{self.features.shape[1]}-{checksum:08x}"


class Labelled(Protocol):
    """What `hold_out` looks at."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class of each pattern."""

    @property
    def test_from(self) -> int | None:
        """Where the data come with a test set of their own, the index of its first pattern."""

    def __len__(self) -> int:
        """Return the number of patterns."""


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
    )


def load_idx_folder(folder: PathLike, *, part: str | None = None) -> Dataset:
    """Read labelled images from a folder in the layout of MNIST.

    It must hold ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, and may hold a test
    set, ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``; each gzipped (``.gz``) or not.

    Parameters
    ----------
    folder : path
    part : {None, 'train', 'test'}
        Read only the training or the test set; the other need not be there.

    Returns
    -------
    Dataset
        The training set, followed by the test set where there is one; or the part asked for.

    Raises
    ------
    FileNotFoundError
        If the folder, or a file it must hold, is missing.
    ValueError
        If a file is damaged, or the files do not fit each other.
    """
    folder = Path(folder)
    if part not in (None, "train", "test"):
        raise ValueError(f"part must be None, 'train' or 'test', got {part!r}")
    if not folder.is_dir():
        raise FileNotFoundError(f"data must be a folder of IDX files, got {str(folder)!r}: no such")
    stem = "t10k" if part == "test" else "train"
    images, labels = _read_pair(folder, stem)
    test_from = None
    has_test = any(_find(folder, f"t10k-{kind}") for kind in ("images-idx3", "labels-idx1"))
    if part is None and has_test:
        test_from = len(labels)
        test_images, test_labels = _read_pair(folder, "t10k")
        if test_images.shape[1:] != images.shape[1:]:
            raise ValueError(
                f"the images of {str(folder)!r} must have one size, got "
                f"{as_text(images.shape[1:])} for training and "
                f"{as_text(test_images.shape[1:])} for test"
            )
        images = np.concatenate([images, test_images])
        labels = np.concatenate([labels, test_labels])
    return Dataset(
        "IDX images",
        images.reshape(len(images), -1),
        labels.astype(np.int64),
        value_range=(0.0, 255.0),
        image_shape=images.shape[1:],
        test_from=test_from,
    )


def read_features(path: PathLike) -> NDArray[np.float64]:
    """Read feature rows from a ``.npy`` file, a ``.csv`` file or an IDX file of images.

    Parameters
    ----------
    path : path
        One pattern per row or image, without labels.  Comma-separated text may have comments
        (``#``) but no heading.

    Returns
    -------
    array, shape (B, F)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or does not hold rows of finite numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"input must be a file, got {str(path)!r}: no such file")
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            array = np.load(path, allow_pickle=False)
        elif suffix == ".csv":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # an empty file is an error below
                array = np.loadtxt(path, delimiter=",", ndmin=2)
        else:
            array = read_idx(path)
    except (EOFError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(
            f"input must be a .npy or .csv file of feature rows, or an IDX file of images, "
            f"got {str(path)!r}: {error}"
        ) from None
    if not isinstance(array, np.ndarray) or array.ndim < 2 or array.dtype.kind not in "buif":
        found = f"{array.dtype} of shape {array.shape}" if hasattr(array, "shape") else "an archive"
        raise ValueError(
            f"input must hold one row of numbers per pattern, got {str(path)!r}: {found}"
        )
    rows = array.reshape(len(array), -1 if len(array) else math.prod(array.shape[1:]))
    rows = rows.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise ValueError(
            f"input must hold finite numbers, got NaN or infinity in row {bad[0]} of {str(path)!r}"
        )
    return rows


def hold_out(
    dataset: Labelled,
    fraction: float,
    rng: np.random.Generator,
    *,
    index: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split patterns into a training and a held-out part, each class in proportion.

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
        _check_classes(dataset.labels[: dataset.test_from], dataset.name)
        return np.arange(dataset.test_from), np.arange(dataset.test_from, len(dataset))
    index = np.arange(len(dataset)) if index is None else np.sort(index)
    labels = dataset.labels[index]
    total = len(labels)
    if isinstance(fraction, int | np.integer) and fraction > 1:
        if not fraction < total:
            raise ValueError(f"fraction must be less than the {total} patterns, got {fraction}")
        wanted = int(fraction)
    elif 0.0 < fraction < 1.0:
        wanted = math.ceil(fraction * total)
    else:
        raise ValueError(
            f"fraction must be between 0 and 1, got {fraction}, or a whole number of patterns, "
            f"2 or more"
        )
    classes, sizes = _check_classes(labels, dataset.name)
    # largest remainders, so that the parts add up to the number asked for
    shares = sizes * (wanted / total)
    counts = np.floor(shares).astype(np.int64)
    short = round(float(shares.sum())) - int(counts.sum())
    counts[np.argsort(counts - shares, kind="stable")[:short]] += 1
    for label, size, count in zip(classes, sizes, counts, strict=True):
        if not 0 < count < size:
            raise ValueError(
                f"fraction must leave patterns of every class in both parts, got {fraction}: "
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


def _check_classes(
    labels: NDArray[np.int64], name: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the classes and their sizes; an error if there is nothing to tell apart."""
    classes, sizes = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        raise ValueError(
            f"labels must be of two classes or more to train on, got only class "
            f"{', '.join(map(str, classes))} in {name}"
        )
    return classes, sizes


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


def _read_pair(folder: Path, part: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read and check the images and labels of one part."""
    paths = {}
    for kind in ("images-idx3", "labels-idx1"):
        found = _find(folder, f"{part}-{kind}")
        if found is None:
            raise FileNotFoundError(
                f"data must hold a file {part}-{kind}-ubyte, gzipped (.gz) or not, "
                f"got the folder {str(folder)!r} without it"
            )
        paths[kind] = found
    images, labels = read_idx(paths["images-idx3"]), read_idx(paths["labels-idx1"])
    for path, array, ndim, magic in (
        (paths["images-idx3"], images, 3, "00000803"),
        (paths["labels-idx1"], labels, 1, "00000801"),
    ):
        if array.ndim != ndim or array.dtype != np.uint8:
            raise ValueError(
                f"{str(path)!r} must hold bytes in {ndim} dimension(s) (magic number {magic}), "
                f"got {array.dtype} of shape {array.shape}"
            )
    if len(images) != len(labels) or len(labels) == 0 or images[0].size == 0:
        raise ValueError(
            f"{str(paths['images-idx3'])!r} and {str(paths['labels-idx1'])!r} must hold one "
            f"label per image and at least one, got {as_text(images.shape)} images "
            f"and {len(labels)} labels"
        )
    return images, labels


def _find(folder: Path, stem: str) -> Path | None:
    """Return the file of that name, in any of the spellings in use."""
    for name in (f"{stem}-ubyte", f"{stem.replace('-idx', '.idx')}-ubyte"):
        for suffix in ("", ".gz"):
            path = folder / f"{name}{suffix}"
            if path.is_file():
                return path
    return None
