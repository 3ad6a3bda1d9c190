"""DVS128 Gesture: hands in front of a camera, AEDAT 3.1 files with a table of labels each."""

from __future__ import annotations

import csv
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tempotron_core.arrays.numbers import whole_number

from ..event_set import EventSet, by_pixel
from .aedat import AddressEvents, read_aedat
from .libraries import existing

__all__ = ["read_dvs_gesture"]

SIZE = (128, 128)
COLUMNS = ("class", "startTime_usec", "endTime_usec")
GESTURES = (
    "hand clapping, right hand wave, left hand wave, right arm clockwise, "
    "right arm counter clockwise, left arm clockwise, left arm counter clockwise, arm roll, "
    "air drums, air guitar, other gestures"
).split(", ")


def read_dvs_gesture(path: str | os.PathLike[str], *, pool: int = 1) -> EventSet:
    """Read a folder of DVS128 Gesture, or one recording of it.

    Parameters
    ----------
    path : path
        A folder of ``user01_fluorescent.aedat`` and ``user01_fluorescent_labels.csv``, and so on,
        or one such ``.aedat``.
    pool : int, default 1
        So many pixels in each direction make one afferent: 4 leaves 2,048 of 32,768.

    Returns
    -------
    EventSet
        A pattern per gesture, from its start in the table; it is read when it is asked for.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file, or a table of labels is missing.
    ValueError
        If a table has other columns, or a file is damaged.
    """
    pool = whole_number("pool", pool)
    given = Path(path)
    if given.is_dir():
        files = [file for file in sorted(given.glob("*.aedat")) if _table(file).is_file()]
        if not files:
            raise ValueError(
                f"path must hold .aedat files with their _labels.csv, got {str(path)!r} without"
            )
    else:
        files = [existing(given, "a folder or a file of DVS128 Gesture")]
    where: list[tuple[Path, int, int]] = []
    labels: list[int] = []
    for file in files:
        for label, start, stop in _gestures(file):
            where.append((file, start, stop))
            labels.append(label - 1)
    if not where:
        raise ValueError(f"path must hold a gesture or more, got none in {str(path)!r}")

    def read(pattern: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        file, start, stop = where[pattern]
        events = _events(file)
        chosen = (events.t >= start) & (events.t < stop)
        who = by_pixel(
            str(file), events.x[chosen], events.y[chosen], events.polarity[chosen], SIZE, pool
        )
        return (events.t[chosen] - start) / 1e3, who

    across = -(-SIZE[0] // pool)
    return EventSet(
        given.name,
        np.asarray(labels),
        np.asarray(GESTURES),
        2 * across * across,
        read,
        max(stop - start for _, start, stop in where) / 1e3,
    )


@lru_cache(maxsize=1)  # the gestures of a file follow one another
def _events(file: Path) -> AddressEvents:
    return read_aedat(file)


def _table(file: Path) -> Path:
    return file.with_name(f"{file.stem}_labels.csv")


def _gestures(file: Path) -> list[tuple[int, int, int]]:
    """Return class, start and end of each gesture of a recording."""
    table = existing(_table(file), f"a recording of DVS128 Gesture with {_table(file).name}")
    with table.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise ValueError(
                f"{table.name} must have the columns {', '.join(COLUMNS)}, got "
                f"{', '.join(reader.fieldnames or ()) or 'none'}"
            )
        try:
            found = [
                (int(row["class"]), int(row["startTime_usec"]), int(row["endTime_usec"]))
                for row in reader
            ]
        except (TypeError, ValueError) as error:
            raise ValueError(f"{table.name} must hold whole numbers, got {error}") from None
    for label, start, stop in found:
        if not (1 <= label <= len(GESTURES) and start < stop):
            raise ValueError(
                f"{table.name} must have classes from 1 to {len(GESTURES)} that end after they "
                f"start, got {label} from {start} to {stop}"
            )
    return found
