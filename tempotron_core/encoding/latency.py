"""Latency coding: the larger a value, the earlier its spike."""

from __future__ import annotations

from typing import Any

from ..arrays.numbers import positive_float
from ..arrays.settings import under_own_settings
from .features import feature_limits, finite_features

__all__ = ["encode_latency"]

Array = Any
Namespace = Any


@under_own_settings
def encode_latency(
    x: Array, duration: float, *, x_min: Array | float = 0.0, x_max: Array | float = 1.0
) -> Array:
    """Code each value by the latency of one spike: the larger the value, the earlier.

    The spike time is ``duration * (1 - (x - x_min) / (x_max - x_min))``.

    Parameters
    ----------
    x : array
        Feature values, any shape; integers are converted to the default floating dtype.
    duration : float
        Length of the pattern, in the unit of the time constants: the latency of ``x_min``.
    x_min, x_max : float or array, optional
        Range of the values.  Arrays broadcast against ``x`` (one entry per feature).

    Returns
    -------
    array, shape of ``x``
        Spike times in [0, duration); +inf (silent) where ``x <= x_min``.  Values above ``x_max``
        spike at 0.

    Raises
    ------
    TypeError
        If ``x`` is not an array of numbers, or the ranges come from another array library.
    ValueError
        If ``duration`` is not positive, ``x`` holds a NaN or an infinity, or somewhere
        ``x_max <= x_min``.

    Examples
    --------
    >>> import numpy as np
    >>> encode_latency(np.asarray([0.0, 0.25, 1.0]), 100.0)
    array([inf, 75.,  0.])
    """
    duration = positive_float("duration", duration)
    xp, x = finite_features(x)
    low, high = feature_limits(xp, x, x_min, x_max)
    times = duration * (1.0 - (x - low) / (high - low))
    # the difference from 1 may round to 1, but the duration is silence's
    latest = duration * (1.0 - float(xp.finfo(x.dtype).eps))
    times = xp.where(times > latest, xp.full_like(times, latest), times)
    # a value above the range must be the earliest spike, and negative times mean silence
    times = xp.where(times < 0.0, xp.zeros_like(times), times)
    return xp.where(x > low, times, xp.full_like(times, float("inf")))
