"""The largest membrane potential of a pattern and the time it is reached."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ..arrays.candidates import pick, rows_by_pair, take_like
from ..arrays.namespace import clip, namespace_of
from ..arrays.registry import fused
from ..events import Events
from ..events.grouping import by_groups
from ..kernel import Kernel
from ..membrane.integration import (
    Membrane,
    highest_floor,
    integrate,
    interior_bound,
    interior_maximum,
    with_nobody,
)
from ..membrane.sampling import sample
from ..membrane.tiles import map_tiles
from ..neuron import Neuron
from .arguments import check_fit, check_grid, grid_times, is_static
from .crossing import crossing_interval, interval_top
from .dispatch import at_a_glance, differentiable

__all__ = ["Peak", "peak", "peak_found"]

Array = Any


class Peak(NamedTuple):
    """Largest membrane potential and its time.

    Attributes
    ----------
    v_max : array, shape (B, O)
        In the unit of ``v_threshold`` and the dtype of the weights; a neuron fires if it exceeds
        ``v_threshold``.
    t_max : array, shape (B, O)
        In the unit and dtype of the spike times; 0 where the potential never rises above rest.
    """

    v_max: Array
    t_max: Array


def _at_a_glance(
    form: Callable[..., tuple[Array, Array]],
    events: Events,
    weight: Array,
    neuron: Neuron,
    *,
    grid: tuple[int, float] | None = None,
    method: str = "auto",  # noqa: ARG001 - by which the form was chosen
) -> Peak:
    return Peak(*form(events, weight, neuron, None if grid is None else check_grid(grid, neuron)))


@at_a_glance(_at_a_glance)
@by_groups()
@differentiable
def peak(
    events: Events,
    weight: Array,
    neuron: Neuron,
    *,
    grid: tuple[int, float] | None = None,
    method: str = "auto",
) -> Peak:
    r"""Largest membrane potential over [0, duration] and the time it is reached.

    On the exact clock the maximum over continuous time is the largest of 0 at t = 0, the
    potential at every spike (a peak can be a kink at an inhibitory spike), every interior
    maximum between spikes in closed form, and the potential at the end [1]_.  At ties the earliest
    time is returned.

    Parameters
    ----------
    events : Events
        B patterns on N afferents.
    weight : array, shape (O, N)
        Synaptic weights, float32 or float64, in the library and on the device of the events.
    neuron : Neuron
        With ``shunt=True`` the maximum is of the trajectory that ignores input after the first
        threshold crossing.
    grid : (int, float), optional
        ``(n_steps, dt)``: take the maximum over the samples t = 0, dt, ..., (n_steps - 1) dt
        instead of continuous time.  Not available with ``shunt=True``.
    method : {'auto', 'static', 'pruned'}
        'pruned' evaluates an interior maximum only where a bound says it may win; its array
        shapes depend on values.  'static' evaluates all of them, as tracing needs.  'auto'
        chooses 'static' for lazy arrays.

    Returns
    -------
    Peak
        ``v_max`` and ``t_max``, each of shape (B, O).  Both are NaN where the potential does not
        stay finite, which takes a spike of a weight that is not finite or too large.

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype, or arrays come from different libraries.
    ValueError
        If shapes or devices do not fit, or ``method`` or ``grid`` is not valid.

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, Nature Neuroscience 9, 420-428 (2006): the decision by
       the largest potential, equations 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron, peak
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0, np.inf]]), duration=50.0)
    >>> v_max, t_max = peak(events, np.asarray([[1.0, 1.0, 1.0]]), Neuron())
    >>> print(v_max.round(3), t_max.round(3))
    [[1.983]] [[9.096]]
    """
    check_fit(events, weight, neuron)
    if grid is not None:
        grid = check_grid(grid, neuron)
    return peak_found(events, weight, neuron, grid, method)


def peak_found(
    events: Events,
    weight: Array,
    neuron: Neuron,
    grid: tuple[int, float] | None,
    method: str,
) -> Peak:
    """`peak` of arguments that were checked."""
    if form := fused("peak", method, weight):
        return Peak(*form(events, weight, neuron, grid))
    xp, kernel = namespace_of(weight), neuron.kernel
    static = is_static(method, events.times, weight)

    def of_tile(part: Events, rows: Array) -> tuple[Array, Array]:
        membrane = integrate(part, rows, kernel, static=static)
        if grid is not None:
            return _sampled(membrane, grid, kernel, xp)
        v, t = _largest(membrane, part.duration, kernel, static, xp)
        if neuron.shunt:
            v, t = _shunted(membrane, v, t, part.duration, neuron, static, xp)
        # of event and interval, each rounded, a sum may end up beyond the pattern
        return _known(xp.isfinite(membrane.v_end), v, clip(t, None, part.duration, xp=xp), xp)

    n_samples = 0 if grid is None else grid[0]
    v_max, t_max = map_tiles(
        of_tile, events, with_nobody(weight), n_samples=n_samples, static=static
    )
    return Peak(xp.permute_dims(v_max, (1, 0)), xp.permute_dims(t_max, (1, 0)))


def _largest(
    membrane: Membrane, duration: float, kernel: Kernel, static: bool, xp: Any
) -> tuple[Array, Array]:
    """Value and time of the largest potential, shape (O, B)."""
    if static:
        v, t = _largest_from_all(membrane, kernel, xp)
    else:
        k = xp.argmax(membrane.v, axis=-1)
        v, t = pick(membrane.v, k, xp=xp), pick(membrane.times, k, xp=xp)
    above_rest = v > 0.0
    v, t = xp.where(above_rest, v, 0.0), xp.where(above_rest, t, 0.0)
    at_end = membrane.v_end > v
    v, t = xp.where(at_end, membrane.v_end, v), xp.where(at_end, duration, t)
    return (v, t) if static else _raised_by_interior(membrane, v, t, kernel, xp)


def _known(known: Array, v: Array, t: Array, xp: Any) -> tuple[Array, Array]:
    """Return (v, t), NaN where not known: weights that are no numbers make no silent neuron."""
    nan = float("nan")
    return xp.where(known, v, nan), xp.where(known, t, nan)


def _largest_from_all(membrane: Membrane, kernel: Kernel, xp: Any) -> tuple[Array, Array]:
    """Evaluate the interior maximum of every interval."""
    exists, u, inside = interior_maximum(membrane.v, membrane.s, membrane.gap, kernel, xp=xp)
    exists = exists & (inside > membrane.v)
    v = xp.where(exists, inside, membrane.v)
    u = xp.where(exists, u, 0.0)
    k = xp.argmax(v, axis=-1)
    t = pick(membrane.times, k, xp=xp) + xp.astype(pick(u, k, xp=xp), membrane.times.dtype)
    return pick(v, k, xp=xp), t


def _raised_by_interior(
    membrane: Membrane, v: Array, t: Array, kernel: Kernel, xp: Any
) -> tuple[Array, Array]:
    """Raise (v, t) where an interior maximum is larger.

    Only intervals whose bound reaches what the maximum is known to be at least are evaluated.
    """
    gap = membrane.gap
    if membrane.sparse:
        k = highest_floor(membrane, kernel, xp=xp)
        v_k, s_k, gap_k = (pick(a, k, xp=xp) for a in (membrane.v, membrane.s, gap))
        exists, u, inside = interior_maximum(v_k, s_k, gap_k, kernel, xp=xp)
        when = pick(membrane.times, k, xp=xp) + xp.astype(u, t.dtype)
        v, t = _earliest_largest(v, t, xp.where(exists, inside, 0.0), when, xp)
    bound = interior_bound(membrane, kernel, xp=xp)
    # where the two are equal it may be the earlier maximum; nothing rises to 0
    open_ = (bound >= v[..., None]) & (bound > 0.0)
    (flat,) = xp.nonzero(xp.reshape(open_, (-1,)))
    if flat.shape[0] == 0:
        return v, t
    event = flat % math.prod(gap.shape)
    exists, u, inside = interior_maximum(
        xp.take(xp.reshape(membrane.v, (-1,)), flat),
        xp.take(xp.reshape(membrane.s, (-1,)), flat),
        xp.take(xp.reshape(gap, (-1,)), event),
        kernel,
        xp=xp,
    )
    inside = xp.where(exists, inside, 0.0)  # 0 never beats v
    when = xp.take(xp.reshape(membrane.times, (-1,)), event) + xp.astype(u, t.dtype)

    index, present = rows_by_pair(flat // gap.shape[1], math.prod(v.shape), xp=xp)
    values = xp.where(present, take_like(inside, index, xp=xp), 0.0)
    first = xp.argmax(values, axis=1)[:, None]
    best = xp.reshape(xp.take_along_axis(values, first, axis=1), v.shape)
    chosen = xp.reshape(xp.take_along_axis(index, first, axis=1), (-1,))
    return _earliest_largest(v, t, best, xp.reshape(xp.take(when, chosen), t.shape), xp)


def _earliest_largest(
    v: Array, t: Array, other: Array, when: Array, xp: Any
) -> tuple[Array, Array]:
    """Return the larger potential and its time, of equal ones the earlier; 0 beats none."""
    better = (other > v) | ((other == v) & (when < t) & (other > 0.0))
    return xp.where(better, other, v), xp.where(better, when, t)


def _shunted(
    membrane: Membrane,
    v: Array,
    t: Array,
    duration: float,
    neuron: Neuron,
    static: bool,
    xp: Any,
) -> tuple[Array, Array]:
    """Replace (v, t) of firing pairs: after the crossing the potential runs freely."""
    kernel = neuron.kernel
    k = crossing_interval(membrane, neuron, static, xp=xp)
    fires = k < membrane.times.shape[1]
    k = xp.where(fires, k, 0)
    v_k, s_k = pick(membrane.v, k, xp=xp), pick(membrane.s, k, xp=xp)
    t_k = pick(membrane.times, k, xp=xp)
    left = xp.astype(duration - t_k, v_k.dtype)
    exists, u, inside = interior_maximum(v_k, s_k, left, kernel, xp=xp)
    at_end = xp.exp(left * (-1.0 / kernel.slow)) * v_k + kernel.value(left, xp=xp) * s_k
    v_free = xp.where(exists, inside, at_end)
    t_free = xp.where(exists, t_k + xp.astype(u, t_k.dtype), duration)
    # no less than what exceeded the threshold, which lies on the way
    v_free = xp.maximum(v_free, interval_top(membrane, k, kernel, xp=xp))
    return xp.where(fires, v_free, v), xp.where(fires, t_free, t)


def _sampled(
    membrane: Membrane, grid: tuple[int, float], kernel: Kernel, xp: Any
) -> tuple[Array, Array]:
    """Value and time of the largest sample, shape (O, B)."""
    query = grid_times(grid, membrane.times, xp)
    query = xp.tile(query[None, :], (membrane.times.shape[0], 1))
    v, _ = sample(membrane, query, kernel, xp=xp)
    k = xp.argmax(v, axis=-1)
    known = xp.all(xp.isfinite(v), axis=-1)
    return _known(known, pick(v, k, xp=xp), xp.astype(k, membrane.times.dtype) * grid[1], xp)
