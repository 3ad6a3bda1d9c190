"""The functions of the multi-spike neuron for NumPy arrays, by compiled kernels.

They take checked arguments, as the core asks for them (see `tempotron_core.arrays.registry`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tempotron_core import Events, Neuron
from tempotron_core.spiking.arguments import too_close

from ..batch import Array, Batch, usable
from ..lanes import NARROW, SINGLE
from ..readouts.peak_scan import scan_peaks
from ..threads import n_threads, run, split
from .spike_gradients import add_spike_gradient, add_threshold_gradient
from .spike_scan import place_spikes, scan_spikes
from .threshold_search import find_thresholds

__all__ = [
    "critical_threshold",
    "critical_threshold_vjp",
    "output_spikes",
    "output_spikes_vjp",
]


def output_spikes(
    events: Events, weight: Array, neuron: Neuron, kept: int | None, counted: int | None = None
) -> tuple[Array, Array, Array]:
    """Every output spike: its pair and its time, pair by pair, and the numbers of spikes.

    The first ``kept`` of each pair are kept.  If no more than ``counted`` are looked for, some may
    be at one time.
    """
    batch = Batch(events, weight, neuron)
    n_patterns = batch.shape[0]
    counts = np.zeros(batch.shape, np.int64)
    most, limit = np.iinfo(np.int64).max if kept is None else kept, counted or 0
    parts = split(n_patterns, min(n_patterns, 4 * n_threads()))
    found: dict[int, tuple[Array, Array, bool]] = {}

    def scan(part: tuple[int, int]) -> None:
        def keep(*arguments: Any) -> None:
            found[part[0]] = scan_spikes(*arguments)

        given = neuron.v_threshold, neuron.tau, most, limit
        batch.call(keep, *part, batch.scan_lanes, *given, counts)

    run(scan, parts, worth=batch.worth_threads)
    if not limit and not all(apart for _, _, apart in found.values()):
        raise too_close(batch.times.dtype)
    lost = counts.ravel() < 0
    counts = np.maximum(counts, 0)
    lengths = np.where(lost, 1, np.minimum(counts.ravel(), most))
    stops = np.cumsum(lengths)
    starts = np.where(lost, stops, stops - lengths)
    times = np.full(lengths.sum(), np.nan, batch.times.dtype)
    for time, pair, _ in found.values():
        place_spikes(time, pair, starts, stops, times)
    return np.repeat(np.arange(lengths.shape[0]), lengths), times, counts


def output_spikes_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    spike_times: Array,
    cotangent: Array,
    times: bool,
    min_slope: float,
) -> tuple[Array, Array | None]:
    """Gradients of output spike times by the weights and the sorted input times."""
    batch = Batch(events, weight, neuron)
    given = (
        _few(batch) if batch.shape[1] == 1 else batch.lanes,
        neuron.v_threshold,
        neuron.tau,
        usable(spike_times),
        usable(cotangent),
        min_slope,
    )
    return batch.gradient(add_spike_gradient, *given, times=times)


def critical_threshold(
    events: Events, weight: Array, neuron: Neuron, k: Array
) -> tuple[Array, Array, Array]:
    """Critical thresholds, their times and the spikes before; 0 where ``k`` [B, O] is."""
    batch = Batch(events, weight, neuron)
    theta, t = np.zeros(batch.shape, batch.dtype), np.zeros(batch.shape, batch.times.dtype)
    n_before = np.zeros(batch.shape, np.int64)
    given = _few(batch), neuron.v_threshold, neuron.tau, usable(k, np.int64)
    if (k > 1).any():
        batch.over_patterns(find_thresholds, *given, theta, t, n_before)
    doubtful = n_before < 0
    by_peak = (k == 1) | doubtful
    if by_peak.any():
        v_max, t_max = np.empty_like(theta), np.empty_like(t)
        run(
            lambda part: batch.call(scan_peaks, *part, batch.scan_lanes, v_max, t_max),
            _stretches(by_peak.any(axis=1), 4 * n_threads()),
            worth=batch.worth_threads,
        )
        by_peak &= ~(doubtful & (v_max > 0.0))
        theta, t = np.where(by_peak, v_max, theta), np.where(by_peak, t_max, t)
        n_before = np.where(by_peak, 0, np.where(doubtful, -1 - n_before, n_before))
    return theta, t, n_before


def _few(batch: Batch) -> tuple[int, ...]:
    """Lanes for what is done for one output after the other, and little for several at once."""
    return SINGLE if batch.shape[1] == 1 else NARROW


def _stretches(chosen: Array, n_parts: int) -> list[tuple[int, int]]:
    """Where stretches of chosen patterns begin and end, none longer than one of so many parts."""
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False)).tolist()
    most = -(-len(chosen) // n_parts)
    return [
        (p, min(p + most, stop))
        for start, stop in zip(edges[::2], edges[1::2], strict=True)
        for p in range(start, stop, most)
    ]


def critical_threshold_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    critical: tuple[Array, Array, Array],
    cotangent: Array,
    times: bool,
    floor: float,
) -> tuple[Array, Array | None]:
    """Gradients of critical thresholds by the weights and the sorted input times."""
    batch = Batch(events, weight, neuron)
    theta, t, n_before = critical
    most = int(n_before.max(initial=0))
    given = usable(theta), usable(t), usable(n_before, np.int64), usable(cotangent), floor, most
    # wide lanes take less time if all are used
    lanes = _few(batch) if batch.shape[1] % len(batch.lanes) else batch.lanes
    return batch.gradient(add_threshold_gradient, lanes, neuron.tau, *given, times=times)
