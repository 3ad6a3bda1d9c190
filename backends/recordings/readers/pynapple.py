"""Pynapple: a TsGroup for units, an IntervalSet for trials, and the files it saves them in."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..recording import Recording
from ..session import Session
from ..trials import Trials
from .libraries import existing, library

__all__ = ["from_pynapple", "read_pynapple"]

NEEDED = {"TsGroup": ("t", "index", "keys", "start", "end"), "IntervalSet": ("start", "end")}


def from_pynapple(
    units: Any, trials: Any = None, *, align: str = "start", label: str | None = None
) -> Session:
    """Take units and trials of pynapple, whose times are in seconds.

    Parameters
    ----------
    units : pynapple.TsGroup
    trials : pynapple.IntervalSet, optional
    align : str, default 'start'
        The column of the intervals (``'start'``, ``'end'`` or of their metadata) with the moment
        that becomes time 0.
    label : str, optional
        The column of their metadata that says what each is of.

    Returns
    -------
    Session
        The metadata of the units are the properties of the recording.

    Raises
    ------
    ImportError
        If pynapple is not installed.
    TypeError, ValueError
        If these are no such objects, or there is no such column.
    """
    pynapple = library("pynapple", "from_pynapple")
    if not isinstance(units, pynapple.TsGroup):
        raise TypeError(f"units must be a pynapple.TsGroup, got {type(units).__name__}")
    support = units.time_support
    recording = Recording.from_trains(
        {key: units[key].times() for key in units.index.tolist()},
        time_unit="s",
        properties={name: np.asarray(units[name]) for name in units.metadata_columns},
        span=(float(support.start[0]), float(support.end[-1])) if len(support) else None,
    )
    if trials is None:
        if label is not None:
            raise ValueError(f"trials must be given for the label {label!r}, got None")
        return Session(recording, None)
    if not isinstance(trials, pynapple.IntervalSet):
        raise TypeError(f"trials must be a pynapple.IntervalSet, got {type(trials).__name__}")
    columns = {name: np.asarray(trials[name]) for name in trials.metadata_columns}
    table = {"start": np.asarray(trials.start), "end": np.asarray(trials.end)} | columns
    return Session(recording, _trials(table, align, label))


def read_pynapple(
    path: str | os.PathLike[str], trials: str | os.PathLike[str] | None = None
) -> Session:
    """Read what pynapple saved, without what it pickled, which are the metadata.

    Parameters
    ----------
    path : path
        An ``.npz`` of a TsGroup.
    trials : path, optional
        An ``.npz`` of an IntervalSet.

    Returns
    -------
    Session

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds something else, or one of its arrays is pickled.
    """
    arrays = _arrays(path, "TsGroup")
    recording = Recording.from_spikes(
        arrays["t"],
        arrays["index"],
        time_unit="s",
        unit_ids=arrays["keys"],
        span=(float(arrays["start"][0]), float(arrays["end"][-1])),
        name=os.path.basename(path),
    )
    if trials is None:
        return Session(recording, None)
    table = _arrays(trials, "IntervalSet")
    return Session(recording, _trials(table, "start", None))


def _trials(table: dict[str, Any], align: str, label: str | None) -> Trials:
    stop = "end" if align == "start" else None
    return Trials.from_table(table, align=align, label=label, stop=stop, time_unit="s")


def _arrays(path: str | os.PathLike[str], kind: str) -> dict[str, Any]:
    """Return the arrays of a saved object that are needed; no other is looked at."""
    file = existing(path, f"an .npz of a pynapple.{kind}")
    try:
        with np.load(file, allow_pickle=False) as archive:
            found = str(archive["type"][0]) if "type" in archive else None
            if found != kind:
                raise ValueError(f"it holds {found or 'no type'}")
            return {name: archive[name] for name in NEEDED[kind]}
    except (OSError, KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"path must be an .npz of a pynapple.{kind}, got {str(path)!r}: {error}"
        ) from None
