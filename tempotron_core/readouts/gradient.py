"""Gradients that depend on one time per (output, pattern) pair, summed over pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple

from ..arrays.index_sum import index_sum
from ..arrays.namespace import clip, device_of, zeros
from ..events import Events, RaggedEvents
from ..kernel import Kernel
from ..membrane.integration import with_nobody
from ..membrane.tiles import tile_size
from .constants import Constants

__all__ = [
    "Gradient",
    "GradientWithConstants",
    "Pairs",
    "added",
    "as_given",
    "pair_gradient",
    "sum_over_afferents",
]

Array = Any


class Gradient(NamedTuple):
    """Gradient of a loss.

    Attributes
    ----------
    weight : array, shape (O, N)
    times : array or None
        Towards the spike times, in the layout the Events were built from: (B, N), (B, N, S) or
        (E,); 0 where there is no spike.
    """

    weight: Array
    times: Array | None


class GradientWithConstants(NamedTuple):
    """`Gradient`, and that towards the constants of the neuron.

    Attributes
    ----------
    weight, times
        As of `Gradient`.
    constants : Constants
    """

    weight: Array
    times: Array | None
    constants: Constants


def as_given(
    events: Events, weight: Array, times: Array | None, constants: Constants | None = None
) -> Gradient | GradientWithConstants:
    """Gradient with that towards the sorted times [B, K], if any, in the events' source layout."""
    in_layout = None if times is None else events.in_source_layout(times)
    if constants is None:
        return Gradient(weight, in_layout)
    return GradientWithConstants(weight, in_layout, constants)


def added(events: RaggedEvents, found: Sequence[Any]) -> Any:
    """Return the gradients that each group of patterns gave as one.

    Parameters
    ----------
    events : RaggedEvents
    found : sequence of tuple
        With names: what is called ``times`` is put together, all else summed.
    """
    total = {}
    for name, parts in zip(found[0]._fields, zip(*found, strict=True), strict=True):
        given = name == "times" and parts[0] is not None
        total[name] = events.in_source_layout(parts) if given else _sum(parts)
    return type(found[0])(**total)


def _sum(values: Sequence[Any]) -> Any:
    """Sum arrays, or of tuples the arrays in each place; None stays."""
    if values[0] is None:
        return None
    if isinstance(values[0], tuple):
        return type(values[0])(*map(_sum, zip(*values, strict=True)))
    return reduce(lambda total, each: total + each, values)


@dataclass(frozen=True)
class Pairs:
    """P pairs of an output and a pattern, each read at one time t*.

    Attributes
    ----------
    flat : integer array, shape (P,)
        Position of each pair in an array of shape (O, B), flattened.
    t_star : array, shape (P, 1)
    spike_times : array, shape (P, K)
    counts : integer array, shape (P, 1)
        Spikes that count in each pattern; what comes after them is padding, or ignored.
    x : array, shape (P, K)
        Time from each spike to t*, 0 for spikes that do not come before it.
    weights : array, shape (O * (N + 1),)
        All weights, flattened.
    bins : integer array, shape (P, K)
        Position of each spike's weight in ``weights``.
    kernel : Kernel
    """

    flat: Array
    t_star: Array
    spike_times: Array
    counts: Array
    x: Array
    weights: Array
    bins: Array
    kernel: Kernel
    xp: Any

    @cached_property
    def before(self) -> Array:
        """Spikes that t* comes after, shape (P, K)."""
        return self.x > 0.0

    @cached_property
    def at(self) -> Array:
        """Spikes at exactly t*, shape (P, K)."""
        position = self.xp.arange(self.x.shape[1], device=device_of(self.x))
        return (self.spike_times == self.t_star) & (position[None, :] < self.counts)

    @cached_property
    def weight(self) -> Array:
        """Weight of each spike, shape (P, K)."""
        flat = self.xp.reshape(self.bins, (-1,))
        return self.xp.reshape(self.xp.take(self.weights, flat), self.x.shape)

    @cached_property
    def value(self) -> Array:
        """K(t* - t_f), shape (P, K); 0 for later spikes."""
        return self.kernel.value(self.x, xp=self.xp)

    @cached_property
    def right_slope(self) -> Array:
        """K'(t* - t_f), shape (P, K); K'(0+) for spikes at or after t*."""
        return self.kernel.slope(self.x, self.value, xp=self.xp)

    @cached_property
    def right_curvature(self) -> Array:
        """K''(t* - t_f), shape (P, K); K''(0+) for spikes at or after t*."""
        return self.kernel.curvature(self.x, self.right_slope, xp=self.xp)

    def of_pair(self, values: Array) -> Array:
        """Values of shape (O, B) at these pairs, as a column."""
        return self.xp.take(self.xp.reshape(values, (-1,)), self.flat)[:, None]


