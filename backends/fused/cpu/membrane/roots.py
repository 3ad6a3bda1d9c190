"""Where the potential crosses the threshold between two spikes."""

from __future__ import annotations

import math

from ..compiling.compiled import compiled
from .steps import free_state

__all__ = ["rising_root"]

_STEPS = 60  # bisection alone would reach the last digit of a float64 in about as many
_ROUNDING = 1e-16  # of the largest potential
_SMALL, _LARGE = 1e-100, 1e100


@compiled
def rising_root(v, d, top, v_top, threshold, constants):
    """Root of V(u) = threshold on [0, top], and the slope there; V rises to v_top and is concave.

    From V'' = -(1/tau + 1/tau_s) V' - V/(tau tau_s), each step solves the parabola that has the
    value, slope and curvature of V (Euler's method), kept in a bracket, until what the parabola
    leaves out is below rounding.  If the crossing grazes a maximum, a parabola may miss the
    threshold: its top stands for the root then.

    Slopes are taken per tau, and potentials of an unusual size in units of about the largest, a
    power of two so that nothing is rounded: no square leaves the range of numbers.
    """
    tau, tau_s, _, _, _, _ = constants
    largest, unit = max(abs(v), v_top), 1.0
    if not _SMALL < largest < _LARGE:
        unit = math.ldexp(1.0, math.frexp(largest)[1])
        v, d, threshold, largest = v / unit, d / unit, threshold / unit, largest / unit
    ratio = tau / tau_s
    both = 1.0 + ratio
    low, high, u, potential, slope = 0.0, top, 0.0, v, tau * d
    for step in range(_STEPS):
        excess = potential - threshold
        if excess > 0.0:
            high = u
        else:
            low = u
        curvature = -both * slope - ratio * potential
        reach = slope + math.sqrt(max(slope * slope - 2.0 * excess * curvature, 0.0))
        ahead = -2.0 * excess / reach if reach > 0.0 else 0.0
        target = u + ahead * tau
        if not low <= target <= high:
            target = top if step == 0 and target > top else 0.5 * (low + high)
            if target == u:
                break
        elif target == u or (
            (both * both * abs(slope) + both * ratio * abs(potential)) * abs(ahead * ahead * ahead)
            <= _ROUNDING * largest
        ):
            third = -both * curvature - ratio * slope
            u, slope = target, slope + ahead * (curvature + 0.5 * ahead * third)
            break
        u = target
        potential, slope = free_state(v, d, u, constants)
        slope = tau * slope
    return u, slope / tau * unit
