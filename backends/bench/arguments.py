"""The arguments of ``tempotron bench``."""

from __future__ import annotations

import argparse

from .._selection import EXTRAS
from .workload import Shape

__all__ = ["SIZES", "add_bench_arguments"]

SIZES = {
    "batch": (int, "B", "patterns"),
    "afferents": (int, "N", "afferents"),
    "outputs": (int, "O", "neurons"),
    "duration": (float, "T", "length of a pattern"),
    "active": (float, "PART", "chance of an afferent to spike"),
}
"""Options that make a shape of one's own."""


def add_bench_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    shape = parser.add_argument_group(
        "what to measure",
        "Any size given makes one shape, with these defaults for the rest; without, two shapes are "
        "measured: 64 patterns on 12,544 afferents for 100 ms, and 256 on 500 for 500 ms.",
    )
    for name, (kind, metavar, text) in SIZES.items():
        shown = f"{text} (default: {getattr(Shape, name):g})"
        shape.add_argument(f"--{name}", type=kind, metavar=metavar, help=shown)
    shape.add_argument(
        "--small",
        action="store_true",
        help="one pattern, 100 afferents, one output: what single calls cost",
    )
    shape.add_argument(
        "--step",
        action="store_true",
        help="measure a step of training beside the kernels that it needs",
    )
    shape.add_argument(
        "--spiking",
        action="store_true",
        help="measure multi-spike neurons: counts, critical thresholds and gradients beside peak",
    )
    shape.add_argument(
        "--prepare",
        action="store_true",
        help="measure how patterns are prepared: from dense times, trains, lists, and sorted anew",
    )
    shape.add_argument(
        "--online",
        action="store_true",
        help="measure epochs of learning pattern by pattern beside a scan of the patterns",
    )
    shape.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help="(default: %(default)s)"
    )
    shape.add_argument(
        "--sweep", action="store_true", help="also vary one size at a time, the others fixed"
    )
    against = parser.add_argument_group("against what")
    against.add_argument(
        "--backends",
        nargs="+",
        metavar="NAME",
        choices=sorted(set(EXTRAS) - {"strict"}),
        help="array libraries (default: all that can be used)",
    )
    against.add_argument(
        "--peers",
        nargs="*",
        metavar="PYTHON",
        help="also measure SpikingJelly, in the environments of these Python interpreters "
        "(default: the one that runs this)",
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--runs", type=int, metavar="N", help="runs of everything (default: 9; with --quick 2)"
    )
    how.add_argument(
        "--threads", type=int, metavar="N", help="threads of each process (default: 2)"
    )
    how.add_argument(
        "--out", metavar="DIR", help="write bench.json, bench.md and the plots to this folder"
    )
    how.add_argument(
        "--quick", action="store_true", help="tiny sizes, to see that everything works"
    )
