"""Patterns with the number of spikes that each asks for, in place of a class."""

from __future__ import annotations

import os
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events

from .._backend import Backend
from ..recipes.recipe import Recipe
from .feature_tables import read_numbers
from .loader import PatternSource
from .patterns import Patterns

__all__ = ["CountedPatterns", "CountedSource", "read_counts"]

Integers = NDArray[np.int64]


def read_counts(path: str | os.PathLike[str], n_patterns: int) -> Integers:
    """Read how many spikes each of some neurons should answer each pattern with.

    Parameters
    ----------
    path : path
        A ``.npy`` file or a table of text, one row per pattern and one column per neuron.
    n_patterns : int

    Returns
    -------
    integer array, shape (n_patterns, O)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, has not one row per pattern, or holds something else than whole numbers
        from 0 on.
    """
    found, name = read_numbers("counts", path, "a .npy or .csv file of one count per pattern")
    if found.ndim not in (1, 2) or len(found) != n_patterns or 0 in found.shape:
        raise ValueError(
            f"counts must hold one row for each of the {n_patterns} patterns, got {name} of shape "
            f"{found.shape}"
        )
    rows = found.reshape(n_patterns, -1)
    with np.errstate(invalid="ignore"):  # NaN, which is none of these
        whole = (rows >= 0) & (rows < 2**31) & (rows == np.floor(rows))
    if not whole.all():
        row, column = np.argwhere(~whole)[0]
        raise ValueError(
            f"counts must be whole numbers, 0 or more, got {rows[row, column]} in row {row} of "
            f"{name}"
        )
    return rows.astype(np.int64)


class CountedSource:
    """Patterns in batches, with the counts they ask for.

    Parameters
    ----------
    source : PatternSource
    counts : integer array, shape (B, O)
    """

    def __init__(self, source: PatternSource, counts: Integers) -> None:
        self._source = source
        self.labels, self.n_classes = counts, counts.shape[1]
        self.n_afferents, self.duration = source.n_afferents, source.duration
        self.mean_spikes = source.mean_spikes

    def __len__(self) -> int:
        return len(self._source)

    def events(self, index: Integers) -> Events:
        """Return chosen patterns."""
        return self._source.events(index)


class CountedPatterns:
    """Patterns of any kind, to learn counts from; what class they are of is left aside.

    Parameters
    ----------
    data : Patterns
    counts : integer array, shape (B, O)
        How often each of O neurons should spike.
    """

    def __init__(self, data: Patterns, counts: Integers) -> None:
        self.data, self.labels = data, counts
        self.name, self.test_from, self.image_shape = data.name, data.test_from, data.image_shape

    def __len__(self) -> int:
        return len(self.data)

    @property
    def n_neurons(self) -> int:
        """Neurons that have counts."""
        return int(self.labels.shape[1])

    def source(
        self, index: Integers, recipe: Recipe, backend: Backend, dtype: str
    ) -> PatternSource:
        """Return chosen patterns as spikes, with their counts."""
        return CountedSource(self.data.source(index, recipe, backend, dtype), self.labels[index])

    def describe(self) -> dict[str, Any]:
        """Return what a checkpoint says of the data."""
        described = self.data.describe()
        described.pop("classes", None)
        checksum = zlib.crc32(np.ascontiguousarray(self.labels, dtype="<i8").data)
        fingerprint = f"{described['fingerprint']}-counts-{checksum:08x}"
        return described | {"fingerprint": fingerprint, "n_neurons": self.n_neurons}

    def images(self, index: Integers) -> NDArray[Any] | None:
        """Return chosen patterns as images, if they are."""
        return self.data.images(index)
