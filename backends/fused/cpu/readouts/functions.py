"""The readouts on NumPy arrays and PyTorch CPU tensors, by compiled kernels.

Each function has the arguments and results that `tempotron_core.arrays.registry` describes for
fused forms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Neuron
from tempotron_core.readouts.arguments import grid_times

from ..batch import INT64, Batch, no_rows, usable, worth_threads
from ..layout import scan_lanes, weight_rows, width_for
from .peak_scan import scan_peaks

__all__ = ["first_crossing", "last_events", "peak", "peaks", "peaks_in_one_piece", "voltage"]

Array = NDArray[Any]


def peak(
    events: Events, weight: Array, neuron: Neuron, grid: tuple[int, float] | None
) -> tuple[Array, Array]:
    """Largest potential and its time."""
    if grid is None:
        if not neuron.shunt and not worth_threads(events.times, events.counts, weight):
            return peaks_in_one_piece(events, weight, neuron)
        return peaks(Batch(events, weight, neuron), neuron)
    from ..membrane.sampling import sampled_peaks  # which a first peak does without

    batch = Batch(events, weight, neuron)
    v_max, t_max = batch.empty()
    samples = grid_times(grid, batch.times, events.xp)
    batch.over_patterns(sampled_peaks, batch.lanes, samples, v_max, t_max)
    return v_max, t_max


def peaks_in_one_piece(events: Events, weight: Array, neuron: Neuron) -> tuple[Array, Array]:
    """`peaks` without threads: of few patterns, to arrange more takes longer than their kernel."""
    times, n_outputs = usable(events.times), weight.shape[0]
    rows = weight_rows(usable(weight), width_for(n_outputs))
    v_max = np.empty((times.shape[0], n_outputs), weight.dtype)
    t_max = np.empty((times.shape[0], n_outputs), times.dtype)
    scan_peaks(
        times, usable(events.afferents), usable(events.counts, INT64), rows, events.duration,
        neuron.kernel.constants, 0, times.shape[0], scan_lanes(n_outputs), v_max, t_max,
    )  # fmt: skip
    return v_max, t_max


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
    from .crossing_scan import scan_crossings

    t_spike, t_free = (np.empty(batch.shape, batch.times.dtype) for _ in range(2))
    v_free, last_event = np.empty(batch.shape, batch.dtype), np.empty(batch.shape, np.int64)
    given = batch.scan_lanes, neuron.v_threshold, not batch.stays_finite
    batch.over_patterns(scan_crossings, *given, t_spike, last_event, v_free, t_free)
    return t_spike, last_event, v_free, t_free


def last_events(batch: Batch, neuron: Neuron) -> Array:
    """Last spike [B, O] that counts for each pair; of no rows where all do."""
    return _crossings(batch, neuron)[1] if neuron.shunt else no_rows(INT64)


def voltage(events: Events, weight: Array, neuron: Neuron, times: Array) -> Array:
    """Potential at given times."""
    from ..membrane.sampling import sample_patterns

    batch = Batch(events, weight, neuron)
    order = np.argsort(times, kind="stable")
    n_patterns, n_outputs = batch.shape
    potential = np.empty((n_patterns, len(order), n_outputs), batch.dtype)
    given = (batch.lanes, times[order], order, last_events(batch, neuron))
    batch.over_patterns(sample_patterns, *given, potential)
    return potential.transpose(0, 2, 1)
