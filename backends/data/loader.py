"""Where a trainer draws its batches from: events in memory, or an event file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tempotron_core import Events, RaggedEvents
from tempotron_core.arrays.choices import check_choice
from tempotron_core.arrays.registry import compiled, implementation
from tempotron_core.events.levels import assembled, by_level
from tempotron_core.events.units import UnitsWatch

from .._backend import Backend
from ..interchange.placement import LAYOUTS, wasteful
from .chosen import in_order, picked, taken
from .class_labels import class_numbers
from .event_files import EventFile
from .event_format import pattern_numbers

__all__ = ["FromEventFile", "InMemory", "PatternSource"]

Array = Any
Integers = NDArray[np.int64]


class PatternSource(Protocol):
    """Labelled patterns that can be had in batches."""

    @property
    def labels(self) -> Integers:
        """Class of each pattern, shape (B,), on the host."""

    @property
    def n_classes(self) -> int:
        """Number of classes, whether or not all occur."""

    @property
    def n_afferents(self) -> int:
        """Afferents of every pattern."""

    @property
    def duration(self) -> float:
        """Length of every pattern."""

    @property
    def mean_spikes(self) -> float:
        """Mean number of spikes of a pattern."""

    def __len__(self) -> int:
        """Return the number of patterns."""

    def events(self, index: Integers) -> Events:
        """Return chosen patterns, shape (n,) of numbers from 0, on the backend's device."""


class InMemory:
    """Patterns that are events already.

    Parameters
    ----------
    events : Events
        All patterns, on the device they are to be used on.
    labels : integer array, shape (B,)
        Their classes, on the host.
    backend : Backend
        That of the events.
    n_classes : int, optional
        By default one more than the largest label.

    Raises
    ------
    TypeError
        If ``events`` is no Events or labels are no integers.
    ValueError
        If there are no patterns, not one label per pattern, or a label is out of range.
    """

    def __init__(
        self, events: Events, labels: ArrayLike, backend: Backend, *, n_classes: int | None = None
    ) -> None:
        if not isinstance(events, Events):
            raise TypeError(f"events must be an Events, got {type(events).__name__}")
        self.labels = _checked_labels(labels, len(events), n_classes)
        self.n_classes = int(self.labels.max()) + 1 if n_classes is None else int(n_classes)
        self.backend = backend
        self._events = events
        self._counts = backend.to_numpy(events.counts)
        self._index: Integers | None = None
        self._order: Array | None = None  # of the last batch: the next one is as large
        self._take: Callable[[Events, Array], Events] = compiled(taken, events.like)

    @property
    def n_afferents(self) -> int:
        """Afferents of every pattern."""
        return self._events.n_afferents

    @property
    def duration(self) -> float:
        """Length of every pattern."""
        return self._events.duration

    @property
    def mean_spikes(self) -> float:
        """Mean number of spikes of a pattern."""
        counts = self._counts if self._index is None else self._counts[self._index]
        return float(np.mean(counts))

    def __len__(self) -> int:
        return len(self.labels)

    def events(self, index: ArrayLike) -> Events:
        """Return chosen patterns.

        Parameters
        ----------
        index : integer array, shape (n,)
            Numbers of patterns, in any order, repetitions allowed.

        Returns
        -------
        Events
            As wide as those of all patterns, whichever are chosen, or ragged, as they are.
            Gradients by time come back as those of `Events.from_csr`, for the sorted spikes.

        Raises
        ------
        IndexError
            If a number is out of range or not an integer.
        """
        if (found := self._at_once(index)) is not None:
            return found
        chosen = pattern_numbers(index, len(self))
        chosen = chosen if self._index is None else self._index[chosen]
        if isinstance(self._events, RaggedEvents):
            return self._events[chosen]
        return self._take(self._events, self.backend.from_numpy(chosen))

    def _at_once(self, index: ArrayLike) -> Events | None:
        """Do the same by a fused form, or return None where there is none or a number is wrong."""
        if type(index) is not np.ndarray or index.dtype != np.int64 or index.ndim != 1:
            return None
        if self._index is not None:
            if len(index) and not (index.min() >= 0 and index.max() < len(self._index)):
                return None
            index = self._index[index]
        return picked(self._events, index, self._in_order)

    def _in_order(self, number: int) -> Array:
        if self._order is None or len(self._order) != number:
            self._order = in_order(self._events, number)
        return self._order

    def subset(self, index: ArrayLike) -> InMemory:
        """Return some of the patterns as a source of their own, which shares the memory."""
        chosen = pattern_numbers(index, len(self), least=1)
        part = object.__new__(InMemory)
        part.__dict__.update(self.__dict__)
        part.labels = self.labels[chosen]
        part._index = chosen if self._index is None else self._index[chosen]
        return part


