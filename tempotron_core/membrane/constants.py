r"""How the potential changes with the time constants, at a fixed height of the kernel.

The derivative of the kernel by the logarithm of one of its time constants is the answer of one more
low-pass filter with that constant, less what keeps the height:

.. math:: \frac{\partial V}{\partial \log\tau} = P - g V, \qquad
          P' = \frac{V - P}{\tau}, \quad P(0) = 0

for each of the two, with :math:`g` for the slow and :math:`1 - g` for the fast one
(`Kernel.height_share`).  So P is a state of the membrane beside V and s.  In a time x without
events V leaves :math:`V (x/\tau) e^{-x/\tau}` or :math:`V K(x)/(\kappa\tau_s)` in it, and s what a
single spike would: with :math:`y = \beta x`

.. math:: B_{slow} = \frac{\kappa x^2}{\tau} e^{-x/\tau}\, \frac{y - 1 + e^{-y}}{y^2}, \qquad
          B_{fast} = \frac{\kappa x^2}{\tau_s} e^{-x/\tau}\, \frac{1 - (1 + y) e^{-y}}{y^2},

which have a value at equal constants, and keep their digits near it by a series in y.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..arrays.namespace import clip
from ..kernel import Kernel
from ..neuron import Neuron
from .integration import Membrane
from .sampling import locate, picked
from .scan import decaying_sum

__all__ = ["Course", "course"]

Array = Any

# Where y is smaller the quotients are series, whose terms fall below the last digit.
_SERIES_BELOW = 0.5
_TERMS = 14


@dataclass(frozen=True)
class Course:
    """The potential at given times, and how it changes with the time constants.

    Attributes
    ----------
    v, slope, curvature : array, shape (O, B, X)
        V, V' and V''.
    by_tau, by_tau_s : array, shape (O, B, X)
        dV/dtau and dV/dtau_s at a fixed time.
    slope_by_tau, slope_by_tau_s : array, shape (O, B, X)
        The same of V'.
    """

    v: Array
    slope: Array
    curvature: Array
    by_tau: Array
    by_tau_s: Array
    slope_by_tau: Array
    slope_by_tau_s: Array


def course(
    membrane: Membrane,
    query: Array,
    neuron: Neuron,
    *,
    last_event: Array | None = None,
    side: Literal["left", "right"] = "right",
    xp: Any,
) -> Course:
    """Follow the potential to given times, as `sample` does.

    Parameters
    ----------
    membrane : Membrane
    query : array, shape (B, X) or (O, B, X)
        Times, in the dtype of the events: those of all outputs, or each output's own.
    neuron : Neuron
    last_event, side
        As for `sample`.
    """
    kernel = neuron.kernel
    k, elapsed, begun = locate(membrane, query, last_event=last_event, side=side, xp=xp)
    x = _within_memory(elapsed, membrane, kernel, xp)
    at_events = (membrane.v, membrane.s, *_filters(membrane, kernel, xp))
    v, s, slow, fast = (xp.where(begun, picked(a, k, xp=xp), 0.0) for a in at_events)
    from_v, from_s = _left_in_filters(x, kernel, xp)
    decay_slow, decay_fast = xp.exp(x * (-1.0 / kernel.slow)), xp.exp(x * (-1.0 / kernel.fast))
    slow = slow * decay_slow + v * from_v[0] + s * from_s[0]
    fast = fast * decay_fast + v * from_v[1] + s * from_s[1]
    v, s = v * decay_slow + s * kernel.value(x, xp=xp), s * decay_fast
    slope = s * kernel.rise - v * (1.0 / kernel.slow)
    curvature = s * (-kernel.rise / kernel.fast) - slope * (1.0 / kernel.slow)
    share = kernel.height_share
    of_slow = _by_constant(v, slope, slow, share, kernel.slow)
    of_fast = _by_constant(v, slope, fast, 1.0 - share, kernel.fast)
    by_tau, by_tau_s = neuron.in_order(of_slow[0], of_fast[0])
    slope_by_tau, slope_by_tau_s = neuron.in_order(of_slow[1], of_fast[1])
    return Course(v, slope, curvature, by_tau, by_tau_s, slope_by_tau, slope_by_tau_s)


def _by_constant(
    v: Array, slope: Array, filtered: Array, share: float, constant: float
) -> tuple[Array, Array]:
    """Derivatives of V and V' by a time constant."""
    rate = 1.0 / constant
    return (filtered - share * v) * rate, ((v - filtered) * rate - share * slope) * rate


def _filters(membrane: Membrane, kernel: Kernel, xp: Any) -> tuple[Array, Array]:
    """State of the slow and the fast filter at every event, each [O, B, K]."""
    x = _within_memory(membrane.gap[:, :-1], membrane, kernel, xp)
    v, s = membrane.v[..., :-1], membrane.s[..., :-1]
    from_v, from_s = _left_in_filters(x, kernel, xp)
    begin = xp.zeros_like(membrane.v[..., :1])

    def followed(constant: float, of_v: Array, of_s: Array) -> Array:
        jumps = xp.concat([begin, v * of_v + s * of_s], axis=-1)
        alone = kernel.with_equal(constant)
        return decaying_sum(membrane.times, jumps, alone, membrane.block, xp=xp)

    return (
        followed(kernel.slow, from_v[0], from_s[0]),
        followed(kernel.fast, from_v[1], from_s[1]),
    )


def _left_in_filters(
    x: Array, kernel: Kernel, xp: Any
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """What V = 1, and what s = 1, leaves in the slow and in the fast filter after a time x."""
    decay = xp.exp(x * (-1.0 / kernel.slow))
    in_slow, in_fast = x * (1.0 / kernel.slow), x * (1.0 / kernel.fast)
    of_v = (in_slow * decay, kernel.value(x, xp=xp) * (1.0 / (kernel.rise * kernel.fast)))
    y, of_spike = x * kernel.beta, x * kernel.rise * decay
    slow = _quotient(y, lambda y: y + xp.expm1(-y), lambda _: 1.0, xp)
    fast = _quotient(y, lambda y: -xp.expm1(-y) - y * xp.exp(-y), lambda n: n + 1.0, xp)
    return of_v, (of_spike * in_slow * slow, of_spike * in_fast * fast)


def _quotient(
    y: Array,
    numerator: Callable[[Array], Array],
    factor: Callable[[int], float],
    xp: Any,
) -> Array:
    """A numerator over y^2; for small y its series, the sum of factor(n) (-y)^n/(n + 2)!."""
    near, far = clip(y, None, _SERIES_BELOW, xp=xp), clip(y, _SERIES_BELOW, None, xp=xp)
    series = xp.full_like(y, factor(_TERMS) / math.factorial(_TERMS + 2))
    for n in range(_TERMS - 1, -1, -1):
        series = factor(n) / math.factorial(n + 2) - near * series
    return xp.where(y < _SERIES_BELOW, series, numerator(far) / (far * far))


def _within_memory(elapsed: Array, membrane: Membrane, kernel: Kernel, xp: Any) -> Array:
    """Cut times short that leave nothing of a state."""
    memory = kernel.memory(membrane.v.dtype, xp=xp)
    return clip(elapsed, 0.0, memory, xp=xp)
