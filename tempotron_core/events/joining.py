"""What was found for each group of patterns, in the order of all patterns, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..arrays.settings import under_own_settings

__all__ = ["joined", "joined_lists", "split"]

Array = Any


@under_own_settings
def joined(events: Any, parts: Sequence[Array], fill: float | None = None) -> Array:
    """Return arrays that have the patterns of each group on their first axis as one.

    Parameters
    ----------
    events : RaggedEvents
    parts : sequence of array
        One for each group.
    fill : float, optional
        What to fill the last axis up with, where they differ in it.

    Returns
    -------
    array, shape (B, ...)
    """
    xp, parts = events.xp, list(parts)
    if fill is not None:
        width = max(part.shape[-1] for part in parts)
        for g, part in enumerate(parts):
            if (missing := width - part.shape[-1]) > 0:
                rest = xp.full(
                    (*part.shape[:-1], missing), fill, dtype=part.dtype, device=events.device
                )
                parts[g] = xp.concat([part, rest], axis=-1)
    return xp.take(xp.concat(parts, axis=0), events.place, axis=0)


@under_own_settings
def joined_lists(events: Any, values: Sequence[Array], lengths: Sequence[Array]) -> Array:
    """Return lists of the patterns of each group as one list in the order of all patterns.

    Parameters
    ----------
    events : RaggedEvents
    values : sequence of array, shape (E_g,)
    lengths : sequence of integer array, shape (B_g,)
        Entries of each pattern.

    Returns
    -------
    array, shape (E,)
    """
    xp = events.xp
    entries, lengths = xp.concat(list(values)), xp.concat(list(lengths))
    starts = xp.take(xp.cumulative_sum(lengths) - lengths, events.place)
    lengths = xp.take(lengths, events.place)
    ends = xp.cumulative_sum(lengths)
    entry = xp.arange(entries.shape[0], dtype=ends.dtype, device=events.device)
    pattern = xp.searchsorted(ends, entry, side="right")
    return xp.take(entries, entry + xp.take(starts + lengths - ends, pattern))


@under_own_settings
def split(events: Any, values: Array) -> list[Array]:
    """Return an array that has the patterns on its first axis as one for each group.

    Parameters
    ----------
    events : RaggedEvents
    values : array, shape (B, ...)

    Returns
    -------
    list of array
    """
    members = events.xp.argsort(events.place)
    found, before = [], 0
    for group in events.groups:
        numbers = members[before : before + len(group)]
        found.append(events.xp.take(values, numbers, axis=0))
        before += len(group)
    return found
