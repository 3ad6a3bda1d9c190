"""``tempotron bench``, put together."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import available
from .._backend import Backend
from .arguments import SIZES
from .machine import check_threads, describe, limited_to, versions
from .measure import Record, Settings, measure
from .online import measure_online
from .peers import Peer
from .preparing import measure_preparing
from .report import markdown, print_tables, require_rich
from .spiking import measure_spiking
from .step import measure_step
from .sweep import QUICK_VALUES, VALUES, sweeps
from .workload import (
    DEFAULT_SHAPES,
    ONLINE_SHAPES,
    QUICK_SHAPES,
    SMALL_SHAPE,
    STEP_SHAPES,
    Shape,
    Workload,
)

__all__ = ["FORMAT", "run"]

FORMAT = 1
"""Number of the JSON's layout."""

RUNS, QUICK_RUNS = 9, 2

ALONE: dict[str, tuple[str, Callable[[Workload, list[Backend], Settings], Record]]] = {
    "spiking": ("spiking", measure_spiking),
    "step": ("steps", measure_step),
    "prepare": ("preparing", measure_preparing),
    "online": ("online", measure_online),
}
"""Options that are measurements of their own: where they are recorded, and what measures."""

FILL = 0.05
"""Seconds that a run lasts at least."""


def run(args: argparse.Namespace, out: Path | None) -> int:
    """Measure, print the tables and, given a folder, write the record and the plots.

    Parameters
    ----------
    args : argparse.Namespace
        Of `arguments.add_bench_arguments`.
    out : Path or None
        A folder that exists.

    Returns
    -------
    int
        0.

    Raises
    ------
    ValueError
        If an argument is not valid, a peer cannot be used, or anything disagrees on v_max.
    ImportError
        If rich, or matplotlib with a folder given, is not installed.
    """
    require_rich()
    from rich.console import Console

    if out is not None:
        from ..plotting import require_matplotlib

        require_matplotlib()  # better now than after the measurements
    shapes = _shapes(args)
    for name in ALONE:
        if getattr(args, name) and (other := _beside(name, args)):
            raise ValueError(f"--{name} is measured by itself, got {other} as well")
    threads = check_threads(args.threads)
    runs = args.runs if args.runs is not None else QUICK_RUNS if args.quick else RUNS
    if runs < 1:
        raise ValueError(f"--runs must be at least 1, got {runs}")
    whats = ("prepare", "forward", "gradient")
    # to a file or a pipe the table is as wide as it needs to be
    console = Console() if sys.stdout.isatty() else Console(width=128)
    settings = Settings(runs, 0.0 if args.quick else FILL, threads, whats, _teller())
    with ExitStack() as stack:
        stack.enter_context(limited_to(threads))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        peers = list(_peers(args, threads, stack))
        backends = _backends(args)
        record = _header(backends, peers, settings)
        _print_machine(record, console)
        for shape in shapes:
            workload = Workload(shape, args.dtype)
            alone = next((name for name in ALONE if getattr(args, name)), None)
            if alone is not None:
                key, measure_alone = ALONE[alone]
                record[key].append(measure_alone(workload, backends, settings))
                print_tables(record | {key: record[key][-1:]}, console)
                continue
            case = measure(workload, backends, peers, settings, folder)
            record["cases"].append(case)
            print_tables(record | {"cases": [case]}, console)
        if args.sweep:
            base = shapes[0] if args.quick or _given(args) else Shape()
            values = QUICK_VALUES if args.quick else VALUES
            record["sweeps"] = sweeps(base, args.dtype, backends, peers, settings, folder, values)
            print_tables(record | {"cases": []}, console)
    if out is not None:
        for path in _write(record, out):
            console.print(f"wrote {path}", highlight=False, soft_wrap=True)
    return 0


def _beside(name: str, args: argparse.Namespace) -> str | None:
    """The option given that the one of this name does not go with."""
    others = {f"--{other}": getattr(args, other) for other in ALONE if other != name}
    others |= {"--small": args.small, "--sweep": args.sweep, "--peers": args.peers is not None}
    return next((other for other, given in others.items() if given), None)


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """The sizes given."""
    return {name: value for name in SIZES if (value := getattr(args, name)) is not None}


def _shapes(args: argparse.Namespace) -> tuple[Shape, ...]:
    given = _given(args)
    if args.small:
        if given:
            raise ValueError(f"--small has its own sizes, got --{next(iter(given))} as well")
        if args.sweep:
            raise ValueError("--small is one call on one shape, got --sweep as well")
        return (SMALL_SHAPE,)
    if args.quick:
        return tuple(shape.with_(**given) for shape in QUICK_SHAPES)
    for name, shapes in (("step", STEP_SHAPES), ("online", ONLINE_SHAPES)):
        if getattr(args, name):
            return tuple(shape.with_(**given) for shape in shapes)
    return (Shape(**given),) if given else DEFAULT_SHAPES


def _backends(args: argparse.Namespace) -> list[Backend]:
    wanted = args.backends
    found = [b for b in available() if b.name != "strict" and (not wanted or b.name in wanted)]
    missing = set(wanted or ()) - {b.name for b in found}
    if missing:
        raise ValueError(
            f"--backends must name what can be used here, got {', '.join(sorted(missing))} "
            "(`tempotron backends` says why not)"
        )
    return found


def _peers(args: argparse.Namespace, threads: int, stack: ExitStack) -> Iterator[Peer]:
    if args.peers is None:
        return
    for interpreter in args.peers or [sys.executable]:
        peer = Peer(interpreter, threads)
        stack.callback(peer.close)
        yield peer


def _header(backends: list[Backend], peers: list[Peer], settings: Settings) -> Record:
    found = versions(backends) | {f"torch of {p.name}": p.about["torch"] for p in peers}
    return {
        "format": FORMAT,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe(),
        "versions": found,
        "threads": settings.threads,
        "runs": settings.runs,
        "seconds_per_run_at_least": settings.fill,
        "cases": [],
        "spiking": [],
        "steps": [],
        "preparing": [],
        "online": [],
        "sweeps": [],
    }


def _print_machine(record: Record, console: Any) -> None:
    """Print what a reader has to know of the machine, in two lines."""
    machine, found = record["machine"], record["versions"]
    console.print(
        f"{machine['processor']}, {machine['usable_cpus']} of {machine['cpus']} CPUs usable, "
        f"{machine['system']}, Python {machine['python']}",
        highlight=False,
    )
    console.print(", ".join(f"{k} {v}" for k, v in found.items()), highlight=False)
    console.print()


def _teller() -> Callable[[str], None]:
    """What the measurements tell their progress to: lines beside the results."""
    from rich.console import Console

    console = Console(stderr=True)

    def tell(text: str) -> None:
        console.print(f"bench: {text}", style="dim", highlight=False, soft_wrap=True)

    return tell


def _write(record: Record, out: Path) -> Iterator[Path]:
    from .figure import cases_figure, sweeps_figure

    texts = {"bench.json": json.dumps(record, indent=1) + "\n", "bench.md": markdown(record)}
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
        yield out / name
    if record["cases"]:
        cases_figure(record).savefig(out / "bench.png")
        yield out / "bench.png"
    if record["sweeps"]:
        sweeps_figure(record).savefig(out / "sweep.png")
        yield out / "sweep.png"
