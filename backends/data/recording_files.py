"""Files of recordings and of event data, opened by what they are."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..recordings import (
    EventSet,
    LabelledEvents,
    Session,
    Trials,
    from_dataframe,
    read_dvs_gesture,
    read_heidelberg,
    read_matlab,
    read_nmnist,
    read_nwb,
    read_phy,
    read_pynapple,
)

__all__ = ["TrialChoice", "format_of", "open_recording", "trials_of"]

BY_SUFFIX = {
    ".nwb": "nwb",
    ".npz": "pynapple",
    ".mat": "matlab",
    ".csv": "table",
    ".tsv": "table",
    ".h5": "heidelberg",
    ".hdf5": "heidelberg",
    ".aedat": "gesture",
}
"""The formats of files."""

NEED_TIME_UNIT = ("matlab", "table")
"""Formats that do not say what their times are in."""


@dataclass(frozen=True)
class TrialChoice:
    """What to take for trials, and which part of them.

    Attributes
    ----------
    trials : str or None
        A table of the file, or a file of a table.
    align, label : str or None
        Columns of it.
    window : tuple of float, or None
        From when to when, in ms from the alignment.
    time_unit : str or None
        Where the file does not say it.
    group : str or None
        The units to take, of Phy.
    spikes : str or None
        The variable or the columns of a file that may hold several.
    pool : int
        So many pixels of a camera make one afferent, in each direction.
    """

    trials: str | None = None
    align: str | None = None
    label: str | None = None
    window: tuple[float, float] | None = None
    time_unit: str | None = None
    group: str | None = None
    spikes: str | None = None
    pool: int = 1


def format_of(path: str) -> str | None:
    """Return what a path holds, as far as its name and what is in it tell; None if unknown."""
    place = Path(path)
    if place.is_dir():
        if (place / "spike_times.npy").is_file():
            return "phy"
        if any((place / str(label)).is_dir() for label in range(10)) and any(place.glob("*/*.bin")):
            return "nmnist"
        return "gesture" if any(place.glob("*.aedat")) else None
    return BY_SUFFIX.get(place.suffix.lower())


def open_recording(path: str, choice: TrialChoice) -> Session | EventSet:
    """Read a recording with its trials, or a set of event data.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        If it is not there, damaged, or of no format known here; or if something is chosen that the
        format does not have.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f"data must be there to read, got {path!r}: no such file or folder")
    kind = format_of(path)
    if kind is None:
        raise ValueError(
            f"data must be a recording (.nwb, .npz of pynapple, .mat, .csv, a folder of Phy) or "
            f"event data (.h5 of SHD, folders of N-MNIST or DVS128 Gesture), got {path!r}"
        )
    if kind in NEED_TIME_UNIT and choice.time_unit is None:
        raise ValueError(f"time_unit must be given for {path!r}, which does not say it, got None")
    if kind == "heidelberg":
        return read_heidelberg(path)
    if kind == "nmnist":
        return read_nmnist(path)
    if kind == "gesture":
        return read_dvs_gesture(path, pool=choice.pool)
    if kind == "nwb":
        named = {
            name: value
            for name in ("trials", "align", "label")
            if (value := getattr(choice, name)) is not None
        }
        return read_nwb(path, **named)
    if kind == "matlab":
        return read_matlab(
            path,
            time_unit=choice.time_unit or "",
            spikes=choice.spikes or "spikes",
            labels=choice.label,
        )
    if kind == "table":
        return _of_tables(path, choice)
    if kind == "phy":
        session = read_phy(path, group=choice.group)
    else:
        of_intervals = choice.trials if choice.trials and choice.trials.endswith(".npz") else None
        session = read_pynapple(path, of_intervals)
    if choice.trials is None or session.trials is not None:
        return session
    return session._replace(trials=_trials(choice))


def trials_of(path: str, choice: TrialChoice) -> LabelledEvents:
    """Cut the trials of a recording out, or load a set of event data.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        As `open_recording`, or if there are no trials, labels or window.
    """
    found = open_recording(path, choice)
    if isinstance(found, EventSet):
        return found.load(layout="auto")
    if found.trials is None:
        raise ValueError(f"trials must be given for {path!r}, which has none, got None")
    if found.trials.label is None:
        columns = ", ".join(found.trials.columns) or "none"
        raise ValueError(f"label must be a column of the trials ({columns}), got None")
    if choice.window is None:
        if found.trials.lengths is None:
            raise ValueError("window must be given for trials without an end, got None")
        return found.cut(layout="auto")
    start, stop = choice.window
    return found.cut(before=-start, after=stop, layout="auto")


def _of_tables(path: str, choice: TrialChoice) -> Session:
    spikes = _read_table(path)
    trials = None if choice.trials is None else _read_table(choice.trials)
    return from_dataframe(
        spikes,
        trials,
        time_unit=choice.time_unit or "",
        trial="trial" if "trial" in spikes else None,
        align=choice.align or "start_time",
        label=choice.label,
    )


def _trials(choice: TrialChoice) -> Trials:
    if choice.time_unit is None:
        raise ValueError(
            f"time_unit must be given for {choice.trials!r}, which does not say it, got None"
        )
    return Trials.from_table(
        _read_table(str(choice.trials)),
        align=choice.align or "start_time",
        label=choice.label,
        time_unit=choice.time_unit,
    )


def _read_table(path: str) -> dict[str, NDArray[Any]]:
    """Read a table of text under a line of headings: columns of numbers, others as text."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t" if path.endswith(".tsv") else ","))
    if len(rows) < 2 or len(set(rows[0])) < len(rows[0]):
        raise ValueError(f"{path!r} must have a line of different headings, and lines below it")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            raise ValueError(
                f"line {number} of {path!r} must have {len(rows[0])} entries, got {len(row)}"
            )
    return {
        heading: _column([row[place].strip() for row in rows[1:]])
        for place, heading in enumerate(rows[0])
    }


def _column(texts: list[str]) -> NDArray[Any]:
    for kind in (np.int64, np.float64):
        try:
            return np.asarray(texts).astype(kind)
        except (ValueError, OverflowError):
            continue
    return np.asarray(texts)
