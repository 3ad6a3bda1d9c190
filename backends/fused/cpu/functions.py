"""The readouts and gradients on NumPy arrays and PyTorch CPU tensors, by compiled kernels.

Each function has the arguments and results that `tempotron_core.arrays.registry` describes for
fused forms.  Arrays are used in place; only those that are not contiguous or not writable are
copied.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Neuron
from tempotron_core.kernel import Kernel
from tempotron_core.readouts.arguments import grid_times

from .crossing_scan import scan_crossings
from .gradients import add_crossing_gradient, add_peak_gradient, add_potential_gradient
from .lanes import WIDE
from .layout import lanes_for, scan_lanes, sum_shards, to_rows
from .peak_scan import scan_peaks
from .ranges import times_within
from .sampling import pull_back_samples, sample_patterns, sampled_peaks
from .threads import n_threads, run, split

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

WORTH_THREADS = 200_000
"""Spikes times outputs from which on threads save more time than it takes to start them."""

_FLOAT64, _INT64 = np.dtype(np.float64), np.dtype(np.int64)
_HUGE = 1e300
"""Below this, potentials and slopes do not leave the range of float64."""


class Batch:
    """Arguments as the kernels take them.

    For a kernel that reads no weights (``reads_weights`` False) there are no rows of them.
    """

    def __init__(
        self, events: Events, weight: Array, neuron: Neuron, *, reads_weights: bool = True
    ) -> None:
        times = usable(events.times)
        n_outputs, n_afferents = weight.shape
        self.lanes = lanes = lanes_for(n_outputs)
        self.width = width = -(-n_outputs // len(lanes)) * len(lanes)
        self.kernel, self.duration = neuron.kernel, events.duration
        self.n_afferents = n_afferents
        self.dtype = dtype = weight.dtype
        self.shape = (times.shape[0], n_outputs)
        self.weight = weight
        if reads_weights:
            self.weight = weight = usable(weight)
            rows = np.zeros((n_afferents, width), dtype)
            to_rows(weight, rows)
        else:
            rows = np.empty((0, width), dtype)
        self.times, self.counts = times, usable(events.counts, _INT64)
        self.given = (
            times, usable(events.afferents), self.counts, rows, events.duration,
            kernel_constants(self.kernel),
        )  # fmt: skip

    @cached_property
    def n_spikes(self) -> int:
        """Spikes in all patterns together."""
        return int(self.counts.sum())

    @property
    def scan_lanes(self) -> tuple[int, ...]:
        """Lanes in which potentials are followed; the width is a multiple of their number."""
        return scan_lanes(self.shape[1])

    @property
    def stays_finite(self) -> bool:
        """Whether no potential or slope leaves the range of float64."""
        largest = max(float(self.weight.max(initial=0.0)), -float(self.weight.min(initial=0.0)))
        largest *= self.times.shape[1] * max(self.kernel.rise, self.kernel.psp_peak)
        return bool(largest < _HUGE)  # false for NaN

    def over_patterns(self, kernel: Callable[..., None], *arguments: Any) -> None:
        """Run a kernel that treats every pattern on its own."""
        if not self.worth_threads:
            kernel(*self.given, 0, self.shape[0], *arguments)
            return
        parts = split(self.shape[0], min(self.shape[0], 4 * n_threads()))
        run(lambda part: self.call(kernel, *part, *arguments), parts)

    def call(self, kernel: Callable[..., None], first: int, last: int, *arguments: Any) -> None:
        """Run a kernel on the patterns from ``first`` to ``last``."""
        kernel(*self.given, first, last, *arguments)

    def gradient(
        self, kernel: Callable[..., None], *arguments: Any, times: bool
    ) -> tuple[Array, Array | None]:
        """Gradients towards the weights [O, N] and, if asked for, the sorted spike times [B, K].

        ``kernel`` adds those of some patterns to sums that are its last two arguments.
        """
        n_patterns, n_outputs = self.shape
        # A sum over a shard costs memory for all weights, so a shard has many spikes for each; a
        # power of two is shared out evenly by most numbers of threads.  Without threads, one is
        # enough: whether they are worth it depends on shapes and spikes, not on their number.
        n_shards = 1
        if self.worth_threads:
            spikes_per_weight = max(1.0, self.n_spikes / (8.0 * max(1, self.n_afferents)))
            n_shards = max(1, min(8, n_patterns, 2 ** round(math.log2(spikes_per_weight))))
        shape = (self.n_afferents, self.width)
        time_sum = np.zeros((n_patterns, self.times.shape[1])) if times else no_rows(_FLOAT64)
        if n_shards == 1:
            sum_of_all = np.zeros(shape)
            kernel(*self.given, 0, n_patterns, *arguments, sum_of_all, time_sum)
            sums = sum_of_all[None]
        else:
            sums = np.zeros((n_shards, *shape))

            def add(shard: tuple[tuple[int, int], Array]) -> None:
                patterns, weight_sum = shard
                self.call(kernel, *patterns, *arguments, weight_sum, time_sum)

            run(add, list(zip(split(n_patterns, n_shards), sums, strict=True)))
        gradient = np.empty((n_outputs, self.n_afferents), self.dtype)
        if sums.size <= WORTH_THREADS:
            sum_shards(sums, 0, self.n_afferents, gradient)
        else:
            parts = split(self.n_afferents, min(8, self.n_afferents))
            run(lambda part: sum_shards(sums, *part, gradient), parts)
        if not times:
            return gradient, None
        with np.errstate(under="ignore"):
            return gradient, time_sum.astype(self.times.dtype)

    @property
    def worth_threads(self) -> bool:
        """Whether there is more to do than to start threads."""
        # narrow lanes do not take that much less than wide ones
        enough = WORTH_THREADS // max(self.width, len(WIDE))
        return bool(self.times.size > enough and self.n_spikes > enough)


@functools.cache
def no_rows(dtype: Any) -> Array:
    """Stand for an array [B, O] that is not there."""
    return np.empty((0, 0), dtype)


def kernel_constants(kernel: Kernel) -> tuple[float, ...]:
    """Constants as the kernels take them, see `steps`."""
    return (
        kernel.slow,
        kernel.fast,
        kernel.rise,
        kernel.beta,
        kernel.log_ratio,
        kernel.psp_peak / kernel.rise,
    )


def usable(array: Array, dtype: Any = None) -> Array:
    """Return the array itself where the kernels can use it, else a copy."""
    if array.flags.carray and (dtype is None or array.dtype is dtype):
        return array
    return np.require(array, dtype, ["C", "W"])


def all_within(times: Array, latest: float) -> bool:
    """Whether all times are in [0, latest]."""
    if times.size == 1:
        return 0.0 <= float(times.item()) <= latest
    within: bool = times_within(usable(times).ravel(), latest)
    return within


def peak(
    events: Events, weight: Array, neuron: Neuron, grid: tuple[int, float] | None
) -> tuple[Array, Array]:
    """Largest potential and its time."""
    batch = Batch(events, weight, neuron)
    if grid is None:
        return peaks(batch, neuron)
    v_max, t_max = np.empty(batch.shape, batch.dtype), np.empty(batch.shape, batch.times.dtype)
    samples = grid_times(grid, batch.times, events.xp)
    batch.over_patterns(sampled_peaks, batch.lanes, samples, v_max, t_max)
    return v_max, t_max


def peaks(batch: Batch, neuron: Neuron) -> tuple[Array, Array]:
    """`peak` of a batch."""
    v_max, t_max = np.empty(batch.shape, batch.dtype), np.empty(batch.shape, batch.times.dtype)
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
    return _crossings(batch, neuron)[1] if neuron.shunt else no_rows(_INT64)


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
    reads_weights = times or neuron.shunt or (grid is None and t_cotangent is not None)
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
    given = (batch.lanes, t_spike, t_bar, active, no_rows(_INT64), float(min_slope))
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
