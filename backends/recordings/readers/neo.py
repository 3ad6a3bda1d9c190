"""Neo: segments of spike trains, with their physical units, and blocks of segments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..recording import Recording
from ..session import Session, laid_out
from ..trials import Trials
from .libraries import library

__all__ = ["from_neo"]


def from_neo(source: Any, *, trials: str | None = None, label: str | None = None) -> Session:
    """Take a segment, or a block.

    Of a segment, an event or epoch tells the trials.  In a block of several segments every segment
    is a trial, aligned to its start.

    Parameters
    ----------
    source : neo.Segment or neo.Block
    trials : str, optional
        Name of the event or epoch of a segment; the first one unless given.
    label : str, optional
        Of a block, the annotation of its segments that says what each is of.  An event's or epoch's
        labels are taken unless it is empty.

    Returns
    -------
    Session
        Units are called by the names of their trains where each has one, else numbered from 0.

    Raises
    ------
    ImportError
        If Neo is not installed.
    TypeError, ValueError
        If it is neither, segments differ in their units, or there is no such event or annotation.
    """
    neo = library("neo", "from_neo")
    if isinstance(source, neo.Block):
        if len(source.segments) != 1:
            return _of_block(source.segments, label)
        source = source.segments[0]
    if not isinstance(source, neo.Segment):
        raise TypeError(f"source must be a neo.Segment or a neo.Block, got {type(source).__name__}")
    trains = list(source.spiketrains)
    recording = Recording.from_trains(
        [_seconds(train) for train in trains],
        unit_ids=_names(trains),
        time_unit="s",
        span=_span(trains),
    )
    return Session(recording, _trials(source, trials))


def _trials(segment: Any, name: str | None) -> Trials | None:
    tables = [*segment.events, *segment.epochs]
    if name is not None:
        there = [table.name for table in tables]
        tables = [table for table in tables if table.name == name]
        if not tables:
            raise ValueError(f"trials must be an event or epoch of {there}, got {name!r}")
    if not tables:
        return None
    table = tables[0]
    labels = np.asarray(table.labels)
    durations = getattr(table, "durations", None)
    lengths = None if durations is None else durations.rescale("s").magnitude
    return Trials.from_arrays(
        _seconds(table),
        labels if len(labels) == len(table) else None,
        time_unit="s",
        lengths=lengths,
    )


def _of_block(segments: list[Any], label: str | None) -> Session:
    if not segments:
        raise ValueError("source must hold a segment or more, got an empty block")
    ids = _names(segments[0].spiketrains)
    times, units, numbers, lengths = [], [], [], []
    for number, segment in enumerate(segments):
        trains = list(segment.spiketrains)
        found = _names(trains)
        if not np.array_equal(found, ids):
            raise ValueError(
                f"segments must have the units of the first, {ids.tolist()}, got {found.tolist()} "
                f"in segment {number}"
            )
        start, stop = _span(trains)
        lengths.append(stop - start)
        for unit, train in zip(ids.tolist(), trains, strict=True):
            times.append(_seconds(train) - start)
            units.append(np.full(len(train), unit))
            numbers.append(np.full(len(train), number))
    shared = set.intersection(*(set(segment.annotations) for segment in segments))
    columns = {
        key: np.asarray([segment.annotations[key] for segment in segments])
        for key in sorted(shared)
    }
    columns = {key: values for key, values in columns.items() if values.ndim == 1}
    if label is not None and label not in columns:
        raise ValueError(
            f"label must be an annotation of every segment ({', '.join(columns)}), got {label!r}"
        )
    session = laid_out(
        np.concatenate([*times, np.zeros(0)]),
        np.concatenate([np.zeros(0, ids.dtype), *units]),
        np.concatenate([np.zeros(0, np.int64), *numbers]),
        len(segments),
        bounds=(0.0, max(lengths)),
        unit_ids=ids,
        columns=columns,
    )
    if label is None or session.trials is None:
        return session
    return session._replace(trials=session.trials.labelled(label))


def _seconds(times: Any) -> Any:
    return np.asarray(times.rescale("s").magnitude, dtype=np.float64)


def _span(trains: Any) -> tuple[float, float]:
    if not trains:
        raise ValueError("segments must hold a spike train or more, got none")
    starts = [float(train.t_start.rescale("s").magnitude) for train in trains]
    stops = [float(train.t_stop.rescale("s").magnitude) for train in trains]
    return min(starts), max(stops)


def _names(trains: Any) -> Any:
    names = [train.name for train in trains]
    if all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names):
        return np.asarray(names)
    return np.arange(len(names))
