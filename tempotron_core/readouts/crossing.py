"""The first threshold crossing, the output spike time."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.candidates import pick, rows_by_pair, take_like
from ..arrays.namespace import clip, device_of, known_true
from ..arrays.registry import fused
from ..events import Events
from ..events.grouping import by_groups
from ..kernel import Kernel
from ..membrane.integration import (
    Membrane,
    integrate,
    interior_bound,
    interior_maximum,
    with_nobody,
)
from ..membrane.tiles import map_tiles
from ..neuron import Neuron
from .arguments import check_readout, is_static
from .dispatch import differentiable

__all__ = ["crossing_interval", "crossing_time", "first_crossing", "interval_top"]

Array = Any

# Each step takes a root of the local parabola and a bisection.  The parabola converges cubically
# and bisection guards it: eight steps reach the last digit in all that was tried, from slopes of
# order one to crossings that graze the maximum.  An eager call stops once no time moves.
_STEPS = 12


@by_groups()
@differentiable
def first_crossing(events: Events, weight: Array, neuron: Neuron, *, method: str = "auto") -> Array:
    """Time at which the membrane potential first exceeds the threshold [1]_.

    Parameters
    ----------
    events, weight
        As for :func:`peak`: B patterns on N afferents, weights of shape (O, N).
    neuron : Neuron
        ``shunt`` makes no difference to the first crossing.
    method : {'auto', 'static', 'pruned'}
        See :func:`peak`.

    Returns
    -------
    array, shape (B, O)
        Output spike times in the dtype of the events, inf where the neuron is silent.  Finite
        exactly where ``peak(...).v_max > v_threshold``; NaN exactly where that is NaN.

    Raises
    ------
    TypeError, ValueError
        As :func:`peak`.

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, Nature Neuroscience 9, 420-428 (2006).

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron, first_crossing
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0]]), duration=50.0)
    >>> print(first_crossing(events, np.asarray([[1.0, 1.0], [0.2, 0.3]]), Neuron()).round(3))
    [[3.697   inf]]
    """
    xp = check_readout(events, weight, neuron)
    static = is_static(method, events.times, weight)
    if form := fused("first_crossing", method, weight):
        return form(events, weight, neuron)

    def of_tile(part: Events, rows: Array) -> tuple[Array, ...]:
        membrane = integrate(part, rows, neuron.kernel, static=static)
        _, t = crossing(membrane, neuron, part.duration, static, xp=xp)
        return (xp.where(xp.isfinite(membrane.v_end), t, float("nan")),)

    (t_spike,) = map_tiles(of_tile, events, with_nobody(weight), static=static)
    return xp.permute_dims(t_spike, (1, 0))


def crossing(
    membrane: Membrane, neuron: Neuron, duration: float, static: bool, *, xp: Any
) -> tuple[Array, Array]:
    """Interval [O, B] of the first crossing, K if there is none, and its time, then inf."""
    k = crossing_interval(membrane, neuron, static, xp=xp)
    t = crossing_time(membrane, k, neuron, static, xp)
    # of event and interval, each rounded, a sum may end up beyond the pattern
    return k, xp.where(xp.isfinite(t), clip(t, None, duration, xp=xp), t)


def crossing_interval(membrane: Membrane, neuron: Neuron, static: bool, *, xp: Any) -> Array:
    """Event [O, B] that starts the first interval to exceed the threshold; K if there is none."""
    kernel, threshold = neuron.kernel, neuron.v_threshold
    v, gap = membrane.v, membrane.gap
    n_events = v.shape[-1]
    position = xp.arange(n_events, device=device_of(v))
    # V_0 = 0, so an event above threshold is never the first: it ends the interval before it.
    above = v > threshold
    ends = xp.argmax(xp.astype(above, v.dtype), axis=-1)
    rises_at_end = xp.astype(membrane.v_end > threshold, ends.dtype)
    ends = xp.where(xp.any(above, axis=-1), ends - 1, n_events - rises_at_end)
    if static:
        exists, _, inside = interior_maximum(v, membrane.s, gap, kernel, xp=xp)
        inner = exists & (inside > threshold)
        first = xp.argmax(xp.astype(inner, v.dtype), axis=-1)
        return xp.where(xp.any(inner, axis=-1), xp.minimum(first, ends), ends)
    bound = interior_bound(membrane, kernel, xp=xp)
    open_ = (bound > threshold) & (position < ends[..., None])
    (flat,) = xp.nonzero(xp.reshape(open_, (-1,)))
    if flat.shape[0] == 0:
        return ends
    exists, _, inside = interior_maximum(
        xp.take(xp.reshape(v, (-1,)), flat),
        xp.take(xp.reshape(membrane.s, (-1,)), flat),
        xp.take(xp.reshape(gap, (-1,)), flat % math.prod(gap.shape)),
        kernel,
        xp=xp,
    )
    event = xp.where(exists & (inside > threshold), flat % n_events, n_events)
    index, present = rows_by_pair(flat // n_events, math.prod(ends.shape), xp=xp)
    event = xp.where(present, take_like(event, index, xp=xp), n_events)
    return xp.minimum(xp.reshape(xp.min(event, axis=1), ends.shape), ends)


def interval_top(membrane: Membrane, k: Array, kernel: Kernel, *, xp: Any) -> Array:
    """Largest potential [O, B] of each interval ``k``, its start left out."""
    v, s, gap = (pick(a, k, xp=xp) for a in (membrane.v, membrane.s, membrane.gap))
    exists, _, inside = interior_maximum(v, s, gap, kernel, xp=xp)
    v_next = xp.concat([membrane.v[..., 1:], membrane.v_end[..., None]], axis=-1)
    at_end = pick(v_next, k, xp=xp)
    return xp.where(exists, xp.maximum(inside, at_end), at_end)


def crossing_time(membrane: Membrane, k: Array, neuron: Neuron, static: bool, xp: Any) -> Array:
    """Solve for the crossing inside interval ``k``, shape (O, B)."""
    fires = k < membrane.times.shape[1]
    pairs = xp.reshape(k, (-1,))
    chosen = xp.where(fires, k, 0)
    v, s, gap, t = (
        xp.reshape(pick(a, chosen, xp=xp), (-1,))
        for a in (membrane.v, membrane.s, membrane.gap, membrane.times)
    )
    if not static:  # only the pairs that fire
        (which,) = xp.nonzero(pairs < membrane.times.shape[1])
        v, s, gap, t = (xp.take(a, which) for a in (v, s, gap, t))
    exists, u, _ = interior_maximum(v, s, gap, neuron.kernel, xp=xp)
    u = _rising_root(v, s, xp.where(exists, u, gap), neuron, static, xp)
    t = t + xp.astype(u, t.dtype)
    if not static:
        # place of every firing pair among the firing pairs
        place = xp.cumulative_sum(xp.astype(xp.reshape(fires, (-1,)), pairs.dtype)) - 1
        silent = xp.full((1,), float("inf"), dtype=t.dtype, device=device_of(t))
        place = xp.where(xp.reshape(fires, (-1,)), place, t.shape[0])
        return xp.reshape(xp.take(xp.concat([t, silent]), place), k.shape)
    return xp.where(fires, xp.reshape(t, k.shape), float("inf"))


def _rising_root(v: Array, s: Array, top: Array, neuron: Neuron, static: bool, xp: Any) -> Array:
    """Root of V(u) = v_threshold on [0, top], where V rises and is concave; shape (P,).

    V(0) <= v_threshold < V(top).  Each step solves the parabola that has the value, slope and
    curvature of V (Euler's method), keeps the result in a shrinking bracket, and halves the
    bracket.  It starts at the top, where the parabola always has a root, and the right one if the
    crossing grazes a maximum.

    Potentials are taken in units of the largest there is and slopes per slow time constant, so that
    no square leaves the range of numbers, whatever the scale of the weights.
    """
    kernel = neuron.kernel
    gain, ratio = kernel.rise * kernel.slow, kernel.slow / kernel.fast
    unit = clip(xp.maximum(xp.abs(v), xp.abs(s) * kernel.psp_peak), neuron.v_threshold, None, xp=xp)
    v, s, threshold = v / unit, s / unit, neuron.v_threshold / unit

    def potential(u: Array) -> tuple[Array, Array, Array]:
        fast, value = xp.exp(u * (-1.0 / kernel.fast)), kernel.value(u, xp=xp)
        now = xp.exp(u * (-1.0 / kernel.slow)) * v + value * s
        slope = s * fast * gain - now
        curvature = s * fast * (-gain * ratio) - slope
        return now - threshold, slope, curvature

    low, high, u = xp.zeros_like(top), top, top
    for _ in range(_STEPS):
        excess, slope, curvature = potential(u)
        low, high = xp.where(excess > 0.0, low, u), xp.where(excess > 0.0, u, high)
        root = xp.sqrt(clip(slope * slope - 2.0 * excess * curvature, 0.0, None, xp=xp))
        reach = slope + root
        step = xp.where(reach > 0.0, -2.0 * excess / xp.where(reach > 0.0, reach, 1.0), 0.0)
        step = step * kernel.slow
        # A compiler may round the same sum differently in two places, which puts the target an ulp
        # outside the bracket: so it is moved to the nearer end, never to the middle.
        target = clip(u + step, low, high, xp=xp)
        still = xp.all(target == u)
        u = target
        if not static and known_true(still):
            break
        middle = 0.5 * (low + high)
        excess, _, _ = potential(middle)
        low, high = xp.where(excess > 0.0, low, middle), xp.where(excess > 0.0, middle, high)
        u = clip(u, low, high, xp=xp)
    return u
