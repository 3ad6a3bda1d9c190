"""Output spikes in the forms that they are asked for in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..arrays.namespace import device_of
from ..events import RaggedEvents
from ..events.joining import joined, joined_lists

__all__ = [
    "OutputSpikes",
    "OutputTrains",
    "check_room",
    "joined_spikes",
    "laid_out",
    "starts_of",
]

Array = Any


class OutputSpikes(NamedTuple):
    """Output spikes, padded to the longest train.

    Attributes
    ----------
    times : array, shape (B, O, S)
        In the unit and dtype of the input spikes, ascending, +inf behind the last one; S is at
        least 1.  ``Events.from_trains`` makes them the input of a next layer.
    counts : integer array, shape (B, O)
        Output spikes of each pair, of which ``times`` holds the first S.
    """

    times: Array
    counts: Array


class OutputTrains(NamedTuple):
    """Output spikes one after the other, as `Events.from_csr` takes them.

    Attributes
    ----------
    times : array, shape (E,)
        In the unit and dtype of the input spikes; pattern by pattern, within a pattern output by
        output, and ascending within an output.
    outputs : integer array, shape (E,)
        The output that fired.
    offsets : integer array, shape (B + 1,)
        Start of each pattern.
    """

    times: Array
    outputs: Array
    offsets: Array


def starts_of(pair: Array, n_pairs: int, integer: Any, xp: Any) -> Array:
    """Where the spikes of every pair begin, and the last one's end."""
    wanted = xp.arange(n_pairs + 1, dtype=integer, device=device_of(pair))
    return xp.astype(xp.searchsorted(pair, wanted), integer)


def laid_out(
    pair: Array, time: Array, counts: Array, max_spikes: int | None, layout: str, *, xp: Any
) -> OutputSpikes | OutputTrains:
    """Return kept spikes, pair by pair, as they were asked for."""
    n_patterns, n_outputs = counts.shape
    integer, device = counts.dtype, device_of(counts)
    starts = starts_of(pair, n_patterns * n_outputs, integer, xp)
    if layout == "csr":
        offsets = (
            starts[::n_outputs]
            if n_outputs
            else xp.zeros((n_patterns + 1,), dtype=integer, device=device)
        )
        return OutputTrains(time, pair % n_outputs if n_outputs else pair, offsets)
    longest = int(xp.max(counts)) if n_patterns * n_outputs else 0
    width = max(1, longest if max_spikes is None else min(longest, max_spikes))
    check_room((n_patterns, n_outputs, width), time, xp=xp)
    column = xp.arange(width, dtype=integer, device=device)[None, :]
    entry = starts[:-1, None] + column
    entry = xp.where(entry < starts[1:, None], entry, pair.shape[0])
    silent = xp.full((1,), float("inf"), dtype=time.dtype, device=device)
    time = xp.take(xp.concat([time, silent]), xp.reshape(entry, (-1,)))
    return OutputSpikes(xp.reshape(time, (n_patterns, n_outputs, width)), counts)


def joined_spikes(events: RaggedEvents, found: Sequence[Any]) -> OutputSpikes | OutputTrains:
    """Return the output spikes of every group of patterns in the order of all patterns."""
    if isinstance(found[0], OutputSpikes):
        times = joined(events, [each.times for each in found], fill=float("inf"))
        return OutputSpikes(times, joined(events, [each.counts for each in found]))
    xp = events.xp
    lengths = [each.offsets[1:] - each.offsets[:-1] for each in found]
    ends = xp.cumulative_sum(joined(events, lengths))
    return OutputTrains(
        joined_lists(events, [each.times for each in found], lengths),
        joined_lists(events, [each.outputs for each in found], lengths),
        xp.concat([xp.zeros_like(found[0].offsets[:1]), xp.astype(ends, found[0].offsets.dtype)]),
    )


def check_room(shape: tuple[int, int, int], like: Array, *, xp: Any) -> None:
    """Raise unless there is memory for trains of a shape, and for their places."""
    try:
        xp.empty((2, *shape), dtype=xp.int64, device=device_of(like))
    except (MemoryError, RuntimeError, ValueError) as error:
        n_patterns, n_outputs, longest = shape
        raise ValueError(
            f"max_spikes must be less than {longest}, or layout be 'csr', got {n_patterns} x "
            f"{n_outputs} trains of up to {longest} spikes, which do not fit into memory"
        ) from error
