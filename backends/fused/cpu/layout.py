"""Weights as the kernels read them, and sums of shards as the core wants them."""

from __future__ import annotations

from .compiled import compiled

__all__ = ["sum_shards", "to_rows"]

_BLOCK = 64  # rows and columns copied at a time, so that both sides stay in cache


@compiled
def to_rows(weight, rows):
    """Copy weights [O, N] to rows [N, W], W >= O."""
    n_outputs, n_afferents = weight.shape
    for first in range(0, n_afferents, _BLOCK):
        for o in range(n_outputs):
            for i in range(first, min(first + _BLOCK, n_afferents)):
                rows[i, o] = weight[o, i]


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
