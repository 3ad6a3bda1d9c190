"""Feature values and their ranges, checked."""

from __future__ import annotations

from typing import Any

from ..arrays.integers import as_floating
from ..arrays.namespace import (
    array_namespace,
    check_same_device,
    device_of,
    known_true,
)
from ..arrays.numbers import real_number
from ..arrays.settings import under_own_settings

__all__ = ["feature_limits", "feature_range", "finite_features"]

Array = Any
Namespace = Any


@under_own_settings
def feature_range(x: Array) -> tuple[Array, Array]:
    """Return the smallest and the largest value of each feature.

    Parameters
    ----------
    x : array, shape (B, F)
        One row of features per pattern, at least one row; integers are converted.

    Returns
    -------
    x_min, x_max : array, shape (F,)
        A feature that never varies gets a unit range, ``x_max = x_min + 1``, or a wider one where
        adding 1 makes no difference.

    Raises
    ------
    TypeError
        If ``x`` is not an array.
    ValueError
        If ``x`` does not have two axes and a row, or holds a NaN or an infinity.
    """
    xp, x = finite_features(x)
    if x.ndim != 2 or x.shape[0] == 0:
        raise ValueError(f"x must have shape (patterns >= 1, features), got {tuple(x.shape)}")
    x_min, x_max = xp.min(x, axis=0), xp.max(x, axis=0)
    unit = xp.abs(x_min) * (4.0 * float(xp.finfo(x.dtype).eps))
    unit = xp.where(unit < 1.0, xp.ones_like(unit), unit)
    return x_min, xp.where(x_max > x_min, x_max, x_min + unit)


def finite_features(x: Array) -> tuple[Namespace, Array]:
    """Return the namespace of ``x`` and ``x`` as finite floating-point values."""
    xp = array_namespace(x=x)
    x = as_floating("x", x, xp=xp)
    if known_true(xp.any(~xp.isfinite(x))):
        raise ValueError("x must be finite, got NaN or infinite values")
    return xp, x


def feature_limits(
    xp: Namespace, x: Array, x_min: Array | float, x_max: Array | float
) -> tuple[Array, Array]:
    """Return the range in the dtype of ``x``, checked: it fits ``x`` and is not empty."""
    low, high = _limit(xp, x, "x_min", x_min), _limit(xp, x, "x_max", x_max)
    _check_order(low, high)
    return low, high


def _limit(xp: Namespace, x: Array, name: str, limit: Array | float) -> Array:
    """Return one end of the range as an array that broadcasts against ``x``."""
    if hasattr(limit, "shape"):
        array_namespace(x=x, **{name: limit})
        check_same_device(x=x, **{name: limit})
        array = xp.astype(limit, x.dtype)
    else:
        array = xp.full((), _number(name, limit), dtype=x.dtype, device=device_of(x))
    axes = zip(reversed(array.shape), reversed(x.shape), strict=False)
    if array.ndim > x.ndim or any(n not in (1, of_x) for n, of_x in axes):
        raise ValueError(
            f"{name} must fit the shape of x, {tuple(x.shape)}, got {tuple(array.shape)}"
        )
    return array


def _check_order(low: Array | float, high: Array | float) -> None:
    """Raise ValueError unless ``low < high`` everywhere (as far as the values are known)."""
    fits = (high > low) & (high - low < float("inf"))
    if hasattr(fits, "shape"):
        xp = array_namespace(x_min=fits)
        bad = known_true(xp.any(~fits))
    else:
        bad = not fits
    if bad:
        raise ValueError(f"x_max must be greater than x_min, got x_min={low} and x_max={high}")


def _number(name: str, value: object) -> float:
    return real_number(name, value, expected="a number or an array")
