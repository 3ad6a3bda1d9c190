"""``tempotron reproduce``: a published result by one command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .output import output_folder

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="what to reproduce; --list says what there is"
    )
    parser.add_argument(
        "--list", action="store_true", help="say what there is, from which paper, how long it takes"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small one in about a minute, which shows less"
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=int,
        help="processes side by side (default: one per processor)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="of all random numbers (default: 0)"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="where to write numbers, table and figure, and to go on with a run that was stopped "
        "(default: a folder of that name)",
    )
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="what to learn from, for those that do not come with it: for mnist, the folder of its "
        "files",
    )
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="a Dask scheduler, whose workers run it instead"
    )


def run(args: argparse.Namespace) -> int:
    """Run what is missing, print the table, write it and the figure.

    Raises
    ------
    ImportError, OSError, ValueError
        If something is not installed, an option is not possible, or there is nowhere to write.
    """
    from ..bench.report import require_rich
    from ..plotting import require_matplotlib
    from ..reproduce.names import NAMES, find
    from ..reproduce.report import print_list, print_rows, write
    from ..reproduce.running import FILE, run_all

    require_rich()
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=160)
    if args.list:
        print_list(console)
        return 0
    if args.name is None:
        raise ValueError(f"NAME must be one of {', '.join(NAMES)}, got none (see --list)")
    what = find(args.name)
    if args.jobs is not None and args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, got {args.jobs}")
    if args.seed < 0:
        raise ValueError(f"--seed must not be negative, got {args.seed}")
    require_matplotlib()  # better now than after the work
    with output_folder(args.out or args.name) as out:
        with _progress(args.name) as tell:
            record = run_all(
                args.name,
                out,
                quick=args.quick,
                seed=args.seed,
                jobs=_processors() if args.jobs is None else args.jobs,
                cluster=args.cluster,
                data=args.data,
                tell=tell,
            )
        done = [(each["job"], each["result"]) for each in record["jobs"]]
        print_rows(console, what, done, args.quick)
        for path in (out / FILE, *write(out, what, record, done)):
            console.print(f"wrote {path}", highlight=False, soft_wrap=True)
    return 0


def _processors() -> int:
    from ..fused.cpu.threads import n_threads

    return n_threads()


@contextmanager
def _progress(name: str) -> Iterator[Any]:
    """Give what a run reports to: a bar with the time left on a terminal, lines elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    console = Console(stderr=True)
    if not sys.stderr.isatty() or console.is_dumb_terminal:

        def line(cost: float, of_cost: float, done: int, of: int) -> None:
            print(
                f"{name}: {done} of {of} jobs, {cost / max(of_cost, 1e-9):.0%}",
                file=sys.stderr,
                flush=True,
            )

        yield line
        return
    columns = (TextColumn(name), BarColumn(), TextColumn("{task.fields[jobs]}"))
    with Progress(*columns, TimeElapsedColumn(), TimeLeft(), console=console) as bar:
        task = bar.add_task(name, total=None, jobs="")

        def move(cost: float, of_cost: float, done: int, of: int) -> None:
            bar.update(task, completed=cost, total=of_cost, jobs=f"{done} of {of} jobs")

        yield move
