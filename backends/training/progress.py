"""What a run prints: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from .callbacks import Callback, Epoch

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from tempotron_core.networks.training import Training

__all__ = ["PlainLines", "reporting"]


class PlainLines(Callback):
    """One line per epoch, for logs and pipes."""

    def __init__(self, epochs: int, stream: TextIO) -> None:
        self.epochs = epochs
        self.stream = stream

    def on_epoch(self, epoch: Epoch, state: Training) -> None:  # noqa: ARG002
        """Print the epoch's numbers at once, whatever the stream buffers."""
        print(
            f"epoch {epoch.number:>{len(str(self.epochs))}}/{self.epochs}  {_numbers(epoch)}",
            file=self.stream,
            flush=True,
        )


class ProgressBar(Callback):
    """A bar over all epochs, with the last epoch's loss and accuracy."""

    def __init__(self, bar: Bar, epochs: int, done: int) -> None:
        self.bar = bar
        self.epochs = epochs
        self.epoch = done
        self.task = bar.add_task("training", total=float(epochs), result="", epoch=self._label())

    def _label(self) -> str:
        return f"epoch {min(self.epoch + 1, self.epochs)}/{self.epochs}"

    def on_batch(self, done: int, of: int) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=self.epoch + done / of)

    def on_epoch(self, epoch: Epoch, state: Training) -> None:  # noqa: ARG002
        """Move the bar and show the epoch's numbers."""
        self.epoch = epoch.number
        self.bar.update(
            self.task,
            completed=float(epoch.number),
            epoch=self._label(),
            result=_numbers(epoch),
        )


@contextmanager
def reporting(epochs: int, stream: TextIO | None = None, *, done: int = 0) -> Iterator[Callback]:
    """Give what a run of that many epochs reports to: a bar if the stream is a terminal."""
    stream = sys.stdout if stream is None else stream
    bar = _bar(stream) if stream.isatty() else None
    if bar is None:
        yield PlainLines(epochs, stream)
        return
    with bar:
        yield ProgressBar(bar, epochs, done)


def _numbers(epoch: Epoch) -> str:
    text = f"loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.1%}"
    if epoch.validation_accuracy is not None:
        text += f"  validation {epoch.validation_accuracy:.2%}"
    return text


def _bar(stream: TextIO) -> Bar | None:
    """Return rich's progress display, or None where rich or the terminal cannot show one."""
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
    console = Console(file=stream)
    if console.is_dumb_terminal:  # it cannot move its cursor, and the bar would be seen at the end
        return None
    return Progress(
        TextColumn("{task.fields[epoch]}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[result]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
