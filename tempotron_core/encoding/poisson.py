r"""Poisson spike trains: rate coding, the tempotron's random input.

A train of rate r on [0, T] has a Poisson number of spikes with mean r T, at independent uniform
times.  A train of rate r can also be had from one of a larger rate R by keeping each spike with
probability r/R (thinning) [1]_: the random numbers then do not depend on the values that are coded,
so that they can be drawn on the host for any device.

References
----------
.. [1] P. A. W. Lewis and G. S. Shedler, "Simulation of nonhomogeneous Poisson processes by
   thinning", Naval Research Logistics Quarterly 26, 403-413 (1979).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays.namespace import clip, device_of
from ..arrays.numbers import check_generator, positive_float, whole_number
from ..arrays.plain import check_plain
from ..arrays.settings import under_own_settings
from .features import feature_limits, finite_features

__all__ = ["encode_poisson", "poisson_trains"]

Array = Any


@under_own_settings
def encode_poisson(
    x: Array,
    duration: float,
    *,
    max_rate: float,
    rng: np.random.Generator,
    x_min: Array | float = 0.0,
    x_max: Array | float = 1.0,
    n_slots: int | None = None,
) -> Array:
    """Code each value by the rate of a Poisson spike train: the larger the value, the more spikes.

    The rate is ``max_rate * (x - x_min) / (x_max - x_min)``; 0 below the range, ``max_rate`` above.

    Parameters
    ----------
    x : array, shape (B, N)
        Feature values; integers are converted to the default floating dtype.
    duration : float
        Length of the pattern.
    max_rate : float
        Spikes per unit of time for ``x_max``.
    rng : numpy.random.Generator
        Source of the trains, on the host: every array library gets the same ones.
    x_min, x_max : float or array, optional
        Range of the values.  Arrays broadcast against ``x`` (one entry per feature).
    n_slots : int, optional
        The S of the result.  By default as many as the draw needs, which differs from call to call;
        a library that compiles for shapes is better off with a fixed number.  Spikes beyond it are
        lost, which ``m + 6 * sqrt(m) + 6`` with ``m = max_rate * duration`` makes very rare.

    Returns
    -------
    array, shape (B, N, S)
        Spike times in [0, duration] in no order, +inf where there is none, as
        `Events.from_trains` reads them.

    Raises
    ------
    TypeError
        If ``x`` is not an array of numbers, the ranges come from another array library, ``rng`` is
        no Generator, or ``n_slots`` is no integer.
    ValueError
        If ``x`` does not have two axes or holds a NaN or an infinity, ``duration`` or ``max_rate``
        is not positive and finite, somewhere ``x_max <= x_min``, or ``n_slots < 1``.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.asarray([[0.0, 0.5, 1.0]])
    >>> trains = encode_poisson(x, 1000.0, max_rate=0.1, rng=np.random.default_rng(0))
    >>> np.isfinite(trains).sum(axis=2)
    array([[  0,  36, 103]])
    """
    duration = positive_float("duration", duration)
    max_rate = positive_float("max_rate", max_rate)
    check_generator(rng)
    xp, x = finite_features(x)
    if x.ndim != 2:
        raise ValueError(f"x must have shape (patterns, features), got {tuple(x.shape)}")
    low, high = feature_limits(xp, x, x_min, x_max)
    counts = _poisson(rng, np.full(x.shape, max_rate * duration))
    if n_slots is None:
        n_slots = max(1, int(counts.max(initial=0)))
    n_slots = whole_number("n_slots", n_slots, least=1)
    times = rng.uniform(0.0, duration, (*x.shape, n_slots))
    # single precision: multiples of 2**-24 below 1, which every floating-point dtype holds exactly
    mark = rng.random((*x.shape, n_slots), dtype=np.float32)
    mark[np.arange(n_slots) >= counts[..., None]] = 1.0  # an empty slot: never kept
    part = clip((x - low) / (high - low), 0.0, 1.0, xp=xp)
    kept = _like(x, mark, xp) < part[:, :, None]
    return xp.where(kept, _like(x, times, xp), float("inf"))


@under_own_settings
def poisson_trains(
    rates: ArrayLike, duration: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Draw spike lists of given rates on the host, in the memory that the spikes need.

    Parameters
    ----------
    rates : array, shape (B, N)
        Spikes per unit of time, 0 or more.
    duration : float
        Length of the pattern.
    rng : numpy.random.Generator
        Source of the trains.

    Returns
    -------
    times : array, shape (E,)
        In no order within a pattern.
    afferents : array, shape (E,)
    offsets : array, shape (B + 1,)
        As `Events.from_csr` reads them.

    Raises
    ------
    TypeError
        If ``rng`` is no Generator, or ``rates`` are not real numbers.
    ValueError
        If ``rates`` does not have two axes, or holds a negative, infinite or NaN value, or
        ``duration`` is not positive and finite.
    """
    duration = positive_float("duration", duration)
    check_generator(rng)
    check_plain("rates", rates)
    rates = np.asarray(rates)
    if rates.dtype.kind not in "biuf":
        raise TypeError(f"rates must be real numbers, got {rates.dtype}")
    if rates.ndim != 2:
        raise ValueError(f"rates must have shape (patterns, afferents), got {rates.shape}")
    if not (np.isfinite(rates).all() and (rates >= 0).all()):
        raise ValueError("rates must be finite and 0 or more, got negative, infinite or NaN ones")
    counts = _poisson(rng, rates * duration)
    offsets = np.zeros(len(rates) + 1, dtype=np.int64)
    np.cumsum(counts.sum(axis=1), out=offsets[1:])
    afferents = np.repeat(np.tile(np.arange(rates.shape[1]), len(rates)), counts.reshape(-1))
    return rng.uniform(0.0, duration, len(afferents)), afferents, offsets


def _like(x: Array, host: NDArray[Any], xp: Any) -> Array:
    """Values of a host array in the dtype and on the device of ``x``."""
    return xp.asarray(host, dtype=x.dtype, device=device_of(x))


def _poisson(rng: np.random.Generator, mean: NDArray[Any]) -> NDArray[np.int64]:
    try:
        return rng.poisson(mean).astype(np.int64, copy=False)
    except ValueError:
        raise ValueError(
            f"the rates times duration must be a number of spikes that can be counted, "
            f"got {float(np.max(mean)):g}"
        ) from None
