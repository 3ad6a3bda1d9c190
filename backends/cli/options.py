"""The command line's arguments."""

from __future__ import annotations

import argparse
import difflib
from typing import Any, NoReturn

from tempotron_core import __version__

from . import backends, bench, crossval, detect, encode, evaluate, info, predict, train

__all__ = ["FAILURE", "make_parser"]

FAILURE = 2
"""Exit code for a user's error."""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line, and name the command that they are of."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILURE, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse unknown options here, where the command is known, and not in its parent."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [name for action in self._actions for name in action.option_strings]
            given = unknown[0].partition("=")[0].replace("_", "-")
            close = difflib.get_close_matches(given, options, n=1, cutoff=0.75)
            hint = f"; did you mean {close[0]}?" if close else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return found, unknown


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of every command; what runs it is in ``args.run``."""
    parser = OneLineParser(
        prog="tempotron",
        description="Train and use tempotrons: neurons that classify spike patterns.",
    )
    parser.add_argument("--version", action="version", version=f"tempotron-core {__version__}")
    commands = parser.add_subparsers(
        title="commands", required=True, dest="command", metavar="COMMAND"
    )

    command = commands.add_parser(
        "train",
        help="train on recordings, event files, images or scikit-learn's digits",
        description="Train one tempotron per class and write a checkpoint and a figure.",
    )
    train.add_arguments(command)
    command.set_defaults(run=train.run)

    command = commands.add_parser(
        "crossval",
        help="score a decoder by cross-validation, beside chance",
        description="Train on all folds but one and score that one, for every fold; the same with "
        "permuted labels says what chance is. Writes a table and a confusion matrix.",
    )
    crossval.add_arguments(command)
    command.set_defaults(run=crossval.run)

    command = commands.add_parser(
        "info",
        help="say what is in a recording or an event file",
        description="Print units, rates, trials and classes of a recording, of event data or of an "
        "event file.",
    )
    info.add_arguments(command)
    command.set_defaults(run=info.run)

    command = commands.add_parser(
        "encode",
        help="write data as spikes, to train on more than fits in memory",
        description="Encode a data set, or cut the trials of a recording, and write an event file, "
        "which tempotron train --data reads batch by batch.",
    )
    encode.add_arguments(command)
    command.set_defaults(run=encode.run)

    command = commands.add_parser(
        "eval",
        help="score a checkpoint on the held-out patterns",
        description="Score a checkpoint on the patterns held out from its training, or, given "
        "other data, on all of them.",
    )
    evaluate.add_arguments(command)
    command.set_defaults(run=evaluate.run)

    command = commands.add_parser(
        "predict",
        help="print the class of each pattern in a file",
        description="Print one class per line for the patterns in a file.",
    )
    predict.add_arguments(command)
    command.set_defaults(run=predict.run)

    command = commands.add_parser(
        "detect",
        help="print when multi-spike neurons spike",
        description="Print the pattern, output and time of every output spike in an event file.",
    )
    detect.add_arguments(command)
    command.set_defaults(run=detect.run)

    command = commands.add_parser(
        "bench",
        help="measure every backend on this machine, and SpikingJelly beside them",
        description="Check that all agree, then measure time and memory of every backend that can "
        "be used here, in each of its forms.",
    )
    bench.add_arguments(command)
    command.set_defaults(run=bench.run)

    command = commands.add_parser(
        "backends",
        help="show what can be used on this machine",
        description="Show every array library and device, and why one cannot be used; or compile "
        "the kernels.",
    )
    backends.add_arguments(command)
    command.set_defaults(run=backends.run)
    return parser
