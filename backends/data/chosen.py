"""A batch of some of the patterns in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.arrays.registry import fused, is_followed
from tempotron_core.events.changing import changed

__all__ = ["in_order", "picked", "taken"]

Array = Any


def taken(events: Events, index: Array) -> Events:
    """Return patterns whose numbers are on the events' device."""
    # not events[index]: the index was checked on the host, without waiting for the device
    xp = events.xp
    return _batch(
        events,
        xp.take(events.times, index, axis=0),
        xp.take(events.afferents, index, axis=0),
        xp.take(events.counts, index, axis=0),
        in_order(events, index.shape[0]),
    )


def picked(
    events: Events, index: NDArray[np.int64], order: Callable[[int], Array]
) -> Events | None:
    """Do the same in one pass; None where there is none, or a number is not that of a pattern.

    ``order`` is `in_order` of so many patterns, which one batch can have from the last.
    """
    form = fused("pick_patterns", "auto", events.like)
    if form is None or type(events) is not Events or is_followed(events.times):
        return None
    found = form(events, index)
    if found is None:
        return None
    times, afferents, counts = found
    return _batch(events, times, afferents, counts, order(len(index)))


def _batch(events: Events, times: Array, afferents: Array, counts: Array, order: Array) -> Events:
    """Return events of these arrays, which are sorted and know no other source."""
    return changed(
        events,
        times=times,
        afferents=afferents,
        counts=counts,
        order=order,
        source_shape=None,
        source_lengths=counts,
    )


def in_order(events: Events, n_patterns: int) -> Array:
    """Return the order of patterns that were sorted before.

    Half of a batch of images would be positions in its source, which training has no use for.
    """
    xp, width = events.xp, events.times.shape[1]
    column = xp.arange(width, dtype=events.order.dtype, device=events.device)
    return xp.broadcast_to(column[None, :], (n_patterns, width))
