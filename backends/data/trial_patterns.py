"""Trials of a recording as labelled patterns in memory, and as an event file."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._backend import Backend
from ..interchange.lists import to_spike_list
from ..interchange.moving import to_backend
from ..recipes.recipe import Recipe
from ..recordings import EventSet, LabelledEvents
from .event_files import EventFile
from .event_format import ARRAYS, PathLike
from .event_writer import EventWriter
from .loader import InMemory

__all__ = ["TrialPatterns", "write_event_set", "write_trials"]

Integers = NDArray[np.int64]

AT_ONCE = 64
"""Patterns of a set of event data that are held in memory as they are written."""


class TrialPatterns:
    """Trials of a recording, to learn from.

    Parameters
    ----------
    trials : LabelledEvents
        With labels.
    name : str
        For messages.
    """

    test_from = None
    image_shape = None
    of_trials = True
    """They are told apart by when something happens, so that a clock is called for."""

    def __init__(self, trials: LabelledEvents, name: str) -> None:
        if trials.labels is None:
            raise ValueError(f"labels must be there to learn from {name}, got none")
        self.trials, self.name, self.labels = trials, name, trials.labels

    def __len__(self) -> int:
        return len(self.trials)

    @cached_property
    def fingerprint(self) -> str:
        """As that of the event file that `write_trials` makes of them."""
        found = to_spike_list(self.trials.events)
        arrays = dict(zip(ARRAYS, (*found, self.labels), strict=True))
        kinds = {"times": "<f4", "afferents": "<i4", "offsets": "<i8", "labels": "<i8"}
        n_classes, duration = len(self.trials.class_names), self.trials.events.duration
        about = f"{n_classes} {duration!r} " + " ".join(
            f"{name}:{zlib.crc32(np.ascontiguousarray(arrays[name], kinds[name]).data)}"
            for name in ARRAYS
        )
        n_afferents = self.trials.events.n_afferents
        return f"{len(self)}x{n_afferents}-events-{zlib.crc32(about.encode()):08x}"

    def coded_by(self) -> dict[str, Any]:
        """Return the settings of a recipe that the trials prescribe."""
        return {"duration": self.trials.events.duration}

    def source(self, index: Integers, recipe: Recipe, backend: Backend, dtype: str) -> InMemory:
        """Return chosen patterns on a backend.

        Raises
        ------
        ValueError
            If the recipe has another duration.
        """
        duration = self.trials.events.duration
        if recipe.duration != duration:
            raise ValueError(
                f"duration must be that of {self.name}, {duration:g}, got {recipe.duration:g}"
            )
        n_classes = len(self.trials.class_names)
        events = to_backend(self.trials.events[index], backend, dtype=dtype)
        return InMemory(events, self.labels[index], backend, n_classes=n_classes)

    def describe(self) -> dict[str, Any]:
        """Return what a checkpoint says of the data."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "classes": self.trials.class_names,
            "recording": about_trials(self.trials),
        }

    def images(self, index: Integers) -> NDArray[Any] | None:  # noqa: ARG002
        """Return None: spikes are no images."""
        return None


def about_trials(trials: LabelledEvents) -> dict[str, Any]:
    """Return what there is to know of patterns beside their spikes, as JSON can hold it."""
    return {
        "unit": trials.unit,
        "start": trials.start,
        "unit_ids": trials.unit_ids.tolist(),
        "trial_ids": trials.trial_ids.tolist(),
    }


def write_trials(
    trials: LabelledEvents, path: PathLike, *, name: str, overwrite: bool = False
) -> EventFile:
    """Write the trials of a recording as an event file.

    Parameters
    ----------
    trials : LabelledEvents
        With labels.
    path : path
    name : str
        Of the data, for messages.
    overwrite : bool, default False

    Returns
    -------
    EventFile

    Raises
    ------
    OSError, ValueError
        As `EventWriter`.
    """
    metadata = {"name": name, "classes": trials.class_names, "recording": about_trials(trials)}
    labels = trials.labels if trials.labels is not None else trials.y
    events = trials.events
    part = *to_spike_list(events), labels
    return _written([part], path, events.n_afferents, events.duration, metadata, overwrite)


def write_event_set(
    events: EventSet, path: PathLike, *, duration: float | None = None, overwrite: bool = False
) -> EventFile:
    """Write a set of event data as an event file, some patterns at a time.

    Parameters
    ----------
    events : EventSet
    path : path
    duration : float, optional
        Of every pattern, in ms; long enough for all unless given, for which all are read twice.
    overwrite : bool, default False

    Returns
    -------
    EventFile

    Raises
    ------
    OSError, ValueError
        As `EventWriter`, or if a pattern is damaged.
    """
    length = events.duration if duration is None else duration
    metadata = {"name": events.name, "classes": [str(each) for each in events.classes.tolist()]}
    numbers = np.split(np.arange(len(events)), np.arange(AT_ONCE, len(events), AT_ONCE))
    parts = ((*events.spikes(index), events.labels[index]) for index in numbers)
    return _written(parts, path, events.n_afferents, length, metadata, overwrite)


def _written(
    parts: Iterable[tuple[Any, ...]],
    path: PathLike,
    n_afferents: int,
    duration: float,
    metadata: dict[str, Any],
    overwrite: bool,
) -> EventFile:
    """Write spike lists with their labels, part after part."""
    with EventWriter(path, n_afferents, duration, metadata=metadata, overwrite=overwrite) as writer:
        for part in parts:
            writer.append_spikes(*part)
    return EventFile.open(path)
