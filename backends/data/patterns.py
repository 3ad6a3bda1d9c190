"""Labelled patterns to learn from or to score, whatever they come as: features or event files."""

from __future__ import annotations

import difflib
import os
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events

from .._backend import Backend
from ..recipes.recipe import Recipe
from .built_in import load_breast_cancer, load_digits
from .dataset import Dataset
from .event_files import EventFile
from .event_format import ARRAYS
from .event_metadata import Origin
from .idx import load_idx_folder
from .loader import FromEventFile, InMemory, PatternSource
from .recording_files import TrialChoice, format_of, trials_of
from .trial_patterns import TrialPatterns

__all__ = ["EventPatterns", "FeaturePatterns", "Patterns", "encoded", "open_patterns"]

Integers = NDArray[np.int64]

BUILT_IN = ("digits", "breast-cancer")
"""Names of data sets that come with scikit-learn."""


class Patterns(Protocol):
    """Labelled patterns that become spikes on a backend."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def labels(self) -> Integers:
        """Class of each pattern."""

    @property
    def test_from(self) -> int | None:
        """Where the data come with a test set of their own, the index of its first pattern."""

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """Rows and columns of patterns that are images."""

    def __len__(self) -> int:
        """Return the number of patterns."""

    def source(
        self, index: Integers, recipe: Recipe, backend: Backend, dtype: str
    ) -> PatternSource:
        """Return chosen patterns as spikes."""

    def describe(self) -> dict[str, Any]:
        """Return what a checkpoint says of the data, as JSON can hold it."""

    def images(self, index: Integers) -> NDArray[Any] | None:
        """Return chosen patterns as images, if they are."""


def encoded(
    features: NDArray[Any],
    value_range: tuple[Any, Any],
    recipe: Recipe,
    backend: Backend,
    dtype: str,
    *,
    labels: Integers | None = None,
    n_classes: int | None = None,
) -> InMemory:
    """Return rows of features as spikes on a backend.

    Parameters
    ----------
    features : array, shape (B, F)
    value_range, recipe
        As for `Recipe.encode`.
    backend : Backend
    dtype : str
        Of the spike times.
    labels : integer array, shape (B,), optional
        Classes; 0 for all where they are not known.
    n_classes : int, optional
        By default one more than the largest label.

    Returns
    -------
    InMemory
    """
    times = backend.from_numpy(recipe.encode(features, value_range), dtype)
    events = Events.from_latencies(times, recipe.duration)
    if labels is None:
        labels = np.zeros(len(features), dtype=np.int64)
    return InMemory(events, labels, backend, n_classes=n_classes)


class FeaturePatterns:
    """Feature vectors, coded into spikes as the recipe says.

    Parameters
    ----------
    dataset : Dataset
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.name, self.labels = dataset.name, dataset.labels
        self.test_from, self.image_shape = dataset.test_from, dataset.image_shape

    def __len__(self) -> int:
        return len(self.dataset)

    def source(
        self, index: Integers, recipe: Recipe, backend: Backend, dtype: str
    ) -> PatternSource:
        """Return chosen patterns as spikes, encoded at once."""
        return encoded(
            self.dataset.features[index],
            self.dataset.value_range,
            recipe,
            backend,
            dtype,
            labels=self.labels[index],
            n_classes=self.dataset.n_classes,
        )

    def describe(self) -> dict[str, Any]:
        """Return what a checkpoint says of the data."""
        described = {
            "name": self.name,
            "fingerprint": self.dataset.fingerprint,
            "n_features": self.dataset.features.shape[1],
            "value_range": list(self.dataset.value_range),
        }
        if self.dataset.classes is not None:
            described["classes"] = list(self.dataset.classes)
        return described

    def images(self, index: Integers) -> NDArray[Any] | None:
        """Return chosen patterns as images, if they are."""
        if self.image_shape is None:
            return None
        return self.dataset.features[index].reshape(-1, *self.image_shape)


