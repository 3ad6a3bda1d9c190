"""Some patterns of many, or some spikes of all: copied row by row, padding behind the spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events

from ..batch import usable
from .copying import copy_kept, copy_patterns

__all__ = ["keep_spikes", "pick_patterns"]

Array = NDArray[Any]


def pick_patterns(events: Events, index: Array) -> tuple[Array, Array, Array] | None:
    """Times, afferents and counts of patterns, int64 numbers; None where one is out of range."""
    times, afferents = events.times, events.afferents
    if not (times.flags.carray and afferents.flags.carray):
        return None  # the kernel would need a copy of everything
    shape = len(index), times.shape[1]
    picked = np.empty(shape, times.dtype), np.empty(shape, afferents.dtype)
    counts = np.empty(len(index), events.counts.dtype)
    given = times, afferents, usable(events.counts), events.n_afferents, usable(index)
    return (*picked, counts) if copy_patterns(*given, *picked, counts) else None


def keep_spikes(events: Events, order: Array, kept: Array) -> tuple[Array, Array, Array, Array]:
    """Times, afferents, counts and order of patterns that lose the spikes not kept."""
    given = [usable(a) for a in (events.times, events.afferents, events.counts, order)]
    new = [np.empty(a.shape, a.dtype) for a in given]
    arguments: list[Any] = [*given, *new, events.n_afferents, usable(kept)]
    copy_kept(*arguments)
    times, afferents, counts, order = new
    return times, afferents, counts, order
