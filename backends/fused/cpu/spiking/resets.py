r"""One neuron, a number instead of `Lanes`: largest potential and crossing of an interval.

What an output spike leaves, :math:`-\theta e^{-x/\tau}` with the tau of the neuron, solves the
equation of the potential between input spikes whichever of the two constants is the slower one.  So
a reset is a jump of the state (V, D) by :math:`(-\theta, \theta/\tau)`, and what follows is an
ordinary potential again.
"""

from __future__ import annotations

import math

from ..compiling.compiled import compiled
from ..membrane.roots import rising_root

__all__ = ["crossing_after", "top_after"]


@compiled
def top_after(v, d, gap, v_end, d_end, constants):
    """Time and value of the largest potential after a state, over a gap without spikes.

    The state itself is left out; ``v_end`` and ``d_end`` are the one at the end of the gap.
    """
    tau, tau_s, _, beta, log_ratio, _ = constants
    drive = d + v / tau
    # the slope at the end is zero after so long a gap that nothing is left
    if not (d > 0.0 and d_end <= 0.0 and drive > 0.0 and drive + beta * v > 0.0):
        return gap, v_end
    u = tau - v / drive if beta == 0.0 else (log_ratio - math.log1p(beta * v / drive)) / beta
    u = min(max(u, 0.0), gap)
    value = tau_s * (drive + beta * v) * math.exp(-u / tau)
    return u, max(value, v, v_end)


@compiled
def crossing_after(v, d, gap, v_end, d_end, threshold, constants):
    """Time until a state at or below the threshold exceeds it, and its slope then.

    The time is -1 if it does not within a gap.  A state that is above by rounding, where the gap
    before ended, is at the threshold: it exceeds it at once if it rises.
    """
    if max(v + max(d, 0.0) * gap, v_end) <= threshold:
        return -1.0, d
    top, value = top_after(v, d, gap, v_end, d_end, constants)
    if not value > threshold:
        return -1.0, d
    return rising_root(v, d, top, value, threshold, constants)
