"""What is shown on a terminal while a command works; nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["waiting"]


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Show a line on stderr that moves while there is something to wait for.

    Parameters
    ----------
    what : str

    Yields
    ------
    callable
        Takes the text that the line is to have from now on.
    """
    try:
        from rich.console import Console
    except ImportError:
        console = None
    else:
        console = Console(stderr=True)
    if console is None or not sys.stderr.isatty() or console.is_dumb_terminal:
        print(f"{what} ...", file=sys.stderr, flush=True)
        yield lambda _: None
        return
    with console.status(what) as shown:
        yield shown.update
