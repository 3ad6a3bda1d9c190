"""Sum values over equal indices: a scatter-add, which the Array API standard lacks."""

from __future__ import annotations

from typing import Any

import array_api_compat

from .namespace import known_int, zeros
from .registry import implementation

__all__ = ["index_sum"]

Array = Any


def index_sum(values: Array, index: Array, length: int) -> Array:
    """Return ``out[i] = sum of values[e] over all e with index[e] == i``.

    Parameters
    ----------
    values : array, shape (E,)
    index : integer array, shape (E,)
        From 0 to ``length - 1``.
    length : int

    Returns
    -------
    array, shape (length,)
    """
    native = implementation("index_sum", values)
    if native is not None:
        result: Array = native(values, index, length)
        return result
    xp = array_api_compat.array_namespace(values, index)
    if values.shape[0] == 0:
        return zeros((length,), values, xp=xp)
    order = xp.argsort(index, stable=True)
    index, values = xp.take(index, order), xp.take(values, order)
    bins = xp.arange(length + 1, dtype=index.dtype, device=array_api_compat.device(index))
    bounds = xp.searchsorted(index, bins)
    start, stop = bounds[:-1], bounds[1:]
    longest = known_int(xp.max(stop - start)) if length else 0
    if longest is None:
        longest = values.shape[0]
    # A segmented scan by doubling: pairwise sums, so no digits are lost to a running total.
    reach = 1
    while reach < longest:
        same = index[reach:] == index[:-reach]
        added = values[reach:] + xp.where(same, values[:-reach], 0.0)
        values = xp.concat([values[:reach], added])
        reach *= 2
    last = xp.where(stop > start, stop - 1, 0)
    return xp.where(stop > start, xp.take(values, last), 0.0)
