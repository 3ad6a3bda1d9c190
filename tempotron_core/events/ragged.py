"""Spike patterns of very unequal length, without padding all of them to the longest.

Patterns whose numbers of spikes share a power of two make a group of padded `Events`, so that
padding never doubles a pattern's memory.  What works on `Events` works on one group after another,
see `groups`, and is put together in the order of the patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from ..arrays.host import to_host
from ..arrays.namespace import array_namespace, check_same_device, device_of
from ..arrays.numbers import whole_number
from ..arrays.settings import under_own_settings
from .arguments import checked_lists, checked_times
from .batch import Events
from .changing import map_arrays, widen
from .concatenation import checked_parts
from .joining import joined, joined_lists
from .levels import assembled, by_level, rows
from .order import sorted_lists
from .selection import pattern_number, pattern_numbers

__all__ = ["RaggedEvents"]

Array = Any
Integers = NDArray[np.int64]


def _padded_only(name: str) -> property:
    def refuse(_: RaggedEvents) -> NoReturn:
        raise AttributeError(
            f"{name} must be asked of padded events, got RaggedEvents: use to_padded().{name}"
        )

    return property(refuse, doc=f"Of padded events only: see `to_padded`, which has {name}.")


class RaggedEvents(Events):
    """A batch of B spike patterns that takes less than twice the memory of its spikes.

    Made by :meth:`from_csr`, or :meth:`of` padded `Events`.  Readouts, gradients, networks and what
    else is made for `Events` take it as well, with the same results, and so does a selection of
    patterns; a gradient towards spike times has the layout it would have for `Events`.  What needs
    all patterns in one array raises an AttributeError that names :meth:`to_padded`.

    A selection needs numbers that are there: it does not work under ``jax.jit``, where readouts do
    (compiled for the shapes of all groups).

    Parameters
    ----------
    groups : sequence of Events
        Of one library, device and form: patterns of similar length, one or more groups.
    place : integer array, shape (B,)
        Where each pattern is, counted through all groups.

    Attributes
    ----------
    counts : integer array, shape (B,)
        Spikes of each pattern.
    """

    groups: tuple[Events, ...]
    place: Array

    def __init__(self, groups: Sequence[Events], place: Array) -> None:
        watch = groups[0]._units  # one look is enough for all
        groups = tuple(
            each if each._units is watch else replace(each, _units=watch) for each in groups
        )
        for name, value in (("groups", groups), ("place", place)):
            object.__setattr__(self, name, value)

    times = _padded_only("times")
    afferents = _padded_only("afferents")
    order = _padded_only("order")

    @property
    def n_afferents(self) -> int:
        """Afferents of every pattern."""
        return self.groups[0].n_afferents

    @property
    def duration(self) -> float:
        """Length of every pattern."""
        return self.groups[0].duration

    @property
    def source_shape(self) -> tuple[int, ...] | None:
        """Shape of one pattern as it was given; None for lists."""
        return self.groups[0].source_shape

    @property
    def source_lengths(self) -> Array | None:
        """For lists, the entries of each pattern, shape (B,)."""
        if self.source_shape is not None:
            return None
        return joined(self, [each.source_lengths for each in self.groups])

    @property
    def counts(self) -> Array:
        """Spikes of each pattern, shape (B,)."""
        return joined(self, [each.counts for each in self.groups])

    @property
    def _units(self) -> Any:
        return self.groups[0]._units

    @classmethod
    @under_own_settings
    def from_csr(
        cls, times: Array, afferents: Array, offsets: Array, n_afferents: int, duration: float
    ) -> RaggedEvents:
        """Read spike lists as `Events.from_csr` does.

        Parameters
        ----------
        times, afferents, offsets, n_afferents, duration
            As it takes them.

        Returns
        -------
        RaggedEvents
        """
        xp = array_namespace(times=times, afferents=afferents, offsets=offsets)
        check_same_device(times=times, afferents=afferents, offsets=offsets)
        times, duration = checked_times("times", times, duration, "(E,)", 1)
        n_afferents = whole_number("n_afferents", n_afferents, least=0)
        afferents, offsets = checked_lists(times, afferents, offsets, xp)
        starts = to_host(offsets)

        def of_group(numbers: Integers) -> Events:
            first, last = (xp.asarray(a[numbers], device=device_of(times)) for a in ends)
            lengths = last - first
            found = sorted_lists(times, afferents, first, lengths, n_afferents, duration, xp)
            return Events(*found, n_afferents, duration, source_lengths=lengths)

        ends = starts[:-1], starts[1:]
        return cls(*assembled([(of_group(each), each) for each in by_level(np.diff(starts))]))

    @classmethod
    def _laid_out(cls, events: Events) -> RaggedEvents:
        return cls.of(events)

    @classmethod
    @under_own_settings
    def of(cls, events: Events) -> RaggedEvents:
        """Return patterns in groups of similar length.

        Parameters
        ----------
        events : Events
            Padded or ragged.

        Returns
        -------
        RaggedEvents
        """
        if not isinstance(events, Events):
            raise TypeError(f"events must be an Events, got {type(events).__name__}")
        if isinstance(events, RaggedEvents):
            return events
        counts = to_host(events.counts)
        lengths = None if events.source_lengths is None else to_host(events.source_lengths)
        pieces = []
        for numbers in by_level(counts):
            width = max(1, int(counts[numbers].max(initial=0)))
            if lengths is None:  # one place for each entry of a row
                source_width = events.order.shape[1]
            else:
                source_width = max(width, int(lengths[numbers].max(initial=0)))
            narrow = replace(
                events,
                times=events.times[:, :width],
                afferents=events.afferents[:, :width],
                order=events.order[:, :source_width],
            )
            pieces.append((rows(narrow, numbers), numbers))
        return cls(*assembled(pieces))

    @classmethod
    @under_own_settings
    def concat(cls, parts: Sequence[Events]) -> RaggedEvents:
        """Join batches, ragged or padded, as `Events.concat` joins padded ones.

        Parameters
        ----------
        parts : sequence of Events

        Returns
        -------
        RaggedEvents
        """
        pieces, before = [], 0
        for part in checked_parts(parts, Events):
            ragged = cls.of(part)
            numbers = np.argsort(to_host(ragged.place), kind="stable") + before
            for group in ragged.groups:
                pieces.append((group, numbers[: len(group)]))
                numbers = numbers[len(group) :]
            before += len(part)
        for group, _ in pieces[1:]:  # also those of other levels have to fit
            Events.concat([pieces[0][0][:0], group[:0]])
        return cls(*assembled(pieces))

    @property
    def like(self) -> Array:
        """Spike times, as an example of their library, device and dtype."""
        return self.groups[0].times

    def __len__(self) -> int:
        return int(self.place.shape[0])

    def __getitem__(self, patterns: Any) -> RaggedEvents:
        """Select patterns as those of `Events`; always a ragged batch."""
        number = pattern_number(patterns)
        if number is not None:
            if not -len(self) <= number < len(self):
                raise IndexError(f"pattern {number} is out of range for {len(self)} patterns")
            patterns = [number]
        elif isinstance(patterns, slice):
            patterns = np.arange(len(self))[patterns]
        return self._chosen(patterns)

    @under_own_settings
    def _chosen(self, patterns: Any) -> RaggedEvents:
        numbers = pattern_numbers(patterns, self.place)
        try:
            chosen = to_host(self.place)[to_host(numbers)]
        except Exception as error:  # every library says in its own way that there are no values
            raise TypeError(
                "patterns of RaggedEvents must be selected by numbers that are there, got traced "
                "ones: use to_padded()"
            ) from error
        pieces, before = [], 0
        for group in self.groups:
            inside = np.flatnonzero((chosen >= before) & (chosen < before + len(group)))
            if len(inside):
                pieces.append((rows(group, chosen[inside] - before), inside))
            before += len(group)
        return RaggedEvents(*assembled(pieces or [(self.groups[0][:0], chosen)]))

    @under_own_settings
    def to_padded(self) -> Events:
        """Return all patterns in one array, as long as the longest.

        Returns
        -------
        Events
        """
        width = max(each.times.shape[1] for each in self.groups)
        source_width = max(each.order.shape[1] for each in self.groups)
        wide = [widen(each, width, source_width) for each in self.groups]
        return map_arrays(Events.concat(wide), lambda a: self.xp.take(a, self.place, axis=0))

    def to_latencies(self) -> Array:  # noqa: D102 (as of Events)
        return joined(self, [each.to_latencies() for each in self.groups])

    def to_trains(self) -> Array:  # noqa: D102 (as of Events)
        return joined(self, [each.to_trains() for each in self.groups], fill=float("inf"))

    def in_source_layout(self, values: Sequence[Array]) -> Array:
        """Return what `Events.in_source_layout` returned for each group, in one.

        Parameters
        ----------
        values : sequence of array
            One for each group.

        Returns
        -------
        array, shape (B, N), (B, N, S) or (E,)
        """
        if self.source_shape is not None:
            return joined(self, values)
        return joined_lists(self, values, [each.source_lengths for each in self.groups])

    def _map(self, f: Callable[[Array], Array]) -> Self:
        return type(self)([map_arrays(each, f) for each in self.groups], f(self.place))

    def _to_look_at(self) -> Array:
        xp = self.xp
        return joined(
            self, [xp.concat([t[:, :1], t[:, -1:]], axis=1) for t in (g.times for g in self.groups)]
        )
