"""MATLAB's files of version 7.3, which are HDF5: their variables as `scipy.io.loadmat` gives them.

Arrays are stored by columns, so that their axes are the other way round; an empty one holds its
shape instead of values; a cell array holds references to its cells; text is UTF-16.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .libraries import library

__all__ = ["is_hdf5", "names_in", "variable"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
USER_BLOCK = 512
"""Bytes of MATLAB's own header before HDF5 begins."""

NUMBERS = (
    "double",
    "single",
    "logical",
    *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)),
)


def is_hdf5(file: Path) -> bool:
    """Whether a file is of version 7.3."""
    with open(file, "rb") as opened:
        start = opened.read(USER_BLOCK + len(SIGNATURE))
    return start.startswith(SIGNATURE) or start[USER_BLOCK:] == SIGNATURE


def names_in(file: Path) -> list[str]:
    """Return the names of the variables."""
    with library("h5py", "read_matlab").File(file, "r") as content:
        return [name for name in content if not name.startswith("#")]


def variable(file: Path, name: str) -> NDArray[Any]:
    """Read a variable: numbers, text, or a cell array of such.

    Raises
    ------
    ValueError
        If it is something else, or refers to what is not there.
    """
    h5py = library("h5py", "read_matlab")
    with h5py.File(file, "r") as content:
        return _value(content[name], content, name, h5py)


def _value(item: Any, content: Any, name: str, h5py: Any) -> NDArray[Any]:
    kind = item.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if not isinstance(item, h5py.Dataset) or kind not in ("cell", "char", *NUMBERS):
        raise ValueError(
            f"{name} must be an array of numbers or text or a cell array of such, "
            f"got {kind or 'something else'} in {content.filename!r}"
        )
    if item.attrs.get("MATLAB_empty", 0):
        return np.zeros(tuple(int(n) for n in item[()]), dtype=object if kind == "cell" else float)
    values = item[()].T
    if kind == "char":
        return np.asarray(["".join(map(chr, row)) for row in values])
    if kind != "cell":
        return np.asarray(values, dtype=bool if kind == "logical" else values.dtype)
    cells = np.empty(values.shape, dtype=object)
    for place, reference in np.ndenumerate(values):
        where = f"{name}{{{','.join(str(i + 1) for i in place)}}}"
        try:
            cell = content[reference]
        except (TypeError, ValueError, KeyError) as error:
            raise ValueError(
                f"{where} must refer to a cell of {content.filename!r}, got {reference!r}"
            ) from error
        if cell.attrs.get("MATLAB_class") in (b"cell", "cell"):
            raise ValueError(f"{where} must hold numbers or text, got a cell array within one")
        cells[place] = _value(cell, content, where, h5py)
    return cells
