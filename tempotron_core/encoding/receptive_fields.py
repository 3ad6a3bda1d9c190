"""Population coding by Gaussian receptive fields.

A feature's fields overlap; the larger a field's response, the earlier its spike.  There is one
spike per afferent, in the layout that `Events.from_latencies` reads, and an afferent is silent
where the response is too weak.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

from ..arrays.namespace import (
    device_of,
)
from ..arrays.numbers import positive_float
from ..arrays.plain import check_plain
from ..arrays.settings import under_own_settings
from .features import _check_order, _number, feature_limits, feature_range, finite_features

__all__ = ["GaussianReceptiveFields", "scale_to_square"]

Array = Any
Namespace = Any

WEAKEST = 1.0 / 30.0
"""Response that still makes no spike: it tells little, and late spikes have no time to act."""


@dataclass(frozen=True, eq=False)
class GaussianReceptiveFields:
    r"""Population coding of each feature by ``m`` overlapping Gaussian fields [1]_.

    Field j = 1..m of a feature responds with
    :math:`y = \exp(-(x - \mu_j)^2 / 2 \sigma^2)`, where

    .. math:: \mu_j = x_{min} + \frac{2j - 3}{2} \frac{x_{max} - x_{min}}{m - 2}, \qquad
              \sigma = \frac{x_{max} - x_{min}}{1.5 (m - 2)}

    and spikes at ``duration * (1 - y)``, unless its response is too weak.

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
            check_plain(name, limit)
            if not hasattr(limit, "shape"):
                object.__setattr__(self, name, _number(name, limit))
            elif limit.ndim > 1:
                raise ValueError(f"{name} must be a number or one per feature, got {limit.shape}")
        _check_order(self.x_min, self.x_max)

    @classmethod
    @under_own_settings
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

    @under_own_settings
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
            Spike times; field j of feature f is column ``f * m + j - 1``.  A field is silent,
            +inf, where its response is 1/30 or less, whose spike would come in the last thirtieth
            of the duration (with ``round_times``: -1 where the rounded time is ``duration`` or
            more, which depends on the unit of time).

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
        scale = scale_to_square(high - low, xp)
        x, low, high = x * xp.reshape(scale, (1, -1)), low * scale, high * scale
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
        silent = times >= duration - duration * WEAKEST
        return xp.where(silent, xp.full_like(times, float("inf")), times)


def scale_to_square(width: Array, xp: Namespace) -> Array:
    """Powers of two that bring ranges to where their squares keep all digits; mostly 1.

    Without rounding errors of its own, so that no time changes where none is needed.
    """
    exponent = int(math.log2(float(xp.finfo(width.dtype).max))) * 2 // 3
    few, many = 2.0**-exponent, 2.0**exponent
    limit = 2.0 ** (exponent // 2)
    ones = xp.ones_like(width)
    scale = xp.where(width < 1.0 / limit, ones * many, ones)
    return xp.where(width > limit, ones * few, scale)
