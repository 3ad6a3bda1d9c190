"""Arguments, block shapes and order of the launches of the CUDA kernels.

What launches is given by the caller, so that the tests put the same launches through a host
build of the kernels.

Gradients are the same in every call, to the last digit.  Patterns are dealt out to a number of
*shards* that depends on shapes alone.  A shard's block adds to a gradient [N, O] of its own, one
pattern after the other, and shards are summed in their order.  Sums over outputs, for the gradient
by spike times, are made in a fixed order within one block.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tempotron_core import Events, Neuron

__all__ = ["KERNELS", "NULL", "Arguments", "Array", "Device", "Gradients", "Problem"]

Array = Any
Arguments = tuple[Any, ...]
Gradients = tuple[Array, Array | None]

KERNELS = (
    "scan",
    "spikes",
    "cotangents",
    "spike_cotangents",
    "adjoint",
    "adjoint_with_times",
    "spike_adjoint",
    "spike_adjoint_with_times",
    "sum_shards",
)

MAX_BLOCKS = 1 << 16  # for more patterns than that, blocks take several
MAX_TILES = (1 << 16) - 1  # what the hardware takes as gridDim.y
MAX_WIDTH = 32  # outputs of a tile, as in chunk.cuh
MAX_SHARDS = 1 << 9  # about as many blocks as a large GPU runs at once
SHARD_BYTES = 1 << 28  # of all shards together, unless a single one is larger
PEAK, CROSSING, GRID_PEAK = range(3)  # as in cotangents.cuh
HUGE = 1e300  # below this, potentials and slopes do not leave the range of float64

# A null pointer.  CuPy takes None, but launches with no argument in its place.
NULL = np.uintp(0)


@dataclass(frozen=True)
class Device:
    """What the kernels are launched with.

    Attributes
    ----------
    xp : module
        CuPy; NumPy for kernels compiled for the host.
    launch : callable
        ``launch(name, blocks, threads, arguments)``: arrays and NumPy scalars of the kernel's own
        types, in its order.
    threads : int
        Threads of a block, at most as many as chunk.cuh allows, which is fastest.
    """

    xp: Any
    launch: Callable[[str, tuple[int, int], int, Arguments], None]
    threads: int = 128


class Problem:
    """Spike patterns, weights and constants as the kernels take them.

    Arrays are made contiguous, and weights transposed to [N, O], so that neighbouring threads read
    neighbouring outputs.  Floats and indices are not converted: kernels read both widths.
    """

    def __init__(self, device: Device, events: Events, weight: Array, neuron: Neuron) -> None:
        xp = device.xp
        self.device, self.events, self.weight, self.neuron = device, events, weight, neuron
        n_patterns, n_events = events.times.shape
        n_outputs, n_afferents = weight.shape
        self.pairs = (n_patterns, n_outputs)
        self.empty = 0 in (n_patterns, n_events, n_outputs, n_afferents)  # nothing to launch
        afferents = events.afferents
        if afferents.dtype != np.int32:
            afferents = afferents.astype(np.int64, copy=False)
        self.spikes = (
            *self.reals(events.times, events.times.dtype),
            xp.ascontiguousarray(afferents),
            np.int32(afferents.dtype == np.int64),
            xp.ascontiguousarray(events.counts, dtype=np.int64),
        )
        self.weights = self.reals(weight.T, weight.dtype)
        self.pattern_sizes = np.int64(n_patterns), np.int64(n_events)
        self.weight_sizes = np.int64(n_afferents), np.int64(n_outputs)
        kernel = neuron.kernel
        constants = kernel.slow, kernel.fast, kernel.beta, kernel.rise
        per_beta = 1.0 / kernel.beta if kernel.beta > 0.0 else 0.0
        rates = 1.0 / kernel.slow, 1.0 / kernel.fast, per_beta
        self.psp = tuple(map(np.float64, (*constants, *rates)))
        self.duration = np.float64(events.duration)
        # rounded as the potentials that are compared with it
        self.threshold = np.float64(weight.dtype.type(neuron.v_threshold))
        self.tiles = min(MAX_TILES, -(-n_outputs // min(device.threads, MAX_WIDTH)))
        self.blocks = min(MAX_BLOCKS, n_patterns), self.tiles

    def reals(self, array: Array, dtype: Any) -> tuple[Array, np.int32]:
        """Contiguous array of that dtype, and whether it is float64."""
        return self.device.xp.ascontiguousarray(array, dtype=dtype), np.int32(dtype == np.float64)

    def per_pair(self, dtype: Any) -> Array:
        """Array [B, O] for a kernel to fill."""
        return self.device.xp.empty(self.pairs, dtype=dtype)

    def scan(self, v_max: Array, t_max: Array, t_spike: Array, crossing_event: Array) -> None:
        """Fill those of the arrays [B, O] that are not ``NULL``."""
        results = v_max, t_max, t_spike, crossing_event, self.stays_finite()
        sizes = *self.pattern_sizes, self.weight_sizes[1]
        constants = self.duration, *self.psp, self.threshold, np.int32(self.neuron.shunt)
        arguments = *self.spikes, *self.weights, *results, *sizes, *constants
        self.device.launch("scan", self.blocks, self.device.threads, arguments)

    def stays_finite(self) -> Array:
        """Whether no weight is so large that a potential may leave the range of float64, as [1]."""
        kernel, xp = self.neuron.kernel, self.device.xp
        largest = xp.max(xp.abs(self.weights[0])).astype(np.float64)
        most = largest * (self.events.times.shape[1] * max(kernel.rise, kernel.psp_peak))
        return (most < HUGE).astype(np.int32).reshape(1)  # 0 for NaN

    def cotangents(
        self,
        readout: int,
        t_star: Array,
        crossing_event: Array,
        v_bar: Array | None,
        t_bar: Array | None,
        times: bool,
        min_slope: float,
    ) -> Arguments:
        """p, q and at_spike of every pair, see cotangents.cuh."""
        bars = (
            NULL if bar is None else self.reals(bar, self.weight.dtype)[0] for bar in (v_bar, t_bar)
        )
        p = self.per_pair(np.float64)
        q = self.per_pair(np.float64) if readout == PEAK and t_bar is not None else NULL
        at_spike = self.per_pair(np.float64) if times else NULL
        read = *self.spikes, *self.weights, *bars, t_star, crossing_event
        sizes = *self.pattern_sizes, self.weight_sizes[1]
        constants = self.duration, *self.psp, np.float64(min_slope), np.int32(readout)
        arguments = *read, p, q, at_spike, *sizes, *constants
        self.device.launch("cotangents", self.blocks, self.device.threads, arguments)
        return p, q, at_spike

    def adjoint(self, name: str, read: Arguments, times: bool) -> Gradients:
        """Gradients by the weights [O, N] and the sorted spike times [B, K].

        ``name`` is of the kernel without times, and ``read`` what it starts from.
        """
        launch, xp = self.device.launch, self.device.xp
        size = math.prod(self.weight.shape)
        n_shards = max(1, min(self.pairs[0], MAX_SHARDS, SHARD_BYTES // (8 * size)))
        shards = xp.zeros((n_shards, size), dtype=np.float64)
        constants = *self.pattern_sizes, *self.weight_sizes, self.duration, *self.psp
        time_gradient = None
        if times:
            time_sums = xp.zeros(self.events.times.shape, dtype=np.float64)
            arguments = *self.spikes, *self.weights, *read, shards, time_sums, *constants
            launch(f"{name}_with_times", (n_shards, 1), self.device.threads, arguments)
            time_gradient = time_sums.astype(self.events.times.dtype, copy=False)
        else:
            arguments = *self.spikes, *read, shards, *constants
            launch(name, (n_shards, self.tiles), self.device.threads, arguments)
        weight_gradient = xp.empty(self.weight.shape, dtype=self.weight.dtype)
        arguments = shards, weight_gradient, self.weights[1], np.int64(n_shards)
        blocks = min(MAX_BLOCKS, -(-size // self.device.threads)), 1
        launch("sum_shards", blocks, self.device.threads, (*arguments, *self.weight_sizes))
        return weight_gradient, time_gradient

    def no_gradient(self, times: bool) -> Gradients:
        """Gradients where there is nothing to launch."""
        xp, spike_times = self.device.xp, self.events.times
        weight_gradient = xp.zeros(self.weight.shape, dtype=self.weight.dtype)
        return weight_gradient, xp.zeros_like(spike_times) if times else None

    def pull_back(
        self,
        readout: int,
        t_star: Array,
        v_bar: Array | None,
        t_bar: Array | None,
        times: bool,
        min_slope: float = 0.0,
    ) -> Gradients:
        """Gradients of a readout at times t* [B, O] with those cotangents."""
        if self.empty:
            return self.no_gradient(times)
        t_star, _ = self.reals(t_star, self.events.times.dtype)
        crossing_event = NULL
        if self.neuron.shunt and readout == PEAK:  # the spikes after it were ignored
            crossing_event = self.per_pair(np.int64)
            self.scan(NULL, NULL, NULL, crossing_event)
        p, q, at_spike = self.cotangents(
            readout, t_star, crossing_event, v_bar, t_bar, times, min_slope
        )
        read = t_star, crossing_event, p, q
        return self.adjoint("adjoint", (*read, at_spike) if times else read, times)
