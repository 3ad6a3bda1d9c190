"""``tempotron backends``: what can be used on this machine."""

from __future__ import annotations

import argparse

from .._selection import status

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Print a table of every array library and device, and why one cannot be used."""
    rows = status()
    cells = [
        (
            row.name,
            row.device,
            row.version,
            row.default_dtype,
            "yes" if row.usable else f"no: {row.reason}",
        )
        for row in rows
    ]
    head = ("backend", "device", "version", "dtype", "usable")
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        widths = [max(len(row[i]) for row in (head, *cells)) for i in range(4)]
        for line in (head, *cells):
            print("  ".join([*map(str.ljust, line, widths), line[4]]))
        return 0
    table = Table(*head)
    for row, line in zip(rows, cells, strict=True):
        table.add_row(*map(Text, line[:4]), Text(line[4], "green" if row.usable else "yellow"))
    Console().print(table)
    return 0
