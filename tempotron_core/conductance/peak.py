r"""The largest potential of the conductance-based neuron.

Between events the potential has at most one stationary point, a maximum only for a current J > 0:
where :math:`V' = J(u) - (g_L + g(u)) V` is positive after the one event and negative before the
next.  There V'' < 0 as long as V' > 0, so the tangent at the interval's start bounds it, and rules
most intervals out.  In the others the root of V' is found by Newton's steps that stay inside of its
bracket.
"""

from __future__ import annotations

import math
from typing import Any

from ..arrays.candidates import pick, rows_by_pair, take_like
from ..arrays.namespace import clip, known_true
from ..arrays.settings import under_own_settings
from ..events import Events
from ..membrane.tiles import map_tiles
from ..readouts.peak import Peak
from .arguments import check_arguments
from .course import Course, course, moments
from .neuron import ConductanceNeuron

__all__ = ["peak"]

Array = Any

_STEPS, _TRUSTED = 60, 10
_ROUNDING = 1e-6  # of an interval, a step that may be one of rounding


@under_own_settings
def peak(events: Events, gain: Array, excitatory: Array, neuron: ConductanceNeuron) -> Peak:
    """Largest potential over [0, duration], and when it is reached.

    Parameters
    ----------
    events, gain, excitatory, neuron
        As for :func:`tempotron_core.conductance.voltage`.

    Returns
    -------
    Peak
        ``v_max`` and ``t_max``, each of shape (B, O); both 0 where the potential never rises above
        rest.

    Raises
    ------
    TypeError, ValueError
        As of ``voltage``.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events
    >>> from tempotron_core.conductance import ConductanceNeuron, peak
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0]]), duration=20.0)
    >>> kinds, neuron = np.asarray([True, False]), ConductanceNeuron()
    >>> v_max, t_max = peak(events, np.asarray([[0.3, 0.2]]), kinds, neuron)
    >>> print(v_max.round(3), t_max.round(3))
    [[1.128]] [[3.]]
    """
    xp = check_arguments(events, gain, excitatory, neuron)

    def of_tile(part: Events, rows: Array) -> tuple[Array, ...]:
        seen = course(part, rows, excitatory, neuron, xp=xp)
        k = xp.argmax(seen.v_end, axis=-1)
        v = pick(seen.v_end, k, xp=xp)
        t = pick(seen.times, k, xp=xp) + xp.astype(pick(seen.gap, k, xp=xp), seen.times.dtype)
        v, t = xp.where(v > 0.0, v, 0.0), xp.where(v > 0.0, t, 0.0)
        v, t = _raised(seen, v, t, neuron, xp)
        return v, clip(t, None, part.duration, xp=xp)

    v_max, t_max = map_tiles(of_tile, events, gain)
    return Peak(xp.permute_dims(v_max, (1, 0)), xp.permute_dims(t_max, (1, 0)))


def _raised(
    seen: Course, v: Array, t: Array, neuron: ConductanceNeuron, xp: Any
) -> tuple[Array, Array]:
    """Raise (v, t) [O, B] where an interior maximum is larger."""
    start = seen.drive - (neuron.leak + seen.g) * seen.v
    decay = xp.exp(seen.gap * (-1.0 / neuron.tau_s))[None, ...]
    end = seen.drive * decay - (neuron.leak + seen.g * decay) * seen.v_end
    turns = (seen.drive > 0.0) & (start > 0.0) & (end < 0.0)
    open_ = turns & (seen.v + start * seen.gap[None, ...] >= v[..., None])
    (flat,) = xp.nonzero(xp.reshape(open_, (-1,)))
    if flat.shape[0] == 0:
        return v, t
    event = flat % math.prod(seen.gap.shape)
    of_v, of_g, of_drive = (
        xp.take(xp.reshape(a, (-1,)), flat) for a in (seen.v, seen.g, seen.drive)
    )
    gap = xp.take(xp.reshape(seen.gap, (-1,)), event)
    u, inside = _interior(of_v, of_g, of_drive, gap, neuron, xp)
    when = xp.take(xp.reshape(seen.times, (-1,)), event) + xp.astype(u, t.dtype)
    index, present = rows_by_pair(flat // seen.gap.shape[1], math.prod(v.shape), xp=xp)
    values = xp.where(present, take_like(inside, index, xp=xp), 0.0)
    first = xp.argmax(values, axis=1)[:, None]
    best = xp.reshape(xp.take_along_axis(values, first, axis=1), v.shape)
    chosen = xp.reshape(xp.take_along_axis(index, first, axis=1), (-1,))
    when = xp.reshape(xp.take(when, chosen), t.shape)
    better = (best > v) | ((best == v) & (best > 0.0) & (when < t))
    return xp.where(better, best, v), xp.where(better, when, t)


def _interior(
    v: Array, g: Array, drive: Array, gap: Array, neuron: ConductanceNeuron, xp: Any
) -> tuple[Array, Array]:
    """Time and value of the maximum in intervals whose slope turns from positive to negative."""
    rate, leak = 1.0 / neuron.tau_s, neuron.leak

    def at(u: Array) -> tuple[Array, Array, Array, Array]:
        """Potential, its two derivatives, and the current that is left."""
        passed, m_0, _ = moments(g, u, neuron, xp=xp)
        decay, potential = xp.exp(u * -rate), xp.exp(-passed) * v + drive * m_0
        current = drive * decay
        slope = current - (leak + g * decay) * potential
        curvature = (g * potential - drive) * decay * rate - (leak + g * decay) * slope
        return potential, slope, curvature, current

    low, high, u = xp.zeros_like(gap), gap, 0.5 * gap
    done = 4.0 * float(xp.finfo(gap.dtype).eps)  # of the gap, or of what the slope is made of
    last = gap
    for step in range(_STEPS):
        _, slope, curvature, current = at(u)
        rising = slope > 0.0
        low, high = xp.where(rising, u, low), xp.where(rising, high, u)
        falls = curvature < 0.0
        newton = u - slope / xp.where(falls, curvature, -1.0)
        inside = falls & (newton >= low) & (newton <= high)
        if step > _TRUSTED:  # on a plateau rounding alone curves it, and the steps do not shrink
            size = xp.abs(newton - u)
            inside = inside & ((size <= 0.5 * last) | (size <= _ROUNDING * gap))
        following = xp.where(inside, newton, 0.5 * (low + high))
        last = xp.abs(following - u)
        moved = (last > done * gap) & (xp.abs(slope) > done * current)
        u = following
        if not known_true(xp.any(moved)):
            break
    return u, at(u)[0]
