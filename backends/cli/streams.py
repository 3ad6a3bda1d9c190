"""Standard streams that take whatever a command prints, closed ones among them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

__all__ = ["discard_output", "finish_output", "forgiving_streams"]


@contextlib.contextmanager
def forgiving_streams() -> Iterator[None]:
    """Let the standard streams be closed, or of an encoding that lacks characters.

    What goes to a closed one is lost, and a character that cannot be encoded is written as an
    escape sequence: neither should cost the result of a training.
    """
    with contextlib.ExitStack() as restore:
        for name in ("stdout", "stderr"):
            stream: TextIO | None = getattr(sys, name)
            if stream is None:
                # the lowest descriptor that is free: else a file that is opened would have it, and
                # a library that writes to it would write into the file
                nothing = restore.enter_context(open(os.devnull, "w", encoding="utf-8"))
                setattr(sys, name, nothing)
                restore.callback(setattr, sys, name, None)
            elif hasattr(stream, "reconfigure"):
                restore.callback(_set_errors, stream, stream.errors)
                _set_errors(stream, "backslashreplace")
        yield


def finish_output() -> None:
    """Write out what standard output holds back.

    Raises
    ------
    OSError
        If it cannot be written; what is left is then lost, and the interpreter does not try again.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
        raise
    except OSError as error:
        discard_output()
        raise OSError(error.errno, error.strerror, "standard output") from None


def discard_output() -> None:
    """Let what standard output holds back, and all that follows, go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def _set_errors(stream: TextIO, errors: str | None) -> None:
    with contextlib.suppress(OSError, ValueError):  # it writes out what it holds back first
        stream.reconfigure(errors=errors)  # type: ignore[attr-defined]
