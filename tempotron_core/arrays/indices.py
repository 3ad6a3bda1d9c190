"""Integers that number things: brought to the dtype that a library indexes with."""

from __future__ import annotations

from typing import Any

import array_api_extra as xpx

from .namespace import device_of

__all__ = ["as_index"]

Array = Any
Namespace = Any


def as_index(integers: Array, *, xp: Namespace) -> Array:
    """Return integers of any dtype in the one that ``xp`` indexes with.

    Labels and addresses are kept in few bits.  There a range of classes, or a length that is added,
    wraps around, and torch compares no unsigned integers of more than 8 bits.  What is too large
    for the index dtype becomes its largest number, which no array is long enough for.
    """
    dtype = xpx.default_dtype(xp, "indexing", device=device_of(integers))
    index = xp.astype(integers, dtype, copy=False)
    largest = int(xp.iinfo(dtype).max)
    if int(xp.iinfo(integers.dtype).max) > largest:
        index = xp.where(index < 0, largest, index)
    return index
