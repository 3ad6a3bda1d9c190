"""Phy and Kilosort: a folder of arrays, tables and parameters.

Phy's own library runs ``params.py`` as a program; here it is read as a list of literals.
"""

from __future__ import annotations

import ast
import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core.arrays.numbers import positive_float

from ..recording import Recording
from ..session import Session
from .libraries import existing, plain_array

__all__ = ["read_phy"]


def read_phy(path: str | os.PathLike[str], *, group: str | None = None) -> Session:
    """Read the sorted units of a folder that Phy reads: Kilosort's and SpikeInterface's output.

    Parameters
    ----------
    path : path
        With ``spike_times.npy`` in samples, ``spike_clusters.npy`` or ``spike_templates.npy``,
        ``params.py`` with the ``sample_rate``, and perhaps ``cluster_*.tsv``.
    group : str, optional
        Only units of this group, such as ``'good'``; all unless given.

    Returns
    -------
    Session
        Without trials.  Columns of the tables are the properties of the recording.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or a file is missing in it.
    ValueError
        If a file is damaged, ``params.py`` names no sampling rate, or no unit is of the group.
    """
    folder = existing(path, "a folder of Phy", folder=True)
    times = _spikes(folder, "spike_times.npy")
    clusters = "spike_clusters.npy"
    if not (folder / clusters).is_file():
        clusters = "spike_templates.npy"
    units = _spikes(folder, clusters)
    if units.dtype.kind not in "iu" or times.shape != units.shape:
        raise ValueError(
            f"{clusters} must hold one integer for each of {len(times)} spikes, got {units.dtype} "
            f"of shape {units.shape} in {str(path)!r}"
        )
    table = _table(folder)
    ids = np.asarray(sorted({*np.unique(units).tolist(), *table}), dtype=np.int64)
    columns = sorted({key for row in table.values() for key in row})
    recording = Recording.from_spikes(
        times,
        units.astype(np.int64),
        time_unit="samples",
        sampling_rate=_sampling_rate(folder),
        unit_ids=ids,
        properties={
            key: np.asarray([table.get(unit, {}).get(key, "") for unit in ids.tolist()])
            for key in columns
        },
        name=folder.name,
    )
    if group is None:
        return Session(recording, None)
    groups = recording.properties.get("group", np.full(len(ids), ""))
    if group not in groups:
        there = ", ".join(sorted(set(groups.tolist()) - {""})) or "none"
        raise ValueError(f"group must be one of the units' ({there}), got {group!r}")
    return Session(recording.select(groups == group), None)


def _spikes(folder: Path, name: str) -> NDArray[Any]:
    file = existing(folder / name, f"a folder of Phy with {name}")
    found = plain_array(file)
    if found.size != max(found.shape, default=0):  # MATLAB writes columns
        raise ValueError(f"{name} must have one entry per spike, got shape {found.shape}")
    return found.reshape(-1)


def _sampling_rate(folder: Path) -> float:
    file = existing(folder / "params.py", "a folder of Phy with params.py")
    try:
        statements = ast.parse(file.read_text(encoding="utf-8")).body
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"params.py must hold settings, got {str(file)!r}: {error}") from None
    for statement in statements:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "sample_rate"
            for target in statement.targets
        ):
            try:
                return positive_float("sample_rate", ast.literal_eval(statement.value))
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"sample_rate of params.py must be a number, which is not computed here, got "
                    f"{ast.unparse(statement.value)!r} in {str(file)!r} ({error})"
                ) from None
    raise ValueError(f"params.py must set sample_rate, got {str(file)!r} without")


def _table(folder: Path) -> dict[int, dict[str, str]]:
    """Return what the tables of clusters say of each."""
    found: dict[int, dict[str, str]] = {}
    # cluster_info.tsv is what Phy saved last, and has the last word
    for file in sorted(folder.glob("cluster_*.tsv"), key=lambda f: f.name == "cluster_info.tsv"):
        with file.open(encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text, delimiter="\t"):
                key = row.pop("cluster_id", None) or row.pop("id", None)
                try:
                    unit = int(key or "")
                except ValueError:
                    raise ValueError(
                        f"{file.name} must name its clusters by cluster_id, got {key!r} in "
                        f"{str(folder)!r}"
                    ) from None
                found.setdefault(unit, {}).update(
                    {name: value or "" for name, value in row.items() if isinstance(name, str)}
                )
    return found
