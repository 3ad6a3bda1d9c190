"""Columns of sorted events in another order, and which of them hold a spike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .batch import Events
from .order import sorted_spikes

__all__ = ["present", "rearranged", "resorted"]

Array = Any


def resorted(events: Events, times: Array) -> Events:
    """Give the columns of each pattern these times and sort them; a negative one is no spike."""
    times, afferents, counts, order = sorted_spikes(
        times, events.afferents, events.n_afferents, events.duration, source=events.order
    )
    return replace(events, times=times, afferents=afferents, counts=counts, order=order)


def rearranged(events: Events, order: Array, counts: Array) -> Events:
    """Take the columns of each pattern in that order, the first ``counts`` of which are spikes."""
    xp = events.xp
    width = events.times.shape[1]
    times, afferents, sources = (
        xp.take_along_axis(array, order, axis=1)
        for array in (events.times, events.afferents, events.order[:, :width])
    )
    last = xp.astype(xp.where(counts > 0, counts - 1, 0), order.dtype)[:, None]
    last_time = xp.take_along_axis(times, last, axis=1)
    last_time = xp.where((counts > 0)[:, None], last_time, 0.0)
    spiking = _first(counts, width, events)
    return replace(
        events,
        times=xp.where(spiking, times, last_time),
        afferents=xp.where(spiking, afferents, events.n_afferents),
        counts=counts,
        order=xp.concat([sources, events.order[:, width:]], axis=1),
    )


def present(events: Events) -> Array:
    """Which columns [B, K] hold a spike."""
    return _first(events.counts, events.times.shape[1], events)


def _first(counts: Array, width: int, events: Events) -> Array:
    """Mark the first ``counts`` [B] of ``width`` columns."""
    column = events.xp.arange(width, dtype=counts.dtype, device=events.device)
    return column[None, :] < counts[:, None]
