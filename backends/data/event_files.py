"""Labelled spike patterns on disk, mapped into memory: data sets larger than memory.

An event file is a folder of four ``.npy`` files and a ``header.json``, described in docs/data.md.
Nothing is pickled, and only the pages that a batch needs are read.
"""

from __future__ import annotations

import stat
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .event_format import ARRAYS, PathLike, map_column, pattern_numbers, read_header, reject
from .event_writer import EventWriter

__all__ = ["EventFile", "EventWriter"]

Integers = NDArray[np.int64]

CHECKED_AT_ONCE = 1 << 20
"""Entries of an array."""


@dataclass(frozen=True, eq=False, repr=False)
class EventFile:
    """An event file, mapped; made by :meth:`open`.

    Attributes
    ----------
    path : pathlib.Path
    times : array, shape (E,)
        Spike times of all patterns, one after another, ascending within each; on disk.
    afferents : array, shape (E,)
        The afferent of each spike; on disk.
    offsets : array, shape (B + 1,)
        Pattern b holds the spikes ``offsets[b]:offsets[b + 1]``; in memory.
    labels : array, shape (B,)
        Class of each pattern, from 0; in memory.
    n_afferents : int
    n_classes : int
    duration : float
    metadata : dict
    checksums : dict
        CRC-32 of the arrays' bytes, where the header has them.
    """

    path: Path
    times: NDArray[Any]
    afferents: NDArray[np.int32]
    offsets: Integers
    labels: Integers
    n_afferents: int
    n_classes: int
    duration: float
    metadata: dict[str, Any] = field(default_factory=dict)
    checksums: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, path: PathLike) -> EventFile:
        """Map an event file, and check that its parts fit each other.

        Offsets and labels, 16 bytes a pattern, are read; spikes are not, and are checked when they
        are (:meth:`read`, :meth:`verify`).

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If it is no event file, of a later version, truncated or inconsistent.
        """
        folder = Path(path)
        while True:
            before = _identity(folder)
            if before is None:
                raise FileNotFoundError(
                    f"path must be a folder of an event file, got {str(folder)!r}: no such folder"
                )
            try:
                opened = cls._open(folder)
            except ValueError:
                if _identity(folder) == before:
                    raise
            else:
                if _identity(folder) == before:
                    return opened
            # replaced by another while it was opened: some of its arrays may be of either

    @classmethod
    def _open(cls, folder: Path) -> EventFile:
        header = read_header(folder)
        arrays = {name: map_column(folder, name) for name in ARRAYS}
        labels, offsets = (np.array(arrays[name]) for name in ("labels", "offsets"))
        n_patterns, n_spikes = len(labels), len(arrays["times"])
        for name, array, length in (
            ("afferents", arrays["afferents"], n_spikes),
            ("offsets", offsets, n_patterns + 1),
        ):
            if len(array) != length:
                reject(folder, f"{name}.npy must hold {length} entries, got {len(array)}")
        for name, found in (("n_patterns", n_patterns), ("n_spikes", n_spikes)):
            if header.get(name, found) != found:
                reject(folder, f"its header says {name} {header[name]!r}, its arrays {found}")
        if n_patterns == 0:
            reject(folder, "it holds no pattern")
        if offsets[0] != 0 or offsets[-1] != n_spikes or (np.diff(offsets) < 0).any():
            reject(folder, f"offsets.npy must ascend from 0 to {n_spikes}, the number of spikes")
        n_classes = header["n_classes"]
        if labels.min() < 0 or labels.max() >= n_classes:
            reject(
                folder,
                f"labels.npy must be from 0 to {n_classes - 1}, "
                f"got {labels.min()} to {labels.max()}",
            )
        return cls(
            folder,
            arrays["times"],
            arrays["afferents"],
            offsets,
            labels,
            header["n_afferents"],
            n_classes,
            float(header["duration"]),
            header.get("metadata", {}),
            header.get("crc32", {}),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return (
            f"EventFile({str(self.path)!r}: {len(self)} patterns, {self.n_afferents} afferents, "
            f"{len(self.times)} spikes, {self.n_classes} classes, duration={self.duration})"
        )

    @property
    def counts(self) -> Integers:
        """Spikes of each pattern."""
        return np.diff(self.offsets)

    @property
    def mean_spikes(self) -> float:
        """Mean number of spikes of a pattern."""
        return len(self.times) / len(self)

    @property
    def max_spikes(self) -> int:
        """Spikes of the pattern that has most."""
        return int(self.counts.max())

    def read(self, index: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int32], Integers]:
        """Read chosen patterns as spike lists, as `Events.from_csr` takes them.

        Parameters
        ----------
        index : integer array, shape (n,)
            Numbers of patterns, in any order, repetitions allowed.

        Returns
        -------
        times, afferents : array, shape (E,)
        offsets : array, shape (n + 1,)

        Raises
        ------
        IndexError
            If a number is out of range or not an integer.
        ValueError
            If what the file holds is no sorted list of spikes.
        """
        chosen = pattern_numbers(index, len(self))
        starts, counts = self.offsets[chosen], self.offsets[chosen + 1] - self.offsets[chosen]
        offsets = np.zeros(len(chosen) + 1, dtype=np.int64)
        np.cumsum(counts, out=offsets[1:])
        entries = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)
        times, afferents = self.times[entries], self.afferents[entries]
        first = np.zeros(len(times), dtype=np.bool_)
        first[offsets[:-1][counts > 0]] = True
        self._check_spikes(times, afferents, first[1:])
        return times, afferents, offsets

    def checksum(self, name: str) -> int:
        """Read an array and return the CRC-32 of its bytes.

        Raises
        ------
        ValueError
            If it is not that of the header, where that has one.
        """
        array, found = getattr(self, name), 0
        for start in range(0, len(array), CHECKED_AT_ONCE):
            part = np.ascontiguousarray(array[start : start + CHECKED_AT_ONCE])
            found = zlib.crc32(part.data, found)
        if found != self.checksums.get(name, found):
            reject(
                self.path, f"{name}.npy must have the checksum {self.checksums[name]}, got {found}"
            )
        return found

    def verify(self) -> None:
        """Read everything and compare it with the header's checksums.

        Raises
        ------
        ValueError
            If an array is not what was written, or its spikes are not possible.
        """
        for name in self.checksums:
            self.checksum(name)
        for start in range(0, len(self), 1024):
            self.read(np.arange(start, min(start + 1024, len(self))))

    def _check_spikes(
        self, times: NDArray[Any], afferents: NDArray[Any], first: NDArray[np.bool_] | None
    ) -> None:
        """Raise ValueError unless these are spikes, sorted along the last axis.

        ``first`` tells, for all entries but one, which begin a pattern.
        """
        if times.size == 0:
            return
        ascends = times[..., 1:] >= times[..., :-1]
        if first is not None:
            ascends |= first
        # NaN fails both comparisons
        if not (times.min() >= 0.0 and times.max() <= self.duration and ascends.all()):
            reject(
                self.path,
                f"times.npy must ascend within every pattern and be from 0 to {self.duration}",
            )
        if afferents.min() < 0 or afferents.max() >= self.n_afferents:
            reject(
                self.path,
                f"afferents.npy must be from 0 to {self.n_afferents - 1}, "
                f"got {afferents.min()} to {afferents.max()}",
            )


def _identity(folder: Path) -> tuple[int, ...] | None:
    """Return what another folder in its place would not have in common; None for no folder."""
    try:
        found = folder.stat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns
