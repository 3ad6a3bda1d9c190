"""The output spikes before a critical threshold grazes, and what each of them counts for."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..arrays.namespace import clip, device_of
from ..membrane.integration import Membrane
from ..membrane.pairs import rows_of
from ..membrane.sampling import sample
from ..neuron import Neuron
from .critical_threshold import CriticalThreshold
from .history import history_of, slope_at_threshold
from .search import LastSpike, next_spike, scaled

__all__ = ["Grazes", "grazes_of"]

Array = Any


class Grazes(NamedTuple):
    """What counts for critical thresholds, each [b, o, X] but ``slope`` [b, o].

    Attributes
    ----------
    at : array
        Times of the spikes before each graze, then of the graze.
    share : array
        Cotangents by the potential without resets at those times.
    age : array
        Derivative by tau of what is left of earlier resets there.
    slope : array
        V' before the graze.
    """

    at: Array
    share: Array
    age: Array
    slope: Array


def grazes_of(
    membrane: Membrane,
    critical: CriticalThreshold,
    most: int,
    neuron: Neuron,
    duration: float,
    floor: float,
    static: bool,
    xp: Any,
) -> Grazes:
    """What counts for the critical thresholds [b, o] of a tile."""
    shape = critical.theta.shape
    theta, t_star, n_before = (xp.reshape(xp.permute_dims(a, (1, 0)), (-1,)) for a in critical)
    dtype = theta.dtype
    rows = rows_of(membrane, xp.arange(theta.shape[0], device=device_of(theta)), xp=xp)
    reached = theta > 0.0
    theta = xp.where(reached, theta, 1.0)
    spikes = _first_spikes(rows, theta, n_before, most, neuron, duration, static, xp)
    history = history_of(rows, spikes, theta, neuron, xp=xp)

    slope = clip(history.slope, floor, None, xp=xp)
    rho = theta[:, None] * (1.0 / neuron.tau) / slope
    since = xp.astype(clip(t_star[:, None] - history.times, 0.0, None, xp=xp), dtype)
    gain = xp.where(history.present, xp.log1p(rho), 0.0)
    later = xp.sum(gain, axis=1, keepdims=True) - xp.cumulative_sum(gain, axis=1)
    nothing = -1e30
    log_left = xp.where(history.present, later - since * (1.0 / neuron.tau), nothing)
    # D is a sum of exponentials, one of them exp(0)
    terms = xp.concat([log_left + gain, xp.zeros_like(theta)[:, None]], axis=1)
    top = xp.max(terms, axis=1, keepdims=True)
    log_d = top + xp.log(xp.sum(xp.exp(terms - top), axis=1, keepdims=True))
    of_spikes = xp.exp(log_left + xp.log(rho) - log_d)
    share = xp.concat([of_spikes, xp.exp(-log_d)], axis=1)
    # padding comes before the graze, and counts for nothing
    at = xp.concat(
        [xp.where(history.present, history.times, t_star[:, None]), t_star[:, None]], axis=1
    )

    _, s = sample(rows, t_star[:, None], neuron.kernel, side="left", xp=xp)
    left = xp.where(history.present, xp.exp(-since * (1.0 / neuron.tau)), 0.0)
    rate = 1.0 / neuron.tau
    of_graze = xp.sum(left * (since * rate * rate), axis=1, keepdims=True)
    age = xp.concat([xp.where(history.present, history.age, 0.0), of_graze], axis=1)
    left = xp.sum(left, axis=1)
    before = slope_at_threshold(s[0, :, 0], theta, left, neuron)

    def by_pattern(array: Array) -> Array:
        array = xp.reshape(array, (shape[1], shape[0], *array.shape[1:]))
        return xp.permute_dims(array, (1, 0, *range(2, array.ndim)))

    return Grazes(*(by_pattern(a) for a in (at, share, age, before)))


def _first_spikes(
    rows: Membrane,
    theta: Array,
    n_before: Array,
    most: int,
    neuron: Neuron,
    duration: float,
    static: bool,
    xp: Any,
) -> Array:
    """Output spikes [P, most] at thresholds [P], inf behind the first ``n_before``.

    No more than those: at the critical threshold rounding may let the graze itself fire.
    """
    rows = scaled(rows, neuron.v_threshold / theta)
    last: LastSpike | None = None
    found = []
    for n in range(most):
        time, last = next_spike(rows, last, neuron, duration, static, xp=xp)
        found.append(xp.where(n < n_before, time, float("inf")))
    if not found:
        return xp.full_like(rows.times[:, :1], float("inf"))
    return xp.stack(found, axis=1)
