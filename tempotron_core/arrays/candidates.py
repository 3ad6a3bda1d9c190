"""Ragged candidates of (output, pattern) pairs: laid out in rows, and picked from."""

from __future__ import annotations

import math
from typing import Any

from .namespace import device_of

__all__ = ["pick", "rows_by_pair", "take_like"]

Array = Any


def pick(values: Array, index: Array, *, xp: Any) -> Array:
    """Return ``values[o, b, index[o, b]]`` (or ``values[b, index[o, b]]``), shape (O, B)."""
    n_rows = math.prod(index.shape) if values.ndim == 3 else index.shape[1]
    start = xp.arange(n_rows, dtype=index.dtype, device=device_of(values)) * values.shape[-1]
    if values.ndim == 3:
        start = xp.reshape(start, index.shape)
    return take_like(xp.reshape(values, (-1,)), index + start, xp=xp)


def take_like(values: Array, index: Array, *, xp: Any) -> Array:
    """Return ``values[index]`` for one-dimensional values and an index of any shape."""
    return xp.reshape(xp.take(values, xp.reshape(index, (-1,))), index.shape)


def rows_by_pair(pair: Array, n_pairs: int, *, xp: Any) -> tuple[Array, Array]:
    """Lay candidates out in one row per pair.

    Parameters
    ----------
    pair : integer array, shape (C,), C > 0
        The pair of each candidate, ascending.
    n_pairs : int

    Returns
    -------
    index : integer array, shape (n_pairs, M)
        Positions of each pair's candidates, in their order; clipped where there are fewer than M.
    present : bool array, shape (n_pairs, M)
    """
    device = device_of(pair)
    bounds = xp.searchsorted(pair, xp.arange(n_pairs + 1, dtype=pair.dtype, device=device))
    start, stop = bounds[:-1, None], bounds[1:, None]
    width = int(xp.max(stop - start))
    index = start + xp.arange(width, dtype=start.dtype, device=device)[None, :]
    present = index < stop
    return xp.where(present, index, 0), present
