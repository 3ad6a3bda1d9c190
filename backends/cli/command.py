"""The ``tempotron`` command: it finds the sub-command, runs it, and puts errors in one line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

from .options import FAILURE, INTERRUPTED, make_parser
from .streams import discard_output, finish_output, forgiving_streams

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        0, or 2 for a user's error (one message on stderr), or 130 after Ctrl-C.
    """
    with forgiving_streams():
        return _run(argv)


def _run(argv: Sequence[str] | None) -> int:
    command = None
    try:
        try:
            args = make_parser().parse_args(argv)
            command = args.command
            with warnings.catch_warnings():
                warnings.showwarning = partial(_show_warning, command)
                code = int(args.run(args))
        except SystemExit as stop:  # argparse has printed its message
            code = stop.code if isinstance(stop.code, int) else FAILURE
        finish_output()
    except BrokenPipeError:  # the reader of our output has closed it, as `head` does
        discard_output()
        return 0
    except KeyboardInterrupt:
        print("tempotron: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ImportError, MemoryError, OSError, ValueError) as error:
        cause: BaseException = error
        try:
            finish_output()
        except OSError as of_output:
            if getattr(error, "filename", "") is None:  # it was a line that could not be printed
                cause = of_output
        print(f"tempotron: error: {_in_options(_message(cause), command)}", file=sys.stderr)
        return FAILURE
    return code


def _show_warning(command: str, message: Warning | str, *_: Any) -> None:
    print(f"tempotron: warning: {_in_options(str(message), command)}", file=sys.stderr)


def _in_options(message: str, command: str | None) -> str:
    from .naming import in_options  # which knows the settings of training

    return in_options(message, command)


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.strerror}: {error.filename!r}"
    return str(error) or type(error).__name__
