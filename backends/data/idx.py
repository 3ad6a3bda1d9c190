"""Reader of IDX files, the format of MNIST's images and labels."""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_text", "read_idx"]

PathLike = str | os.PathLike[str]

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Element types by the third byte of an IDX file's magic number."""


def read_idx(path: PathLike) -> NDArray[Any]:
    """Read one array in IDX format, gzipped or not (judged by content, not by name).

    Parameters
    ----------
    path : path

    Returns
    -------
    array
        Of the shape and element type the file states.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or not in IDX format; the message names it and what is wrong.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else path.open("rb") as file:
            magic = file.read(4)
            if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not magic[3]:
                raise ValueError(
                    f"{str(path)!r} must start with the magic number of an IDX file, "
                    f"such as 00000803 or 00000801, got {magic.hex() or 'an empty file'}"
                )
            header = file.read(4 * magic[3])
            if len(header) < 4 * magic[3]:
                raise ValueError(
                    f"{str(path)!r} must state {magic[3]} sizes (magic number {magic.hex()}), "
                    f"got only {len(header)} bytes of them"
                )
            shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
            dtype = np.dtype(IDX_TYPES[magic[2]])
            expected = math.prod(shape) * dtype.itemsize
            content = _read_at_most(file, expected + 1)
    except FileNotFoundError:
        raise FileNotFoundError(f"no file {str(path)!r}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{str(path)!r} must be a whole gzip file: {error}") from None
    if len(content) != expected:
        got = "more" if len(content) > expected else f"{len(content)}"
        raise ValueError(
            f"{str(path)!r} must hold {expected} bytes after its header, for {as_text(shape)} "
            f"elements of {dtype.itemsize}, got {got}"
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def as_text(shape: tuple[int, ...]) -> str:
    """Return a shape as messages write it: ``60000 x 28 x 28``."""
    return " x ".join(map(str, shape))


def _read_at_most(file: io.BufferedIOBase, n_bytes: int) -> bytes:
    """Read that many bytes, or to the end; a false size in a header costs no memory."""
    parts, left = [], n_bytes
    while left > 0 and (part := file.read(min(left, 1 << 24))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