class FromEventFile:
    """Patterns that stay in an event file until a batch needs them.

    Parameters
    ----------
    event_file : EventFile
    backend : Backend
        Where to put the batches.
    dtype : str or dtype
        Of their spike times.
    index : integer array, optional
        The patterns to use; all by default.
    layout : {'auto', 'padded', 'ragged'}
        Of the batches: `Events` or `RaggedEvents`.  'auto' is ragged where padding all patterns of
        the file would take more than four times the memory of their spikes, but for libraries that
        compile for shapes.

    Raises
    ------
    IndexError
        If ``index`` holds no number of a pattern.
    ValueError
        If the backend cannot hold the dtype, or ``layout`` is unknown.
    """

    def __init__(
        self,
        event_file: EventFile,
        backend: Backend,
        dtype: Any,
        index: ArrayLike | None = None,
        *,
        layout: str = "auto",
    ) -> None:
        check_choice("layout", layout, LAYOUTS)
        self.event_file, self.backend, self.dtype = event_file, backend, backend.dtype(dtype)
        chosen = np.arange(len(event_file)) if index is None else index
        self.index = pattern_numbers(chosen, len(event_file), least=1)
        self.labels = event_file.labels[self.index]
        self.n_classes = event_file.n_classes
        self.n_afferents = event_file.n_afferents
        self.duration = event_file.duration
        counts = event_file.counts
        # of the whole file, so that training and test part have one width
        self.width = max(1, int(counts.max()))
        self.layout = layout
        if layout == "auto":
            like = backend.from_numpy(np.zeros(1, dtype=np.float32))
            fixed = implementation("compiled", like) is not None
            self.layout = "ragged" if wasteful(counts) and not fixed else "padded"
        self.mean_spikes = float(np.mean(counts[self.index]))
        self._units = UnitsWatch()  # one look is enough for all batches

    def __len__(self) -> int:
        return len(self.index)

    def events(self, index: ArrayLike) -> Events:
        """Read chosen patterns.

        Parameters
        ----------
        index : integer array, shape (n,)
            Numbers of patterns, in any order, repetitions allowed.

        Returns
        -------
        Events
            As wide as the largest pattern of the file, whichever are chosen: a library that
            compiles for shapes compiles once for a size of batch.  Or ragged.  Gradients by time
            come back as those of `Events.from_csr`.

        Raises
        ------
        IndexError
            If a number is out of range or not an integer.
        ValueError
            If what the file holds is no sorted list of spikes.
        """
        chosen = self.index[pattern_numbers(index, len(self))]
        if self.layout == "padded":
            return self._padded(chosen, self.width)
        counts = self.event_file.counts[chosen]
        groups = [
            (self._padded(chosen[numbers], max(1, int(counts[numbers].max(initial=0)))), numbers)
            for numbers in by_level(counts)
        ]
        return RaggedEvents(*assembled(groups))

    def _padded(self, chosen: Integers, width: int) -> Events:
        """Read patterns of the file, at most ``width`` spikes each."""
        times, afferents, offsets = self.event_file.read(chosen)
        counts = np.diff(offsets)
        column = np.arange(width, dtype=np.int32)
        present = column < counts[:, None]
        # padding repeats the last spike; a silent pattern may begin where the list ends
        entries = offsets[:-1, None] + np.minimum(column, np.maximum(counts - 1, 0)[:, None])
        rows = np.append(times, times.dtype.type(0.0))[entries]
        rows[counts == 0] = 0.0
        of_spikes = np.full(present.shape, self.n_afferents, dtype=np.int32)
        of_spikes[present] = afferents
        place = self.backend.from_numpy
        return Events(
            place(rows, self.dtype),
            place(of_spikes),
            place(counts),
            place(np.broadcast_to(column, present.shape)),  # they are sorted on disk
            self.n_afferents,
            self.duration,
            None,
            place(counts),
            self._units,
        )

    def subset(self, index: ArrayLike) -> FromEventFile:
        """Return some of the patterns as a source of their own."""
        chosen = pattern_numbers(index, len(self), least=1)
        return FromEventFile(
            self.event_file, self.backend, self.dtype, self.index[chosen], layout=self.layout
        )


def _checked_labels(labels: ArrayLike, n_patterns: int, n_classes: int | None) -> Integers:
    classes = class_numbers(labels)
    if classes.shape != (n_patterns,) or n_patterns == 0:
        raise ValueError(
            f"labels must have shape ({n_patterns},), one per pattern and at least one, "
            f"got {classes.shape}"
        )
    below = 2**31 - 1 if n_classes is None else n_classes  # as `whole_number` counts classes
    if classes.min() < 0 or classes.max() >= below:
        raise ValueError(
            f"labels must be 0 or more and below {below}, got {classes.min()} to {classes.max()}"
        )
    return classes.astype(np.int64)
