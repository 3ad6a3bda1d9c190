"""What a run prints: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from .training import Progress

__all__ = ["PlainLines", "reporting"]


class PlainLines:
    """One line per epoch, for logs and pipes."""

    def __init__(self, epochs: int, stream: TextIO) -> None:
        self.epochs = epochs
        self.stream = stream

    def on_batch(self, done: int, of: int) -> None:
        """Print nothing."""

    def on_epoch(self, epoch: int, loss: float, accuracy: float) -> None:
        """Print the epoch's numbers at once, whatever the stream buffers."""
        print(
            f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}"
            f"  loss {loss:.4f}  accuracy {accuracy:.1%}",
            file=self.stream,
            flush=True,
        )


class ProgressBar:
    """A bar over all epochs, with the last epoch's loss and accuracy."""

    def __init__(self, bar: Bar, epochs: int) -> None:
        self.bar = bar
        self.epochs = epochs
        self.epoch = 0
        self.task = bar.add_task("training", total=float(epochs), result="", epoch=self._label())

    def _label(self) -> str:
        return f"epoch {min(self.epoch + 1, self.epochs)}/{self.epochs}"

    def on_batch(self, done: int, of: int) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=self.epoch + done / of)

    def on_epoch(self, epoch: int, loss: float, accuracy: float) -> None:
        """Move the bar and show the epoch's numbers."""
        self.epoch = epoch
        self.bar.update(
            self.task,
            completed=float(epoch),
            epoch=self._label(),
            result=f"loss {loss:.4f}  accuracy {accuracy:6.1%}",
        )


@contextmanager
def reporting(epochs: int, stream: TextIO | None = None) -> Iterator[Progress]:
    """Give what a run of that many epochs reports to: a bar if the stream is a terminal."""
    stream = sys.stdout if stream is None else stream
    bar = _bar(stream) if stream.isatty() else None
    if bar is None:
        yield PlainLines(epochs, stream)
        return
    with bar:
        yield ProgressBar(bar, epochs)


def _bar(stream: TextIO) -> Bar | None:
    """Return rich's progress display, or None where rich is not installed."""
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
    except ImportError:
        return None
    return Progress(
        TextColumn("{task.fields[epoch]}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[result]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(file=stream),
    )
