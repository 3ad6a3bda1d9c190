"""Which patterns of a batch a subscript names."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import array_api_compat
import numpy as np

from ..arrays.namespace import array_namespace, check_same_device, device_of, known_int, known_true

__all__ = ["pattern_number", "pattern_numbers"]

Array = Any


def pattern_number(patterns: Any) -> int | None:
    """Return one pattern's number, or None if ``patterns`` is something else."""
    if isinstance(patterns, bool | list | slice) or getattr(patterns, "ndim", 0) > 0:
        return None
    try:
        return operator.index(patterns)
    except TypeError:
        pass
    if not array_api_compat.is_array_api_obj(patterns):
        return None
    xp = array_api_compat.array_namespace(patterns)  # CuPy's know how to be an `int`, but no index
    return known_int(patterns) if xp.isdtype(patterns.dtype, "integral") else None


def pattern_numbers(patterns: Any, order: Array) -> Array:
    """Non-negative pattern numbers, an integer array beside ``order`` (B, M) of the events."""
    xp = array_api_compat.array_namespace(order)
    n_patterns = order.shape[0]
    if isinstance(patterns, Sequence) and not isinstance(patterns, str | bytes | tuple):
        # an empty list would make floats
        patterns = xp.asarray(
            patterns, dtype=None if patterns else order.dtype, device=device_of(order)
        )
    elif isinstance(patterns, np.ndarray) and not isinstance(order, np.ndarray):
        patterns = xp.asarray(patterns, device=device_of(order))
    if not array_api_compat.is_array_api_obj(patterns) or patterns.ndim != 1:
        raise IndexError(
            f"patterns must be selected by a number, a slice, a list or an array of one axis, "
            f"got {patterns!r}"
        )
    array_namespace(patterns=patterns, events=order)
    check_same_device(patterns=patterns, events=order)
    if xp.isdtype(patterns.dtype, "bool"):
        if patterns.shape[0] != n_patterns:
            raise IndexError(
                f"a boolean selection must have length {n_patterns}, got {patterns.shape[0]}"
            )
        return xp.nonzero(patterns)[0]
    if not xp.isdtype(patterns.dtype, "integral"):
        raise IndexError(f"patterns must be selected by integers or booleans, got {patterns.dtype}")
    if known_true(xp.any((patterns < -n_patterns) | (patterns >= n_patterns))):
        raise IndexError(
            f"patterns must be from {-n_patterns} to {n_patterns - 1}, "
            f"got {int(xp.min(patterns))} to {int(xp.max(patterns))}"
        )
    return xp.where(patterns < 0, patterns + n_patterns, patterns)
