"""The libraries of the formats, imported where a reader needs them, and the files they open."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["existing", "library", "plain_array"]

PathLike = str | os.PathLike[str]


def library(name: str, what: str, extra: str = "recordings") -> Any:
    """Import a library.

    Raises
    ------
    ImportError
        If it is not installed: the message says what needs it, and the extra that brings it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"{what} needs {package}, which cannot be used ({error}): "
            f"pip install 'tempotron-core[{extra}]'",
            name=package,
        ) from error


def existing(path: PathLike, what: str, *, folder: bool = False) -> Path:
    """Return a path to a file, or a folder, that is there.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    found = Path(path)
    if not (found.is_dir() if folder else found.is_file()):
        there = " (something else is there)" if found.exists() else ""
        raise FileNotFoundError(
            f"path must be {what}, got {str(path)!r}: no such {'folder' if folder else 'file'}"
            f"{there}"
        )
    return found


def plain_array(path: Path) -> NDArray[Any]:
    """Read an array of NumPy's own format, in which no object may be pickled.

    Raises
    ------
    ValueError
        If it is none, or holds objects.
    """
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"path must hold a {path.name} of NumPy's format without pickled objects, "
            f"got {str(path)!r}: {error}"
        ) from None
    return found
