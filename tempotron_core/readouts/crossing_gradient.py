r"""The gradient of the output spike time.

At a crossing :math:`\hat t` the potential stays at threshold while a parameter changes, so

.. math:: \frac{d\hat t}{dw_i} = -\frac{\sum_f K(\hat t - t_f)}{V'(\hat t)}, \qquad
          \frac{d\hat t}{dt_f} = \frac{w_f K'(\hat t - t_f)}{V'(\hat t)}.

Both grow without bound where the potential grazes the threshold, :math:`V'(\hat t) \to 0`.  For a
constant of the neuron the derivative of V by it takes the place of K, and for the threshold -1.
"""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import clip
from ..arrays.numbers import positive_float
from ..arrays.registry import fused
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.constants import course
from ..membrane.integration import Membrane
from ..neuron import Neuron
from .arguments import check_output, check_readout, check_within, is_static
from .constants import Constants, Summed, constants_gradient, summed
from .dispatch import constant
from .gradient import Gradient, GradientWithConstants, Pairs, added, as_given, pair_gradient

__all__ = ["first_crossing_vjp"]

Array = Any


@by_groups("t_spike", "t_cotangent", join=added)
@constant
def first_crossing_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    t_spike: Array,
    t_cotangent: Array,
    *,
    times: bool = False,
    constants: bool = False,
    min_slope: float = 0.0,
    method: str = "auto",
) -> Gradient | GradientWithConstants:
    """Pull a cotangent of the output spike times back to the weights and the input times.

    Parameters
    ----------
    events, weight, neuron
        As given to :func:`first_crossing`.
    t_spike : array, shape (B, O)
        What :func:`first_crossing` returned for them.
    t_cotangent : array, shape (B, O)
        Derivative of the loss by ``t_spike``; that of a silent neuron is not used, and where
        ``t_spike`` is NaN so is the gradient.
    min_slope : float, default 0.0
        Slopes V' at the crossing below this (potential per time) count as this, which bounds the
        gradient near grazing.  A slope that is not positive gives 0 by default.
    times, constants, method
        As for :func:`peak_vjp`.

    Returns
    -------
    Gradient or GradientWithConstants
        As :func:`peak_vjp` returns it.

    Raises
    ------
    TypeError, ValueError
        As :func:`first_crossing`, and if what it returned or the cotangent does not fit, a finite
        time is outside the pattern (not looked for if ``method='static'``), or ``min_slope`` is
        negative or not finite.
    """
    xp = check_readout(events, weight, neuron)
    check_output("t_spike", t_spike, events, weight)
    check_output("t_cotangent", t_cotangent, events, weight)

    def spikes() -> Array:
        return ~(xp.isnan(t_spike) | (t_spike == float("inf")))

    check_within("t_spike", t_spike, events.duration, method, spikes)
    found = first_crossing_adjoint(
        events, weight, neuron, t_spike, t_cotangent, times, min_slope, method, xp
    )
    of_constants = None
    if constants:
        of_constants = first_crossing_constants(
            events, weight, neuron, t_spike, t_cotangent, min_slope, method, xp
        )
    return as_given(events, *found, of_constants)


def first_crossing_adjoint(
    events: Events,
    weight: Array,
    neuron: Neuron,
    t_spike: Array,
    t_cotangent: Array,
    times: bool,
    min_slope: float,
    method: str,
    xp: Any,
) -> tuple[Array, Array | None]:
    """Gradients towards the weights [O, N] and, if asked for, the sorted spike times [B, K]."""
    static = is_static(method, events.times, weight)
    min_slope = positive_float("min_slope", min_slope, or_zero=True)
    if form := fused("first_crossing_vjp", method, weight):
        found: tuple[Array, Array | None] = form(
            events, weight, neuron, t_spike, t_cotangent, times, min_slope
        )
        return found
    t_star, t_bar = _by_pair(events, weight, t_spike, t_cotangent, xp)

    def contribution(pairs: Pairs) -> tuple[Array, Array | None]:
        slope = xp.where(pairs.before, pairs.right_slope, 0.0) * pairs.weight
        total = clip(xp.sum(slope, axis=1, keepdims=True), min_slope, None, xp=xp)
        t_pair = pairs.of_pair(t_bar)
        rising = total > 0.0
        per_potential = xp.where(rising, t_pair / xp.where(rising, total, 1.0), 0.0)
        per_potential = xp.where(xp.isnan(t_pair), t_pair, per_potential)
        return -per_potential * pairs.value, per_potential * slope if times else None

    return pair_gradient(
        events,
        weight,
        t_star,
        t_bar != 0.0,
        neuron.kernel,
        contribution,
        last_event=None,
        times=times,
        static=static,
        xp=xp,
    )


def _by_pair(
    events: Events, weight: Array, t_spike: Array, t_cotangent: Array, xp: Any
) -> tuple[Array, Array]:
    """Time of each crossing and its cotangent, which is 0 where there is none, each [O, B]."""
    t_star = xp.permute_dims(t_spike, (1, 0))
    fires, lost = xp.isfinite(t_star), xp.isnan(t_star)
    t_star = xp.where(lost, events.duration, xp.where(fires, t_star, 0.0))
    t_bar = xp.astype(xp.permute_dims(t_cotangent, (1, 0)), weight.dtype)
    return t_star, xp.where(lost & (t_bar != 0.0), float("nan"), xp.where(fires, t_bar, 0.0))


def first_crossing_constants(
    events: Events,
    weight: Array,
    neuron: Neuron,
    t_spike: Array,
    t_cotangent: Array,
    min_slope: float,
    method: str,
    xp: Any,
) -> Constants:
    """Gradient towards the constants of the neuron."""
    static = is_static(method, events.times, weight)
    min_slope = positive_float("min_slope", min_slope, or_zero=True)
    t_star, t_bar = _by_pair(events, weight, t_spike, t_cotangent, xp)

    def of_tile(membrane: Membrane, tile: tuple[slice, slice]) -> Summed:
        of_pairs = tile[::-1]
        seen = course(membrane, t_star[of_pairs][..., None], neuron, side="left", xp=xp)
        slope = clip(seen.slope, min_slope, None, xp=xp)
        rising, t_pair = slope > 0.0, t_bar[of_pairs][..., None]
        c = xp.where(rising, -t_pair / xp.where(rising, slope, 1.0), 0.0)
        c = xp.where(xp.isnan(t_pair), t_pair, c)
        # the potential has to rise as far as the threshold does
        return summed(seen, c, neuron, v_threshold=-c[..., 0], xp=xp)

    return constants_gradient(of_tile, events, weight, neuron, n_samples=1, static=static, xp=xp)
