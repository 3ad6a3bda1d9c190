"""The readouts and gradients on NumPy arrays and PyTorch CPU tensors, by compiled kernels.

Each function has the arguments and results that `tempotron_core.arrays.registry` describes for
fused forms.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Neuron
from tempotron_core.readouts.arguments import grid_times

from .batch import FLOAT64, INT64, Batch, are_few, no_rows, usable
from .crossing_scan import scan_crossings
from .gradients import add_crossing_gradient, add_peak_gradient, add_potential_gradient
from .layout import lanes_for, scan_lanes, sum_shards, weight_rows, width_for
from .peak_scan import scan_peaks
from .ranges import times_within
from .sampling import pull_back_samples, sample_patterns, sampled_peaks

__all__ = [
    "all_within",
    "first_crossing",
    "first_crossing_vjp",
    "peak",
    "peak_vjp",
    "voltage",
    "voltage_vjp",
]

Array = NDArray[Any]


def all_within(times: Array, latest: float) -> bool:
    """Whether all times are in [0, latest]."""
    within: bool = times_within(usable(times).ravel(), latest)
    return within


def peak(
    events: Events, weight: Array, neuron: Neuron, grid: tuple[int, float] | None
) -> tuple[Array, Array]:
    """Largest potential and its time."""
    if grid is None:
        if not neuron.shunt and are_few(events.times, weight):
            return _few_peaks(events, weight, neuron)
        return peaks(Batch(events, weight, neuron), neuron)
    batch = Batch(events, weight, neuron)
    v_max, t_max = batch.empty()
    samples = grid_times(grid, batch.times, events.xp)
    batch.over_patterns(sampled_peaks, batch.lanes, samples, v_max, t_max)
    return v_max, t_max


# To arrange a call takes longer than a kernel takes for a pattern or two, so that nothing is done
# around the kernels for a few: neither in these peaks nor in their gradient by the weights.


def _few_peaks(events: Events, weight: Array, neuron: Neuron) -> tuple[Array, Array]:
    """`peaks` of few patterns."""
    times, n_outputs = usable(events.times), weight.shape[0]
    rows = weight_rows(usable(weight), width_for(n_outputs))
    v_max = np.empty((times.shape[0], n_outputs), weight.dtype)
    t_max = np.empty((times.shape[0], n_outputs), times.dtype)
    scan_peaks(
        times, usable(events.afferents), usable(events.counts, INT64), rows, events.duration,
        neuron.kernel.constants, 0, times.shape[0], scan_lanes(n_outputs), v_max, t_max,
    )  # fmt: skip
    return v_max, t_max


def _few_weight_gradients(
    events: Events, weight: Array, neuron: Neuron, t_star: Array, v_bar: Array, inclusive: bool
) -> Array:
    """Gradient [O, N] of potentials of few patterns at t_star with cotangents v_bar."""
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


def peaks(batch: Batch, neuron: Neuron) -> tuple[Array, Array]:
    """`peak` of a batch."""
    v_max, t_max = batch.empty()
    batch.over_patterns(scan_peaks, batch.scan_lanes, v_max, t_max)
    if neuron.shunt:
        t_spike, _, v_free, t_free = _crossings(batch, neuron)
        fires = np.isfinite(t_spike)
        v_max, t_max = np.where(fires, v_free, v_max), np.where(fires, t_free, t_max)
    return v_max, t_max


def first_crossing(events: Events, weight: Array, neuron: Neuron) -> Array:
    """First time above threshold, inf where silent."""
    return _crossings(Batch(events, weight, neuron), neuron)[0]


def _crossings(batch: Batch, neuron: Neuron) -> tuple[Array, Array, Array, Array]:
    t_spike, t_free = (np.empty(batch.shape, batch.times.dtype) for _ in range(2))
    v_free, last_event = np.empty(batch.shape, batch.dtype), np.empty(batch.shape, np.int64)
    given = batch.scan_lanes, neuron.v_threshold, not batch.stays_finite
    batch.over_patterns(scan_crossings, *given, t_spike, last_event, v_free, t_free)
    return t_spike, last_event, v_free, t_free


def _last_events(batch: Batch, neuron: Neuron) -> Array:
    """Last spike [B, O] that counts for each pair; of no rows where all do."""
    return _crossings(batch, neuron)[1] if neuron.shunt else no_rows(INT64)


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
    if of_potential and not times and not neuron.shunt and are_few(events.times, weight):
        inclusive = grid is not None
        return _few_weight_gradients(events, weight, neuron, peak[1], v_cotangent, inclusive), None
    reads_weights = times or neuron.shunt or not of_potential
    batch = Batch(events, weight, neuron, reads_weights=reads_weights)
    return peaks_vjp(batch, neuron, peak, v_cotangent, t_cotangent, times, grid)


def peaks_vjp(
    batch: Batch, neuron: Neuron, peak: tuple[Array, Array], v_cotangent: Array,
    t_cotangent: Array | None, times: bool, grid: tuple[int, float] | None,
) -> tuple[Array, Array | None]:  # fmt: skip
    """`peak_vjp` of a batch."""
    t_star, v_bar = usable(peak[1]), usable(v_cotangent, batch.dtype)
    last_event = _last_events(batch, neuron)
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


def voltage(events: Events, weight: Array, neuron: Neuron, times: Array) -> Array:
    """Potential at given times."""
    batch = Batch(events, weight, neuron)
    order = np.argsort(times, kind="stable")
    n_patterns, n_outputs = batch.shape
    potential = np.empty((n_patterns, len(order), n_outputs), batch.dtype)
    given = (batch.lanes, times[order], order, _last_events(batch, neuron))
    batch.over_patterns(sample_patterns, *given, potential)
    return potential.transpose(0, 2, 1)


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
    last_event = _last_events(batch, neuron)
    given = (batch.lanes, sample_times[order], order, usable(cotangent), last_event)
    return batch.gradient(pull_back_samples, *given, times=times)
