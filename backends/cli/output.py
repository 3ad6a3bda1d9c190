"""Folders and figures that commands write."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tempotron_core.files.replacing import hold, release, remove_leftovers, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["output_folder", "save_figure"]


@contextlib.contextmanager
def output_folder(out: str) -> Iterator[Path]:
    """Make the folder and lock it; what killed runs left unfinished in it is removed.

    A folder made for a run that fails, and left nothing in it, is removed.

    Raises
    ------
    OSError
        If it is no folder, cannot be written to, or another run writes to it.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--out must be a folder, got the file {out!r}")
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"--out must be a folder that can be written to, got {out!r}")
    try:
        lock = hold(folder)
    except BlockingIOError:
        raise BlockingIOError(
            f"--out must be a folder that no other run writes to, got {out!r}"
        ) from None
    try:
        remove_leftovers(folder)
        yield folder
    except BaseException:
        with contextlib.suppress(OSError):  # it is not empty
            for each in made:
                each.rmdir()
        raise
    finally:
        release(lock)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG; a file already at ``path`` is replaced in one step."""
    with replacing(path) as file:
        figure.savefig(file, format="png")
