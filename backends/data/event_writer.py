"""Writing of event files in parts, with bounded memory."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tempotron_core import Events, RaggedEvents
from tempotron_core.arrays.numbers import positive_float, whole_number
from tempotron_core.arrays.plain import check_plain
from tempotron_core.files.replacing import make_beside, naming, release, remove_leftovers

from ..interchange.lists import to_spike_list
from .class_labels import checked_names, class_numbers
from .event_format import ARRAYS, FORMAT, TIME_DTYPES, VERSION, PathLike, read_header
from .folders import put_back, put_folder
from .npy_column import Column

__all__ = ["EventWriter"]


class EventWriter:
    """Write an event file in parts; use it in a ``with`` statement.

    The file grows beside its destination, with the memory of one part, and appears there in one
    step when it is closed.  Leaving the ``with`` block by an exception discards it.

    Parameters
    ----------
    path : path
        The folder to make, conventionally ``*.events``; its parent must exist.
    n_afferents : int
    duration : float
        Length of every pattern.
    n_classes : int, optional
        By default one more than the largest label.
    dtype : {'float32', 'float64'}
        Of the spike times.
    metadata : dict, optional
        Anything JSON can hold (no NaN or infinity).  ``classes``, a list of names, lets labels be
        strings.
    overwrite : bool, default False
        Whether to replace an event file that is there.  Anything else is never replaced.

    Raises
    ------
    TypeError
        If ``metadata`` is no dict that JSON can hold.
    ValueError
        If a size, the duration or the dtype is not possible.
    OSError
        If the folder cannot be made, or something is there already.
    """

    def __init__(
        self,
        path: PathLike,
        n_afferents: int,
        duration: float,
        *,
        n_classes: int | None = None,
        dtype: str = "float32",
        metadata: dict[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(os.path.realpath(path))
        self.n_afferents = whole_number("n_afferents", n_afferents, least=1)
        self.duration = positive_float("duration", duration)
        if n_classes is not None:
            n_classes = whole_number("n_classes", n_classes, least=1)
        self.n_classes = n_classes
        if dtype not in TIME_DTYPES:
            raise ValueError(f"dtype must be one of {TIME_DTYPES}, got {dtype!r}")
        self.metadata = {} if metadata is None else metadata
        _json("metadata", self.metadata)
        self._names = None
        if (names := self.metadata.get("classes")) is not None:
            size = n_classes or (len(names) if isinstance(names, list | tuple) else 1)
            self._names = checked_names("classes of metadata", names, size)
            self.n_classes = size
        self.overwrite = overwrite
        put_back(self.path)
        self._check_destination()
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"path must lie in an existing folder, got {str(self.path)!r} "
                f"(no folder {str(self.path.parent)!r})"
            )
        remove_leftovers(self.path.parent, self.path.name)
        self._folder, self._lock = make_beside(self.path, folder=True)
        dtypes = {name: np.dtype(names[0]).newbyteorder("<") for name, names in ARRAYS.items()}
        dtypes["times"] = np.dtype(dtype).newbyteorder("<")
        self._arrays: dict[str, Column] = {}
        try:
            for name in ARRAYS:
                self._arrays[name] = Column(self._folder, name, dtypes[name])
        except BaseException:
            self.discard()
            raise
        self._arrays["offsets"].append(np.zeros(1, dtype=np.int64))
        self._largest_label = -1

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()
        elif not self._closed:
            self.close()

    def __len__(self) -> int:
        return self._arrays["labels"].length

    def append(self, events: Events, labels: ArrayLike | None = None) -> None:
        """Add patterns.

        Parameters
        ----------
        events : Events
            Of any array library, on any device.
        labels : array of integers, booleans or strings, shape (B,)
            Their classes, on the host; strings are names in the metadata's ``classes``.  Left out
            where there are none, as of patterns to count in: all are of class 0.

        Raises
        ------
        TypeError
            If ``events`` is no Events, or labels are none of these.
        ValueError
            If the afferents, the duration or the number of labels do not fit, a label is out of
            range, or labels of several classes are left out.
        """
        if labels is None and (self.n_classes or 1) > 1:
            raise ValueError(f"labels must be given for {self.n_classes} classes, got None")
        if not isinstance(events, Events):
            raise TypeError(f"events must be an Events, got {type(events).__name__}")
        for name in ("n_afferents", "duration"):
            if getattr(events, name) != getattr(self, name):
                raise ValueError(
                    f"events must have {name} {getattr(self, name)}, got {getattr(events, name)}"
                )
        times, afferents, offsets = to_spike_list(events)
        labels = np.zeros(len(events), np.int64) if labels is None else labels
        self._append(times, afferents, np.diff(offsets), labels)

    def append_spikes(
        self, times: ArrayLike, afferents: ArrayLike, offsets: ArrayLike, labels: ArrayLike
    ) -> None:
        """Add patterns as spike lists on the host.

        Parameters
        ----------
        times, afferents, offsets : array
            As `Events.from_csr` takes them.  What is no spike (negative times, times after the
            duration) is left out.
        labels : array of integers, booleans or strings, shape (B,)

        Raises
        ------
        TypeError, ValueError
            As :meth:`append` and `Events.from_csr`.
        """
        for name, given in (("times", times), ("afferents", afferents), ("offsets", offsets)):
            check_plain(name, given)
        lists = (np.asarray(times), np.asarray(afferents), np.asarray(offsets))
        self.append(RaggedEvents.from_csr(*lists, self.n_afferents, self.duration), labels)

    def close(self) -> None:
        """Complete the file and put it in its place.

        Raises
        ------
        ValueError
            If no pattern was added, or the writer is closed already.
        OSError
            If something is there by now.
        """
        self._check_open()
        try:
            if len(self) == 0:
                raise ValueError(
                    f"an event file must hold a pattern, got none for {str(self.path)!r}"
                )
            header = {
                "format": FORMAT,
                "version": VERSION,
                "n_patterns": len(self),
                "n_spikes": self._arrays["times"].length,
                "n_afferents": self.n_afferents,
                "duration": self.duration,
                "n_classes": self.n_classes or self._largest_label + 1,
                "crc32": self._finish(),
                "metadata": self.metadata,
            }
            text = json.dumps(header, allow_nan=False, indent=1) + "\n"
            with naming(self.path):
                (self._folder / "header.json").write_text(text, encoding="utf-8")
            self._check_destination()
            put_folder(self._folder, self.path)
        finally:
            self.discard()

    def discard(self) -> None:
        """Throw away what was written, unless it has been put in its place."""
        for column in self._arrays.values():
            with contextlib.suppress(OSError):  # what was not written yet may not fit on the disk
                column.file.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        release(self._lock)
        self._lock = None

    def _append(
        self,
        times: NDArray[Any],
        afferents: NDArray[Any],
        counts: NDArray[Any],
        labels: ArrayLike,
    ) -> None:
        self._check_open()
        if len(counts) == 0 and np.size(labels) == 0:
            return
        classes = class_numbers(labels, self._names)
        if classes.shape != counts.shape:
            raise ValueError(
                f"labels must have shape {counts.shape}, one per pattern, got {classes.shape}"
            )
        least, largest = int(classes.min()), int(classes.max())
        # as many classes as `whole_number` lets a header name
        below = 2**31 - 1 if self.n_classes is None else self.n_classes
        if least < 0 or largest >= below:
            raise ValueError(
                f"labels must be 0 or more and below {below}, got {least} to {largest}"
            )
        self._largest_label = max(self._largest_label, largest)
        start = self._arrays["times"].length
        with naming(self.path):
            self._arrays["times"].append(times)
            self._arrays["afferents"].append(afferents)
            self._arrays["offsets"].append(start + np.cumsum(counts, dtype=np.int64))
            self._arrays["labels"].append(classes)

    def _finish(self) -> dict[str, int]:
        """Complete the arrays and return their checksums."""
        with naming(self.path):
            return {name: column.finish() for name, column in self._arrays.items()}

    @property
    def _closed(self) -> bool:
        return self._arrays["times"].file.closed

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"the writer of {str(self.path)!r} must be open, got a closed one")

    def _check_destination(self) -> None:
        if not os.path.lexists(self.path):
            return
        if not self.overwrite:
            raise FileExistsError(
                f"path must be free unless overwrite is set, got {str(self.path)!r}"
            )
        if not _is_event_file(self.path):
            raise FileExistsError(
                f"path must be free or an event file to overwrite, got {str(self.path)!r}"
            )


def _is_event_file(path: Path) -> bool:
    try:
        read_header(path)
    except ValueError:
        return False
    return True


def _json(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict, got {type(value).__name__}")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold only what JSON can: {error}") from None
