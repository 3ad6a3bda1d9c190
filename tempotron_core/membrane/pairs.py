"""Tiles of patterns and outputs, and pairs of the two as patterns of one output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..events import Events
from ..neuron import Neuron
from .integration import Membrane, integrate, with_nobody
from .tiles import tile_bounds

__all__ = ["over_tiles", "rows_of"]

Array = Any


def over_tiles(
    of_tile: Callable[[Membrane, tuple[slice, slice]], tuple[Array, ...]],
    events: Events,
    weight: Array,
    neuron: Neuron,
    *,
    n_samples: int = 0,
    static: bool,
    xp: Any,
) -> list[Array]:
    """Join what ``of_tile`` returns, arrays [b, o, ...], of the membrane of every tile.

    It is told which patterns and outputs the tile has, as an index of arrays [B, O, ...].
    """
    padded = with_nobody(weight)
    patterns, outputs = tile_bounds(events, padded, n_samples=n_samples, static=static)
    rows = []
    for b in patterns:
        part = events[b]
        row = [
            of_tile(integrate(part, padded[o, :], neuron.kernel, static=static), (b, o))
            for o in outputs
        ]
        rows.append([xp.concat(list(arrays), axis=1) for arrays in zip(*row, strict=True)])
    return [xp.concat(list(arrays), axis=0) for arrays in zip(*rows, strict=True)]


def rows_of(membrane: Membrane, pairs: Array, *, xp: Any) -> Membrane:
    """Return some of the pairs of a membrane [O, B, K] as the patterns of one output, [1, P, K]."""
    n_events = membrane.v.shape[-1]
    pattern = pairs % membrane.times.shape[0]
    v, s = (
        xp.take(xp.reshape(a, (-1, n_events)), pairs, axis=0)[None, ...]
        for a in (membrane.v, membrane.s)
    )
    v_end = xp.take(xp.reshape(membrane.v_end, (-1,)), pairs)[None, :]
    times, gap = (xp.take(a, pattern, axis=0) for a in (membrane.times, membrane.gap))
    return Membrane(times, gap, v, s, v_end, membrane.sparse)
