"""MATLAB: a cell array of spike times, trials by units."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..session import Session, laid_out
from ..time_units import in_seconds
from .libraries import existing, library
from .matlab_hdf5 import is_hdf5, names_in, variable

__all__ = ["from_matlab", "read_matlab"]


def from_matlab(cells: Any, labels: Any = None, *, time_unit: str) -> Session:
    """Take a cell array as `scipy.io.loadmat` gives it.

    Parameters
    ----------
    cells : object array, shape (T, U)
        The spike times of each trial and unit, counted from the alignment of the trial: arrays of
        shape (1, k), (k, 1) or (k,), or empty.
    labels : array or cell array, T entries, optional
        What each trial is of.
    time_unit : {'s', 'ms', 'us', 'ns'}

    Returns
    -------
    Session
        Units and trials are numbered from 1, as in MATLAB.

    Raises
    ------
    TypeError, ValueError
        If the cells hold something else, or labels do not fit.
    """
    if not isinstance(cells, np.ndarray) or cells.dtype.kind != "O" or cells.ndim != 2:
        kind = f"{cells.dtype} of shape {cells.shape}" if isinstance(cells, np.ndarray) else ""
        raise TypeError(
            f"cells must be a cell array of trials by units, got {kind or type(cells).__name__}"
        )
    n_trials, n_units = cells.shape
    trains = []
    for place, cell in np.ndenumerate(cells):
        train = np.asarray(cell)
        if train.size != max(train.shape, default=1) and train.size:
            raise ValueError(
                f"cells must hold rows or columns of spike times, got shape {train.shape} for "
                f"trial {place[0] + 1} and unit {place[1] + 1}"
            )
        name = f"cells{{{place[0] + 1},{place[1] + 1}}}"
        trains.append(in_seconds(name, train.reshape(-1), time_unit))
    lengths = [len(train) for train in trains]
    number, unit = np.divmod(np.repeat(np.arange(len(trains)), lengths), max(n_units, 1))
    return laid_out(
        np.concatenate([*trains, np.zeros(0)]),
        unit + 1,
        number,
        n_trials,
        unit_ids=np.arange(1, n_units + 1),
        labels=None if labels is None else _labels(labels),
        ids=np.arange(1, n_trials + 1),
    )


def read_matlab(
    path: str | os.PathLike[str],
    *,
    time_unit: str,
    spikes: str = "spikes",
    labels: str | None = None,
) -> Session:
    """Read a cell array of spike times of a ``.mat`` file of any version.

    Parameters
    ----------
    path : path
    time_unit : {'s', 'ms', 'us', 'ns'}
    spikes : str, default 'spikes'
        The variable with the cells.
    labels : str, optional
        The variable that says what each trial is of.

    Returns
    -------
    Session

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If SciPy, or h5py for a file of version 7.3, is not installed.
    ValueError
        If it is no such file, or holds no such variable.
    """
    file = existing(path, "a MATLAB file")
    io = None if is_hdf5(file) else library("scipy.io", "read_matlab")
    try:
        variables = None if io is None else io.loadmat(file)
        there = names_in(file) if variables is None else list(variables)
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 (SciPy raises whatever it meets)
        raise ValueError(f"path must be a MATLAB file, got {str(path)!r}: {error}") from None
    there = [name for name in there if not name.startswith("__")]
    for argument, name in (("spikes", spikes), ("labels", labels)):
        if name is not None and name not in there:
            raise ValueError(
                f"{argument} must be a variable of {str(path)!r} ({', '.join(there)}), got {name!r}"
            )

    def value(name: str) -> Any:
        return variable(file, name) if variables is None else variables[name]

    found = None if labels is None else value(labels)
    return from_matlab(value(spikes), found, time_unit=time_unit)


def _labels(labels: Any) -> NDArray[Any]:
    """Return labels along one axis; texts come in cells of their own."""
    found = np.asarray(labels).reshape(-1)
    if found.dtype.kind == "O":
        found = np.asarray([np.asarray(each).reshape(-1)[0] for each in found])
    return found
