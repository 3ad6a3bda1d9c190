"""A small kernel on which a version of Numba that is not known is tried out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .machine_code import kernel

__all__ = ["try_out"]


@kernel
def _add_up(row: Any, start: Any) -> Any:
    total = start
    for i in range(row.shape[0]):
        total += row[i]
    return total


@kernel
def _trial(row: Any) -> Any:
    """What kernels are made of: arrays of their own, parts of arrays, a call, numbers."""
    twice = np.empty(len(row) + 1)
    for i in range(len(row)):
        twice[i] = 2.0 * max(row[i], 0.0)
    return _add_up(twice[: len(row)], 0.5)


def try_out() -> None:
    """Compile it, or load it.

    Raises
    ------
    Exception
        Whatever Numba raises, or an ImportError if the result is wrong.
    """
    found = _trial(np.asarray([1.0, -1.0, 3.0]))
    if found != 8.5:
        raise ImportError(f"a small kernel must return 8.5, got {found}")