class EventPatterns:
    """Spikes in an event file, read batch by batch.

    Parameters
    ----------
    event_file : EventFile

    Raises
    ------
    ValueError
        If its metadata say of its origin what cannot be.
    """

    def __init__(self, event_file: EventFile) -> None:
        self.event_file = event_file
        self.origin = Origin.of(event_file)
        self.name, self.labels = self.origin.name, event_file.labels
        self.test_from, self.image_shape = self.origin.test_from, self.origin.image_shape

    def __len__(self) -> int:
        return len(self.event_file)

    @cached_property
    def fingerprint(self) -> str:
        """Short text that changes with the data: sizes, and a checksum of spikes and labels.

        The whole file is read for it once, and compared with the checksums in its header.

        Raises
        ------
        ValueError
            If the file is not as it was written.
        """
        file = self.event_file
        about = f"{file.n_classes} {file.duration!r} "
        about += " ".join(f"{name}:{file.checksum(name)}" for name in ARRAYS)
        return f"{len(file)}x{file.n_afferents}-events-{zlib.crc32(about.encode()):08x}"

    @property
    def of_trials(self) -> bool:
        """Whether they are trials of a recording, which a clock is called for."""
        return "recording" in self.event_file.metadata

    def coded_by(self) -> dict[str, Any]:
        """Return the settings of a recipe that the file prescribes."""
        return self.origin.encoding | {"duration": self.event_file.duration}

    def source(
        self, index: Integers, recipe: Recipe, backend: Backend, dtype: str
    ) -> PatternSource:
        """Return chosen patterns; they stay on disk until a batch needs them.

        Raises
        ------
        ValueError
            If the recipe would code them otherwise.
        """
        for name, value in self.coded_by().items():
            asked = getattr(recipe, name)
            if asked != value:
                shown = [f"{x:g}" if isinstance(x, float) else str(x) for x in (value, asked)]
                raise ValueError(f"{name} must be that of {self.name}, {shown[0]}, got {shown[1]}")
        return FromEventFile(self.event_file, backend, dtype, index)

    def describe(self) -> dict[str, Any]:
        """Return what a checkpoint says of the data."""
        file, origin = self.event_file, self.origin
        described: dict[str, Any] = {"name": self.name, "fingerprint": self.fingerprint}
        if origin.value_range is not None and "encoder" in origin.encoding:
            per_feature = Recipe(**self.coded_by()).afferents_per_feature
            described["n_features"] = file.n_afferents // per_feature
            described["value_range"] = list(origin.value_range)
        if origin.classes is not None:
            described["classes"] = list(origin.classes)
        if self.of_trials:
            described["recording"] = file.metadata["recording"]
        return described

    def images(self, index: Integers) -> NDArray[Any] | None:  # noqa: ARG002
        """Return None: spikes are no images."""
        return None


def open_patterns(
    data: str | None, part: str | None = None, *, choice: TrialChoice | None = None
) -> FeaturePatterns | EventPatterns | TrialPatterns:
    """Open what ``--data`` names: a built-in data set, IDX or event files, or a recording.

    Parameters
    ----------
    data : str or None
        ``"digits"`` (also None), ``"breast-cancer"``, or a path.
    part : {None, 'train', 'test'}
        Of an IDX folder, only that part.
    choice : TrialChoice, optional
        What to take for the trials of a recording.

    Returns
    -------
    FeaturePatterns, EventPatterns or TrialPatterns

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        If it is not there, or damaged.
    """
    if data is None or data == "digits":
        return FeaturePatterns(load_digits())
    if data == "breast-cancer":
        return FeaturePatterns(load_breast_cancer())
    if os.path.isfile(Path(data) / "header.json"):
        return EventPatterns(EventFile.open(data))
    if os.path.exists(data) and format_of(data) is not None:
        found = trials_of(data, TrialChoice() if choice is None else choice)
        return TrialPatterns(found, Path(data).name)
    if not os.path.isdir(data):
        close = difflib.get_close_matches(data, BUILT_IN, n=1, cutoff=0.7)
        raise FileNotFoundError(
            f"data must be {', '.join(BUILT_IN)}, an event file, a recording or a folder of images "
            f"in MNIST's IDX format, got {data!r}: "
            + ("it is no folder" if os.path.exists(data) else "no such folder")
            + (f"; did you mean {close[0]!r}?" if close else "")
        )
    return FeaturePatterns(load_idx_folder(data, part=part))
