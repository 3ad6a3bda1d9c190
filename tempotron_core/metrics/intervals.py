"""How sure one can be of a proportion, or of a number made of repeated measurements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.numbers import check_generator, real_number, whole_number

__all__ = ["bootstrap_interval", "normal_quantile", "proportion_interval"]


def proportion_interval(successes: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a probability, from how often something came about.

    Parameters
    ----------
    successes, trials : int
    level : float, default 0.95
        How likely such an interval is to hold the probability.

    Returns
    -------
    low, high : float
        Both in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If the numbers are not whole, successes are more than trials, or the level not in (0, 1).

    Examples
    --------
    >>> low, high = proportion_interval(95, 100)
    >>> round(low, 3), round(high, 3)
    (0.888, 0.978)
    """
    trials = whole_number("trials", trials)
    successes = whole_number("successes", successes, least=0)
    if successes > trials:
        raise ValueError(f"successes must be at most trials={trials}, got {successes}")
    z2 = normal_quantile(level) ** 2
    share = successes / trials
    middle = (share + 0.5 * z2 / trials) / (1.0 + z2 / trials)
    half = math.sqrt(z2 * (share * (1.0 - share) + 0.25 * z2 / trials) / trials)
    half /= 1.0 + z2 / trials
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap_interval(
    samples: Sequence[Any] | Any,
    statistic: Callable[[Any], float],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    times: int = 2000,
) -> tuple[float, float]:
    """Percentile interval of a statistic of independent samples, by drawing them again.

    Parameters
    ----------
    samples : array_like
        The samples are on the first axis, two at least.
    statistic : callable
        Takes an array like ``samples`` and returns a number.
    rng : numpy.random.Generator
    level : float, default 0.95
    times : int, default 2000
        How often the samples are drawn again.

    Returns
    -------
    low, high : float

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two samples, or an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> low, high = bootstrap_interval(rng.normal(5.0, 1.0, 100), np.mean, rng)
    >>> round(low, 1), round(high, 1)
    (4.9, 5.3)
    """
    samples = np.asarray(samples)
    if samples.ndim < 1 or len(samples) < 2:
        raise ValueError(f"samples must hold at least two, got shape {samples.shape}")
    check_generator(rng)
    times = whole_number("times", times)
    tail = 0.5 * (1.0 - _probability(level))
    drawn = [statistic(samples[rng.integers(0, len(samples), len(samples))]) for _ in range(times)]
    low, high = np.quantile(drawn, (tail, 1.0 - tail))
    return float(low), float(high)


def normal_quantile(level: float) -> float:
    """Deviations from the mean within which a normal variable stays with that probability."""
    from statistics import NormalDist  # it brings decimal numbers and fractions along

    return NormalDist().inv_cdf(0.5 + 0.5 * _probability(level))


def _probability(level: float) -> float:
    level = real_number("level", level)
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    return level
