"""``tempotron bench``: measure every backend on this machine."""

from __future__ import annotations

import argparse

from ..bench.arguments import add_bench_arguments as add_arguments
from .output import output_folder

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace) -> int:
    """Measure and print the tables; into ``--out``, the record and the plots."""
    from ..bench.command import run as run_bench

    return run_bench(args, None if args.out is None else output_folder(args.out))
