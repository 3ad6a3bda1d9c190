"""Events with other arrays: each mapped, some replaced, or padded wider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self, TypeVar

__all__ = ["changed", "map_arrays", "widen"]

Array = Any


class _Mapped(Protocol):
    def _map(self, f: Callable[[Array], Array]) -> Self: ...


E = TypeVar("E")
M = TypeVar("M", bound=_Mapped)


def map_arrays(events: M, f: Callable[[Array], Array]) -> M:
    """Apply ``f`` to every array of the events (all have the patterns on their first axis)."""
    return events._map(f)


def changed(events: E, **fields: Any) -> E:
    """Do what `dataclasses.replace` does, in a tenth of its time, most of that of a selection."""
    new = object.__new__(type(events))
    of_new = new.__dict__
    of_new.update(events.__dict__)
    of_new.update(fields)
    return new


def widen(events: Any, width: int, source_width: int) -> Any:
    """Pad to ``width`` events and ``source_width`` source entries per pattern."""
    xp, device = events.xp, events.device
    times, afferents, order = events.times, events.afferents, events.order
    n_patterns = len(events)
    if (extra := width - times.shape[1]) > 0:
        last = xp.broadcast_to(times[:, -1:], (n_patterns, extra))
        times = xp.concat([times, last], axis=1)
        nobody = xp.full(
            (n_patterns, extra), events.n_afferents, dtype=afferents.dtype, device=device
        )
        afferents = xp.concat([afferents, nobody], axis=1)
    if source_width > order.shape[1]:
        more = xp.arange(order.shape[1], source_width, dtype=order.dtype, device=device)
        more = xp.broadcast_to(more[None, :], (n_patterns, more.shape[0]))
        order = xp.concat([order, more], axis=1)
    return changed(events, times=times, afferents=afferents, order=order)
