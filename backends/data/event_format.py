"""What an event file consists of, and whether a folder is one; described in docs/data.md."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tempotron_core.arrays.numbers import positive_float, whole_number
from tempotron_core.arrays.plain import check_plain
from tempotron_core.files.npy import map_array, regular_size

__all__ = [
    "ARRAYS",
    "FORMAT",
    "TIME_DTYPES",
    "VERSION",
    "map_column",
    "pattern_numbers",
    "read_header",
    "reject",
]

PathLike = str | os.PathLike[str]

FORMAT = "tempotron event file"
VERSION = 1
TIME_DTYPES = ("float32", "float64")
ARRAYS = {
    "times": TIME_DTYPES,
    "afferents": ("int32",),
    "offsets": ("int64",),
    "labels": ("int64",),
}
"""The arrays of an event file and the dtypes that each may have."""

LARGEST_HEADER = 1 << 24
"""Bytes of ``header.json``."""


def map_column(folder: Path, name: str) -> NDArray[Any]:
    """Map one array, checked for its type."""
    try:
        array = map_array(folder / f"{name}.npy")
    except FileNotFoundError:
        reject(folder, f"it has no {name}.npy")
    except (OSError, ValueError) as error:
        reject(folder, f"{name}.npy cannot be read: {error}")
    allowed = ARRAYS[name]
    if array.ndim != 1 or array.dtype not in allowed:
        reject(
            folder,
            f"{name}.npy must hold {' or '.join(allowed)} along one axis, "
            f"got {array.dtype} of shape {array.shape}",
        )
    return array


def read_header(folder: Path) -> dict[str, Any]:
    """Return the header, checked for itself."""
    path = folder / "header.json"
    try:
        if regular_size(path) > LARGEST_HEADER:
            raise ValueError(f"it is larger than {LARGEST_HEADER} bytes")
        header = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        reject(folder, "it has no header.json")
    except (OSError, ValueError) as error:
        reject(folder, f"header.json cannot be read: {error}")
    except RecursionError:
        reject(folder, "header.json cannot be read: it is nested too deeply")
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else type(header).__name__
        reject(folder, f"header.json must say the format {FORMAT!r}, got {found!r}")
    if header.get("version") != VERSION:
        reject(folder, f"its version is {header.get('version')!r}, this release reads {VERSION}")
    try:
        for name in ("n_afferents", "n_classes"):
            whole_number(name, header.get(name))
        positive_float("duration", header.get("duration"))
    except (TypeError, ValueError) as error:
        reject(folder, f"its header is wrong: {error}")
    for name in ("metadata", "crc32"):
        if not isinstance(header.get(name, {}), dict):
            reject(folder, f"{name} of its header must be an object, got {header[name]!r}")
    for name, value in header.get("crc32", {}).items():
        if type(value) is not int:
            reject(folder, f"crc32 of its header must be integers, got {value!r} of {name}")
    unknown = set(header.get("crc32", {})) - set(ARRAYS)
    if unknown:
        reject(folder, f"crc32 of its header must be of {', '.join(ARRAYS)}, got {unknown}")
    return header


def pattern_numbers(index: ArrayLike, n_patterns: int, *, least: int = 0) -> NDArray[np.int64]:
    """Return ``index``, checked: ``least`` or more numbers of patterns from 0."""
    check_plain("index", index)
    chosen = np.asarray(index)
    if chosen.ndim != 1 or (chosen.dtype.kind not in "iu" and chosen.size) or len(chosen) < least:
        raise IndexError(
            f"index must be {'one or more ' if least else ''}integers along one axis, "
            f"got {chosen.dtype} of shape {chosen.shape}"
        )
    # before a conversion, in which a number beyond int64 would wrap around
    if len(chosen) and not (chosen.min() >= 0 and chosen.max() < n_patterns):
        raise IndexError(
            f"index must be from 0 to {n_patterns - 1}, got {chosen.min()} to {chosen.max()}"
        )
    return chosen.astype(np.int64)


class _Rejected(ValueError):
    """The folder is no event file, or a damaged one."""


def reject(folder: Path, reason: str) -> NoReturn:
    """Raise the one error of all damaged files."""
    raise _Rejected(f"{str(folder)!r} must be a whole event file: {reason}") from None
