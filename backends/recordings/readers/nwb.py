"""NWB files: the units, and a table of intervals as trials."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..recording import Recording
from ..session import Session
from ..trials import Trials
from .libraries import existing, library

__all__ = ["read_nwb"]

DEFAULT = "trials"


def read_nwb(
    path: str | os.PathLike[str],
    *,
    trials: str = DEFAULT,
    align: str = "start_time",
    label: str | None = None,
) -> Session:
    """Read units and trials of an NWB file.

    Parameters
    ----------
    path : path
    trials : str, default 'trials'
        The table of intervals to take for trials: ``'trials'``, ``'epochs'`` or another.  A file
        without ``'trials'`` gives a recording alone.
    align : str, default 'start_time'
        The column with the moment of each trial that becomes its time 0, in seconds as all times
        of NWB.
    label : str, optional
        The column that says what each trial is of.

    Returns
    -------
    Session
        The columns of the units are the properties of the recording.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If pynwb is not installed.
    ValueError
        If it is no NWB file, holds no units, or no such table or column.
    """
    pynwb = library("pynwb", "read_nwb")
    file = existing(path, "an NWB file")
    with warnings.catch_warnings():
        # of namespaces that come with the library and with the file, which do not matter here
        warnings.simplefilter("ignore", UserWarning)
        try:
            io = pynwb.NWBHDF5IO(str(file), "r")
        except Exception as error:  # noqa: BLE001 (h5py's and hdmf's, of many kinds)
            raise ValueError(f"path must be an NWB file, got {str(path)!r}: {error}") from None
        with io:
            try:
                content = io.read()
            except Exception as error:  # noqa: BLE001 (hdmf raises whatever it meets)
                raise ValueError(f"path must be an NWB file, got {str(path)!r}: {error}") from None
            recording = _recording(content, str(path))
            return Session(recording, _trials(content, str(path), trials, align, label))


def _recording(content: Any, path: str) -> Recording:
    table = content.units
    if table is None or "spike_times" not in table.colnames:
        raise ValueError(f"path must hold units with spike_times, got {path!r} without")
    times = np.asarray(table.spike_times.data[:], dtype=np.float64)
    ends = np.asarray(table.spike_times_index.data[:])  # of as few bits as suffice
    ends = ends.astype(np.int64)
    if len(ends) and not ((np.diff(ends) >= 0).all() and ends[0] >= 0 and ends[-1] == len(times)):
        raise ValueError(
            f"spike_times_index must ascend to the {len(times)} spikes, got {ends.min()} to "
            f"{ends.max()} in {path!r}"
        )
    ids = np.asarray(table.id[:])
    counts = np.diff(ends, prepend=0)
    properties = {key: value for key, value in _columns(table).items() if key != "spike_times"}
    return Recording.from_spikes(
        times,
        np.repeat(ids, counts),
        time_unit="s",
        unit_ids=ids,
        properties=properties,
        name=os.path.basename(path),
    )


def _trials(content: Any, path: str, name: str, align: str, label: str | None) -> Trials | None:
    tables = dict(content.intervals or {})
    for usual in ("trials", "epochs", "invalid_times"):
        if (table := getattr(content, usual, None)) is not None:
            tables.setdefault(usual, table)
    if name not in tables:
        if name == DEFAULT and label is None:
            return None
        there = ", ".join(sorted(tables)) or "none"
        raise ValueError(
            f"trials must be a table of intervals in {path!r} (there are: {there}), got {name!r}"
        )
    table = tables[name]
    columns = _columns(table)
    ids = np.asarray(table.id[:])
    found = Trials.from_table(
        columns,
        align=align,
        label=label,
        stop="stop_time" if align == "start_time" and "stop_time" in columns else None,
        time_unit="s",
    )
    return replace(found, ids=ids)


def _columns(table: Any) -> dict[str, NDArray[Any]]:
    """Return the columns that hold a number or a text in each row."""
    found = {}
    for name in table.colnames:
        values = np.asarray(table[name].data[:]) if hasattr(table[name], "data") else None
        if (
            values is None
            or values.shape != (len(table),)
            or type(table[name]).__name__
            in (
                "VectorIndex",
                "DynamicTableRegion",
            )
        ):
            continue
        if values.dtype.kind == "O" and not all(
            isinstance(each, str | int | float | bool) or each is None for each in values.tolist()
        ):
            continue
        found[name] = values
    return found
