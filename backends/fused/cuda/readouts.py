"""Peaks and first crossings, and their gradients, by the CUDA kernels."""

from __future__ import annotations

import math

from tempotron_core import Events, Neuron, Peak
from tempotron_core import peak as plain_peak

from .launch import CROSSING, GRID_PEAK, NULL, PEAK, Array, Device, Gradients, Problem

__all__ = ["first_crossing", "first_crossing_vjp", "peak", "peak_vjp"]


def peak(
    device: Device, events: Events, weight: Array, neuron: Neuron, grid: tuple[int, float] | None
) -> tuple[Array, Array]:
    """Largest potential and its time, each [B, O]; there is no kernel for a grid."""
    if grid is not None:
        v_max, t_max = plain_peak(events, weight, neuron, grid=grid, method="pruned")
        return v_max, t_max
    problem, xp = Problem(device, events, weight, neuron), device.xp
    v_max = xp.zeros(problem.pairs, dtype=weight.dtype)
    t_max = xp.zeros(problem.pairs, dtype=events.times.dtype)
    if not problem.empty:
        problem.scan(v_max, t_max, NULL, NULL)
    return v_max, t_max


def first_crossing(device: Device, events: Events, weight: Array, neuron: Neuron) -> Array:
    """Output spike times [B, O], inf where silent."""
    problem = Problem(device, events, weight, neuron)
    t_spike = device.xp.full(problem.pairs, math.inf, dtype=events.times.dtype)
    if not problem.empty:
        problem.scan(NULL, NULL, t_spike, NULL)
    return t_spike


def peak_vjp(
    device: Device,
    events: Events,
    weight: Array,
    neuron: Neuron,
    peak: Peak,
    v_cotangent: Array,
    t_cotangent: Array | None,
    times: bool,
    grid: tuple[int, float] | None,
) -> Gradients:
    """Gradients by the weights and the sorted spike times, on the exact clock or a grid."""
    problem = Problem(device, events, weight, neuron)
    if grid is not None:  # where t_max is piecewise constant
        return problem.pull_back(GRID_PEAK, peak.t_max, v_cotangent, None, times)
    return problem.pull_back(PEAK, peak.t_max, v_cotangent, t_cotangent, times)


def first_crossing_vjp(
    device: Device,
    events: Events,
    weight: Array,
    neuron: Neuron,
    t_spike: Array,
    t_cotangent: Array,
    times: bool,
    min_slope: float,
) -> Gradients:
    """Gradients by the weights and the sorted spike times."""
    problem = Problem(device, events, weight, neuron)
    return problem.pull_back(CROSSING, t_spike, None, t_cotangent, times, min_slope)
