"""The Heidelberg digits (SHD) and speech commands (SSC): spikes of a cochlea in an HDF5 file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..event_set import EventSet
from .libraries import existing, library

__all__ = ["read_heidelberg"]

CHANNELS = 700


def read_heidelberg(path: str | os.PathLike[str]) -> EventSet:
    """Read a file of the Spiking Heidelberg Digits or the Spiking Speech Commands.

    Parameters
    ----------
    path : path
        An ``.h5``, unpacked, with ``spikes/times`` in seconds, ``spikes/units`` and ``labels``.

    Returns
    -------
    EventSet
        Whose patterns are read when they are asked for; the file must stay where it is.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If h5py is not installed.
    ValueError
        If it has another layout, or lengths and channels that do not fit.
    """
    h5py = library("h5py", "read_heidelberg", "events")
    file = existing(path, "an HDF5 file of the Heidelberg data sets")
    try:
        content = h5py.File(file, "r")
    except OSError as error:
        raise ValueError(f"path must be an HDF5 file, got {str(path)!r}: {error}") from None
    missing = [name for name in ("spikes/times", "spikes/units", "labels") if name not in content]
    if missing:
        raise ValueError(
            f"path must hold spikes/times, spikes/units and labels, got {str(path)!r} without "
            f"{', '.join(missing)} (there are: {', '.join(content)})"
        )
    times, units, labels = content["spikes/times"], content["spikes/units"], content["labels"][:]
    if not len(times) == len(units) == len(labels) or len(labels) == 0:
        raise ValueError(
            f"path must hold as many times and units as labels, got {len(times)}, {len(units)} "
            f"and {len(labels)} in {str(path)!r}"
        )
    if labels.dtype.kind not in "iu" or int(labels.min()) < 0:
        raise ValueError(f"labels must be integers from 0, got {labels.dtype} in {str(path)!r}")

    def read(pattern: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        seconds = np.asarray(times[pattern], dtype=np.float64)  # half precision, in the files
        channels = np.asarray(units[pattern]).astype(np.int64)
        if seconds.shape != channels.shape or not np.isfinite(seconds).all():
            raise ValueError(
                f"pattern {pattern} of {str(path)!r} must have one finite time for each of "
                f"{channels.shape} units, got {seconds.shape}"
            )
        if len(channels) and not (channels.min() >= 0 and channels.max() < CHANNELS):
            raise ValueError(
                f"pattern {pattern} of {str(path)!r} must have units from 0 to {CHANNELS - 1}, "
                f"got {channels.min()} to {channels.max()}"
            )
        return seconds * 1e3, channels

    return EventSet(
        file.name,
        labels.astype(np.int64),
        _classes(content, int(labels.max()) + 1),
        CHANNELS,
        read,
    )


def _classes(content: Any, n_classes: int) -> NDArray[Any]:
    """Return the names that the file has for its classes, or numbers."""
    keys = content["extra/keys"][:] if "extra/keys" in content else []
    if len(keys) < n_classes:
        return np.arange(n_classes)
    return np.asarray([key.decode() if isinstance(key, bytes) else str(key) for key in keys])
