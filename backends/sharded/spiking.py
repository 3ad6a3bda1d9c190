"""Output spikes and critical thresholds of multi-spike neurons, a chunk of patterns at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_compat
import dask.array
from dask.delayed import delayed

from tempotron_core import Events, Neuron, spiking
from tempotron_core.arrays.numbers import whole_number
from tempotron_core.spiking import CriticalThreshold, OutputSpikes
from tempotron_core.spiking.arguments import check_spikes_again

from .arguments import check_chunks, check_weight, is_lazy

__all__ = ["critical_threshold", "output_spikes"]

Array = Any


def output_spikes(
    latencies: Any, weight: Array, neuron: Neuron, duration: float, *, max_spikes: int
) -> OutputSpikes:
    """Output spikes of every pattern, as Dask arrays.

    Parameters
    ----------
    latencies, weight, neuron, duration
        As for `v_max`; the neuron must not shunt.
    max_spikes : int
        Spike times that are kept of every train, which decides the shape.

    Returns
    -------
    OutputSpikes
        ``times``, shape (B, O, max_spikes), and ``counts``, shape (B, O), in the chunks of
        ``latencies`` but for empty ones.  Compute them together: ``dask.compute(*found)``.

    Raises
    ------
    TypeError, ValueError
        As `v_max`, and if ``max_spikes`` is not a positive integer or the neuron shunts.
    """
    kept = whole_number("max_spikes", max_spikes)
    _check(latencies, weight, neuron)
    return OutputSpikes(*_by_chunk(_spikes_of_block, latencies, weight, neuron, duration, kept))


def critical_threshold(
    latencies: Any, weight: Array, neuron: Neuron, duration: float, k: int
) -> CriticalThreshold:
    """Thresholds below which neurons spike k times or more, as Dask arrays.

    Parameters
    ----------
    latencies, weight, neuron, duration
        As for `v_max`; the neuron must not shunt.
    k : int
        Number of output spikes, at least 1.

    Returns
    -------
    CriticalThreshold
        Each of shape (B, O), in the chunks of ``latencies`` but for empty ones.

    Raises
    ------
    TypeError, ValueError
        As `v_max`, and if ``k`` is not a positive integer or the neuron shunts.
    """
    k = whole_number("k", k)
    _check(latencies, weight, neuron)
    return CriticalThreshold(
        *_by_chunk(_thresholds_of_block, latencies, weight, neuron, duration, k)
    )


def _check(latencies: Any, weight: Array, neuron: Neuron) -> None:
    check_chunks(latencies)
    if is_lazy(weight):
        raise TypeError(f"weight must be an array, got a lazy {type(weight).__name__}")
    check_weight(weight, neuron)
    check_spikes_again(neuron)
    if weight.shape[1] != latencies.shape[1]:
        raise ValueError(
            f"weight must have one column per afferent, got shape {tuple(weight.shape)} "
            f"for {latencies.shape[1]} afferents"
        )


def _by_chunk(
    of_block: Callable[..., tuple[Array, ...]],
    latencies: Any,
    weight: Array,
    neuron: Neuron,
    duration: float,
    number: int,
) -> list[Any]:
    """Compute each chunk's tuple of arrays once, and put each of them together."""
    nobody = array_api_compat.array_namespace(weight).zeros(
        (0, weight.shape[1]), dtype=weight.dtype
    )
    like = of_block(nobody, weight, neuron, duration, number)  # dtypes, and what follows (B, O)
    shared, work = delayed(weight), delayed(of_block, nout=len(like))
    blocks = latencies.to_delayed()[:, 0]
    parts = [work(block, shared, neuron, duration, number) for block in blocks]
    return [
        dask.array.concatenate(
            [
                dask.array.from_delayed(part[i], (size, *meta.shape[1:]), meta=meta)
                for part, size in zip(parts, latencies.chunks[0], strict=True)
            ],
            axis=0,
            allow_unknown_chunksizes=True,
        )
        for i, meta in enumerate(like)
    ]


def _spikes_of_block(
    block: Array, weight: Array, neuron: Neuron, duration: float, kept: int
) -> tuple[Array, ...]:
    events = Events.from_latencies(block, duration)
    times, counts = spiking.output_spikes(events, weight, neuron, max_spikes=kept)
    missing = kept - times.shape[2]
    if missing:  # as wide as those of every other chunk
        xp = array_api_compat.array_namespace(times)
        shape, device = (*times.shape[:2], missing), array_api_compat.device(times)
        silent = xp.full(shape, float("inf"), dtype=times.dtype, device=device)
        times = xp.concat([times, silent], axis=2)
    return times, counts


def _thresholds_of_block(
    block: Array, weight: Array, neuron: Neuron, duration: float, k: int
) -> tuple[Array, ...]:
    events = Events.from_latencies(block, duration)
    return tuple(spiking.critical_threshold(events, weight, neuron, k))
