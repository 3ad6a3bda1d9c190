"""Where the potential crosses the threshold between two spikes."""

from __future__ import annotations

import math

from .compiled import compiled
from .steps import free_state

__all__ = ["rising_root"]

_STEPS = 60  # bisection alone would reach the last digit of a float64 in about as many


@compiled
def rising_root(v, d, top, v_top, threshold, constants):
    """Root of V(u) = threshold on [0, top], where V rises to v_top and is concave.

    From V'' = -(1/tau + 1/tau_s) V' - V/(tau tau_s), each step solves the parabola that has the
    value, slope and curvature of V (Euler's method), kept in a bracket.  It starts at the top,
    where the parabola has a root even if the crossing grazes a maximum.

    Potentials are taken in units of about the largest, a power of two so that nothing is rounded,
    and slopes per tau: no square leaves the range of numbers, whatever the scale of the weights.
    """
    tau, tau_s, _, _, _, _ = constants
    unit = math.ldexp(1.0, math.frexp(max(abs(v), v_top))[1])
    v, d, threshold = v / unit, d / unit, threshold / unit
    ratio = tau / tau_s
    low, high, u = 0.0, top, top
    for _ in range(_STEPS):
        potential, slope = free_state(v, d, u, constants)
        excess = potential - threshold
        slope = tau * slope
        curvature = -(1.0 + ratio) * slope - ratio * potential
        if excess > 0.0:
            high = u
        else:
            low = u
        reach = slope + math.sqrt(max(slope * slope - 2.0 * excess * curvature, 0.0))
        target = u - 2.0 * excess / reach * tau if reach > 0.0 else u
        if not low <= target <= high:
            target = 0.5 * (low + high)
        if abs(target - u) <= 1e-16 * top:
            return target
        u = target
    return u
