"""What a training run tells others: callbacks, and a log in CSV."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import NamedTuple

from tempotron_core.files.replacing import naming, replacing
from tempotron_core.networks.training import Training

__all__ = ["Callback", "CsvLog", "Epoch"]


class Epoch(NamedTuple):
    """An epoch that is done.

    Attributes
    ----------
    number : int
        Counted from 1.
    loss, accuracy : float
        On the training patterns, during the epoch.
    validation_accuracy : float or None
        After the epoch, if there are validation patterns.
    silent : int
        Neurons that answered to no pattern.
    seconds : float
        Time it took.
    """

    number: int
    loss: float
    accuracy: float
    validation_accuracy: float | None
    silent: int
    seconds: float


class Callback:
    """What a run reports to; a subclass overrides what it wants to hear of."""

    def on_batch(self, done: int, of: int) -> None:
        """Batches of the epoch done, of how many."""

    def on_epoch(self, epoch: Epoch, state: Training) -> None:
        """An epoch is done; the state is that to continue from, and must not be changed."""


class CsvLog(Callback):
    """A line per epoch in a file of comma-separated values, with a heading.

    Parameters
    ----------
    path : path
        Written anew, but for the epochs that a run to be continued has behind it.
    epochs_done : int, optional
        Lines to keep.
    """

    def __init__(self, path: str | os.PathLike[str], *, epochs_done: int = 0) -> None:
        self.path = Path(path)
        kept: list[list[str]] = []
        if epochs_done and self.path.is_file():
            with open(self.path, newline="", encoding="utf-8") as file:
                # a line that a kill cut short is not one of those
                rows = [row for row in csv.reader(file) if len(row) == len(Epoch._fields)]
            kept = rows[1 : 1 + epochs_done]
        text = io.StringIO(newline="")
        csv.writer(text).writerows([Epoch._fields, *kept])
        # a kill must not cost the lines that were there
        with replacing(self.path) as raw:
            raw.write(text.getvalue().encode())

    def on_epoch(self, epoch: Epoch, state: Training) -> None:  # noqa: ARG002
        """Append the epoch's numbers."""
        row = ["" if value is None else value for value in epoch]
        row[-1] = f"{epoch.seconds:.3f}"
        with naming(self.path), open(self.path, "a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(row)
