"""From feature values to spike times: latency coding and Gaussian receptive fields.

The larger a response, the earlier its spike.  Both encoders give one spike per afferent, in the
layout that `Events.from_latencies` reads, and leave an afferent silent where the response is too
weak.  Ranges are per feature; `feature_range` fits them to data.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import array_api_extra as xpx

from ..arrays.namespace import (
    array_namespace,
    check_floating,
    check_same_device,
    device_of,
    known_true,
)
from ..neuron import positive_float

__all__ = ["GaussianReceptiveFields", "encode_latency", "feature_range"]

Array = Any
Namespace = Any


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
    # a value above the range must be the earliest spike, and negative times mean silence
    times = xp.where(times < 0.0, xp.zeros_like(times), times)
    return xp.where(x > low, times, xp.full_like(times, float("inf")))


@dataclass(frozen=True, eq=False)
class GaussianReceptiveFields:
    r"""Population coding of each feature by ``m`` overlapping Gaussian fields [1]_.

    Field j = 1..m of a feature responds with
    :math:`y = \exp(-(x - \mu_j)^2 / 2 \sigma^2)`, where

    .. math:: \mu_j = x_{min} + \frac{2j - 3}{2} \frac{x_{max} - x_{min}}{m - 2}, \qquad
              \sigma = \frac{x_{max} - x_{min}}{1.5 (m - 2)}

    and spikes at ``duration * (1 - y)``.

    Parameters
    ----------
    m : int
        Number of fields per feature, at least 3.
    x_min, x_max : float or array, shape (F,)
        Range of each feature.

    Raises
    ------
    TypeError
        If ``m`` is not an integer.
    ValueError
        If ``m < 3``, or somewhere ``x_max <= x_min``.

    References
    ----------
    .. [1] S. M. Bohte, J. N. Kok and H. La Poutré, "Error-backpropagation in temporally encoded
       networks of spiking neurons", Neurocomputing 48, 17-37 (2002).

    Examples
    --------
    >>> import numpy as np
    >>> fields = GaussianReceptiveFields(3, 0.0, 1.0)
    >>> fields.encode(np.asarray([[0.5]]), 50.0).round(3)
    array([[33.767,  0.   , 33.767]])
    """

    m: int
    x_min: Array | float
    x_max: Array | float

    def __post_init__(self) -> None:
        try:
            fields = operator.index(self.m)
        except TypeError:
            raise TypeError(f"m must be an integer, got {self.m!r}") from None
        if fields < 3:
            raise ValueError(f"m must be at least 3, got {fields}")
        object.__setattr__(self, "m", fields)
        for name in ("x_min", "x_max"):
            limit = getattr(self, name)
            if not hasattr(limit, "shape"):
                object.__setattr__(self, name, _number(name, limit))
            elif limit.ndim > 1:
                raise ValueError(f"{name} must be a number or one per feature, got {limit.shape}")
        _check_order(self.x_min, self.x_max)

    @classmethod
    def fit(cls, m: int, x: Array) -> GaussianReceptiveFields:
        """Fields that span the range of each feature, as ``feature_range`` gives it.

        Parameters
        ----------
        m : int
            Number of fields per feature, at least 3.
        x : array, shape (B, F)
            One row of features per pattern.

        Returns
        -------
        GaussianReceptiveFields

        Raises
        ------
        TypeError, ValueError
            As the class and ``feature_range``.
        """
        return cls(m, *feature_range(x))

    def encode(self, x: Array, duration: float, *, round_times: bool = False) -> Array:
        """Return the spike time of every field of every feature.

        Parameters
        ----------
        x : array, shape (B, F)
            Feature values; integers are converted to the default floating dtype.
        duration : float
            Length of the pattern, in the unit of the time constants.
        round_times : bool, default False
            If true, round spike times to whole numbers, halves to even, and mark silence by -1,
            as ``GaussianTuning`` of SpikingJelly 0.0.0.0.14 does.

        Returns
        -------
        array, shape (B, F * m)
            Spike times; field j of feature f is column ``f * m + j - 1``.  A field whose spike
            would fall at or after ``duration - 1/2`` is silent: +inf (with ``round_times``: -1
            where the rounded time is ``duration`` or more).

        Raises
        ------
        TypeError
            If ``x`` is not an array of numbers, or comes from another library than the ranges.
        ValueError
            If ``x`` does not have two axes, has another number of features than the ranges,
            holds a NaN or an infinity, or ``duration`` is not positive.
        """
        duration = positive_float("duration", duration)
        xp, x = finite_features(x)
        if x.ndim != 2:
            raise ValueError(f"x must have shape (patterns, features), got {tuple(x.shape)}")
        low, high = (
            xp.broadcast_to(limit, (x.shape[1],))[:, None]
            for limit in feature_limits(xp, x, self.x_min, self.x_max)
        )
        j = xp.arange(1, self.m + 1, dtype=x.dtype, device=device_of(x))[None, :]
        # operation for operation as GaussianTuning, so that rounded times agree in float32 too
        mu = low + (2.0 * j - 3.0) / 2.0 * (high - low) / float(self.m - 2)
        sigma = 1.0 / 1.5 * (high - low) / float(self.m - 2)
        deviation = x[:, :, None] - mu
        y = xp.exp(-(deviation * deviation) / 2.0 / (sigma * sigma))
        times = xp.reshape(duration * (1.0 - y), (x.shape[0], x.shape[1] * self.m))
        if round_times:
            times = xp.round(times)
            return xp.where(times >= duration, xp.full_like(times, -1.0), times)
        return xp.where(times >= duration - 0.5, xp.full_like(times, float("inf")), times)


def finite_features(x: Array) -> tuple[Namespace, Array]:
    """Return the namespace of ``x`` and ``x`` as finite floating-point values."""
    xp = array_namespace(x=x)
    if xp.isdtype(x.dtype, "integral"):
        x = xp.astype(x, xpx.default_dtype(xp, device=device_of(x)))
    check_floating("x", x, xp=xp)
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
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number or an array, got {value!r}") from None
