"""Rows of numbers, such as features without labels, from files or from standard input."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core.files.npy import MAGIC, read_array

from .idx import GZIP, read_idx_bytes

__all__ = ["STDIN", "read_features", "read_numbers"]

PathLike = str | os.PathLike[str]

STDIN = "-"
"""Stands for standard input."""

ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Of texts that begin so; others are UTF-8, with a byte order mark or without."""


def read_features(path: PathLike) -> NDArray[np.float64]:
    """Read feature rows from a ``.npy`` file, a table of text or an IDX file of images.

    Which it is is told from its content, or by its name ``*.npy``.  Columns of a text are separated
    by commas, semicolons (then with decimal commas or points), tabs or spaces; it may begin with a
    line of headings and with a byte order mark, and have comments (``#``).

    Parameters
    ----------
    path : path
        One pattern per row or image, without labels.  ``"-"`` is standard input.

    Returns
    -------
    array, shape (B, F)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or does not hold rows of finite numbers.
    """
    array, name = read_numbers(
        "input", path, "a .npy or .csv file of feature rows, or an IDX file of images"
    )
    if array.ndim < 2:
        raise ValueError(
            f"input must hold one row of numbers per pattern, got {name}: "
            f"{array.dtype} of shape {array.shape}"
        )
    rows = array.reshape(len(array), -1 if len(array) else math.prod(array.shape[1:]))
    with np.errstate(invalid="ignore"):  # of signalling NaNs, which are an error below
        rows = rows.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise ValueError(
            f"input must hold finite numbers, got NaN or infinity in row {bad[0]} of {name}"
        )
    return rows


def read_numbers(argument: str, path: PathLike, what: str) -> tuple[NDArray[Any], str]:
    """Read numbers from a file of any of these formats, or from standard input.

    Parameters
    ----------
    argument : str
        What errors call the file.
    path : path
        As for `read_features`.
    what : str
        What it should be, for errors.

    Returns
    -------
    numbers : array
    name : str
        The file, for errors.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, or holds something else.
    """
    name = "standard input" if path == STDIN else repr(str(path))
    if path != STDIN and not Path(path).is_file():
        raise FileNotFoundError(f"{argument} must be a file, got {name}: no such file")
    content = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    try:
        if Path(path).suffix.lower() == ".npy" or content.startswith(MAGIC):
            return read_array(io.BytesIO(content), len(content)), name
        return _read(content, name), name
    except (csv.Error, MemoryError, ValueError) as error:
        raise ValueError(f"{argument} must be {what}, got {name}: {error}") from None


def _read(content: bytes, name: str) -> NDArray[Any]:
    encoding = ENCODINGS.get(content[:2], "utf-8")
    if content.startswith((GZIP, b"\0\0")) or (encoding != "utf-16" and b"\0" in content[:1000]):
        return read_idx_bytes(content, name)
    return _read_table(content.decode(encoding).removeprefix("\ufeff"))


def _read_table(text: str) -> NDArray[np.float64]:
    """Read a table of numbers, the first line of which may be of words."""
    lines = [line for line in re.split("\r\n|\r|\n", text) if line.partition("#")[0].strip()]
    if not lines:
        return np.empty((0, 0))
    delimiter = next((mark for mark in ";\t," if mark in lines[0]), None)
    if delimiter is None:
        rows = [line.partition("#")[0].split() for line in lines]
    else:
        rows = list(csv.reader((line.partition("#")[0] for line in lines), delimiter=delimiter))
    if delimiter == ";" and not any("." in cell for row in rows[1:] for cell in row):
        rows = [[cell.replace(",", ".") for cell in row] for row in rows]
    if any(map(str.strip, rows[0])) and all(map(_is_heading, rows[0])):
        rows = rows[1:]
        if not rows:
            raise ValueError("there is a line of headings, and no numbers")
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {number} has {len(row)} columns, row 0 has {len(rows[0])}")
        for column, cell in enumerate(row):
            if not _is_number(cell):
                raise ValueError(f"row {number}, column {column} is no number: {cell!r}")
    return np.asarray(rows, dtype=np.float64)


_NUMBER = re.compile(
    r"\s*[-+]?(\d+\.?\d*(e[-+]?\d+)?|\.\d+(e[-+]?\d+)?|inf(inity)?|nan)\s*", re.IGNORECASE
)


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def _is_heading(cell: str) -> bool:
    """Whether it has a letter, and is none of the words for numbers; an empty one may head rows."""
    return not cell.strip() or (not _is_number(cell) and any(map(str.isalpha, cell)))
