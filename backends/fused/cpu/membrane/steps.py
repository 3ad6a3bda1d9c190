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

``constants`` are tau, tau_s, kappa, beta, log(tau/tau_s) and the largest K/kappa of the
postsynaptic potential, with ``tau >= tau_s``.
"""

from __future__ import annotations

import math

from ..compiling.compiled import compiled
from ..elementary import exponential
from ..lanes import WIDE, fma, load, store

__all__ = ["CHUNK", "decays", "fill_decays", "fill_steps", "free_state", "gaps"]

CHUNK = 128
"""Spikes whose coefficients are kept at a time: a few kilobytes, which stay in cache."""


@compiled
def decays(u, constants):
    """e^(-u/tau), e^(-u/tau_s) and K(u)/kappa for Lanes u >= 0."""
    tau, _, _, beta, _, _ = constants
    slow = exponential(u * (-1.0 / tau), 0.0)
    if beta == 0.0:
        return slow, slow, slow * u
    lost = exponential(u * -beta, 1.0)
    return slow, fma(slow, lost, slow), slow * lost * (-1.0 / beta)


@compiled
def fill_steps(u, n, constants, a, b, c, e):
    """Coefficients A, B, C, E of n steps u; all arrays hold CHUNK numbers."""
    tau, tau_s, _, _, _, _ = constants
    for i in range(0, n, len(WIDE)):
        slow, fast, k = decays(load(u, i, WIDE), constants)
        k_tau = k * (1.0 / tau)
        store(a, i, slow + k_tau)
        store(b, i, k)
        store(c, i, k_tau * (-1.0 / tau_s))
        store(e, i, fast - k_tau)


@compiled
def fill_decays(u, n, constants, slow, fast, psp):
    """e^(-u/tau), e^(-u/tau_s) and K(u) of n steps u; all arrays hold CHUNK numbers."""
    for i in range(0, n, len(WIDE)):
        slow_i, fast_i, k = decays(load(u, i, WIDE), constants)
        store(slow, i, slow_i)
        store(fast, i, fast_i)
        store(psp, i, k * constants[2])


@compiled
def free_state(v, d, u, constants):
    """Potential and slope a time u later, for numbers."""
    tau, tau_s, _, beta, _, _ = constants
    slow = math.exp(-u / tau)
    if beta == 0.0:
        fast, k = slow, slow * u
    else:
        lost = slow * math.expm1(-beta * u)
        fast, k = slow + lost, -lost / beta
    k_tau = k / tau
    return (slow + k_tau) * v + k * d, (fast - k_tau) * d - k_tau / tau_s * v


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
