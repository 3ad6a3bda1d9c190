"""A folder put in the place of another, in one step where the system can do it."""

from __future__ import annotations

import ctypes
import glob
import os
import secrets
import shutil
import sys
from pathlib import Path

__all__ = ["put_back", "put_folder"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # of renameat2, in linux/fs.h
_RENAME_SWAP = 2  # of renamex_np, in sys/stdio.h of macOS


def put_folder(new: Path, path: Path) -> None:
    """Move a folder to ``path``, and remove one that is there.

    Linux and macOS exchange the two at once, so that there is a whole folder at ``path`` at every
    time.  Elsewhere, and on file systems that cannot, the old one is moved away first.

    Raises
    ------
    OSError
        If it cannot be done; the old folder is then where it was.
    """
    if not path.exists():
        os.rename(new, path)
    elif _exchange(new, path):
        shutil.rmtree(new, ignore_errors=True)
    else:
        old = path.with_name(f".{path.name}.{secrets.token_hex(6)}.old")
        os.rename(path, old)
        try:
            os.rename(new, path)
        except OSError:
            os.rename(old, path)
            raise
        shutil.rmtree(old, ignore_errors=True)


def put_back(path: Path) -> None:
    """Undo what a kill within `put_folder` has left: the old folder, moved away."""
    for old in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 12}.old"):
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(old, path)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; False if that cannot be done here."""
    first, second = os.fsencode(one), os.fsencode(other)
    try:
        system = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return bool(system.renamex_np(first, second, _RENAME_SWAP) == 0)
        return bool(system.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0)
    except (AttributeError, OSError, TypeError):  # no such function; on Windows no such library
        return False
