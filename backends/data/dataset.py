"""Patterns with one class each, and what any labelled patterns have.

Everything here is on the host, in NumPy, so that every backend sees the same numbers.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tempotron_core.arrays.plain import check_plain

from .class_labels import checked_names, class_numbers

__all__ = ["Dataset", "Labelled", "checked_range"]


CHECKED_AT_ONCE = 4096
"""Patterns; bounds the memory of a checksum in double precision."""

LARGEST = float(np.finfo(np.float64).max)


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
        Class of each pattern, kept as int64 from 0; booleans, or names among ``classes``, become
        that.
    value_range : tuple of float
        Smallest and largest value a feature can take, whether or not it does.
    image_shape : tuple of int, or None
        Rows and columns of a pattern that is an image.
    test_from : int or None
        Where the data come with a test set of their own, the index of its first pattern.
    classes : tuple of str, or None
        Names of the classes.

    Raises
    ------
    ValueError
        If there are no patterns or features, features and labels do not fit each other, a feature
        is NaN or infinite, the range is none, or a label is negative.
    """

    name: str
    features: NDArray[Any]
    labels: NDArray[np.int64]
    value_range: tuple[float, float]
    image_shape: tuple[int, ...] | None = None
    test_from: int | None = None
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_plain("features", self.features)
        numbers = class_numbers(self.labels, self.classes).astype(np.int64, copy=False)
        object.__setattr__(self, "labels", numbers)
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
        checked_range(f"value_range of {self.name}", self.value_range)
        if labels.min() < 0:
            raise ValueError(f"labels must be 0 or more, got {labels.min()} in {self.name}")
        if self.classes is not None:
            checked_names(f"classes of {self.name}", self.classes, self.n_classes)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        """One more than the largest label."""
        return int(self.labels.max()) + 1

    @cached_property  # it reads all features, and a run asks for it every epoch
    def fingerprint(self) -> str:
        """Short text that changes with the data: numbers of patterns and features, a checksum."""
        # the same values in another range become other spikes
        checksum = zlib.crc32(np.asarray(self.value_range, dtype="<f8").data)
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


def checked_range(name: str, value: Any) -> tuple[float, float]:
    """Return the smallest and the largest value a feature can take.

    Raises
    ------
    ValueError
        If they are not two finite numbers in ascending order.
    """
    if isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value)):
        low, high = value
        if -LARGEST <= low < high <= LARGEST:
            return float(low), float(high)
    raise ValueError(f"{name} must be two finite numbers, the larger last, got {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
