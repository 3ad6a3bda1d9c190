r"""The exact gradient of the peak: the tempotron's learning rule.

By the envelope theorem only the explicit dependence counts at a maximum,

.. math:: \frac{dV^*}{dw_i} = \sum_f K(t^* - t_f), \qquad
          \frac{dV^*}{dt_f} = -w_f K'(t^* - t_f)

where the peak is smooth.  At a *kink*, where :math:`t^*` is the time of a group G of simultaneous
spikes with :math:`W = \sum_{j \in G} w_j < 0`, the peak moves with the group: with
:math:`L = V'(t^{*-})`

.. math:: \frac{dV^*}{dt_j} = L \frac{w_j}{W}, \qquad \frac{dt^*}{dt_j} = \frac{w_j}{W}.

A smooth peak's time moves by :math:`-V''(t^*)^{-1}` times the change of the slope.  Constants of
the neuron act in the same two ways; they do not move a kink or an end.  Derivations are in
docs/mathematics.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.namespace import clip, namespace_of
from ..arrays.registry import fused
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.constants import course
from ..membrane.integration import Membrane, integrate, with_nobody
from ..membrane.tiles import map_tiles
from ..neuron import Neuron
from .arguments import check_fit, check_grid, check_outputs, check_within, is_static
from .constants import Constants, Summed, constants_gradient, summed
from .crossing import crossing_interval
from .dispatch import at_a_glance, constant
from .gradient import Gradient, GradientWithConstants, Pairs, added, as_given, pair_gradient
from .peak import Peak

__all__ = ["peak_vjp"]

Array = Any


def _at_a_glance(
    form: Callable[..., tuple[Array, Array | None]],
    events: Events,
    weight: Array,
    neuron: Neuron,
    peak: Peak,
    v_cotangent: Array,
    t_cotangent: Array | None = None,
    *,
    times: bool = False,
    constants: bool = False,
    grid: tuple[int, float] | None = None,
    method: str = "auto",
) -> Gradient | GradientWithConstants:
    given = events, weight, neuron, peak, v_cotangent, t_cotangent
    grid = _checked(*given, grid, method)
    found = form(*given, times, grid)
    if not (times or constants):
        return Gradient(*found)
    of_constants = None
    if constants:
        of_constants = peak_constants(*given, grid, method, namespace_of(weight))
    return as_given(events, *found, of_constants)


@at_a_glance(_at_a_glance)
@by_groups("peak", "v_cotangent", "t_cotangent", join=added)
@constant
def peak_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    peak: Peak,
    v_cotangent: Array,
    t_cotangent: Array | None = None,
    *,
    times: bool = False,
    constants: bool = False,
    grid: tuple[int, float] | None = None,
    method: str = "auto",
) -> Gradient | GradientWithConstants:
    """Pull cotangents of the peak back to the weights and the spike times.

    Only (pattern, output) pairs with a non-zero cotangent cost anything: the tempotron rule [1]_
    corrects errors alone.

    Parameters
    ----------
    events, weight, neuron
        As given to :func:`peak`.
    peak : Peak
        What :func:`peak` returned for them.
    v_cotangent : array, shape (B, O)
        Derivative of the loss by ``v_max``.
    t_cotangent : array, shape (B, O), optional
        Derivative of the loss by ``t_max``.  Ignored on a grid, where ``t_max`` is piecewise
        constant.
    times : bool, default False
        Also return the gradient towards the spike times.
    constants : bool, default False
        Also return the gradient towards the constants of the neuron, summed over all pairs.
    grid : (int, float), optional
        As given to :func:`peak`.
    method : {'auto', 'static', 'pruned'}
        See :func:`peak`.

    Returns
    -------
    Gradient or GradientWithConstants
        ``weight``, shape (O, N), ``times`` in the layout the events were built from, or None, and,
        if asked for, ``constants``.
        A silent pair, whose potential never rises above rest, contributes nothing.  At exact ties
        the result is a subgradient: the one of the earliest peak.  NaN for the weights and the
        spikes of a pair whose peak is NaN.

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype, or arrays come from different libraries.
    ValueError
        If shapes or devices do not fit, or ``peak.t_max`` holds a time that `peak` cannot have
        returned: outside the pattern, or NaN where ``v_max`` is not (not looked for if
        ``method='static'``).

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, Nature Neuroscience 9, 420-428 (2006), equation 3.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron, peak, peak_vjp
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0, np.inf]]), duration=50.0)
    >>> weight, neuron = np.asarray([[0.4, 0.5, 0.6]]), Neuron()
    >>> found = peak(events, weight, neuron)
    >>> gradient = peak_vjp(events, weight, neuron, found, v_cotangent=np.ones((1, 1)))
    >>> print(gradient.weight.round(3))
    [[0.988 0.995 0.   ]]
    """
    check_fit(events, weight, neuron)
    given = events, weight, neuron, peak, v_cotangent, t_cotangent
    grid = _checked(*given, grid, method)
    xp = namespace_of(weight)
    found = peak_adjoint(*given, times, grid, method, xp)
    of_constants = peak_constants(*given, grid, method, xp) if constants else None
    return as_given(events, *found, of_constants)


def _checked(
    events: Events,
    weight: Array,
    neuron: Neuron,
    peak: Peak,
    v_cotangent: Array,
    t_cotangent: Array | None,
    grid: tuple[int, float] | None,
    method: str,
) -> tuple[int, float] | None:
    """Return the grid as Python numbers; raise unless the peak and its cotangents fit."""
    if not isinstance(peak, Peak):
        raise TypeError(f"peak must be a Peak (what peak() returned), got {type(peak).__name__}")
    v_max, t_max = peak
    outputs = [v_max, t_max, v_cotangent]
    if t_cotangent is not None:
        outputs.append(t_cotangent)
    names = ("peak.v_max", "peak.t_max", "v_cotangent", "t_cotangent")
    check_outputs(names, outputs, events, weight)
    latest = events.duration
    if grid is not None:
        grid = n_steps, dt = check_grid(grid, neuron)
        latest = (n_steps - 1) * dt
    check_within("peak.t_max", t_max, latest, method, _known, peak)
    return grid


def _known(peak: Peak) -> Array:
    """Where a peak is known: there its time has to be one of the pattern."""
    xp = namespace_of(peak.t_max)
    return ~(xp.isnan(peak.t_max) & xp.isnan(peak.v_max))


def peak_adjoint(
    events: Events,
    weight: Array,
    neuron: Neuron,
    peak: Peak,
    v_cotangent: Array,
    t_cotangent: Array | None,
    times: bool,
    grid: tuple[int, float] | None,
    method: str,
    xp: Any,
) -> tuple[Array, Array | None]:
    """Gradients towards the weights [O, N] and, if asked for, the sorted spike times [B, K]."""
    if form := fused("peak_vjp", method, weight):
        found: tuple[Array, Array | None] = form(
            events, weight, neuron, peak, v_cotangent, t_cotangent, times, grid
        )
        return found
    static = is_static(method, events.times, weight)
    on_grid = grid is not None
    t_star, v_bar, t_bar, active = _by_pair(
        events, weight, peak, v_cotangent, t_cotangent, on_grid, xp
    )
    last_event = None
    if neuron.shunt and not on_grid:

        def of_tile(part: Events, rows: Array) -> tuple[Array, ...]:
            membrane = integrate(part, rows, neuron.kernel, static=static)
            return (crossing_interval(membrane, neuron, static, xp=xp),)

        (last_event,) = map_tiles(of_tile, events, with_nobody(weight), static=static)

    def contribution(pairs: Pairs) -> tuple[Array, Array | None]:
        v_pair = pairs.of_pair(v_bar)
        to_weight = v_pair * pairs.value
        if t_bar is None and not times:
            return to_weight, None
        if on_grid:
            counted = pairs.before | pairs.at
            return to_weight, -v_pair * pairs.weight * xp.where(counted, pairs.right_slope, 0.0)
        return _exact_contribution(
            pairs, v_pair, None if t_bar is None else pairs.of_pair(t_bar), events.duration
        )

    return pair_gradient(
        events,
        weight,
        t_star,
        active,
        neuron.kernel,
        contribution,
        last_event=last_event,
        times=times,
        static=static,
        xp=xp,
    )


def _by_pair(
    events: Events,
    weight: Array,
    peak: Peak,
    v_cotangent: Array,
    t_cotangent: Array | None,
    on_grid: bool,
    xp: Any,
) -> tuple[Array, Array, Array | None, Array]:
    """Time that counts, cotangents by V* and t*, and whether they do anything, each [O, B]."""
    v_bar = xp.astype(xp.permute_dims(v_cotangent, (1, 0)), weight.dtype)
    t_bar = None
    active = v_bar != 0.0
    if t_cotangent is not None and not on_grid:
        t_bar = xp.astype(xp.permute_dims(t_cotangent, (1, 0)), weight.dtype)
        active = active | (t_bar != 0.0)
    t_star = xp.permute_dims(peak.t_max, (1, 0))
    lost = xp.isnan(t_star)
    t_star = xp.where(lost, events.duration, t_star)
    v_bar = xp.where(lost & active, float("nan"), v_bar)
    if not on_grid:
        fired_up = t_star > 0.0  # a silent pair has its maximum, 0, at t = 0
        active = active & fired_up
        v_bar = xp.where(fired_up, v_bar, 0.0)
        t_bar = None if t_bar is None else xp.where(fired_up, t_bar, 0.0)
    return t_star, v_bar, t_bar, active


def peak_constants(
    events: Events,
    weight: Array,
    neuron: Neuron,
    peak: Peak,
    v_cotangent: Array,
    t_cotangent: Array | None,
    grid: tuple[int, float] | None,
    method: str,
    xp: Any,
) -> Constants:
    """Gradient towards the constants of the neuron."""
    static = is_static(method, events.times, weight)
    on_grid = grid is not None
    t_star, v_bar, t_bar, _ = _by_pair(events, weight, peak, v_cotangent, t_cotangent, on_grid, xp)

    def of_tile(membrane: Membrane, tile: tuple[slice, slice]) -> Summed:
        of_pairs = tile[::-1]
        at, c = t_star[of_pairs][..., None], v_bar[of_pairs][..., None]
        last = None
        if neuron.shunt and not on_grid:
            last = crossing_interval(membrane, neuron, static, xp=xp)
        seen = course(membrane, at, neuron, last_event=last, xp=xp)
        if t_bar is None:
            return summed(seen, c, neuron, xp=xp)
        before = course(membrane, at, neuron, last_event=last, side="left", xp=xp)
        turns = (seen.slope < before.slope) & (before.slope > 0.0)  # a kink, which stays
        smooth = (at < events.duration) & ~turns & (seen.curvature < 0.0)
        per_slope = xp.where(smooth, -1.0 / xp.where(smooth, seen.curvature, -1.0), 0.0)
        d = per_slope * t_bar[of_pairs][..., None]
        return summed(seen, c, neuron, slope_cotangent=d, xp=xp)

    return constants_gradient(of_tile, events, weight, neuron, n_samples=1, static=static, xp=xp)


def _exact_contribution(
    pairs: Pairs, v_bar: Array, t_bar: Array | None, duration: float
) -> tuple[Array, Array]:
    """Gradients of V* and t* by the weight and the time of every spike, for continuous time."""
    xp, w = pairs.xp, pairs.weight
    slope = xp.where(pairs.before, pairs.right_slope, 0.0)
    inside = pairs.t_star < duration
    group = xp.where(pairs.at & inside, w, 0.0)
    group_weight = xp.sum(group, axis=1, keepdims=True)
    left_slope = xp.sum(w * slope, axis=1, keepdims=True)
    # L/W lies in [-kappa, 0] at a kink; the bounds also give the one-sided derivative where
    # rounding put a smooth peak on a spike.
    nonzero = group_weight != 0.0
    share = left_slope / xp.where(nonzero, group_weight, 1.0)
    share = xp.where(nonzero, clip(share, -pairs.kernel.rise, 0.0, xp=xp), 0.0)
    to_weight = v_bar * pairs.value
    to_time = v_bar * (group * share - w * slope)
    if t_bar is None:
        return to_weight, to_time

    kink = (group_weight < 0.0) & (left_slope > 0.0)
    counted = pairs.before | (pairs.at & ~kink)
    v_second = xp.sum(xp.where(counted, w * pairs.right_curvature, 0.0), axis=1, keepdims=True)
    smooth = inside & ~kink & (v_second < 0.0)
    per_slope = xp.where(smooth, -1.0 / xp.where(smooth, v_second, -1.0), 0.0) * t_bar
    to_weight = to_weight + per_slope * slope
    to_time = to_time - per_slope * xp.where(counted, w * pairs.right_curvature, 0.0)
    with_group = xp.where(kink, t_bar / xp.where(kink, group_weight, 1.0), 0.0)
    return to_weight, to_time + with_group * group
