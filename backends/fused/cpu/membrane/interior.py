"""Maxima of the potential between two spikes, and bounds that tell which need not be worked out.

Between two spikes the potential has an interior maximum iff its slope D is positive just after the
first and negative just before the second.

The peak compares bounds with the largest potential so far, the crossing with the threshold, and yet
they must decide alike.  So the maximum of an interval is one number, whoever asks: what the formula
gives, rounded, and then brought below the closest bound and above the floor.  No bound that rules
an interval out is below the closest, so what it rules out is no larger than what it is compared
with, after rounding too.
"""

from __future__ import annotations

import math

from ..compiling.compiled import compiled
from ..elementary import exponential, log1p
from ..lanes import both, divide, either, fma, lanes_of, maximum, minimum, select
from .steps import free_state

__all__ = [
    "bounds",
    "closest_bounds",
    "exceeding",
    "fill_crests",
    "interior_maxima",
    "interval_tops",
]


@compiled
def fill_crests(u, n, constants, a, b):
    """Coefficients of V and D in the potential where K would peak, in intervals that long.

    It is a floor for an interior maximum, and nearly the maximum itself where spikes are sparse;
    returned is whether they are.  Where they are not, it is not worth its cost, and left out.
    """
    tau, _, _, beta, log_ratio, crest = constants
    time = log_ratio / beta if beta > 0.0 else tau
    of_v = free_state(1.0, 0.0, time, constants)[0]
    n_long = 0
    for i in range(n):
        n_long += u[i] >= time
    sparse = 4 * n_long > n
    for i in range(n):
        reached = sparse and u[i] >= time
        a[i] = of_v if reached else 0.0
        b[i] = crest if reached else 0.0
    return sparse


@compiled
def bounds(v, d, gap, floor, constants):
    """Lanes that no interior maximum of an interval exceeds.

    Up to a maximum the potential lies below its tangent at the start, which is close in a short
    interval.  It is also at most what is left of V without decay and of the synaptic sum s at the
    crest of K, which is close where the spikes are sparse.  Rounding must not take the bound below
    the floor.
    """
    tau, _, _, _, _, crest = constants
    tangent = fma(gap, d, v)
    apart = fma(crest, fma(1.0 / tau, v, d), maximum(v, 0.0))
    return maximum(minimum(tangent, apart), floor)


@compiled
def closest_bounds(v, d, v_end, d_end, gap, floor, constants):
    """Bounds, lowered where they can be to where the tangents of both ends of an interval meet.

    That takes a potential that is concave all the way.  V'' changes its sign at most once, so it
    is if it is at the end.
    """
    tau, tau_s, _, _, _, _ = constants
    bound = bounds(v, d, gap, floor, constants)
    convexity = fma(1.0 / tau + 1.0 / tau_s, d_end, v_end * (1.0 / (tau * tau_s)))
    meeting = divide(v_end - v - gap * d_end, d - d_end)
    meeting = minimum(maximum(meeting, 0.0), gap)
    closer = maximum(minimum(bound, fma(d, meeting, v)), floor)
    return select(convexity > 0.0, closer, bound)


@compiled
def interior_maxima(v, d, gap, floor, bound, constants):
    """Time and value of the maximum after each state whose slope d > 0 turns negative within gap.

    ``bound`` is the closest.  Where the slope does not turn, both are finite and meaningless.
    """
    tau, tau_s, _, beta, log_ratio, _ = constants
    drive = fma(1.0 / tau, v, d)  # kappa s
    if beta == 0.0:
        u = tau - divide(v, drive)
    else:
        u = (log_ratio - log1p(divide(beta * v, drive))) * (1.0 / beta)
    u = minimum(maximum(u, 0.0), gap)
    value = tau_s * fma(beta, v, drive) * exponential(u * (-1.0 / tau), 0.0)
    return u, maximum(maximum(v, floor), minimum(value, bound))


@compiled
def exceeding(v, d, v_end, d_end, gap, crest, limit, sparse, constants):
    """Lanes whose potential may exceed a limit in an interval that is followed to its end.

    ``crest``, two coefficients, and ``sparse`` are what `fill_crests` says of it.
    """
    turns = minimum(d, 0.0 - d_end) > 0.0
    # the closer bound is not worth its cost where intervals are short
    bound = fma(gap, d, v)
    if sparse:
        a, b = crest
        bound = bounds(v, d, gap, fma(b, d, a * v), constants)
    return either(both(turns, bound > limit), v_end > limit)


@compiled
def interval_tops(v, d, v_end, d_end, gap, floor, limit, constants):
    """Time and value of the largest potential of an interval, its start left out.

    An interior maximum that does not exceed the limit may be passed over.
    """
    turns = minimum(d, 0.0 - d_end) > 0.0
    bound = closest_bounds(v, d, v_end, d_end, gap, floor, constants)
    bound = select(turns, bound, -math.inf)
    exceeds, top, value = bound > limit, v_end, v_end
    if lanes_of(exceeds):  # seldom, where spikes are dense: they turn the potential
        top, value = interior_maxima(v, d, gap, floor, bound, constants)
    return select(exceeds, top, gap), select(exceeds, maximum(value, v_end), v_end)
