"""Which patterns of a batch a subscript names."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import array_api_compat
import numpy as np

from ..arrays.integers import as_index
from ..arrays.namespace import array_namespace, check_same_device, device_of, known_int, known_true

__all__ = ["pattern_number", "pattern_numbers"]

Array = Any


def pattern_number(patterns: Any) -> int | None:
    """Return one pattern's number, or None if ``patterns`` is something else."""
    if type(patterns) is slice:
        return None
    if isinstance(patterns, int):
        return None if isinstance(patterns, bool) else patterns
    if isinstance(patterns, list) or getattr(patterns, "ndim", 0) > 0:
        return None
    if array_api_compat.is_array_api_obj(patterns):  # of which some know no `__index__`
        xp = array_api_compat.array_namespace(patterns)
        return known_int(patterns) if xp.isdtype(patterns.dtype, "integral") else None
    try:
        return operator.index(patterns)
    except TypeError:
        return None


def pattern_numbers(patterns: Any, order: Array) -> Array:
    """Non-negative pattern numbers, an integer array beside ``order`` (B, M) of the events."""
    xp, n_patterns = array_api_compat.array_namespace(order), order.shape[0]
    if isinstance(patterns, Sequence) and not isinstance(patterns, str | bytes | tuple):
        patterns = _from_list(patterns)
    if not array_api_compat.is_array_api_obj(patterns) or patterns.ndim != 1:
        raise IndexError(
            f"patterns must be selected by a number, a slice, a list or an array of one axis, "
            f"got {patterns!r}"
        )
    if isinstance(patterns, np.ndarray) and not isinstance(order, np.ndarray):
        # looked at on the host, where no number is more than the integers hold
        host = array_namespace(patterns=patterns)
        return xp.asarray(_checked(patterns, n_patterns, host), device=device_of(order))
    array_namespace(patterns=patterns, events=order)
    check_same_device(patterns=patterns, events=order)
    return _checked(patterns, n_patterns, xp)


def _from_list(patterns: Sequence[Any]) -> Any:
    """Integers or booleans as an array on the host; what is no such list as it is."""
    if not patterns:  # which would make floats
        return np.zeros(0, dtype=np.int64)
    numbers = [pattern_number(number) for number in patterns]
    try:
        return np.asarray(patterns if None in numbers else numbers)
    except (TypeError, ValueError):
        return patterns


def _checked(patterns: Array, n_patterns: int, xp: Any) -> Array:
    if xp.isdtype(patterns.dtype, "bool"):
        if patterns.shape[0] != n_patterns:
            raise IndexError(
                f"a boolean selection must have length {n_patterns}, got {patterns.shape[0]}"
            )
        return xp.nonzero(patterns)[0]
    if not xp.isdtype(patterns.dtype, "integral"):
        raise IndexError(f"patterns must be selected by integers or booleans, got {patterns.dtype}")
    patterns = as_index(patterns, xp=xp)
    if known_true(xp.any((patterns < -n_patterns) | (patterns >= n_patterns))):
        raise IndexError(
            f"patterns must be from {-n_patterns} to {n_patterns - 1}, "
            f"got {int(xp.min(patterns))} to {int(xp.max(patterns))}"
        )
    return xp.where(patterns < 0, patterns + n_patterns, patterns)
