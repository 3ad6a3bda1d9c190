"""Spike patterns as sorted events: what every forward pass and gradient works on."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import array_api_compat
import array_api_extra as xpx
import numpy as np

from .arrays.namespace import (
    array_namespace,
    check_exact,
    check_floating,
    check_same_device,
    device_of,
    known_int,
    known_true,
    zeros,
)
from .arrays.numbers import positive_float, whole_number
from .arrays.registry import fused

__all__ = ["Events"]

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

    @classmethod
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
        return cls._from_latencies("times", times, duration)

    @classmethod
    def _from_latencies(cls, name: str, times: Array, duration: float) -> Events:
        """Make events from an argument that errors call ``name``."""
        xp = array_namespace(**{name: times})
        times, duration = _checked(name, times, duration, "(B, N)", 2, xp)
        afferents = xp.arange(times.shape[1], device=device_of(times))
        afferents = xp.broadcast_to(afferents[None, :], times.shape)
        return sorted_events(
            times, afferents, times.shape[1], duration, (times.shape[1],), None, xp
        )

    @classmethod
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
        xp = array_namespace(times=times)
        times, duration = _checked("times", times, duration, "(B, N, S)", 3, xp)
        n_patterns, n_afferents, n_slots = times.shape
        afferents = xp.arange(n_afferents, device=device_of(times))
        afferents = xp.reshape(xp.broadcast_to(afferents[:, None], (n_afferents, n_slots)), (1, -1))
        flat = xp.reshape(times, (n_patterns, n_afferents * n_slots))
        afferents = xp.broadcast_to(afferents, flat.shape)
        return sorted_events(
            flat, afferents, n_afferents, duration, (n_afferents, n_slots), None, xp
        )

    @classmethod
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
        times, duration = _checked("times", times, duration, "(E,)", 1, xp)
        n_afferents = whole_number("n_afferents", n_afferents, least=0)
        device = device_of(times)
        # not always int64: JAX has 32 bits unless told
        integer = xpx.default_dtype(xp, "indexing", device=device)
        afferents = _as_index("afferents", afferents, integer, xp)
        offsets = _as_index("offsets", offsets, integer, xp)
        _check_csr(times, afferents, offsets, n_afferents, xp)
        lengths = offsets[1:] - offsets[:-1]
        n_entries = times.shape[0]
        width = max(1, int(xp.max(lengths))) if lengths.shape[0] > 0 else 1
        column = xp.arange(width, dtype=integer, device=device)[None, :]
        # Entries past a pattern's length point at one extra, silent entry.
        entry = xp.where(column < lengths[:, None], offsets[:-1, None] + column, n_entries)
        entry = xp.reshape(entry, (-1,))
        silent = xp.full((1,), -1.0, dtype=times.dtype, device=device)
        nobody = xp.zeros((1,), dtype=integer, device=device)
        padded_times = xp.take(xp.concat([times, silent]), entry, axis=0)
        padded_afferents = xp.take(xp.concat([afferents, nobody]), entry, axis=0)
        shape = (lengths.shape[0], width)
        return sorted_events(
            xp.reshape(padded_times, shape),
            xp.reshape(padded_afferents, shape),
            n_afferents,
            duration,
            None,
            lengths,
            xp,
        )

    @classmethod
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
        if not isinstance(parts, Iterable):
            raise TypeError(f"parts must be a sequence of Events, got {type(parts).__name__}")
        parts = list(parts)
        if not parts:
            raise ValueError("parts must hold at least one Events, got none")
        for i, part in enumerate(parts):
            if not isinstance(part, Events):
                raise TypeError(f"parts[{i}] must be an Events, got {type(part).__name__}")
        first = parts[0]
        for part in parts[1:]:
            for name in ("n_afferents", "duration", "source_shape"):
                if getattr(part, name) != getattr(first, name):
                    raise ValueError(
                        f"parts must agree in {name}, got {getattr(first, name)} "
                        f"and {getattr(part, name)}"
                    )
        xp = array_namespace(**{f"parts[{i}]": part.times for i, part in enumerate(parts)})
        check_same_device(**{f"parts[{i}]": part.times for i, part in enumerate(parts)})
        width = max(part.times.shape[1] for part in parts)
        source_width = max(part.order.shape[1] for part in parts)
        padded = [part._widened(width, source_width) for part in parts]

        def joined(name: str) -> Array:
            return xp.concat([getattr(part, name) for part in padded])

        return cls(
            joined("times"),
            joined("afferents"),
            joined("counts"),
            joined("order"),
            first.n_afferents,
            first.duration,
            first.source_shape,
            None if first.source_lengths is None else joined("source_lengths"),
        )

    @property
    def xp(self) -> Any:
        """Array namespace of the patterns."""
        return array_api_compat.array_namespace(self.times)

    @property
    def device(self) -> Any:
        """Device of the patterns."""
        return device_of(self.times)

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
            f"Events({len(self)} patterns, {self.n_afferents} afferents, {spikes}, "
            f"duration={self.duration}, {self.times.dtype} on {self.device})"
        )

    def __iter__(self) -> Iterator[Events]:
        return (self[b] for b in range(len(self)))

    def __getitem__(self, patterns: Any) -> Events:
        """Select patterns by number, slice, list, or integer or boolean array; always a batch."""
        xp = self.xp
        number = _as_number(patterns)
        if number is not None:
            if not -len(self) <= number < len(self):
                raise IndexError(f"pattern {number} is out of range for {len(self)} patterns")
            patterns = slice(number % len(self), number % len(self) + 1)
        if isinstance(patterns, slice):
            start, stop, step = patterns.indices(len(self))
            if step > 0:
                return self._mapped(lambda a: a[start:stop:step, ...])
            patterns = list(range(start, stop, step))  # not every library slices backwards
        index = self._index(patterns)
        return self._mapped(lambda a: xp.take(a, index, axis=0))

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
        return self._mapped(lambda a: array_api_compat.to_device(a, device))

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
        xp = self.xp
        by_afferent = xp.argsort(self.afferents, axis=1, stable=True)
        afferents = xp.take_along_axis(self.afferents, by_afferent, axis=1)
        times = xp.take_along_axis(self.times, by_afferent, axis=1)
        repeated = (afferents[:, 1:] == afferents[:, :-1]) & (afferents[:, 1:] < self.n_afferents)
        if known_true(xp.any(repeated)):
            raise ValueError("to_latencies needs at most one spike per afferent, got several")
        wanted = xp.arange(self.n_afferents, dtype=afferents.dtype, device=self.device)
        wanted = xp.tile(wanted[None, :], (len(self), 1))
        found = xpx.searchsorted(afferents, wanted, xp=xp)
        found = xp.where(found < afferents.shape[1], found, afferents.shape[1] - 1)
        present = xp.take_along_axis(afferents, found, axis=1) == wanted
        return xp.where(present, xp.take_along_axis(times, found, axis=1), float("inf"))

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
        xp = self.xp
        missing = self.order.shape[1] - values.shape[1]
        present = xp.arange(values.shape[1], device=self.device)[None, :] < self.counts[:, None]
        values = xp.where(present, values, zeros((1, 1), values, xp=xp))
        if missing > 0:
            values = xp.concat([values, zeros((len(self), missing), values, xp=xp)], axis=1)
        values = xp.take_along_axis(values, xp.argsort(self.order, axis=1), axis=1)
        if self.source_shape is not None:
            values = values[:, : math.prod(self.source_shape)]  # one column stands for no afferent
            return xp.reshape(values, (len(self), *self.source_shape))
        lengths: Array = self.source_lengths
        column = xp.arange(values.shape[1], device=self.device)
        (kept,) = xp.nonzero(xp.reshape(column[None, :] < lengths[:, None], (-1,)))
        return xp.take(xp.reshape(values, (-1,)), kept, axis=0)

    def _index(self, patterns: Any) -> Array:
        """Pattern numbers as a non-negative integer array beside the events."""
        xp = self.xp
        if isinstance(patterns, Sequence) and not isinstance(patterns, str | bytes | tuple):
            # an empty list would make floats
            patterns = xp.asarray(
                patterns, dtype=None if patterns else self.order.dtype, device=self.device
            )
        elif isinstance(patterns, np.ndarray) and not isinstance(self.times, np.ndarray):
            patterns = xp.asarray(patterns, device=self.device)
        if not array_api_compat.is_array_api_obj(patterns) or patterns.ndim != 1:
            raise IndexError(
                f"patterns must be selected by a number, a slice, a list or an array of one axis, "
                f"got {patterns!r}"
            )
        array_namespace(patterns=patterns, **{"events.times": self.times})
        check_same_device(patterns=patterns, **{"events.times": self.times})
        if xp.isdtype(patterns.dtype, "bool"):
            if patterns.shape[0] != len(self):
                raise IndexError(
                    f"a boolean selection must have length {len(self)}, got {patterns.shape[0]}"
                )
            return xp.nonzero(patterns)[0]
        if not xp.isdtype(patterns.dtype, "integral"):
            raise IndexError(
                f"patterns must be selected by integers or booleans, got {patterns.dtype}"
            )
        if known_true(xp.any((patterns < -len(self)) | (patterns >= len(self)))):
            raise IndexError(
                f"patterns must be from {-len(self)} to {len(self) - 1}, "
                f"got {int(xp.min(patterns))} to {int(xp.max(patterns))}"
            )
        return xp.where(patterns < 0, patterns + len(self), patterns)

    def _mapped(self, f: Any) -> Events:
        """Apply ``f`` to every array (all have the patterns on their first axis)."""
        return Events(
            f(self.times),
            f(self.afferents),
            f(self.counts),
            f(self.order),
            self.n_afferents,
            self.duration,
            self.source_shape,
            None if self.source_lengths is None else f(self.source_lengths),
        )

    def _widened(self, width: int, source_width: int) -> Events:
        """Pad to ``width`` events and ``source_width`` source entries per pattern."""
        xp = self.xp
        times, afferents, order = self.times, self.afferents, self.order
        if (extra := width - times.shape[1]) > 0:
            last = xp.broadcast_to(times[:, -1:], (len(self), extra))
            times = xp.concat([times, last], axis=1)
            nobody = xp.full(
                (len(self), extra), self.n_afferents, dtype=afferents.dtype, device=self.device
            )
            afferents = xp.concat([afferents, nobody], axis=1)
        if source_width > order.shape[1]:
            more = xp.arange(order.shape[1], source_width, dtype=order.dtype, device=self.device)
            more = xp.broadcast_to(more[None, :], (len(self), more.shape[0]))
            order = xp.concat([order, more], axis=1)
        return Events(
            times,
            afferents,
            self.counts,
            order,
            self.n_afferents,
            self.duration,
            self.source_shape,
            self.source_lengths,
        )


def _as_number(patterns: Any) -> int | None:
    """Return one pattern's number, or None if ``patterns`` is something else."""
    if isinstance(patterns, bool | list | slice) or getattr(patterns, "ndim", 0) > 0:
        return None
    try:
        return operator.index(patterns)
    except TypeError:
        pass
    if not array_api_compat.is_array_api_obj(patterns):
        return None
    xp = array_api_compat.array_namespace(patterns)  # CuPy's know how to be an `int`, but no index
    return known_int(patterns) if xp.isdtype(patterns.dtype, "integral") else None


