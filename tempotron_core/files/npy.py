"""Arrays in NumPy's ``.npy`` format, read without trust.

Only numbers and truth values are read, and what a header says of its array is compared with the
size of the file before memory is taken for it.  Every fault is a ValueError.
"""

from __future__ import annotations

import ast
import math
import os
import re
import stat
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

__all__ = ["map_array", "read_array", "regular_size"]

HostArray = np.ndarray[Any, Any]

MAGIC = b"\x93NUMPY"
LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
"""Bytes that hold the length of the header, by version of the format."""

LONGEST_HEADER = 4096
"""Bytes; NumPy writes 118 for an array of numbers."""

NUMBERS = re.compile(r"[<>|=]?([iuf]\d{1,2}|b1)")


def read_array(file: BinaryIO, size: int) -> HostArray:
    """Read one array from a file of so many bytes, open at its beginning.

    Raises
    ------
    ValueError
        If it is no whole ``.npy`` file of numbers or truth values.
    """
    shape, order, dtype = _checked_header(file, size)
    flat = np.empty(math.prod(shape), dtype)
    left = memoryview(flat.view(np.uint8)) if flat.size else memoryview(b"")  # type: ignore[arg-type]
    while len(left):
        n_read = file.readinto(left)  # type: ignore[attr-defined]
        if not n_read:
            raise ValueError(f"it ends {len(left)} bytes early")
        left = left[n_read:]
    return flat.reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]


def map_array(path: Path) -> HostArray:
    """Map the array of a ``.npy`` file into memory, read only.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is no whole ``.npy`` file of numbers or truth values.
    """
    size = regular_size(path)
    with open(path, "rb") as file:
        shape, order, dtype = _checked_header(file, size)
        if 0 in shape:  # nothing can be mapped of an empty array
            return np.empty(shape, dtype)
        mapped: HostArray = np.memmap(file, dtype, "r", file.tell(), shape, order)  # type: ignore[call-overload]
    return np.asarray(mapped)  # a plain view of the map, which is quicker to index


def regular_size(path: str | os.PathLike[str]) -> int:
    """Return the size of a file; a ValueError for a folder, or for a pipe, which may never end."""
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        inside = sorted(name for name in os.listdir(path) if name.endswith((".npz", ".npy")))
        held = f", which holds {', '.join(inside[:3])}" if inside else ""
        raise ValueError(f"it is a folder{held}")
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no regular file")
    return found.st_size


def _checked_header(file: BinaryIO, size: int) -> tuple[tuple[int, ...], str, np.dtype[Any]]:
    """Read the header, and compare it with the size of the file."""
    begins = file.read(8)
    version = tuple(begins[6:])
    if begins[:6] != MAGIC or version not in LENGTH_BYTES:
        raise ValueError("it does not begin as a .npy file of version 1 to 3")
    length = int.from_bytes(file.read(LENGTH_BYTES[version]), "little")
    if length > LONGEST_HEADER:
        raise ValueError(f"its header must have at most {LONGEST_HEADER} bytes, got {length}")
    text = file.read(length).decode("latin-1").strip(" \n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler, on what is an error below
            header = ast.literal_eval(text)
        descr, fortran, shape = (header[key] for key in ("descr", "fortran_order", "shape"))
    except (KeyError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        raise ValueError(f"its header is garbled: {text[:100]!r}") from None
    if not isinstance(descr, str) or NUMBERS.fullmatch(descr) is None:
        raise ValueError(f"it must hold numbers or truth values, got dtype {descr!r}")
    try:
        dtype = np.dtype(descr)
    except TypeError:
        raise ValueError(f"its dtype must be one of NumPy's, got {descr!r}") from None
    if not isinstance(shape, tuple) or not all(type(n) is int and 0 <= n < 2**62 for n in shape):
        raise ValueError(f"its shape must be of sizes, got {shape!r}")
    wanted = math.prod(shape) * dtype.itemsize
    if len(shape) > 32 or file.tell() + wanted != size:
        raise ValueError(
            f"its header says {len(begins) + LENGTH_BYTES[version] + length} + {wanted} bytes "
            f"for {descr} of shape {shape}, it has {size}"
        )
    return shape, "F" if fortran else "C", dtype
