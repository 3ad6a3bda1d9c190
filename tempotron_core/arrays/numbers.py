"""Numbers and random numbers that callers give, checked."""

from __future__ import annotations

import math
import operator

import numpy as np

__all__ = ["check_generator", "positive_float", "whole_number"]


def positive_float(name: str, value: object, *, or_zero: bool = False) -> float:
    """Return ``value`` as a Python float; an error naming ``name`` unless positive and finite."""
    try:
        # float() would take them, and drop the unit of a physical quantity
        if isinstance(value, str | bytes | bool) or hasattr(value, "dimensionality"):
            raise TypeError
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number, got {value!r}") from None
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and (number > 0.0 or (or_zero and number == 0.0))):
        expected = "finite and not negative" if or_zero else "positive and finite"
        raise ValueError(f"{name} must be {expected}, got {value!r}")
    return number


def whole_number(name: str, value: object, *, least: int = 1) -> int:
    """Return ``value`` as a Python int; an error naming ``name`` unless it counts something."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    # counts index arrays, and the index type of some libraries has 32 bits
    if not least <= number < 2**31:
        raise ValueError(f"{name} must be from {least} to {2**31 - 1}, got {number}")
    return number


def check_generator(rng: object) -> None:
    """Raise TypeError unless ``rng`` is a numpy.random.Generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
