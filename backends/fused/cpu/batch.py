"""Arguments of a readout as the kernels take them, and calls of the kernels on many patterns.

Arrays are used in place; only those that are not contiguous or not writable are copied.
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

from .lanes import WIDE
from .layout import lanes_for, scan_lanes, sum_shards, weight_rows, width_for
from .threads import n_threads, run, split

__all__ = ["FLOAT64", "INT64", "WORTH_THREADS", "Batch", "no_rows", "usable", "worth_threads"]

Array = NDArray[Any]

WORTH_THREADS = 200_000
"""Spikes times outputs from which on threads save more time than it takes to start them."""

FLOAT64, INT64 = np.dtype(np.float64), np.dtype(np.int64)
_HUGE = 1e300
"""Below this, potentials and slopes do not leave the range of float64."""


class Batch:
    """Arguments as the kernels take them.

    For a kernel that reads no weights (``reads_weights`` False) there are no rows of them.
    """

    def __init__(
        self, events: Events, weight: Array, neuron: Neuron, *, reads_weights: bool = True
    ) -> None:
        self.times = times = usable(events.times)
        self.counts = counts = usable(events.counts, INT64)
        n_outputs, self.n_afferents = weight.shape
        self.shape = times.shape[0], n_outputs
        self.lanes, self.width = lanes_for(n_outputs), width_for(n_outputs)
        self.dtype, self.duration = weight.dtype, events.duration
        self.kernel = kernel = neuron.kernel
        if reads_weights:
            weight = usable(weight)
            rows = weight_rows(weight, self.width)
        else:
            rows = no_rows(self.dtype, self.width)
        self.weight = weight
        afferents = usable(events.afferents)
        self.given = times, afferents, counts, rows, self.duration, kernel.constants

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

    def empty(self) -> tuple[Array, Array]:
        """Make arrays [B, O] for potentials and for times."""
        return np.empty(self.shape, self.dtype), np.empty(self.shape, self.times.dtype)

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
        time_sum = np.zeros((n_patterns, self.times.shape[1])) if times else no_rows(FLOAT64)
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

    @cached_property
    def worth_threads(self) -> bool:
        """Whether there is more to do than to start threads."""
        return worth_threads(self.times, self.counts, self.weight)


def worth_threads(times: Array, counts: Array, weight: Array) -> bool:
    """Whether patterns and weights are more to work on than to start threads."""
    # narrow lanes do not take that much less than wide ones
    per_spike = max(width_for(len(weight)), len(WIDE))
    if times.size * per_spike <= WORTH_THREADS:  # which is quick to see
        return False
    return int(counts.sum()) * per_spike > WORTH_THREADS


@functools.cache
def no_rows(dtype: Any, width: int = 0) -> Array:
    """Stand for an array [B, O], or rows of that width, that are not there."""
    return np.empty((0, width), dtype)


def usable(array: Array, dtype: Any = None) -> Array:
    """Return the array itself where the kernels can use it, else a copy."""
    if array.flags.carray and (dtype is None or array.dtype is dtype):
        return array
    return np.require(array, dtype, ["C", "W"])
