"""N-MNIST: digits seen by a moving camera, a folder of small binary files for each class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..event_set import EventSet, by_pixel
from .libraries import existing

__all__ = ["read_nmnist"]

SIZE = (34, 34)
OVERFLOW = 240
"""What stands for y in an entry that says that the clock has wrapped."""

WRAPPED = 1 << 13
"""Microseconds that each such entry adds."""


def read_nmnist(path: str | os.PathLike[str]) -> EventSet:
    """Read a folder of N-MNIST.

    Parameters
    ----------
    path : path
        ``Train`` or ``Test``: folders ``0`` to ``9`` with ``.bin`` files, an event of five bytes
        after another.

    Returns
    -------
    EventSet
        Whose patterns are read when they are asked for, in the order of classes and names; pixel
        (x, y) of polarity p is afferent ``(p * 34 + y) * 34 + x``.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If no file is in it, or one is truncated or of another sensor.
    """
    folder = existing(path, "a folder of N-MNIST", folder=True)
    files: list[Path] = []
    labels: list[int] = []
    for label in range(10):
        found = sorted((folder / str(label)).glob("*.bin"))
        files += found
        labels += [label] * len(found)
    if not files:
        there = ", ".join(sorted(each.name for each in folder.iterdir())[:10]) or "nothing"
        raise ValueError(
            f"path must hold folders 0 to 9 with .bin files, got {str(path)!r} with {there}"
        )

    def read(pattern: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        x, y, polarity, t = _decoded(files[pattern])
        return t / 1e3, by_pixel(str(files[pattern]), x, y, polarity, SIZE)

    n_afferents = 2 * SIZE[0] * SIZE[1]
    return EventSet(folder.name, np.asarray(labels), np.arange(10), n_afferents, read)


def _decoded(file: Path) -> tuple[NDArray[Any], ...]:
    """Return x, y, polarity and microseconds of each event."""
    raw = np.fromfile(file, dtype=np.uint8)
    if raw.size % 5:
        raise ValueError(
            f"{str(file)!r} must hold events of 5 bytes, got {raw.size} bytes: it is truncated"
        )
    x, y, high, middle, low = raw.reshape(-1, 5).T.astype(np.int64)
    t = ((high & 127) << 16) | (middle << 8) | low
    wrapped = y == OVERFLOW
    t = t + WRAPPED * np.cumsum(wrapped)
    seen = ~wrapped
    return x[seen], y[seen], (high >> 7)[seen], t[seen]
