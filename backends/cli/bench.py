"""``tempotron bench``: measure every backend on this machine."""

from __future__ import annotations

import argparse

from ..bench.arguments import add_bench_arguments as add_arguments
from .output import output_folder

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace) -> int:
    """Measure and print the tables; into ``--out``, the record and the plots."""
    from ..bench.command import run as run_bench

    if args.out is None:
        return run_bench(args, None)
    with output_folder(args.out) as out:
        return run_bench(args, out)
