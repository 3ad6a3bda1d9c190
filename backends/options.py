"""The command line's arguments."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from tempotron_core import __version__

from ._selection import EXTRAS
from .bench.arguments import add_bench_arguments
from .recipe import ENCODERS, LOSSES, Recipe

__all__ = ["FAILURE", "LATENCY_FROM", "RECIPE_OPTIONS", "make_parser"]

FAILURE = 2
"""Exit code for a user's error."""

LATENCY_FROM = 256
"""Features above which one spike per feature is the default: Gaussian fields multiply spikes."""

RECIPE_OPTIONS = (
    "encoder",
    "n_fields",
    "duration",
    "loss",
    "margin",
    "epochs",
    "batch_size",
    "learning_rate",
    "momentum",
    "hold_out",
    "seed",
)
"""Options of ``tempotron train`` that are fields of the recipe, which knows their defaults."""


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
    _add_training_options(train)

    evaluate = commands.add_parser(
        "eval",
        parents=[where],
        help="score a checkpoint on the held-out patterns",
        description="Score a checkpoint on the patterns held out from its training, or, given "
        "other data, on all of them.",
    )
    evaluate.add_argument("checkpoint", metavar="CHECKPOINT", help="written by tempotron train")
    evaluate.add_argument("--data", metavar="DIR", help="folder of images in MNIST's IDX format")

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


def _add_training_options(parser: argparse.ArgumentParser) -> None:
    def option(group: Any, flag: str, name: str, text: str, **more: Any) -> None:
        default = getattr(Recipe, name)
        group.add_argument(flag, dest=name, help=f"{text} (default: {default})", **more)

    data = parser.add_argument_group("data and output")
    data.add_argument(
        "--data",
        metavar="DIR",
        help="folder of images in MNIST's IDX format, gzipped or not (default: digits)",
    )
    data.add_argument(
        "--out", metavar="DIR", default="tempotron-run", help="output folder (default: %(default)s)"
    )
    option(
        data,
        "--hold-out",
        "hold_out",
        "part of the patterns to hold out",
        metavar="PART",
        type=float,
    )
    option(data, "--seed", "seed", "seed of split, weights and shuffles", metavar="N", type=int)
    coding = parser.add_argument_group("encoding")
    coding.add_argument(
        "--encoder",
        choices=ENCODERS,
        help=f"how values become spikes (default: gaussian; latency above {LATENCY_FROM} features)",
    )
    option(coding, "--fields", "n_fields", "Gaussian fields per feature", metavar="M", type=int)
    option(coding, "--duration", "duration", "length of a pattern in ms", metavar="T", type=float)
    learning = parser.add_argument_group("learning")
    learning.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help="(default: %(default)s)"
    )
    option(learning, "--loss", "loss", "what to minimise", choices=LOSSES)
    option(
        learning,
        "--margin",
        "margin",
        "distance from threshold to train for",
        metavar="V",
        type=float,
    )
    option(learning, "--epochs", "epochs", "passes through the data", metavar="N", type=int)
    option(learning, "--batch-size", "batch_size", "patterns per step", metavar="N", type=int)
    option(
        learning,
        "--learning-rate",
        "learning_rate",
        "step size, divided by the mean number of spikes in a pattern",
        metavar="X",
        type=float,
    )
    option(
        learning,
        "--momentum",
        "momentum",
        "part of the last step repeated",
        metavar="X",
        type=float,
    )
