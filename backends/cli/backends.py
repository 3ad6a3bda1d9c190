"""``tempotron backends``: what can be used on this machine, and kernels made ready for it."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
import time

from .._selection import Status, status
from .waiting import waiting

__all__ = ["add_arguments", "run"]

LEAST_WIDTH = 72
"""Of a table: the cells of a narrower one have room for pieces of words."""

HEAD = ("backend", "device", "version", "dtype", "usable")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile all kernels of the processor now, so that no first call waits for its own",
    )


def run(args: argparse.Namespace) -> int:
    """Print every array library and device, and why one cannot be used; or compile.

    Raises
    ------
    ImportError
        If there is nothing to compile with.
    """
    if args.compile:
        return _compile()
    rows = status()
    width = shutil.get_terminal_size((80, 24)).columns
    if width < LEAST_WIDTH:
        _print_list(rows, width)
        return 0
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
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        widths = [max(len(row[i]) for row in (HEAD, *cells)) for i in range(4)]
        for line in (HEAD, *cells):
            print("  ".join([*map(str.ljust, line, widths), line[4]]))
        return 0
    table = Table(*HEAD)
    for row, line in zip(rows, cells, strict=True):
        table.add_row(*map(Text, line[:4]), Text(line[4], "green" if row.usable else "yellow"))
    Console().print(table)
    return 0


def _print_list(rows: list[Status], width: int) -> None:
    """Print a paragraph per device, with what follows its name indented."""
    for row in rows:
        print(f"{row.name}:{row.device}" if row.device else row.name)
        what = f"{row.version}, {row.default_dtype}" if row.usable else f"no: {row.reason}"
        for line in textwrap.wrap(what, max(width - 2, 10), break_on_hyphens=False):
            print(f"  {line}")


def _compile() -> int:
    """Compile the kernels, and say how long it took and where they are kept."""
    try:
        from ..fused.cpu.ahead import cache_folder, compile_ahead
    except ImportError as error:
        raise ImportError(
            f"--compile needs Numba, which cannot be used ({error}): "
            "pip install 'tempotron-core[fast]'"
        ) from None
    began, count = time.perf_counter(), 0
    with waiting("compiling kernels, a minute or two") as say:
        for count, what in enumerate(compile_ahead(), start=1):
            say(f"compiling kernels: {count} ready, last {what}")
    seconds = time.perf_counter() - began
    folder = cache_folder()
    print(f"{count} kernels are ready, after {seconds:.1f} s")
    if folder:
        print(f"they are kept under {folder}")
    else:
        print("they cannot be kept: set NUMBA_CACHE_DIR to a folder to write to", file=sys.stderr)
    return 0
