r"""Cotangents of the potential without resets, pulled back to weights and input times.

Every gradient of the multi-spike neuron comes down to a set of numbers :math:`c_x` at times
:math:`t_x`, another set for each pair, with

.. math:: \frac{dE}{dw_i} = \sum_x c_x \sum_{f: i_f = i,\, t_f < t_x} K(t_x - t_f), \qquad
          \frac{dE}{dt_f} = -w_f \sum_{x:\, t_x > t_f} c_x K'(t_x - t_f).

The sums over x are the potential at :math:`-t_f` of a neuron that gets an input of weight
:math:`c_x` at every :math:`-t_x`: one scan in reversed time, with times of its own for every pair.
An input at exactly :math:`t_x` does not count, as it does not act before it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..arrays.index_sum import index_sum
from ..arrays.namespace import clip, device_of, zeros
from ..events import Events
from ..membrane.integration import Membrane, with_nobody
from ..membrane.sampling import sample
from ..membrane.scan import scan
from ..membrane.tiles import tile_size
from ..neuron import Neuron

__all__ = ["Cusp", "pull_back"]

Array = Any


class Cusp(NamedTuple):
    r"""A time of each pair at which inputs may make the potential turn.

    If a group of inputs of total weight W turns a rising potential, the potential at the cusp grows
    by :math:`V'(t^-) w_j/W` per time that input j comes later: the group shares by weight what the
    potential gains or loses, as in `peak_vjp`.

    Attributes
    ----------
    time : array, shape (B, O)
    slope : array, shape (B, O)
        V' just before it.
    cotangent : array, shape (B, O)
        By the potential at the cusp.
    """

    time: Array
    slope: Array
    cotangent: Array


def pull_back(
    events: Events,
    weight: Array,
    neuron: Neuron,
    at: Array,
    cotangent: Array,
    times: bool,
    static: bool,
    *,
    cusp: Cusp | None = None,
    xp: Any,
) -> tuple[Array, Array | None]:
    """Gradients towards the weights [O, N] and, if asked for, the sorted spike times [B, K].

    Parameters
    ----------
    events, weight, neuron
        Of the readout.
    at : array, shape (B, O, X)
        Times in the dtype of the events, ascending; padded at the end with times no earlier.
    cotangent : array, shape (B, O, X)
        By the potential at those times, in the dtype of the weights; 0 on padding.
    times, static : bool
    cusp : Cusp, optional
        Inputs that make a cusp move it, and so have a gradient of their own.
    """
    n_patterns, n_outputs, n_samples = at.shape
    n_events, device = events.times.shape[1], device_of(weight)
    padded = with_nobody(weight)
    n_bins = padded.shape[1]
    weight_sum = zeros((n_outputs * n_bins,), weight, xp=xp)
    time_sum = zeros((n_patterns * n_events,), weight, xp=xp)
    # reversed in time
    at = -xp.flip(xp.reshape(at, (-1, n_samples)), axis=1)
    jumps = xp.flip(xp.reshape(cotangent, (-1, n_samples)), axis=1)
    if static:
        pairs = xp.arange(n_patterns * n_outputs, device=device)
        step = pairs.shape[0]
    else:
        (pairs,) = xp.nonzero(xp.any(jumps != 0.0, axis=1))
        step = tile_size(weight.dtype, device, xp=xp) // max(n_events, n_samples)
    step = max(1, step)
    for begin in range(0, pairs.shape[0], step):
        part = pairs[begin : min(begin + step, pairs.shape[0])]
        pattern, output = part // n_outputs, part % n_outputs
        samples = xp.take(at, part, axis=0)
        u, s = scan(samples, xp.take(jumps, part, axis=0)[None, ...], neuron.kernel, 0, xp=xp)
        adjoint = Membrane(samples, samples, u, s, u[..., -1])
        query = -xp.take(events.times, pattern, axis=0)
        u, s = sample(adjoint, query, neuron.kernel, side="left", xp=xp)
        afferent = xp.take(events.afferents, pattern, axis=0)
        bins = xp.reshape(afferent + output[:, None] * n_bins, (-1,))
        weight_sum = weight_sum + index_sum(xp.reshape(u, (-1,)), bins, n_outputs * n_bins)
        if times:
            slope = s[0, ...] * neuron.kernel.rise - u[0, ...] * (1.0 / neuron.kernel.slow)
            w = xp.reshape(xp.take(xp.reshape(padded, (-1,)), bins), slope.shape)
            to_time = -w * slope
            if cusp is not None:
                to_time = to_time + _of_group(events, w, pattern, part, cusp, neuron, xp)
            event = pattern[:, None] * n_events + xp.arange(n_events, device=device)[None, :]
            time_sum = time_sum + index_sum(
                xp.reshape(to_time, (-1,)), xp.reshape(event, (-1,)), n_patterns * n_events
            )
    to_weight = xp.reshape(weight_sum, (n_outputs, n_bins))[:, :-1]
    if not times:
        return to_weight, None
    to_times = xp.reshape(time_sum, (n_patterns, n_events))
    return to_weight, xp.astype(to_times, events.times.dtype)


def _of_group(
    events: Events, w: Array, pattern: Array, part: Array, cusp: Cusp, neuron: Neuron, xp: Any
) -> Array:
    """What moving each input [P, K] of the groups at the cusps does."""
    time, slope, cotangent = (xp.take(xp.reshape(a, (-1,)), part)[:, None] for a in cusp)
    position = xp.arange(w.shape[1], device=device_of(w))[None, :]
    is_spike = position < xp.take(events.counts, pattern)[:, None]
    at = (xp.take(events.times, pattern, axis=0) == time) & is_spike & (time < events.duration)
    group = xp.where(at, w, 0.0)
    total = xp.sum(group, axis=1, keepdims=True)
    share = xp.where(total != 0.0, slope / xp.where(total != 0.0, total, 1.0), 0.0)
    # the bounds give the one-sided derivative where rounding put a smooth maximum on an input
    return cotangent * group * clip(share, -neuron.kernel.rise, 0.0, xp=xp)
