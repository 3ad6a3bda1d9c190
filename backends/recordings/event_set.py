"""Labelled event data: many files or one large one, read a few patterns at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._backend import Backend
from ..interchange.placement import place
from .labelled import LabelledEvents

__all__ = ["EventSet", "by_pixel"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class EventSet:
    """Patterns of one data set; made by a reader.

    Attributes
    ----------
    name : str
        For messages.
    labels : integer array, shape (B,)
        The class of each pattern, from 0.
    classes : array, shape (C,)
        What each class is called.
    n_afferents : int
    read : callable
        From the number of a pattern to its spike times in ms, from its start, and their afferents.
    length : float or None
        Of every pattern in ms, where the format has one.
    """

    name: str
    labels: Integers
    classes: NDArray[Any]
    n_afferents: int
    read: Callable[[int], tuple[Floats, Integers]] = field(repr=False)
    length: float | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return (
            f"EventSet({self.name}: {len(self)} patterns, {self.n_afferents} afferents, "
            f"{len(self.classes)} classes)"
        )

    @cached_property
    def longest(self) -> float:
        """The last spike of any pattern, in ms; all of them are read for it."""
        last = [float(self.read(b)[0].max(initial=0.0)) for b in range(len(self))]
        return max(last, default=0.0)

    @property
    def duration(self) -> float:
        """What is long enough for every pattern, in whole ms."""
        found = float(np.ceil(self.longest)) if self.length is None else self.length
        return found or 1.0

    def spikes(self, index: ArrayLike) -> tuple[Floats, Integers, Integers]:
        """Return chosen patterns as spike lists: times, afferents and offsets.

        Raises
        ------
        IndexError
            If there is no such pattern.
        """
        chosen = np.arange(len(self))[np.asarray(index, dtype=np.int64)]
        found = [self.read(int(b)) for b in chosen]
        offsets = np.cumsum([0, *(len(times) for times, _ in found)])
        return (
            np.concatenate([*(times for times, _ in found), np.zeros(0)]),
            np.concatenate([*(who for _, who in found), np.zeros(0, dtype=np.int64)]),
            offsets,
        )

    def load(
        self,
        index: ArrayLike | None = None,
        *,
        duration: float | None = None,
        backend: Backend | None = None,
        dtype: Any = None,
        layout: str = "padded",
    ) -> LabelledEvents:
        """Read chosen patterns into memory.

        Parameters
        ----------
        index : integer array, optional
            All unless given.
        duration : float, optional
            Of every pattern, in ms; later spikes are left out.  Long enough for all unless given.
        backend : Backend, optional
            Where the events are to be; NumPy unless given.
        dtype : {'float32', 'float64'} or dtype, optional
            Of the spike times; the backend's default unless given.
        layout : {'padded', 'ragged', 'auto'}
            Of the events, as `tempotron_backends.interchange.from_spike_list` takes it.

        Returns
        -------
        LabelledEvents
        """
        chosen = np.arange(len(self)) if index is None else np.asarray(index, dtype=np.int64)
        length = self.duration if duration is None else duration
        events = place(*self.spikes(chosen), self.n_afferents, length, backend, dtype, layout)
        afferents = np.arange(self.n_afferents)
        return LabelledEvents(events, self.labels[chosen], self.classes, chosen, afferents)


def by_pixel(
    name: str,
    x: NDArray[Any],
    y: NDArray[Any],
    polarity: NDArray[Any],
    size: tuple[int, int],
    pool: int = 1,
) -> Integers:
    """Return the afferent of each event: a frame [polarity, y, x] read row by row.

    Parameters
    ----------
    name : str
        For errors.
    x, y, polarity : integer array, shape (E,)
    size : tuple of int
        Width and height of the sensor.
    pool : int, default 1
        So many pixels in each direction make one afferent.

    Raises
    ------
    ValueError
        If an event lies beyond the sensor.
    """
    width, height = size
    for what, values, limit in (("x", x, width), ("y", y, height)):
        if len(values) and int(values.max()) >= limit:
            raise ValueError(
                f"{name} must have {what} below {limit}, got {int(values.max())}: it is damaged, "
                f"or of another sensor"
            )
    across, down = -(-width // pool), -(-height // pool)
    wide = [np.asarray(values, dtype=np.int64) for values in (polarity, y, x)]
    return (wide[0] * down + wide[1] // pool) * across + wide[2] // pool
