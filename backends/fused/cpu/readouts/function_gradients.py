"""The gradients of readouts on NumPy arrays and PyTorch CPU tensors, by compiled kernels.

Each function has the arguments and results that `tempotron_core.arrays.registry` describes for
fused forms.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Neuron

from ..batch import FLOAT64, INT64, Batch, no_rows, usable, worth_threads
from ..events.ranges import times_within
from ..layout import lanes_for, sum_shards, width_for
from ..membrane.sampling import pull_back_samples
from .functions import last_events
from .gradients import add_crossing_gradient, add_peak_gradient, add_potential_gradient

__all__ = [
    "all_within",
    "first_crossing_vjp",
    "gradient_in_one_piece",
    "peak_vjp",
    "peaks_vjp",
    "voltage_vjp",
]

Array = NDArray[Any]


def all_within(times: Array, latest: float) -> bool:
    """Whether all times are in [0, latest]."""
    within: bool = times_within(usable(times).ravel(), latest)
    return within


def peak_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    peak: tuple[Array, Array],
    v_cotangent: Array,
    t_cotangent: Array | None,
    times: bool,
    grid: tuple[int, float] | None,
) -> tuple[Array, Array | None]:
    """Gradients of a peak by the weights and the sorted spike times."""
    of_potential = grid is not None or (t_cotangent is None and not times)
    reads_weights = times or neuron.shunt or not of_potential
    if not (reads_weights or worth_threads(events.times, events.counts, weight)):
        given = events, weight, neuron, peak[1], v_cotangent
        return gradient_in_one_piece(*given, grid is not None), None
    batch = Batch(events, weight, neuron, reads_weights=reads_weights)
    return peaks_vjp(batch, neuron, peak, v_cotangent, t_cotangent, times, grid)


def peaks_vjp(
    batch: Batch, neuron: Neuron, peak: tuple[Array, Array], v_cotangent: Array,
    t_cotangent: Array | None, times: bool, grid: tuple[int, float] | None,
) -> tuple[Array, Array | None]:  # fmt: skip
    """`peak_vjp` of a batch."""
    t_star, v_bar = usable(peak[1]), usable(v_cotangent, batch.dtype)
    last_event = last_events(batch, neuron)
    if grid is not None or (t_cotangent is None and not times):
        given = (batch.lanes, t_star, v_bar, last_event, grid is not None)
        return batch.gradient(add_potential_gradient, *given, times=times)
    t_bar = None if t_cotangent is None else usable(t_cotangent, batch.dtype)
    if not all_within(t_star, math.inf):
        lost = np.isnan(t_star)
        wanted = v_bar != 0.0 if t_bar is None else (v_bar != 0.0) | (t_bar != 0.0)
        t_star = np.where(lost, t_star.dtype.type(batch.duration), t_star)
        v_bar = np.where(lost & wanted, v_bar.dtype.type(np.nan), v_bar)
    # a silent pair has its maximum, 0, at t = 0, before which there is no spike to pull back to
    v_bar = np.where(t_star > 0.0, v_bar, 0.0)
    t_bar = None if t_bar is None else np.where(t_star > 0.0, t_bar, 0.0)
    active = v_bar != 0.0 if t_bar is None else (v_bar != 0.0) | (t_bar != 0.0)
    t_bar = no_rows(batch.dtype) if t_bar is None else t_bar
    pairs = t_star, v_bar, t_bar, active, last_event
    return batch.gradient(add_peak_gradient, batch.lanes, *pairs, times=times)


def gradient_in_one_piece(
    events: Events, weight: Array, neuron: Neuron, t_star: Array, v_bar: Array, inclusive: bool
) -> Array:
    """Gradient [O, N] of potentials at t_star with cotangents v_bar, without threads.

    Of few patterns, to arrange more takes longer than their kernel.
    """
    times, dtype = usable(events.times), weight.dtype
    n_outputs, n_afferents = weight.shape
    width = width_for(n_outputs)
    sums, gradient = np.zeros((1, n_afferents, width)), np.empty((n_outputs, n_afferents), dtype)
    add_potential_gradient(
        times, usable(events.afferents), usable(events.counts, INT64), no_rows(dtype, width),
        events.duration, neuron.kernel.constants, 0, times.shape[0], lanes_for(n_outputs),
        usable(t_star), usable(v_bar, dtype), no_rows(INT64), inclusive, sums[0], no_rows(FLOAT64),
    )  # fmt: skip
    sum_shards(sums, 0, n_afferents, gradient)
    return gradient


def first_crossing_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    t_spike: Array,
    t_cotangent: Array,
    times: bool,
    min_slope: float,
) -> tuple[Array, Array | None]:
    """Gradients of a crossing time by the weights and the sorted spike times."""
    batch = Batch(events, weight, neuron)
    t_spike, t_bar = usable(t_spike), usable(t_cotangent, batch.dtype)
    lost = np.isnan(t_spike)
    if lost.any():
        t_spike = np.where(lost, t_spike.dtype.type(events.duration), t_spike)
        t_bar = np.where(lost & (t_bar != 0.0), t_bar.dtype.type(np.nan), t_bar)
    active = np.isfinite(t_spike) & (t_bar != 0.0)
    given = (batch.lanes, t_spike, t_bar, active, no_rows(INT64), float(min_slope))
    return batch.gradient(add_crossing_gradient, *given, times=times)


def voltage_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    sample_times: Array,
    cotangent: Array,
    times: bool,
) -> tuple[Array, Array | None]:
    """Gradients of sampled potentials by the weights and the sorted spike times."""
    batch = Batch(events, weight, neuron)
    order = np.argsort(sample_times, kind="stable")
    last_event = last_events(batch, neuron)
    given = (batch.lanes, sample_times[order], order, usable(cotangent), last_event)
    return batch.gradient(pull_back_samples, *given, times=times)
