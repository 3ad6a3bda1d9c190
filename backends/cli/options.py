"""The command line's arguments."""

from __future__ import annotations

import argparse
from typing import NoReturn

from tempotron_core import __version__

from .._selection import EXTRAS
from ..bench.arguments import add_bench_arguments
from .encode import add_encode_arguments
from .training_options import add_training_options

__all__ = ["FAILURE", "SPLITS", "make_parser"]

FAILURE = 2
"""Exit code for a user's error."""

SPLITS = ("held-out", "train", "test", "all")
"""Parts of the data that ``tempotron eval`` can score."""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILURE, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of every command; the command's name is in ``args.command``."""
    parser = OneLineParser(
        prog="tempotron",
        description="Train and use tempotrons: neurons that classify spike patterns.",
    )
    parser.add_argument("--version", action="version", version=f"tempotron-core {__version__}")
    commands = parser.add_subparsers(
        title="commands", required=True, dest="command", metavar="COMMAND"
    )

    where = OneLineParser(add_help=False)
    group = where.add_argument_group("where to compute")
    group.add_argument("--backend", choices=sorted(EXTRAS), help="array library (default: numpy)")
    group.add_argument(
        "--device", help="such as cpu, cuda or cuda:1 (default: the backend's first)"
    )

    train = commands.add_parser(
        "train",
        parents=[where],
        help="train on scikit-learn's digits, or on images in MNIST's format",
        description="Train one tempotron per class and write a checkpoint and a figure.",
    )
    add_training_options(train)

    encode = commands.add_parser(
        "encode",
        help="write data as spikes, to train on more than fits in memory",
        description="Encode a data set and write an event file, which tempotron train --data reads "
        "batch by batch.",
    )
    add_encode_arguments(encode)

    evaluate = commands.add_parser(
        "eval",
        parents=[where],
        help="score a checkpoint on the held-out patterns",
        description="Score a checkpoint on the patterns held out from its training, or, given "
        "other data, on all of them.",
    )
    evaluate.add_argument("checkpoint", metavar="CHECKPOINT", help="written by tempotron train")
    evaluate.add_argument(
        "--data",
        metavar="DATA",
        help="folder of images in MNIST's IDX format, event file, or breast-cancer",
    )
    evaluate.add_argument(
        "--split",
        choices=SPLITS,
        help="part of the data to score (default: held-out, or all of data not trained on); test "
        "is the data's own test set, for which an IDX folder need hold nothing else",
    )
    evaluate.add_argument(
        "--figure", metavar="FILE", help="write a confusion matrix and the wrong patterns (PNG)"
    )

    predict = commands.add_parser(
        "predict",
        parents=[where],
        help="print the class of each pattern in a file",
        description="Print one class per line for the patterns in a file.",
    )
    predict.add_argument("checkpoint", metavar="CHECKPOINT", help="written by tempotron train")
    predict.add_argument(
        "input", metavar="INPUT", help="a .npy or .csv file of feature rows, or IDX images"
    )

    bench = commands.add_parser(
        "bench",
        help="measure every backend on this machine, and SpikingJelly beside them",
        description="Check that all agree, then measure time and memory of every backend that can "
        "be used here, in each of its forms.",
    )
    add_bench_arguments(bench)

    commands.add_parser(
        "backends",
        help="show what can be used on this machine",
        description="Show every array library and device, and why one cannot be used.",
    )
    return parser
