"""NumPy ``.npz`` archives, written in one step and read without trust.

A file is written beside its destination and renamed into place once complete: what was there stays
whole whatever happens.  Pickles are never opened.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..arrays.host import native

__all__ = ["as_json", "from_json", "read_archive", "reject", "write_archive"]

Array = Any
HostArray = np.ndarray[Any, Any]
PathLike = str | os.PathLike[str]


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
    temporary = destination.with_name(f".{destination.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, destination)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


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
        # opened here, because NumPy leaves a file open whose content it cannot make out
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                reject(path, "it is one array, not an archive")
            missing = [name for name in required if name not in archive.files]
            if missing:
                reject(path, f"it has no {' or '.join(missing)}")
            wanted = [name for name in archive.files if name in required or more(name)]
            return {name: native(archive[name]) for name in wanted}
    except _Rejected:
        raise
    # what NumPy raises on damaged archives depends on where the damage is
    except (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, SyntaxError) as e:
        reject(path, f"{type(e).__name__}: {e}")
    except (RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as e:
        reject(path, f"{type(e).__name__}: {e}")


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
