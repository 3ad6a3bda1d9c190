"""Integers as callers have them, brought to the dtypes that are computed with."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat

from .extras import default_dtype
from .host import to_host
from .namespace import check_floating, device_of, known_true

__all__ = ["as_counts", "as_floating", "as_index", "check_exact"]

Array = Any
Namespace = Any


def as_index(integers: Array, *, xp: Namespace) -> Array:
    """Return integers of any dtype in the one that ``xp`` indexes with.

    Labels and addresses are kept in few bits.  There a range of classes, or a length that is added,
    wraps around, and torch compares no unsigned integers of more than 8 bits.  What is too large
    for the index dtype becomes its largest number, which no array is long enough for.
    """
    if integers.dtype == xp.int64:
        return integers
    # not always int64: JAX has 32 bits unless told
    dtype = default_dtype(xp, "indexing", device=device_of(integers))
    index = xp.astype(integers, dtype, copy=False)
    largest = int(xp.iinfo(dtype).max)
    if int(xp.iinfo(integers.dtype).max) > largest:
        index = xp.where(index < 0, largest, index)
    return index


def as_counts(name: str, values: Array, *, xp: Namespace) -> Array:
    """Return whole numbers from 0 on, integers or floats as a table has them, in the index dtype.

    Raises
    ------
    TypeError
        If they are neither integers nor floats.
    ValueError
        If one that can be looked at is negative or not whole.
    """
    if xp.isdtype(values.dtype, "real floating"):
        # no more than any index dtype holds; and not NaN
        whole = (values == xp.floor(values)) & (xp.abs(values) < 2.0**31)
        if known_true(xp.any(~whole)):
            wrong = to_host(values)[~to_host(whole)][0]
            raise ValueError(f"{name} must be whole numbers, got {wrong}")
        dtype = default_dtype(xp, "indexing", device=device_of(values))
        index = xp.astype(values, dtype)
    elif xp.isdtype(values.dtype, "integral"):
        index = as_index(values, xp=xp)
    else:
        raise TypeError(f"{name} must be whole numbers, got {values.dtype}")
    if known_true(xp.any(index < 0)):
        raise ValueError(f"{name} must not be negative, got {int(xp.min(index))}")
    return index


def as_floating(name: str, values: Array, *, xp: Namespace) -> Array:
    """Return float32 or float64 as it is, and integers in the library's default of the two.

    Raises
    ------
    TypeError
        If the values are neither.
    ValueError
        If an integer would be rounded.
    """
    if xp.isdtype(values.dtype, "integral"):
        dtype = default_dtype(xp, "real floating", device=device_of(values))
        dtype = dtype if dtype in (xp.float32, xp.float64) else xp.float32  # torch can be told so
        check_exact(name, values, dtype, xp=xp)
        return xp.astype(values, dtype)
    check_floating(name, values, xp=xp)
    return values


def check_exact(name: str, integers: Array, dtype: Any, *, xp: Namespace) -> None:
    """Raise ValueError if ``dtype``, a floating one of ``xp``, would round one of the integers."""
    own = array_api_compat.array_namespace(integers)
    exact = int(2.0 / float(xp.finfo(dtype).eps))
    # small integers are exact, and torch would wrap the bound around to their range
    if int(own.iinfo(integers.dtype).max) <= exact or math.prod(integers.shape) == 0:
        return
    largest = own.max(as_index(integers, xp=own))
    if known_true(largest > exact):
        raise ValueError(
            f"{name} must be at most {exact} to be exact as {dtype}, got {int(largest)}"
        )
