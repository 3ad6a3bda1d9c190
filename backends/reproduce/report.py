"""The table of a reproduction, on a terminal and in Markdown, and its figure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tempotron_core.files.replacing import replacing

from ..plotting.style import new_figure
from .names import NAMES, find
from .reproduction import Done, Reproduction, Row

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_list", "print_rows", "write"]

HEAD = ("quantity", "published", "source", "here", "95 % interval", "verdict")


def print_list(console: Console) -> None:
    """Print what there is to reproduce."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in ("name", "shows", "from", "takes"):
        table.add_column(head)
    for name in NAMES:
        found = find(name)
        table.add_row(name, found.shows, found.paper, found.time)
    console.print(table)


def print_rows(console: Console, what: Reproduction, done: Done, quick: bool) -> None:
    """Print the table and what has to be known of it."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in HEAD:
        table.add_column(head)
    for row in what.rows(done):
        table.add_row(*_cells(row))
    console.print(table)
    for note in _notes(what, quick):
        console.print(note, style="dim", highlight=False)


def write(out: Path, what: Reproduction, record: dict[str, Any], done: Done) -> Iterator[Path]:
    """Write the table and the figure into a folder; yield their paths."""
    path = out / f"{what.name}.md"
    with replacing(path) as file:
        file.write(_markdown(what, record, done).encode())
    yield path
    path = out / f"{what.name}.png"
    with new_figure(*what.size) as figure:
        what.draw(figure, done)
        with replacing(path) as file:
            figure.savefig(file, format="png")
    yield path


def _cells(row: Row) -> tuple[str, ...]:
    return (row.quantity, row.published, row.source, row.here, row.interval, row.verdict)


def _notes(what: Reproduction, quick: bool) -> tuple[str, ...]:
    lacks = f"A quick run: {what.quick_lacks}" if quick else ""
    return tuple(note for note in (lacks, what.notes) if note)


def _markdown(what: Reproduction, record: dict[str, Any], done: Done) -> str:
    lines = [f"{what.shows[0].upper()}{what.shows[1:]}, after {what.paper}.", ""]
    lines += [f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in what.rows(done)]
    options = " --quick" if record["quick"] else ""
    options += f" --seed {record['seed']}" if record["seed"] else ""
    minutes = sum(each["seconds"] for each in record["jobs"]) / 60.0
    for note in _notes(what, record["quick"]):
        lines += ["", note]
    lines += ["", f"`tempotron reproduce {what.name}{options}`, {minutes:.1f} minutes of one core."]
    return "\n".join(lines) + "\n"
