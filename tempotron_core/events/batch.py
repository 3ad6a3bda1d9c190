"""Spike patterns as sorted events: what every forward pass and gradient works on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import array_api_compat

from ..arrays.namespace import (
    array_namespace,
    check_same_device,
    device_of,
    known_int,
    namespace_of,
)
from ..arrays.numbers import whole_number
from ..arrays.settings import under_own_settings
from .arguments import checked_lists, checked_times
from .changing import changed, map_arrays
from .concatenation import concatenated
from .dense import by_entry, latencies, trains
from .order import sorted_lists, sorted_spikes
from .selection import pattern_number, pattern_numbers
from .units import UnitsWatch

__all__ = ["Events", "from_latencies", "from_trains"]

Array = Any


@dataclass(frozen=True, eq=False, repr=False)
class Events:
    """A batch of B spike patterns on N afferents, each pattern's spikes sorted in time.

    Make one with :meth:`from_latencies`, :meth:`from_trains` or :meth:`from_csr`: once for a data
    set, sliced per batch.  Spikes at a negative or infinite time and spikes after the duration
    are left out.  Simultaneous spikes keep the order they were given in.

    Attributes
    ----------
    times : array, shape (B, K)
        Spike times in ascending order.  Patterns of fewer than K spikes are padded at the end with
        their own last spike time (0 if they have none).
    afferents : integer array, shape (B, K)
        The afferent of each spike; ``n_afferents`` marks padding.
    counts : integer array, shape (B,)
        Spikes of each pattern.
    order : integer array, shape (B, M)
        For each pattern, the position in its source row of every entry in sorted order; the K
        first are those of ``times``.
    n_afferents : int
    duration : float
        Length of every pattern; the potential is defined on [0, duration].
    source_shape : tuple of int or None
        Shape of one pattern as it was given, ``(N,)`` or ``(N, S)``; None for CSR lists.
    source_lengths : integer array, shape (B,), or None
        For CSR lists, the entries of each pattern.
    """

    times: Array
    afferents: Array
    counts: Array
    order: Array
    n_afferents: int
    duration: float
    source_shape: tuple[int, ...] | None = None
    source_lengths: Array | None = None
    _units: UnitsWatch = field(default_factory=UnitsWatch)

    @classmethod
    @under_own_settings
    def from_latencies(cls, times: Array, duration: float) -> Events:
        """One spike time, or none, per afferent.

        Parameters
        ----------
        times : array, shape (B, N)
            Spike times, in the unit of ``duration``.  A negative time or +inf means no spike.
            Integers are converted to the namespace's default floating dtype.
        duration : float
            Length of a pattern.

        Returns
        -------
        Events

        Raises
        ------
        TypeError
            If ``times`` is not a real array of float32, float64 or integers.
        ValueError
            If the shape is not (B, N), a time is NaN, an integer is too large to be exact, or
            ``duration`` is not positive and finite.
        """
        return cls._laid_out(from_latencies("times", times, duration))

    @classmethod
    @under_own_settings
    def from_trains(cls, times: Array, duration: float) -> Events:
        """Up to S spikes per afferent, in any order, padded with negative times or +inf.

        Parameters
        ----------
        times : array, shape (B, N, S)
            Spike times; otherwise as in :meth:`from_latencies`.
        duration : float
            Length of a pattern.

        Returns
        -------
        Events

        Raises
        ------
        TypeError, ValueError
            As :meth:`from_latencies`.
        """
        return cls._laid_out(from_trains("times", times, duration))

    @classmethod
    def _laid_out(cls, events: Events) -> Events:
        """Return padded events as this class has them."""
        return events

    @classmethod
    @under_own_settings
    def from_csr(
        cls, times: Array, afferents: Array, offsets: Array, n_afferents: int, duration: float
    ) -> Events:
        """Spike lists of ragged length: pattern b holds entries ``offsets[b]:offsets[b + 1]``.

        The patterns' lengths decide the shape of the result, so this needs concrete arrays (it
        does not work under ``jax.jit``).

        Parameters
        ----------
        times : array, shape (E,)
            Spike times in any order within a pattern; otherwise as in :meth:`from_latencies`.
        afferents : integer array, shape (E,)
            Afferent of each spike, from 0 to ``n_afferents - 1``.
        offsets : integer array, shape (B + 1,)
            Start of each pattern, ascending from 0 to E.
        n_afferents : int
        duration : float
            Length of a pattern.

        Returns
        -------
        Events

        Raises
        ------
        TypeError
            If an array has the wrong kind of dtype, or the arrays come from different libraries.
        ValueError
            If shapes or devices do not fit, a time is NaN, an afferent is out of range, offsets
            do not ascend from 0 to E, or ``duration`` is not positive and finite.
        """
        xp = array_namespace(times=times, afferents=afferents, offsets=offsets)
        check_same_device(times=times, afferents=afferents, offsets=offsets)
        times, duration = checked_times("times", times, duration, "(E,)", 1)
        n_afferents = whole_number("n_afferents", n_afferents, least=0)
        afferents, offsets = checked_lists(times, afferents, offsets, xp)
        starts, lengths = offsets[:-1], offsets[1:] - offsets[:-1]
        found = sorted_lists(times, afferents, starts, lengths, n_afferents, duration, xp)
        return cls(*found, n_afferents, duration, source_lengths=lengths)

    @classmethod
    @under_own_settings
    def concat(cls, parts: Sequence[Events]) -> Events:
        """Join batches made in one way, for the same afferents and duration.

        Parameters
        ----------
        parts : sequence of Events

        Returns
        -------
        Events
            The patterns of all parts, in their order.

        Raises
        ------
        TypeError
            If a part is no Events, or the parts come from different libraries.
        ValueError
            If there is nothing to join, or afferents, duration, form or device differ.
        """
        return concatenated(parts, cls)

    @property
    def xp(self) -> Any:
        """Array namespace of the patterns."""
        return namespace_of(self.like)

    @property
    def device(self) -> Any:
        """Device of the patterns."""
        return device_of(self.like)

    @property
    def like(self) -> Array:
        """Spike times, as an example of their library, device and dtype."""
        return self.times

    @property
    def n_spikes(self) -> int:
        """Spikes in all patterns together."""
        return int(self.xp.sum(self.counts))

    def __len__(self) -> int:
        return int(self.times.shape[0])

    def __repr__(self) -> str:
        n_spikes = known_int(self.xp.sum(self.counts))
        spikes = "traced" if n_spikes is None else f"{n_spikes} spikes"
        return (
            f"{type(self).__name__}({len(self)} patterns, {self.n_afferents} afferents, {spikes}, "
            f"duration={self.duration}, {self.like.dtype} on {self.device})"
        )

    def __iter__(self) -> Iterator[Events]:
        return (self[b] for b in range(len(self)))

    def __getitem__(self, patterns: Any) -> Events:
        """Select patterns by number, slice, list, or integer or boolean array; always a batch."""
        n_patterns = len(self)
        number = patterns if type(patterns) is int else pattern_number(patterns)
        if number is not None:
            if not -n_patterns <= number < n_patterns:
                raise IndexError(f"pattern {number} is out of range for {n_patterns} patterns")
            one = (slice(number % n_patterns, number % n_patterns + 1), ...)
            return self._map(lambda a: a[one])
        if isinstance(patterns, slice):
            start, stop, step = patterns.indices(n_patterns)
            if step > 0:
                return map_arrays(self, lambda a: a[start:stop:step, ...])
            patterns = list(range(start, stop, step))  # not every library slices backwards
        return _chosen(self, patterns)

    def to_device(self, device: Any) -> Events:
        """Move all arrays to a device of the same library; those that are there stay as they are.

        Parameters
        ----------
        device : device
            In the form the library takes it.

        Returns
        -------
        Events
        """
        return map_arrays(self, lambda a: array_api_compat.to_device(a, device))

    @under_own_settings
    def to_latencies(self) -> Array:
        """Return the dense form that :meth:`from_latencies` reads.

        Returns
        -------
        array, shape (B, N)
            The spike time of each afferent, inf if silent.

        Raises
        ------
        ValueError
            If an afferent spikes more than once in a pattern.
        """
        return latencies(self.times, self.afferents, self.n_afferents)

    @under_own_settings
    def to_trains(self) -> Array:
        """Return the dense form that :meth:`Events.from_trains` reads.

        Returns
        -------
        array, shape (B, N, S)
            The spike times of each afferent in ascending order, filled up with inf.  S is the
            largest number of spikes that an afferent has, 1 at least; under tracing, where that
            is not known, the largest that it can have.
        """
        most = None if self.source_shape is None else math.prod(self.source_shape[1:])
        return trains(self.times, self.afferents, self.n_afferents, most)

    @under_own_settings
    def in_source_layout(self, values: Array) -> Array:
        """Return per-event values in the layout the events were built from.

        Parameters
        ----------
        values : array, shape (B, K)
            One value per event, in the order of ``times``.

        Returns
        -------
        array, shape (B, N), (B, N, S) or (E,)
            The value of every entry's spike; 0 for an entry that is no spike.
        """
        return by_entry(self, values)

    def to_padded(self) -> Events:
        """Return the patterns in one array, as they are here; see `RaggedEvents`.

        Returns
        -------
        Events
        """
        return self

    def _map(self, f: Callable[[Array], Array]) -> Self:
        lengths = self.source_lengths
        return changed(
            self,
            times=f(self.times),
            afferents=f(self.afferents),
            counts=f(self.counts),
            order=f(self.order),
            source_lengths=None if lengths is None else f(lengths),
        )

    def _to_look_at(self) -> Array:
        """Spike times [B, ...] whose ends are those of the rows."""
        return self.times


def from_latencies(name: str, times: Array, duration: float) -> Events:
    """`Events.from_latencies` of an argument that errors call ``name``."""
    times, duration = checked_times(name, times, duration, "(B, N)", 2)
    n_afferents = times.shape[1]
    return Events(
        *sorted_spikes(times, 1, n_afferents, duration, name=name),
        n_afferents,
        duration,
        source_shape=(n_afferents,),
    )


def from_trains(name: str, times: Array, duration: float) -> Events:
    """`Events.from_trains` of an argument that errors call ``name``."""
    times, duration = checked_times(name, times, duration, "(B, N, S)", 3)
    n_patterns, n_afferents, n_slots = times.shape
    flat = namespace_of(times).reshape(times, (n_patterns, n_afferents * n_slots))
    return Events(
        *sorted_spikes(flat, n_slots, n_afferents, duration, name=name),
        n_afferents,
        duration,
        source_shape=(n_afferents, n_slots),
    )


@under_own_settings
def _chosen(events: Events, patterns: Any) -> Events:
    """Select patterns by a list or an array."""
    xp, index = events.xp, pattern_numbers(patterns, events.order)
    return map_arrays(events, lambda a: xp.take(a, index, axis=0))
