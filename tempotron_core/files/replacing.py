"""Files and folders written beside their destination and put in its place in one step.

What was there stays whole whatever happens.  A writer keeps a lock on what it writes.  The lock
ends with its process, however that ends, so what a killed writer left behind can be told from what
a living one is writing, and the next writer of that destination removes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

__all__ = ["hold", "make_beside", "naming", "release", "remove_leftovers", "replacing"]


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write; it takes the place of ``path`` at the end, if there was no exception.

    Raises
    ------
    OSError
        If it cannot be written; the error names ``path``, which is untouched.
    """
    remove_leftovers(path.parent, path.name)
    temporary, lock = make_beside(path)
    try:
        with naming(path):
            with open(temporary, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        release(lock)


def make_beside(path: Path, *, folder: bool = False) -> tuple[Path, int | None]:
    """Make an empty file or folder beside ``path`` and lock it: its path, and what `hold` gave."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
        if folder:
            temporary.mkdir()
        else:
            temporary.open("xb").close()
        # someone who removes left-overs may come between
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            lock = hold(temporary)
            if lock is None or _is(temporary, lock):
                return temporary, lock
            release(lock)


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove what killed writers of a file, or of any in the folder, have left.

    What a living one writes stays, and everything does where there are no locks.
    """
    left = re.compile(rf"\.{re.escape(name) or '.+'}\.[0-9a-f]{{12}}\.tmp")
    try:
        found = [entry.name for entry in os.scandir(folder) if left.fullmatch(entry.name)]
    except OSError:  # the writer will say what is wrong with it
        return
    for path in map(folder.joinpath, found):
        with contextlib.suppress(OSError):  # a living writer's, or already gone
            lock = hold(path)
            if lock is None:
                continue
            try:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            finally:
                release(lock)


def hold(path: Path) -> int | None:
    """Lock a file or folder, until `release` or the end of this process.

    Returns
    -------
    int or None
        What `release` takes; None where the system or the file system has no such locks.

    Raises
    ------
    BlockingIOError
        If another has locked it.
    OSError
        If it cannot be opened.
    """
    if sys.platform == "win32":
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def release(lock: int | None) -> None:
    """End a lock."""
    if lock is not None:
        os.close(lock)


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let errors that say "no space left" also say of what."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from error


def _is(path: Path, descriptor: int) -> bool:
    return os.path.samestat(os.stat(path), os.fstat(descriptor))
