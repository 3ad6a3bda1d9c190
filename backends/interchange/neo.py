"""Spike trains of Neo to `Events` and back, with their physical units."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.arrays.numbers import positive_float

from .._backend import Backend
from .host_arrays import refuse_nan
from .lists import to_spike_list
from .placement import joined, place

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
    duration : float or Quantity, optional
        Length of a pattern; unless given, the longest of any pattern from its start to the latest
        ``t_stop`` of its trains.  Spikes after it are left out.
    backend : Backend, optional
        Where the events are to be; NumPy unless given.
    dtype : {'float32', 'float64'} or dtype, optional
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
        If there is no pattern, patterns differ in their number of trains or have no length, a time
        is NaN, or the unit is none of time.
    ModuleNotFoundError
        If Neo is not installed.
    """
    neo, converted = import_module("neo"), _converter(unit)
    # trains can be iterated over, too
    if isinstance(patterns, neo.SpikeTrain) or not isinstance(patterns, Iterable):
        raise TypeError(
            f"patterns must be a sequence with one entry per pattern ([segment], block.segments), "
            f"got {type(patterns).__name__}"
        )
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
        starts = [float(converted(train.t_start)) for train in trains]
        stops = [float(converted(train.t_stop)) for train in trains]
        start = min(starts, default=0.0)
        length = max(length, max(stops, default=0.0) - start)
        for i, train in enumerate(trains):
            times.append(converted(train) - start)
            refuse_nan(f"patterns[{b}][{i}]", times[-1])
            afferents.append(np.full(len(train), i))
        lengths.append(sum(len(train) for train in trains))
    if n_afferents is None:
        raise ValueError("patterns must hold at least one pattern, got none")
    found = joined(times)
    if duration is None:
        if not length > 0.0:
            raise ValueError(
                f"patterns must have a t_stop after their t_start, or duration be given, got a "
                f"length of {length} {unit}"
            )
        duration = length
    else:
        duration = _as_number(duration, converted)
        # a conversion may have rounded a spike at the end to after it
        rounded = (found > duration) & (found <= duration * (1.0 + 8.0 * np.finfo(np.float64).eps))
        found = np.where(rounded, duration, found)
    return place(
        found,
        np.concatenate([np.zeros(0, dtype=np.int64), *afferents]),
        np.cumsum(lengths),
        n_afferents,
        duration,
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
    _converter(unit)
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


def _converter(unit: str) -> Callable[[Any], NDArray[np.float64]]:
    """Return a function that gives times as numbers in a unit."""
    quantities = import_module("quantities")
    try:
        if not isinstance(unit, str):
            raise TypeError
        quantities.Quantity(1.0, "s").rescale(unit)
    except (LookupError, SyntaxError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"unit must be a unit of time such as 'ms', got {unit!r}") from error
    ratios: dict[str, tuple[float, float]] = {}  # looking one up takes longer than reading a train

    def converted(times: Any) -> NDArray[np.float64]:
        name = str(times.units)
        if name not in ratios:
            factor = float(times.units.rescale(unit).magnitude)
            # a division by 1000 is rounded once, a product with 0.001 twice
            ratios[name] = (_whole(factor), 1.0) if factor >= 1.0 else (1.0, _whole(1.0 / factor))
        factor, divisor = ratios[name]
        return np.asarray(times.magnitude, np.float64) * factor / divisor

    return converted


def _as_number(duration: Any, converted: Callable[[Any], NDArray[np.float64]]) -> float:
    """Return a duration, a number or a quantity, in the unit of the spike times."""
    if hasattr(duration, "dimensionality"):
        try:
            duration = float(converted(duration))
        except ValueError as error:
            raise ValueError(f"duration must be a time, got {duration!r}") from error
    return positive_float("duration", duration)


def _whole(ratio: float) -> float:
    """Return the ratio of two units, without its rounding errors if it is a whole number."""
    nearest = float(round(ratio))
    return nearest if abs(nearest - ratio) < 1e-12 * ratio else ratio


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
