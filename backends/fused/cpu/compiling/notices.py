"""What users are told of the compilation of kernels."""

from __future__ import annotations

import functools
import os
import sys
import warnings

__all__ = ["say_compiling", "told", "warn_damaged", "warn_uncached"]

told: list[str] = []
"""How users were told of the compilation: once per process is enough."""


def say_compiling() -> None:
    """Tell whoever waits at a terminal, once per process, what they wait for.

    Not in a log or a notebook, and not in a test, where it would be noise.
    """
    stream = sys.stderr
    if told or stream is None or not stream.isatty() or "PYTEST_CURRENT_TEST" in os.environ:
        return
    told.append("a line")
    print(
        "tempotron: compiling kernels for this processor, a few seconds each and only once "
        "(all of them now: tempotron backends --compile)",
        file=stream,
        flush=True,
    )


@functools.cache  # once per process
def warn_uncached() -> None:
    """Say that there is no folder for machine code."""
    warnings.warn(
        "the compiled kernels cannot be kept on disk and are compiled anew in every process: set "
        "NUMBA_CACHE_DIR to a folder that can be written to",
        RuntimeWarning,
        stacklevel=2,
    )


@functools.cache  # once per process
def warn_damaged(folder: str) -> None:
    """Say that machine code in a folder is compiled anew."""
    warnings.warn(
        f"files of the compiled kernels in {folder} are damaged or cannot be read: what they held "
        "is compiled anew",
        RuntimeWarning,
        stacklevel=2,
    )
