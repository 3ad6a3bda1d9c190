"""NumPy ``.npz`` archives, written in one step and read without trust.

A file is written beside its destination and renamed into place once complete: what was there stays
whole whatever happens.  Pickles are never opened.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..arrays.host import native
from .npy import read_array, regular_size
from .replacing import replacing

__all__ = ["as_json", "from_json", "read_archive", "reject", "write_archive"]

Array = Any
HostArray = np.ndarray[Any, Any]
PathLike = str | os.PathLike[str]

ZIP_MAGIC = b"PK\x03\x04"


def write_archive(path: PathLike, arrays: Mapping[str, HostArray]) -> None:
    """Write an archive; a file already at ``path`` is replaced in one step.

    Raises
    ------
    OSError
        If it cannot be written; what was at ``path`` is untouched.
    """
    destination = Path(os.path.realpath(path))  # a link keeps pointing at the new file
    if destination.is_dir():
        raise IsADirectoryError(f"path must name a file, got the folder {os.fspath(path)!r}")
    if not destination.parent.is_dir():
        raise FileNotFoundError(
            f"path must lie in an existing folder, got {os.fspath(path)!r} "
            f"(no folder {str(destination.parent)!r})"
        )
    with replacing(destination) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_archive(
    path: PathLike, required: tuple[str, ...], more: Callable[[str], bool]
) -> dict[str, HostArray]:
    """Read the arrays that are required, and those whose names are wanted as well.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, no archive, or lacks a required array.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f"path must name a checkpoint, got {os.fspath(path)!r}: no file")
    try:
        size = regular_size(path)
        with open(path, "rb") as file:
            if file.read(len(ZIP_MAGIC)) != ZIP_MAGIC:
                reject(path, "it is no .npz archive")
            with zipfile.ZipFile(file) as archive:
                members = _members(path, archive, size)
                missing = [name for name in required if name not in members]
                if missing:
                    reject(path, f"it has no {' or '.join(missing)}")
                found = {}
                for name, member in members.items():
                    if name in required or more(name):
                        with archive.open(member) as stream:
                            found[name] = native(read_array(stream, member.file_size))  # type: ignore[arg-type]
                return found
    except _Rejected:
        raise
    # what `zipfile` raises on damaged archives depends on where the damage is
    except ValueError as error:
        reject(path, str(error))
    except (OSError, EOFError, LookupError, TypeError, ArithmeticError) as error:
        reject(path, f"{type(error).__name__}: {error}")
    except (RuntimeError, MemoryError, struct.error, zipfile.BadZipFile) as error:
        reject(path, f"{type(error).__name__}: {error}")


def _members(path: PathLike, archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name, or reject an archive that would take more memory than it has."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in members:
            reject(path, f"it has {name} twice")
        if member.compress_type != zipfile.ZIP_STORED:
            reject(path, f"its {name} is compressed, as save leaves no array")
        members[name] = member
    claimed = sum(member.file_size for member in members.values())
    if claimed > size:
        reject(path, f"its arrays claim {claimed} bytes, it has {size}")
    return members


class _Rejected(ValueError):
    """The file at ``path`` is not a readable checkpoint."""


def reject(path: PathLike, reason: str) -> NoReturn:
    """Raise ValueError: the file is no checkpoint, for that reason."""
    raise _Rejected(
        f"path must name a checkpoint written by tempotron_core.save, "
        f"got {os.fspath(path)!r}: {reason}"
    ) from None


def as_json(name: str, value: dict[str, Any]) -> HostArray:
    """Return a dict as JSON text in an array of bytes.

    Raises
    ------
    TypeError, ValueError
        If JSON cannot hold it; the message calls it ``name``.
    """
    try:
        text = json.dumps(value, allow_nan=False)
    except TypeError as error:
        raise TypeError(f"{name} must hold only what JSON can: {error}") from None
    except ValueError as error:
        raise ValueError(f"{name} must hold only what JSON can: {error}") from None
    return np.frombuffer(text.encode(), dtype=np.uint8)


def from_json(path: PathLike, name: str, raw: HostArray) -> dict[str, Any]:
    """Return what `as_json` was given, or reject the file."""
    try:
        value = json.loads(raw.tobytes())
    except (ValueError, RecursionError) as error:
        reject(path, f"its {name} is not JSON: {error}")
    if not isinstance(value, dict):
        reject(path, f"its {name} is a JSON {type(value).__name__}, not an object")
    return value
