r"""The membrane after every spike, and where the potential peaks between two spikes.

Between events, at a time u after event k,

.. math:: V(t_k + u) = e^{-u/\tau} V_k + s_k K(u)

which has an interior maximum iff :math:`s_k > 0`, :math:`V'(t_k^+) = \kappa s_k - V_k/\tau > 0`
and :math:`1 + \beta V_k/(\kappa s_k) > 0`, at

.. math:: u^* = [\log(1 + \beta\tau) - \log(1 + \beta V_k/(\kappa s_k))]/\beta, \qquad
          V^* = \tau_s (\kappa s_k + \beta V_k)\, e^{-u^*/\tau}

if u* falls before the next event.  See docs/mathematics.md.

The peak asks which maximum is the largest, the crossing which is the first above threshold, and a
neuron has to cross if and only if its peak exceeds the threshold, after rounding too.  So both take
maxima from `interior_maximum`, which keeps them below the very bounds by which intervals are left
out: what is left out is then no larger than what its bound was compared with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import array_api_compat

from ..arrays.namespace import clip, device_of, zeros
from ..events import Events
from ..events.changing import widen
from ..kernel import Kernel
from .scan import block_length, scan

__all__ = [
    "Membrane",
    "highest_floor",
    "integrate",
    "interior_bound",
    "interior_maximum",
    "with_nobody",
]

Array = Any


@dataclass(frozen=True)
class Membrane:
    """State of B patterns and O outputs just after each of K events.

    Attributes
    ----------
    times : array, shape (B, K)
        Event times, in the dtype of the events.
    gap : array, shape (B, K)
        Time from each event to the next, for the last one to the end of the pattern; in the
        dtype of the weights.
    v, s : array, shape (O, B, K)
        Membrane potential and synaptic sum.
    v_end : array, shape (O, B)
        Potential at the end of the pattern.
    sparse : bool
        Whether many intervals are so long that K peaks in them.
    block : int
        Events of a part that suits a cumulative sum, see `scan`; 0 for none.
    """

    times: Array
    gap: Array
    v: Array
    s: Array
    v_end: Array
    sparse: bool = False
    block: int = 0


def with_nobody(weight: Array) -> Array:
    """Append the afferent that padding points at, of weight zero."""
    xp = array_api_compat.array_namespace(weight)
    return xp.concat([weight, zeros((weight.shape[0], 1), weight, xp=xp)], axis=1)


def integrate(events: Events, weight: Array, kernel: Kernel, *, static: bool) -> Membrane:
    """Scan all spikes of ``events`` through weights [O, N + 1] made by :func:`with_nobody`."""
    xp = array_api_compat.array_namespace(weight)
    times, afferents = events.times, events.afferents
    n_patterns, n_events = times.shape
    block = 0 if static else block_length(times, weight.dtype, kernel, xp=xp)
    if block and (extra := -n_events % block):
        events = widen(events, n_events + extra, 0)
        times, afferents = events.times, events.afferents
    jumps = xp.take(weight, xp.reshape(afferents, (-1,)), axis=1)
    jumps = xp.reshape(jumps, (weight.shape[0], *afferents.shape))
    v, s = scan(times, jumps, kernel, block, xp=xp)
    end = xp.full((n_patterns, 1), events.duration, dtype=times.dtype, device=device_of(times))
    gap = xp.astype(xp.concat([times[:, 1:], end], axis=1) - times, weight.dtype)
    last = gap[:, -1]
    v_end = xp.exp(last * (-1.0 / kernel.slow)) * v[..., -1]
    v_end = v_end + kernel.value(last, xp=xp) * s[..., -1]
    sparse = events.duration > 0.5 * kernel.t_peak * n_events
    return Membrane(times, gap, v, s, v_end, sparse, block)


def interior_bound(membrane: Membrane, kernel: Kernel, *, xp: Any) -> Array:
    """Bound [O, B, K] of each interval's interior maximum, where it has one.

    The potential is concave up to such a maximum, so the tangent at the interval's start, followed
    to its end, lies above it.  In a long interval that says little; but there the maximum is at
    most what is left of V without decay and of s at the peak of K.
    """
    tangent = _tangent(membrane.v, membrane.s, membrane.gap, kernel)
    if not membrane.sparse:
        return tangent
    return xp.minimum(tangent, _without_decay(membrane.v, membrane.s, kernel, xp))


def _tangent(v: Array, s: Array, gap: Array, kernel: Kernel) -> Array:
    return v * (1.0 - gap * (1.0 / kernel.slow)) + s * (gap * kernel.rise)


def _without_decay(v: Array, s: Array, kernel: Kernel, xp: Any) -> Array:
    return clip(v, 0.0, None, xp=xp) + s * kernel.psp_peak


def highest_floor(membrane: Membrane, kernel: Kernel, *, xp: Any) -> Array:
    """Event [O, B] with the largest potential at the peak of K after it, of intervals that long.

    That is a floor for the interval's maximum, and nearly the maximum where spikes are sparse.
    """
    decay = math.exp(-kernel.t_peak / kernel.slow)
    at_peak = membrane.v * decay + membrane.s * kernel.psp_peak
    return xp.argmax(xp.where(membrane.gap >= kernel.t_peak, at_peak, 0.0), axis=-1)


def interior_maximum(
    v: Array, s: Array, gap: Array, kernel: Kernel, *, xp: Any
) -> tuple[Array, Array, Array]:
    """Return (is there one, its time after the event, its potential) for each interval.

    The potential is never above `interior_bound`, nor below that at the interval's start.  Where
    there is no maximum, the time and the potential returned are finite and meaningless.
    """
    drive = s * kernel.rise
    # The conditions in products, so that no quotient overflows where they fail.
    exists = (s > 0.0) & (drive > v * (1.0 / kernel.slow)) & (drive + v * kernel.beta > 0.0)
    if not kernel.is_alpha:
        scaled = v * kernel.beta / xp.where(exists, drive, 1.0)
        exists = exists & (scaled > -1.0)
        log_ratio = xp.log1p(xp.where(exists, scaled, 0.0))
        u = (kernel.log_ratio - log_ratio) * (1.0 / kernel.beta)
    else:
        exists = exists & (v > drive * (kernel.slow - gap))
        u = kernel.slow - v / xp.where(exists, drive, 1.0)
    exists = exists & (u < gap)
    u = xp.where(exists, u, 0.0)
    peak = (drive + v * kernel.beta) * kernel.fast * xp.exp(u * (-1.0 / kernel.slow))
    peak = xp.minimum(peak, _tangent(v, s, gap, kernel))
    peak = xp.minimum(peak, _without_decay(v, s, kernel, xp))
    return exists, u, xp.maximum(peak, v)
