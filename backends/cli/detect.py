"""``tempotron detect``: when multi-spike neurons spike in the patterns of an event file."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from .where import add_where_options, chosen_backend

if TYPE_CHECKING:
    from ..training.detection import Detections

__all__ = ["add_arguments", "run"]

SUFFIXES = (".csv", ".npz")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    add_where_options(parser)
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help="a network of multi-spike neurons, such as tempotron train --rule aggregate writes",
    )
    parser.add_argument("events", metavar="EVENTS", help="an event file")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write them to a .csv or .npz file (default: print them as CSV)",
    )


def run(args: argparse.Namespace) -> int:
    """Print or write the pattern, the output and the time of every output spike.

    Raises
    ------
    ImportError, OSError, ValueError
        If checkpoint or events cannot be read, do not fit each other, or there is nowhere to write.
    """
    from tempotron_core.files.replacing import replacing

    from ..training.detection import detections

    suffix = "" if args.out is None else Path(args.out).suffix.lower()
    if args.out is not None and suffix not in SUFFIXES:
        raise ValueError(f"--out must end in {' or '.join(SUFFIXES)}, got {args.out!r}")
    found = detections(args.checkpoint, args.events, chosen_backend(args))
    if args.out is None:
        _write_csv(sys.stdout, found)
        return 0
    total = 0
    with replacing(Path(args.out)) as raw:
        if suffix == ".csv":
            text = io.TextIOWrapper(raw, encoding="utf-8", newline="", write_through=True)
            total = _write_csv(text, found)
            text.detach()
        else:
            parts = list(found)
            columns = {
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in ("pattern", "output", "time")
            }
            total = len(columns["time"])
            np.savez(raw, **columns)  # type: ignore[arg-type]
    print(f"wrote {args.out}: {total} detections")
    return 0


def _write_csv(stream: TextIO, found: Iterable[Detections]) -> int:
    """Write a line for each under a line of headings, and return how many there are."""
    writer, total = csv.writer(stream, lineterminator="\n"), 0
    writer.writerow(["pattern", "output", "time"])
    for part in found:
        times = map(str, part.time)  # as many digits as tell one time from others of its dtype
        rows = zip(part.pattern.tolist(), part.output.tolist(), times, strict=True)
        writer.writerows(rows)
        total += len(part.time)
    return total
