r"""The state of a conductance-based neuron after every event, and a time later.

A time u after an event, with the conductances :math:`g_e, g_i` just after it, :math:`g = g_e + g_i`
and :math:`J = E_e g_e + E_i g_i`, all of which decay by :math:`e^{-u/\tau_s}`,

.. math::
    \Lambda(u) = g_L u + g D(u), \qquad D(u) = \tau_s (1 - e^{-u/\tau_s}), \qquad
    V(u) = e^{-\Lambda(u)} V_0 + J M_0(u)

.. math::
    M_0(u) = \int_0^u e^{-(\Lambda(u) - \Lambda(x))} e^{-x/\tau_s} dx

an incomplete gamma function.  It is summed by Gauss-Legendre panels, which know no special cases,
over s = u - x: of a strong conductance only the last moments count, which x would not tell apart.
From event to event conductances and potential obey linear recurrences
:math:`x_{k+1} = a_k x_k + b_k` whose coefficients are known beforehand; pairs of steps are joined,
and pairs of those, so that K events take log2 K passes over the arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from numpy.polynomial.legendre import leggauss

from ..arrays.namespace import clip, device_of, known_int, known_true
from ..events import Events
from ..membrane.integration import with_nobody
from .neuron import ConductanceNeuron

__all__ = ["Course", "course", "linear_scan", "moments"]

Array = Any

# Ten nodes over which the exponents change by four, twenty on panels of ten: errors below 1e-14 of
# the sum.
_GENTLE, _PANEL = 4.0, 10.0
_FEW, _MANY = (
    tuple(
        (0.5 * each + shift).tolist() for each, shift in zip(leggauss(n), (0.5, 0.0), strict=True)
    )
    for n in (10, 20)
)  # nodes and shares of each
_REACH = 40.0  # exponents after which nothing is left of a synaptic current


@dataclass(frozen=True)
class Course:
    """State of B patterns and O outputs just after each of K events.

    Attributes
    ----------
    times : array, shape (B, K)
    gap : array, shape (B, K)
        Time to the next event or the end of the pattern, in the dtype of the gains.
    g, drive, v : array, shape (O, B, K)
        The conductance g, the current J, and the potential.
    v_end : array, shape (O, B, K)
        The potential at the end of each event's interval.
    """

    times: Array
    gap: Array
    g: Array
    drive: Array
    v: Array
    v_end: Array


def course(
    events: Events, gain: Array, excitatory: Array, neuron: ConductanceNeuron, *, xp: Any
) -> Course:
    """Follow the neurons of gains [O, N] through all events."""
    times, device = events.times, device_of(events.times)
    end = xp.full((times.shape[0], 1), events.duration, dtype=times.dtype, device=device)
    gap = xp.astype(xp.concat([times[:, 1:], end], axis=1) - times, gain.dtype)
    decay = xp.exp(gap * (-1.0 / neuron.tau_s))
    one = xp.ones((times.shape[0], 1), dtype=gain.dtype, device=device)
    before = xp.concat([one, decay[:, :-1]], axis=1)[None, ...]
    conductances = []
    for of_kind in (excitatory, ~excitatory):
        rows = with_nobody(xp.where(of_kind[None, :], gain, 0.0))
        jumps = xp.take(rows, xp.reshape(events.afferents, (-1,)), axis=1)
        jumps = xp.reshape(jumps, (gain.shape[0], *times.shape))
        conductances.append(linear_scan(before, jumps, xp=xp))
    g_e, g_i = conductances
    g, drive = g_e + g_i, neuron.e_excitatory * g_e + neuron.e_inhibitory * g_i
    passed, m_0, _ = moments(g, gap[None, ...], neuron, xp=xp)
    v_end = linear_scan(xp.exp(-passed), drive * m_0, xp=xp)
    v = xp.concat([xp.zeros_like(v_end[..., :1]), v_end[..., :-1]], axis=-1)
    return Course(times, gap, g, drive, v, v_end)


def moments(
    g: Array, u: Array, neuron: ConductanceNeuron, *, first: bool = False, xp: Any
) -> tuple[Array, Array, Array]:
    r"""How far a time u takes a potential down, and what it makes of a current.

    Parameters
    ----------
    g, u : array
        Conductances, and times of a shape that broadcasts with theirs.
    neuron : ConductanceNeuron
    first : bool, default False
        Whether :math:`M_1` is wanted too.

    Returns
    -------
    passed, m_0, m_1 : array
        :math:`\Lambda(u)`, :math:`M_0(u)`, and :math:`M_1 = -dM_0/dg`, whose integrand has
        :math:`D(u) - D(x)` as a factor; zero unless wanted.
    """
    rate, leak = 1.0 / neuron.tau_s, neuron.leak
    g, u = xp.broadcast_arrays(g, u)
    longest, shortest, reach = u, xp.zeros_like(u), _REACH
    if math.prod(g.shape) and known_true(xp.max(g) * neuron.tau_s > _REACH):
        # where g (D(u) - D(x)) is out of reach, a conductance has wiped out what there was: however
        # strong, it makes no more than some exponents
        strength = xp.log(clip(g * neuron.tau_s, 1.0, None, xp=xp))
        past = xp.logaddexp(xp.zeros_like(u), u * rate + (math.log(_REACH) - strength))
        longest, reach = xp.minimum(u, past * neuron.tau_s), strength + _REACH
    if leak < 0.5 * rate:  # else what is old may outweigh what is new
        shortest = clip(u - reach * (1.0 / (rate - leak)), 0.0, None, xp=xp)
        shortest = xp.minimum(shortest, longest)
    length = longest - shortest
    steep = length * (g * xp.exp((longest - u) * rate) + (rate + leak))
    gentle = xp.reshape(steep <= _GENTLE, (-1,))
    flat = [xp.reshape(a, (-1,)) for a in (g, u, shortest, length)]
    kinds, found = ((gentle, _FEW, 1), (~gentle, _MANY, _panels(steep, xp))), []
    for of_kind, rule, n_panels in kinds:
        (where,) = xp.nonzero(of_kind)
        of_g, of_u, start, of_length = (xp.take(a, where) for a in flat)
        found.append(_integrals(of_g, of_u, start, of_length, neuron, rule, n_panels, first, xp))
    # each interval's place among those of its kind, the steep ones after the gentle
    place = xp.where(
        gentle,
        xp.cumulative_sum(xp.astype(gentle, xp.int64)) - 1,
        xp.cumulative_sum(xp.astype(~gentle, xp.int64)) + (found[0][0].shape[0] - 1),
    )
    m_0, m_1 = (
        xp.reshape(xp.take(xp.concat(list(parts)), place), u.shape)
        for parts in zip(*found, strict=True)
    )
    return u * leak - g * (xp.expm1(u * -rate) * neuron.tau_s), m_0, m_1


def _panels(steep: Array, xp: Any) -> int:
    """Panels of the steepest interval."""
    steepest = xp.max(steep) if math.prod(steep.shape) else xp.asarray(0.0)
    n_panels = known_int(xp.ceil(steepest * (1.0 / _PANEL)))
    if n_panels is None:
        raise ValueError("gain and times must have finite values that are known")
    return max(1, n_panels)


def _integrals(
    g: Array,
    u: Array,
    shortest: Array,
    length: Array,
    neuron: ConductanceNeuron,
    rule: tuple[list[float], list[float]],
    n_panels: int,
    first: bool,
    xp: Any,
) -> tuple[Array, Array]:
    """M_0 and M_1 by a rule of integration, on so many panels that share the length."""
    rate, leak = 1.0 / neuron.tau_s, neuron.leak
    like = {"dtype": g.dtype, "device": device_of(g)}
    nodes, shares = (xp.asarray(each, **like) for each in rule)
    m_0, m_1 = xp.zeros_like(u), xp.zeros_like(u)
    for panel in range(n_panels):
        s = (nodes + float(panel)) * (1.0 / n_panels)
        s = shortest[..., None] + length[..., None] * s
        decayed = xp.exp((s - u[..., None]) * rate)
        lost = xp.expm1(s * -rate) * decayed * -neuron.tau_s
        exponent = s * -leak - g[..., None] * lost
        term = xp.exp(exponent) * decayed * (shares * (1.0 / n_panels))
        m_0 = m_0 + xp.sum(term, axis=-1)
        if first:
            m_1 = m_1 + xp.sum(term * lost, axis=-1)
    return m_0 * length, m_1 * length


def linear_scan(a: Array, b: Array, *, xp: Any) -> Array:
    """Return x with ``x[k] = a[k] x[k - 1] + b[k]`` along the last axis, from rest."""
    a, b = xp.broadcast_arrays(a, b)
    reach, length = 1, b.shape[-1]
    while reach < length:
        b = xp.concat([b[..., :reach], b[..., reach:] + a[..., reach:] * b[..., :-reach]], axis=-1)
        a = xp.concat([a[..., :reach], a[..., reach:] * a[..., :-reach]], axis=-1)
        reach *= 2
    return b