def _checked(
    name: str, times: Array, duration: float, axes: str, ndim: int, xp: Any
) -> tuple[Array, float]:
    """Times as floats and the duration as a Python float; errors name what is wrong."""
    duration = positive_float("duration", duration)
    if times.ndim != ndim:
        raise ValueError(f"{name} must have shape {axes}, got {tuple(times.shape)}")
    if xp.isdtype(times.dtype, "integral"):
        dtype = xpx.default_dtype(xp, device=device_of(times))
        dtype = dtype if dtype in (xp.float32, xp.float64) else xp.float32  # torch can be told so
        check_exact(name, times, dtype, xp=xp)
        times = xp.astype(times, dtype)
    check_floating(name, times, xp=xp)
    longest = float(xp.finfo(times.dtype).max) / 2.0
    if duration > longest:
        raise ValueError(f"duration must be at most {longest} in {times.dtype}, got {duration}")
    if known_true(xp.any(xp.isnan(times))):
        raise ValueError(f"{name} must not hold NaN (a negative time or inf means no spike)")
    return times, duration


def _as_index(name: str, array: Array, integer: Any, xp: Any) -> Array:
    """Integers of any kind in the dtype of indices; what does not fit there wraps below zero.

    Unsigned integers of more than 8 bits are few things' operand in torch.
    """
    if not xp.isdtype(array.dtype, "integral"):
        raise TypeError(f"{name} must be an integer array, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have one axis, got shape {tuple(array.shape)}")
    return xp.astype(array, integer)


