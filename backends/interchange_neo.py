"""Spike trains of Neo to `Events` and back, with their physical units."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from tempotron_core import Events

from ._backend import Backend
from .interchange_lists import place, to_spike_list

__all__ = ["from_neo", "to_neo"]


def from_neo(
    patterns: Iterable[Any],
    *,
    unit: str = "ms",
    duration: float | None = None,
    backend: Backend | None = None,
    dtype: Any = None,
) -> Events:
    """Read Neo's spike trains.

    Parameters
    ----------
    patterns : sequence of neo.Segment, or of sequences of neo.SpikeTrain
        For each pattern, one spike train per afferent.  ``block.segments`` is a sequence of
        segments.
    unit : str, default 'ms'
        Unit of the spike times and of ``duration``, as the package quantities names it.
    duration : float, optional
        Length of a pattern; unless given, the longest of any pattern from its start to the latest
        ``t_stop`` of its trains.  Spikes after it are left out.
    backend : Backend, optional
        Where the events are to be; NumPy unless given.
    dtype : str or dtype, optional
        Of the spike times; the backend's default unless given.

    Returns
    -------
    Events
        In CSR layout.  Time 0 of a pattern is the earliest ``t_start`` of its trains.

    Raises
    ------
    TypeError
        If a pattern is neither a segment nor a sequence of spike trains.
    ValueError
        If there is no pattern, patterns differ in their number of trains, or the unit is none of
        time.
    ModuleNotFoundError
        If Neo is not installed.
    """
    neo, per_second = import_module("neo"), _per_second(unit)
    if not isinstance(patterns, Iterable):
        raise TypeError(
            f"patterns must be a sequence with one entry per pattern ([segment], block.segments), "
            f"got {type(patterns).__name__}"
        )
    factors: dict[str, float] = {}  # looking a unit up takes longer than reading a train

    def factor(units: Any) -> float:
        name = str(units)
        if name not in factors:
            factors[name] = float(units.rescale("s").magnitude) * per_second
        return factors[name]

    times, afferents, lengths, length = [], [], [0], 0.0
    n_afferents = None
    for b, pattern in enumerate(patterns):
        trains = _trains(b, pattern, neo)
        if n_afferents is None:
            n_afferents = len(trains)
        if len(trains) != n_afferents:
            raise ValueError(
                f"patterns[{b}] must have as many spike trains as the first, {n_afferents}, "
                f"got {len(trains)}"
            )
        starts = [float(train.t_start.magnitude) * factor(train.t_start.units) for train in trains]
        stops = [float(train.t_stop.magnitude) * factor(train.t_stop.units) for train in trains]
        start = min(starts, default=0.0)
        length = max(length, max(stops, default=0.0) - start)
        for i, train in enumerate(trains):
            times.append(np.asarray(train.magnitude, np.float64) * factor(train.units) - start)
            afferents.append(np.full(len(train), i))
        lengths.append(sum(len(train) for train in trains))
    if n_afferents is None:
        raise ValueError("patterns must hold at least one pattern, got none")
    return place(
        np.concatenate([np.zeros(0), *times]),
        np.concatenate([np.zeros(0, dtype=np.int64), *afferents]),
        np.cumsum(lengths),
        n_afferents,
        length if duration is None else duration,
        backend,
        dtype,
    )


def to_neo(events: Events, *, unit: str = "ms") -> list[list[Any]]:
    """Write events as spike trains of Neo, from 0 to the duration.

    Parameters
    ----------
    events : Events
    unit : str, default 'ms'
        Unit of the spike times, as the package quantities names it.

    Returns
    -------
    list of list of neo.SpikeTrain
        For each pattern, one train per afferent, with ascending times.

    Raises
    ------
    TypeError
        If ``events`` is no Events.
    ValueError
        If the unit is none of time.
    ModuleNotFoundError
        If Neo is not installed.
    """
    neo = import_module("neo")
    _per_second(unit)
    times, afferents, offsets = to_spike_list(events)
    # float32 times may have been rounded up past the duration, which Neo refuses
    times = np.minimum(times.astype(np.float64), events.duration)
    trains = []
    for start, stop in pairwise(offsets):
        order = start + np.argsort(afferents[start:stop], kind="stable")
        ends = np.cumsum(np.bincount(afferents[start:stop], minlength=events.n_afferents))
        trains.append(
            [
                neo.SpikeTrain(part, t_start=0.0, t_stop=events.duration, units=unit)
                for part in np.split(times[order], ends[:-1])[: events.n_afferents]
            ]
        )
    return trains


def _per_second(unit: str) -> float:
    """Return how many of a unit of time make a second."""
    quantities = import_module("quantities")
    try:
        return float(quantities.Quantity(1.0, "s").rescale(unit).magnitude)
    except (LookupError, SyntaxError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"unit must be a unit of time such as 'ms', got {unit!r}") from error


def _trains(b: int, pattern: Any, neo: Any) -> list[Any]:
    """Return the spike trains of a segment, or of a sequence."""
    trains = getattr(pattern, "spiketrains", pattern)
    if isinstance(trains, Iterable) and not isinstance(trains, neo.SpikeTrain):
        trains = list(trains)
        for i, train in enumerate(trains):
            if not isinstance(train, neo.SpikeTrain):
                kind = type(train).__name__
                raise TypeError(f"patterns[{b}][{i}] must be a neo.SpikeTrain, got {kind}")
        return trains
    kind = type(pattern).__name__
    raise TypeError(
        f"patterns[{b}] must be a neo.Segment or a sequence of spike trains, got {kind}"
    )
