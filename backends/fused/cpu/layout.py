"""Weights as the kernels read them, in lanes, and sums of shards as the core wants them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from llvmlite import binding
from numba.core import config
from numpy.typing import NDArray

from .compiling.compiled import compiled
from .lanes import NARROW, WIDE

__all__ = ["lanes_for", "scan_lanes", "sum_shards", "weight_rows", "width_for"]

_BLOCK = 64  # rows and columns copied at a time, so that both sides stay in cache
_FEW = 8  # outputs that are worked out in narrow lanes, two times if need be


def lanes_for(n_outputs: int) -> tuple[int, ...]:
    """Return the lanes in which so many outputs take the least time, for most kernels."""
    return NARROW if n_outputs <= _FEW else WIDE


def width_for(n_outputs: int) -> int:
    """Return the width of the rows for so many outputs: a multiple of their lanes."""
    n_lanes = len(lanes_for(n_outputs))
    return -(-n_outputs // n_lanes) * n_lanes


def scan_lanes(n_outputs: int) -> tuple[int, ...]:
    """Return the lanes in which a scan of so many outputs takes the least time.

    It keeps a dozen values at once.  In wide lanes they fill the registers of AVX-512 and do not
    fit into those of other processors, where narrow lanes take less time for each output.
    """
    return lanes_for(n_outputs) if _has_large_registers() else NARROW


@functools.cache
def _has_large_registers() -> bool:
    asked = config.CPU_FEATURES  # None for those of this processor
    features = binding.get_host_cpu_features().flatten() if asked is None else asked
    return "+avx512f" in features.split(",")


def weight_rows(weight: NDArray[Any], width: int) -> NDArray[Any]:
    """Weights [O, N] as rows [N, W] for W >= O, filled up with zeros."""
    n_outputs, n_afferents = weight.shape
    rows = np.zeros((n_afferents, width), weight.dtype)
    rows[:, :n_outputs] = weight.T
    return rows


@compiled
def sum_shards(sums, first, last, gradient):
    """Add shards [S, N, W] in their order to a gradient [O, N], afferents ``first`` to ``last``."""
    n_outputs = gradient.shape[0]
    for shard in range(1, sums.shape[0]):
        for i in range(first, last):
            for o in range(n_outputs):
                sums[0, i, o] += sums[shard, i, o]
    for start in range(first, last, _BLOCK):
        for o in range(n_outputs):
            for i in range(start, min(start + _BLOCK, last)):
                gradient[o, i] = sums[0, i, o]
