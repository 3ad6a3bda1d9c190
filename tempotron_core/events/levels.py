"""Groups of patterns of similar length: by powers of two of their spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays.extras import default_dtype
from .batch import Events
from .changing import map_arrays

__all__ = ["assembled", "by_level", "rows"]

Array = Any
Integers = NDArray[np.int64]


def by_level(lengths: Integers) -> list[Integers]:
    """Return the numbers of the patterns of each power of two of lengths; one, if there are none.

    Longer than half of the longest of its level is each of them, so that padding never doubles it.
    """
    levels = _level(lengths)
    return [np.flatnonzero(levels == level) for level in np.unique(levels)] or [
        np.zeros(0, dtype=np.int64)
    ]


def _level(length: Any) -> Any:
    """Return the exponent of the smallest power of two that is not below a length."""
    return np.frexp(np.maximum(length, 1) - 0.5)[1]


def rows(events: Events, numbers: Integers) -> Events:
    """Return chosen rows of padded events."""
    index = _indices(numbers, events)
    return map_arrays(events, lambda a: events.xp.take(a, index, axis=0))


def assembled(pieces: list[tuple[Events, Integers]]) -> tuple[list[Events], Array]:
    """Return padded events, each with the numbers of its patterns, by level; and their places."""
    levels = [int(_level(part.times.shape[1])) for part, _ in pieces]
    groups, members = [], []
    for level in sorted(set(levels)):
        alike = [piece for piece, its in zip(pieces, levels, strict=True) if its == level]
        parts = [part for part, _ in alike]
        groups.append(parts[0] if len(parts) == 1 else Events.concat(parts))
        members += [numbers for _, numbers in alike]
    place = np.argsort(np.concatenate(members), kind="stable")
    return groups, _indices(place, groups[0])


def _indices(numbers: Integers, events: Events) -> Array:
    """Numbers of the host as an index of the events' arrays."""
    integer = default_dtype(events.xp, "indexing", device=events.device)
    return events.xp.asarray(numbers, dtype=integer, device=events.device)
