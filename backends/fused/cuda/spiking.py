"""Output spikes and their gradients, by the CUDA kernels.

The number of spikes is not known beforehand, so the kernel runs twice: it counts them, and then
writes each to its place.
"""

from __future__ import annotations

import math

import numpy as np

from tempotron_core import Events, Neuron
from tempotron_core.spiking.arguments import too_close

from .launch import NULL, Array, Device, Gradients, Problem

__all__ = ["output_spikes", "output_spikes_vjp"]


def output_spikes(
    device: Device, events: Events, weight: Array, neuron: Neuron, kept: int | None
) -> tuple[Array, Array, Array]:
    """Every output spike: its pair and its time, pair by pair, and the numbers of spikes."""
    problem, xp = Problem(device, events, weight, neuron), device.xp
    counts = xp.zeros(problem.pairs, dtype=np.int64)
    if problem.empty:
        return xp.empty(0, dtype=np.int64), xp.empty(0, dtype=events.times.dtype), counts
    t_spike = problem.per_pair(events.times.dtype)
    crossing_event = problem.per_pair(np.int64)
    problem.scan(NULL, NULL, t_spike, crossing_event)
    apart = xp.full(1, 1, dtype=np.int32)
    sizes = *problem.pattern_sizes, problem.weight_sizes[1]
    constants = problem.duration, *problem.psp, problem.threshold, np.float64(1.0 / neuron.tau)

    def launch(starts: Array, found: Array) -> None:
        read = *problem.spikes, *problem.weights, t_spike, crossing_event, starts
        arguments = *read, counts, found, apart, *sizes, *constants
        device.launch("spikes", problem.blocks, device.threads, arguments)

    launch(NULL, NULL)
    if not int(apart[0]):
        raise too_close(events.times.dtype)
    lost = xp.isnan(t_spike)
    lengths = counts if kept is None else xp.minimum(counts, kept)
    starts = xp.zeros(counts.size + 1, dtype=np.int64)
    starts[1:] = xp.cumsum(xp.where(lost, 1, lengths))
    total = int(starts[-1])
    times = xp.full(total, math.nan, dtype=events.times.dtype)
    launch(starts, times)
    places = xp.arange(total, dtype=np.int64)
    pair = xp.searchsorted(starts[1:], places, side="right").astype(np.int64, copy=False)
    return pair, times, counts


def output_spikes_vjp(
    device: Device,
    events: Events,
    weight: Array,
    neuron: Neuron,
    spike_times: Array,
    cotangent: Array,
    times: bool,
    min_slope: float,
) -> Gradients:
    """Gradients of output spike times by the weights and the sorted input times."""
    problem, xp = Problem(device, events, weight, neuron), device.xp
    if problem.empty:
        return problem.no_gradient(times)
    t_spike, _ = problem.reals(spike_times, events.times.dtype)
    t_bar, _ = problem.reals(cotangent, weight.dtype)
    p, q = xp.zeros(t_spike.shape, dtype=np.float64), xp.empty(t_spike.shape, dtype=np.float64)
    n_sources, n_slots = problem.per_pair(np.int64), np.int64(t_spike.shape[2])
    read = *problem.spikes, *problem.weights, t_spike, t_bar
    sizes = *problem.pattern_sizes, problem.weight_sizes[1], n_slots
    given = problem.threshold, np.float64(1.0 / neuron.tau), np.float64(min_slope)
    arguments = *read, p, q, n_sources, *sizes, problem.duration, *problem.psp, *given
    device.launch("spike_cotangents", problem.blocks, device.threads, arguments)
    return problem.adjoint("spike_adjoint", (t_spike, n_sources, p, q, n_slots), times)