def pair_gradient(
    events: Events,
    weight: Array,
    t_star: Array,
    active: Array,
    kernel: Kernel,
    contribution: Callable[[Pairs], tuple[Array, Array | None]],
    *,
    last_event: Array | None,
    times: bool,
    static: bool,
    xp: Any,
) -> tuple[Array, Array | None]:
    """Sum the contributions of every pair to the weights and to the sorted spike times.

    Parameters
    ----------
    events : Events
    weight : array, shape (O, N)
    t_star : array, shape (O, B)
        Time each pair is read at.
    active : bool array, shape (O, B)
        Pairs with a non-zero cotangent; the others are not worked on (all are if ``static``).
    contribution : callable
        Given Pairs, returns what each spike adds to its weight's gradient, shape (P, K), and to
        its own time's gradient (None unless ``times``).
    last_event : integer array, shape (O, B), or None
        Spikes after this one are ignored (shunting).

    Returns
    -------
    weight_gradient : array, shape (O, N)
    time_gradient : array, shape (B, K), or None
    """
    n_outputs = weight.shape[0]
    n_patterns, n_events = events.times.shape
    device = device_of(weight)
    padded = with_nobody(weight)
    flat_weights = xp.reshape(padded, (-1,))
    n_bins = n_outputs * padded.shape[1]
    weight_sum = zeros((n_bins,), weight, xp=xp)
    time_sum = zeros((n_patterns * n_events,), weight, xp=xp) if times else None
    if static:
        flat = xp.arange(n_outputs * n_patterns, device=device)
    else:
        (flat,) = xp.nonzero(xp.reshape(active, (-1,)))
    position = xp.arange(n_events, device=device)
    memory = kernel.memory(weight.dtype, xp=xp)
    n_pairs = flat.shape[0]
    step = n_pairs if static else tile_size(weight.dtype, device, xp=xp) // n_events
    step = max(1, step)
    for first in range(0, n_pairs, step):
        part = flat[first : min(first + step, n_pairs)]
        pattern = part % n_patterns
        spike_times = xp.take(events.times, pattern, axis=0)
        read_at = xp.take(xp.reshape(t_star, (-1,)), part)[:, None]
        x = xp.astype(clip(read_at - spike_times, 0.0, memory, xp=xp), weight.dtype)
        counts = xp.take(events.counts, pattern)[:, None]
        if last_event is not None:
            last = xp.take(xp.reshape(last_event, (-1,)), part)[:, None]
            x = xp.where(position[None, :] <= last, x, 0.0)
            counts = xp.minimum(counts, xp.astype(last + 1, counts.dtype))
        bins = xp.take(events.afferents, pattern, axis=0)
        bins = bins + (part // n_patterns)[:, None] * padded.shape[1]
        pairs = Pairs(
            flat=part,
            t_star=read_at,
            spike_times=spike_times,
            counts=counts,
            x=x,
            weights=flat_weights,
            bins=bins,
            kernel=kernel,
            xp=xp,
        )
        to_weight, to_time = contribution(pairs)
        weight_sum = weight_sum + index_sum(
            xp.reshape(to_weight, (-1,)), xp.reshape(bins, (-1,)), n_bins
        )
        if time_sum is not None:
            spike = xp.reshape(pattern[:, None] * n_events + position[None, :], (-1,))
            time_sum = time_sum + index_sum(
                xp.reshape(to_time, (-1,)), spike, n_patterns * n_events
            )
    weight_gradient = xp.reshape(weight_sum, padded.shape)[:, :-1]
    if time_sum is None:
        return weight_gradient, None
    time_sum = xp.astype(xp.reshape(time_sum, (n_patterns, n_events)), events.times.dtype)
    return weight_gradient, time_sum


def sum_over_afferents(values: Array, events: Events, *, xp: Any) -> Array:
    """Sum per-event values [O, B, K] over the events of each afferent, shape (O, N)."""
    n_bins = events.n_afferents + 1  # the last one collects padding
    output = xp.arange(values.shape[0], device=device_of(values))
    bins = output[:, None, None] * n_bins + events.afferents[None, ...]
    total = index_sum(xp.reshape(values, (-1,)), xp.reshape(bins, (-1,)), values.shape[0] * n_bins)
    return xp.reshape(total, (values.shape[0], n_bins))[:, :-1]
