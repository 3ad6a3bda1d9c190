"""Work in tiles of patterns and outputs, so that arrays stay in cache and memory is bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.namespace import array_namespace
from ..arrays.settings import under_own_settings
from ..events import Events

__all__ = ["map_tiles", "tile_bounds", "tile_size"]

Array = Any

# Bytes of one array of a tile.  On a CPU a tile's arrays should stay in the second-level cache;
# on other devices a tile only bounds memory.
_BYTES_ON_CPU = 1 << 19
_BYTES_ELSEWHERE = 1 << 27


def tile_size(dtype: Any, device: Any, *, xp: Any) -> int:
    """Return how many numbers one array of a tile holds."""
    # "cpu" is how NumPy, PyTorch, JAX and array-api-strict all call it
    budget = _BYTES_ON_CPU if "cpu" in str(device).lower() else _BYTES_ELSEWHERE
    return budget // (int(xp.finfo(dtype).bits) // 8)


def tile_bounds(
    events: Events, weight: Array, *, n_samples: int = 0, static: bool = False
) -> tuple[list[slice], list[slice]]:
    """Slices of the patterns and of the outputs (rows of ``weight``) that make up the tiles.

    One tile when ``static``: under tracing the compiler decides.  ``n_samples`` is the number of
    samples per pattern that are worked on beside the events.
    """
    n_patterns, n_outputs = len(events), weight.shape[0]
    if static or n_patterns == 0 or n_outputs == 0:
        return [slice(0, n_patterns)], [slice(0, n_outputs)]
    xp = array_namespace(weight=weight)
    budget = tile_size(weight.dtype, events.device, xp=xp)
    width = events.times.shape[1] + n_samples
    outputs = _even(n_outputs, budget // width)
    patterns = _even(n_patterns, budget // (width * outputs))
    return (
        [slice(b, min(b + patterns, n_patterns)) for b in range(0, n_patterns, patterns)],
        [slice(o, min(o + outputs, n_outputs)) for o in range(0, n_outputs, outputs)],
    )


@under_own_settings
def map_tiles(
    f: Callable[[Events, Array], tuple[Array, ...]],
    events: Events,
    weight: Array,
    *,
    n_samples: int = 0,
    static: bool = False,
) -> tuple[Array, ...]:
    """Apply ``f`` to the events and weight rows of every tile and join its [o, b, ...] results."""
    xp = array_namespace(weight=weight)
    patterns, outputs = tile_bounds(events, weight, n_samples=n_samples, static=static)
    rows = []
    for b in patterns:
        part = events if len(patterns) == 1 else events[b]
        rows.append(_join([f(part, weight[o, :]) for o in outputs], 0, xp))
    return _join(rows, 1, xp)


def _even(total: int, at_most: int) -> int:
    """Length of equal parts of ``total``, none longer than ``at_most`` (or 1)."""
    n_parts = -(-total // max(1, at_most))
    return -(-total // n_parts)


def _join(parts: list[tuple[Array, ...]], axis: int, xp: Any) -> tuple[Array, ...]:
    if len(parts) == 1:
        return parts[0]
    return tuple(xp.concat(list(arrays), axis=axis) for arrays in zip(*parts, strict=True))