def _check_csr(times: Array, afferents: Array, offsets: Array, n_afferents: int, xp: Any) -> None:
    n_entries = times.shape[0]
    if afferents.shape[0] != n_entries:
        raise ValueError(
            f"afferents must have one entry per time, got {afferents.shape[0]} for {n_entries}"
        )
    if offsets.shape[0] == 0:
        raise ValueError("offsets must have B + 1 entries, got none")
    if int(offsets[0]) != 0 or int(offsets[-1]) != n_entries:
        raise ValueError(
            f"offsets must run from 0 to {n_entries}, got {int(offsets[0])} to {int(offsets[-1])}"
        )
    descends = offsets[1:] < offsets[:-1]
    if bool(xp.any(descends)):
        b = int(xp.argmax(xp.astype(descends, xp.int8)))
        raise ValueError(f"offsets must ascend, got {int(offsets[b])} before {int(offsets[b + 1])}")
    if n_entries and not (int(xp.min(afferents)) >= 0 and int(xp.max(afferents)) < n_afferents):
        raise ValueError(
            f"afferents must be from 0 to {n_afferents - 1}, "
            f"got {int(xp.min(afferents))} to {int(xp.max(afferents))}"
        )


def sorted_events(
    times: Array,
    afferents: Array,
    n_afferents: int,
    duration: float,
    source_shape: tuple[int, ...] | None,
    source_lengths: Array | None,
    xp: Any,
) -> Events:
    """Sort the rows of ``times`` [B, M], drop what is no spike, pad to the longest pattern."""
    if times.shape[1] == 0:  # no afferents: one column of padding
        times = xp.full((times.shape[0], 1), -1.0, dtype=times.dtype, device=device_of(times))
        afferents = xp.zeros(times.shape, dtype=afferents.dtype, device=device_of(times))
    order, counts = _ordered(times, duration, xp)
    longest = known_int(xp.max(counts)) if counts.shape[0] else 0
    # traced: the number of spikes is not known, so every column stays
    width = times.shape[1] if longest is None else max(1, longest)
    integer = xpx.default_dtype(xp, "indexing", device=device_of(times))
    kept = xp.astype(order[:, :width], integer, copy=False)
    present = xp.arange(width, dtype=counts.dtype, device=device_of(times))[None, :]
    present = present < counts[:, None]
    times = xp.take_along_axis(times, kept, axis=1)
    last = xp.where(counts > 0, counts - 1, 0)[:, None]
    last_time = xp.take_along_axis(times, xp.astype(last, integer), axis=1)
    last_time = xp.where((counts > 0)[:, None], last_time, 0.0)
    afferents = xp.where(present, xp.take_along_axis(afferents, kept, axis=1), n_afferents)
    if max(n_afferents, order.shape[1]) < 2**31:  # half the memory
        afferents, order = xp.astype(afferents, xp.int32), xp.astype(order, xp.int32)
    return Events(
        xp.where(present, times, last_time),
        afferents,
        counts,
        order,
        n_afferents,
        duration,
        source_shape,
        source_lengths,
    )


def _ordered(times: Array, duration: float, xp: Any) -> tuple[Array, Array]:
    """Positions [B, M] of each row's spikes in ascending order, then of the rest; their number."""
    if form := fused("order_spikes", "auto", times):
        found: tuple[Array, Array] = form(times, duration)
        return found
    is_spike = (times >= 0.0) & (times <= duration)
    # A finite key past the duration sends all else to the end of its row.
    key = xp.where(is_spike, times, 2.0 * duration)
    return xp.argsort(key, axis=1, stable=True), xp.count_nonzero(is_spike, axis=1)
