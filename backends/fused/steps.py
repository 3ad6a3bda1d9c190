r"""From one spike to the next: what depends on the events alone, computed once for all outputs.

Between spikes the membrane potential V and its slope D = V' obey a linear equation, so after a time
u without spikes

.. math::
    V(u) = A V + B D, \qquad V'(u) = C V + E D

with :math:`k = K(u)/\kappa = e^{-u/\tau} (1 - e^{-\beta u})/\beta` and

.. math::
    A = e^{-u/\tau} + k/\tau, \quad B = k, \quad C = -k/(\tau\tau_s), \quad
    E = e^{-u/\tau_s} - k/\tau

No coefficient but E has terms that cancel, and the error of E is that of numbers of order one.

``constants`` are tau, tau_s, kappa, beta and log(tau/tau_s) of the postsynaptic potential, with
``tau >= tau_s``.
"""

from __future__ import annotations

import math

from .compiled import compiled
from .lanes import WIDTH, fma, load, maximum, power_of_two, splat, store

__all__ = ["CHUNK", "decays", "fill_decays", "fill_steps", "free_state", "gaps"]

CHUNK = 128
"""Spikes whose coefficients are kept at a time: a few kilobytes, which stay in cache."""

_LOWEST = -600.0  # e^-600 is nothing beside any potential, yet no subnormal number, which is slow
_SHIFT = 1.5 * 2.0**52  # added to a number, it rounds it to whole and leaves it in the last bits
_LOG2_E = 1.0 / math.log(2.0)
_LOG_2_HIGH = 6.93147180369123816490e-01  # ln 2 to 32 bits, so that k times it is exact
_LOG_2_LOW = 1.90821492927058770002e-10
_TERMS = tuple(1.0 / math.factorial(k) for k in range(14))


@compiled
def _exponential(x, minus):
    """e^x - minus for Lanes x <= 0, minus 0 or 1: within two units in the last place of either.

    x = k ln 2 + r with whole k, and e^r by its series: e^x - 1 = 2^k (e^r - 1) + (2^k - 1).
    """
    x = maximum(x, splat(_LOWEST))
    shifted = fma(_LOG2_E, x, _SHIFT)
    k = shifted - _SHIFT
    scale = power_of_two(shifted)
    r = fma(-_LOG_2_HIGH, k, x)
    r = fma(-_LOG_2_LOW, k, r)
    series = splat(_TERMS[13])
    series = fma(series, r, _TERMS[12])
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
def decays(u, constants):
    """e^(-u/tau), e^(-u/tau_s) and K(u)/kappa for Lanes u >= 0."""
    tau, _, _, beta, _ = constants
    slow = _exponential(u * (-1.0 / tau), 0.0)
    if beta == 0.0:
        return slow, slow, slow * u
    lost = _exponential(u * -beta, 1.0)
    return slow, fma(slow, lost, slow), slow * lost * (-1.0 / beta)


@compiled
def fill_steps(u, n, constants, a, b, c, e):
    """Coefficients A, B, C, E of n steps u; all arrays hold CHUNK numbers."""
    tau, tau_s, _, _, _ = constants
    for i in range(0, n, WIDTH):
        slow, fast, k = decays(load(u, i), constants)
        k_tau = k * (1.0 / tau)
        store(a, i, slow + k_tau)
        store(b, i, k)
        store(c, i, k_tau * (-1.0 / tau_s))
        store(e, i, fast - k_tau)


@compiled
def fill_decays(u, n, constants, slow, fast, psp):
    """e^(-u/tau), e^(-u/tau_s) and K(u) of n steps u; all arrays hold CHUNK numbers."""
    for i in range(0, n, WIDTH):
        slow_i, fast_i, k = decays(load(u, i), constants)
        store(slow, i, slow_i)
        store(fast, i, fast_i)
        store(psp, i, k * constants[2])


@compiled
def free_state(v, d, u, constants):
    """Potential and slope a time u later, for numbers."""
    tau, tau_s, _, beta, _ = constants
    slow = math.exp(-u / tau)
    k = slow * u if beta == 0.0 else slow * (-math.expm1(-beta * u) / beta)
    return (slow + k / tau) * v + k * d, -k / (tau * tau_s) * v + (
        math.exp(-u / tau_s) - k / tau
    ) * d


@compiled
def gaps(times, first, n, count, duration, u, next_time):
    """Time from each of n events of a pattern to the next one, or to the end of the pattern."""
    within = min(n, count - 1 - first)
    for i in range(within):
        next_time[i] = times[first + i + 1]
    if within < n:
        next_time[within] = duration
    for i in range(n):
        u[i] = next_time[i] - times[first + i]
