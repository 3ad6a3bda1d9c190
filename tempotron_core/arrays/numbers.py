"""Numbers and random numbers that callers give, checked."""

from __future__ import annotations

import math
import operator

import numpy as np

from .plain import check_plain, check_plain_number

__all__ = ["check_generator", "generator_of", "positive_float", "real_number", "whole_number"]

_PLAIN = frozenset({float, int, np.float64, np.float32, np.int64, np.int32})
"""Types of numbers that are nothing else, and common enough not to look further."""


def positive_float(name: str, value: object, *, or_zero: bool = False) -> float:
    """Return ``value`` as a Python float; an error naming ``name`` unless positive and finite."""
    number = value if type(value) is float else real_number(name, value)
    if not (math.isfinite(number) and (number > 0.0 or (or_zero and number == 0.0))):
        expected = "finite and not negative" if or_zero else "positive and finite"
        raise ValueError(f"{name} must be {expected}, got {value!r}")
    return number


def real_number(name: str, value: object, *, expected: str = "a real number") -> float:
    """Return ``value`` as a Python float, which may be infinite; an error naming ``name`` if none.

    Nothing but the number may be lost: no unit, mask, gradient or imaginary part.
    """
    if type(value) not in _PLAIN:
        check_plain_number(name, value)
    try:
        if isinstance(value, str | bytes | bool | np.bool_ | np.complexfloating):
            raise TypeError
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf
    except (TypeError, ValueError, RuntimeError):  # torch has the last for complex numbers
        if getattr(value, "shape", None) == ():
            expected += " whose value is known, and not traced or complex"
        raise TypeError(f"{name} must be {expected}, got {value!r}") from None


def whole_number(name: str, value: object, *, least: int = 1) -> int:
    """Return ``value`` as a Python int; an error naming ``name`` unless it counts something."""
    if type(value) not in _PLAIN:
        check_plain(name, value)
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


def generator_of(rng: object) -> np.random.Generator:
    """Return ``rng`` itself, or a generator seeded with that integer."""
    if isinstance(rng, np.random.Generator):
        return rng
    try:
        return np.random.default_rng(whole_number("rng", rng, least=0))
    except TypeError:
        raise TypeError(
            f"rng must be a numpy.random.Generator or an integer to seed one, got {rng!r}"
        ) from None
