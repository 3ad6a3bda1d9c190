"""Spike lists to `Events` and back: arrays of spike times and of addresses.

Lists are read on the host, without a loop over spikes, and the events placed on a backend.  Arrays
that are on a device already go to `Events.from_csr`, which keeps them there.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, RaggedEvents
from tempotron_core.arrays.host import to_host
from tempotron_core.arrays.integers import check_exact
from tempotron_core.arrays.numbers import real_number, whole_number
from tempotron_core.events.changing import map_arrays
from tempotron_core.events.joining import joined_lists

from .._backend import Backend
from .host_arrays import host_array, integers, refuse_nan
from .placement import by_pattern, joined, place

__all__ = ["SpikeList", "from_lists", "from_spike_list", "to_spike_list"]


class SpikeList(NamedTuple):
    """Spikes of one pattern after another, on the host, as `Events.from_csr` takes them.

    Attributes
    ----------
    times : array, shape (E,)
        Spike times, ascending within each pattern.
    afferents : array, shape (E,)
        The afferent of each spike.
    offsets : array, shape (B + 1,)
        Pattern b holds the spikes ``offsets[b]:offsets[b + 1]``.
    """

    times: NDArray[Any]
    afferents: NDArray[Any]
    offsets: NDArray[np.int64]


def from_spike_list(
    times: Any,
    afferents: Any,
    n_afferents: int,
    duration: float,
    *,
    patterns: Any = None,
    n_patterns: int | None = None,
    first: int = 0,
    offsets: Any = None,
    start: float = 0.0,
    backend: Backend | None = None,
    dtype: Any = None,
    layout: str = "padded",
) -> Events:
    """Read (time, address) arrays: one entry per spike, in any order.

    Parameters
    ----------
    times : array, shape (E,)
        Spike times, in the unit of ``duration``, of any array library.  A time before ``start`` or
        +inf means no spike.
    afferents : integer array, shape (E,)
        The address of each spike, from 0 to ``n_afferents - 1``.
    n_afferents : int
    duration : float
        Length of a pattern; spikes after it are left out.
    patterns : integer array, shape (E,), optional
        The pattern of each spike, from ``first``, in any order.
    n_patterns : int, optional
        Number of patterns, of which some may have no spike; as many as the largest of ``patterns``
        tells unless given.
    first : int, default 0
        The number that ``patterns`` has for the first pattern.
    offsets : integer array, shape (B + 1,), optional
        In place of ``patterns``: pattern b holds the spikes ``offsets[b]:offsets[b + 1]``.  With
        neither, all spikes are one pattern.
    start : float, default 0.0
        The time that becomes time 0 of each pattern, such as -50.0 for windows that begin so long
        before a stimulus; spikes before it are left out.
    backend : Backend, optional
        Where the events are to be; NumPy unless given.
    dtype : {'float32', 'float64'} or dtype, optional
        Of the spike times; the backend's default unless given.
    layout : {'padded', 'ragged', 'auto'}
        'ragged' makes `RaggedEvents`, in which one long pattern does not size all others; 'auto'
        does where padding takes more than four times the memory of the spikes.

    Returns
    -------
    Events
        In CSR layout: gradients towards spike times come as spike lists, those of pattern 0 first,
        each pattern's in the order they were given in.

    Raises
    ------
    TypeError
        If times are no real numbers, or addresses or pattern numbers no integers.
    ValueError
        If lengths differ, a number is out of range, a time is NaN or an integer that the dtype
        cannot hold, or both ``patterns`` and ``offsets`` are given.
    """
    times, afferents = host_array("times", times), integers("afferents", afferents)
    if times.dtype.kind not in "iuf":
        raise TypeError(f"times must hold real numbers, got {times.dtype}")
    for name, array in (("times", times), ("afferents", afferents)):
        if array.ndim != 1:
            hint = ": pass its columns" if array.ndim == 2 else ""
            raise ValueError(f"{name} must have one axis, got shape {array.shape}{hint}")
    if len(afferents) != len(times):
        raise ValueError(
            f"afferents must have one entry per time, got {len(afferents)} for {len(times)}"
        )
    times = _from_start(times, start)
    if patterns is None:
        if n_patterns is not None:
            raise ValueError(f"n_patterns must come with patterns, got {n_patterns!r} alone")
        given = np.asarray([0, len(times)]) if offsets is None else integers("offsets", offsets)
        return place(times, afferents, given, n_afferents, duration, backend, dtype, layout)
    if offsets is not None:
        raise ValueError("offsets must be None where patterns are given, got both")
    patterns = integers("patterns", patterns)
    first = _whole("first", first)
    if patterns.shape != times.shape:
        raise ValueError(
            f"patterns must have one entry per time, got shape {patterns.shape} for {times.shape}"
        )
    last = int(patterns.max()) if len(patterns) else first - 1
    found = last - first + 1
    if n_patterns is None:
        n_patterns = whole_number(
            "n_patterns, one more than the largest of patterns,", max(found, 0), least=0
        )
    else:
        n_patterns = whole_number("n_patterns", n_patterns, least=0)
    if len(patterns) and (patterns.min() < first or found > n_patterns):
        raise ValueError(
            f"patterns must be from {first} to {first + n_patterns - 1}, "
            f"got {patterns.min()} to {last}"
        )
    order, starts = by_pattern(patterns - first, n_patterns)
    return place(
        times[order], afferents[order], starts, n_afferents, duration, backend, dtype, layout
    )


def from_lists(
    patterns: Sequence[Sequence[Any]],
    duration: float,
    *,
    start: float = 0.0,
    backend: Backend | None = None,
    dtype: Any = None,
    layout: str = "padded",
) -> Events:
    """Read lists of spike trains: ``patterns[b][i]`` holds the spike times of afferent i.

    Parameters
    ----------
    patterns : sequence of sequences of sequences of float
        For each pattern, one list or array of spike times per afferent, empty if it is silent.
    duration : float
        Length of a pattern, in the unit of the spike times; spikes after it are left out.
    start : float, default 0.0
        The time that becomes time 0 of each pattern; spikes before it are left out.
    backend : Backend, optional
        Where the events are to be; NumPy unless given.
    dtype : {'float32', 'float64'} or dtype, optional
        Of the spike times; the backend's default unless given.
    layout : {'padded', 'ragged', 'auto'}
        'ragged' makes `RaggedEvents`, in which one long pattern does not size all others; 'auto'
        does where padding takes more than four times the memory of the spikes.

    Returns
    -------
    Events
        In CSR layout: gradients towards spike times come as one list, pattern after pattern and
        train after train.

    Raises
    ------
    TypeError
        If a pattern is no sequence of trains, or a train none of real numbers.
    ValueError
        If there is no pattern, patterns differ in their number of trains, or a time is NaN or an
        integer that the dtype cannot hold.

    Examples
    --------
    >>> from tempotron_backends.interchange import from_lists
    >>> from_lists([[[1.0, 5.0], [], [2.5]], [[], [3.0], []]], duration=10.0)
    Events(2 patterns, 3 afferents, 4 spikes, duration=10.0, float64 on cpu)
    """
    if not hasattr(patterns, "__len__"):
        raise TypeError(f"patterns must be a sequence of patterns, got {type(patterns).__name__}")
    if len(patterns) == 0:
        raise ValueError("patterns must hold at least one pattern, got none")
    trains: list[NDArray[Any]] = []
    for b, pattern in enumerate(patterns):
        if not hasattr(pattern, "__len__"):
            raise TypeError(
                f"patterns[{b}] must hold one list of spike times per afferent, got {pattern!r}"
            )
        if len(pattern) != len(patterns[0]):
            raise ValueError(
                f"patterns[{b}] must have as many spike trains as the first, {len(patterns[0])}, "
                f"got {len(pattern)}"
            )
        for i, train in enumerate(pattern):
            times = host_array(f"patterns[{b}][{i}]", train)
            if times.ndim != 1 or times.dtype.kind not in "iuf":
                raise TypeError(
                    f"patterns[{b}][{i}] must be a list of real spike times, got {train!r}"
                )
            refuse_nan(f"patterns[{b}][{i}]", times)
            trains.append(times)
    n_afferents = len(patterns[0])
    lengths = np.asarray([len(train) for train in trains], dtype=np.int64)
    ends = np.cumsum(np.concatenate([[0], lengths]))
    return place(
        _from_start(joined([train for train in trains if train.size]), start),
        np.repeat(np.tile(np.arange(n_afferents), len(patterns)), lengths),
        ends[np.arange(len(patterns) + 1) * n_afferents],
        n_afferents,
        duration,
        backend,
        dtype,
        layout,
    )


def _from_start(times: NDArray[Any], start: Any) -> NDArray[Any]:
    """Return times counted from ``start``; integers become floats."""
    start = real_number("start", start)
    if not math.isfinite(start):
        raise ValueError(f"start must be finite, got {start}")
    if start == 0.0:
        return times
    if times.dtype.kind in "iu":
        check_exact("times", times, np.float64, xp=np)
    found: NDArray[Any] = times.astype(np.float64) - start
    return found


def _whole(name: str, value: Any) -> int:
    """Return an integer, which may be negative."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def to_spike_list(events: Events) -> SpikeList:
    """Write events of any backend as one list of spikes, on the host.

    Parameters
    ----------
    events : Events

    Returns
    -------
    SpikeList

    Raises
    ------
    TypeError
        If ``events`` is no Events.
    """
    if not isinstance(events, Events):
        raise TypeError(f"events must be an Events, got {type(events).__name__}")
    if isinstance(events, RaggedEvents):
        on_host = map_arrays(events, to_host)
        parts = [to_spike_list(group) for group in on_host.groups]
        lengths = [np.diff(part.offsets) for part in parts]
        times, afferents = (
            joined_lists(on_host, [getattr(part, name) for part in parts], lengths)
            for name in ("times", "afferents")
        )
        return SpikeList(times, afferents, _starts(on_host.counts))
    times, afferents, counts = map(to_host, (events.times, events.afferents, events.counts))
    present = np.arange(times.shape[1]) < counts[:, None]
    return SpikeList(times[present], afferents[present], _starts(counts))


def _starts(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Return where the spikes of each pattern begin, and where the last ones end."""
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets
