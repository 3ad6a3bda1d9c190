"""The exponential and the logarithm of Lanes: within two units in the last place."""

from __future__ import annotations

import math

from .compiling.compiled import compiled
from .lanes import divide, exponent, fma, maximum, power_of_two

__all__ = ["exponential", "log1p"]

# e^-300 is nothing beside any potential, and its square is no subnormal number, which is slow.
_LOWEST = -300.0
_SHIFT = 1.5 * 2.0**52  # added to a number, it rounds it to whole and leaves it in the last bits
_LOG2_E = 1.0 / math.log(2.0)
_LOG_2_HIGH = 6.93147180369123816490e-01  # ln 2 to 32 bits, so that k times it is exact
_LOG_2_LOW = 1.90821492927058770002e-10
_TERMS = tuple(1.0 / math.factorial(k) for k in range(14))


@compiled
def exponential(x, minus):
    """e^x - minus for Lanes x <= 0, minus 0 or 1: within two units in the last place of either.

    x = k ln 2 + r with whole k, and e^r by its series: e^x - 1 = 2^k (e^r - 1) + (2^k - 1).
    """
    x = maximum(x, _LOWEST)
    shifted = fma(_LOG2_E, x, _SHIFT)
    k = shifted - _SHIFT
    scale = power_of_two(shifted)
    r = fma(-_LOG_2_HIGH, k, x)
    r = fma(-_LOG_2_LOW, k, r)
    series = fma(_TERMS[13], r, _TERMS[12])
    series = fma(series, r, _TERMS[11])
    series = fma(series, r, _TERMS[10])
    series = fma(series, r, _TERMS[9])
    series = fma(series, r, _TERMS[8])
    series = fma(series, r, _TERMS[7])
    series = fma(series, r, _TERMS[6])
    series = fma(series, r, _TERMS[5])
    series = fma(series, r, _TERMS[4])
    series = fma(series, r, _TERMS[3])
    series = fma(series, r, _TERMS[2])
    series = fma(series * r, r, r)
    return fma(scale, series, scale - minus)


@compiled
def log1p(x):
    """log(1 + x) for Lanes x > -1.

    1 + x = 2^k m with m near 1, and log m = 2 artanh s with s = (m - 1)/(m + 1), by its series.
    What rounding took from 1 + x is added as x - ((1 + x) - 1) over 1 + x.
    """
    y = maximum(1.0 + x, 2.0**-53)
    k = exponent(y)
    m = y * power_of_two(_SHIFT - k)
    s = divide(m - 1.0, m + 1.0)
    z = s * s
    series = fma(z, 1.0 / 21.0, 1.0 / 19.0)
    series = fma(z, series, 1.0 / 17.0)
    series = fma(z, series, 1.0 / 15.0)
    series = fma(z, series, 1.0 / 13.0)
    series = fma(z, series, 1.0 / 11.0)
    series = fma(z, series, 1.0 / 9.0)
    series = fma(z, series, 1.0 / 7.0)
    series = fma(z, series, 1.0 / 5.0)
    series = fma(z, series, 1.0 / 3.0)
    logarithm = fma(2.0 * s * z, series, 2.0 * s)
    lost = divide(x - (y - 1.0), y)
    return fma(_LOG_2_HIGH, k, logarithm + fma(_LOG_2_LOW, k, lost))
