"""The command line's arguments."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tempotron_core import __version__

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["FAILURE", "INTERRUPTED", "make_parser"]

FAILURE = 2
"""Exit code for a user's error."""

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line, and name the command that they are of."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILURE, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Let it be an error that help cannot be written, which argparse drops."""
        if file is sys.stdout:
            file.write(message)
        else:
            super()._print_message(message, file)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse unknown options here, where the command is known, and not in its parent."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [name for action in self._actions for name in action.option_strings]
            given = unknown[0].partition("=")[0].replace("_", "-")
            from difflib import get_close_matches

            close = get_close_matches(given, options, n=1, cutoff=0.75)
            hint = f"; did you mean {close[0]}?" if close else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return found, unknown


COMMANDS = {
    "train": (
        "train",
        "train on recordings, event files, images or scikit-learn's digits",
        "Train one tempotron per class and write a checkpoint and a figure.",
    ),
    "crossval": (
        "crossval",
        "score a decoder by cross-validation, beside chance",
        (
            "Train on all folds but one and score that one, for every fold; the same with "
            "permuted labels says what chance is. Writes a table and a confusion matrix."
        ),
    ),
    "info": (
        "info",
        "say what is in a recording or an event file",
        (
            "Print units, rates, trials and classes of a recording, of event data or of an "
            "event file."
        ),
    ),
    "encode": (
        "encode",
        "write data as spikes, to train on more than fits in memory",
        (
            "Encode a data set, or cut the trials of a recording, and write an event file, "
            "which tempotron train --data reads batch by batch."
        ),
    ),
    "eval": (
        "evaluate",
        "score a checkpoint on the held-out patterns",
        (
            "Score a checkpoint on the patterns held out from its training, or, given "
            "other data, on all of them."
        ),
    ),
    "predict": (
        "predict",
        "print the class of each pattern in a file",
        "Print one class per line for the patterns in a file.",
    ),
    "detect": (
        "detect",
        "print when multi-spike neurons spike",
        "Print the pattern, output and time of every output spike in an event file.",
    ),
    "bench": (
        "bench",
        "measure every backend on this machine, and SpikingJelly beside them",
        (
            "Check that all agree, then measure time and memory of every backend that can "
            "be used here, in each of its forms."
        ),
    ),
    "reproduce": (
        "reproduce",
        "reproduce a published result",
        (
            "Run an experiment of the literature, set its numbers beside the published ones and "
            "draw the figure. A run that was stopped goes on where it was."
        ),
    ),
    "backends": (
        "backends",
        "show what can be used on this machine",
        (
            "Show every array library and device, and why one cannot be used; or compile "
            "the kernels."
        ),
    ),
}
"""The module, the help and the description of each command."""


class CommandParser(OneLineParser):
    """The parser of a command, whose module is imported when the command is the one given.

    ``tempotron --help`` has no use for NumPy, and should not wait for it.
    """

    module = ""

    def load(self) -> None:
        """Add the arguments of the command, once."""
        if self.module:
            command = import_module(f".{self.module}", __package__)
            self.module = ""
            command.add_arguments(self)
            self.set_defaults(run=command.run)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse what follows the name of the command."""
        self.load()
        return super().parse_known_args(args, namespace)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of every command; what runs it is in ``args.run``."""
    parser = OneLineParser(
        prog="tempotron",
        description="Train and use tempotrons: neurons that classify spike patterns.",
    )
    parser.add_argument("--version", action="version", version=f"tempotron-core {__version__}")
    commands = parser.add_subparsers(
        title="commands",
        required=True,
        dest="command",
        metavar="COMMAND",
        parser_class=CommandParser,
    )
    for name, (module, text, description) in COMMANDS.items():
        commands.add_parser(name, help=text, description=description).module = module
    return parser
