"""What the operators compute, by the name of a readout.

================== ========================= ====================================
name               ``options``               ``samples``
================== ========================= ====================================
peak               of a grid, n_steps and dt
first_crossing     min_slope
voltage                                      times, (T,)
soft_peak_time     n_steps
output_spikes      max_spikes and min_slope
critical_threshold k, 0 if it is an array    k, (B, O), 0 where nothing is asked
================== ========================= ====================================

A ``max_spikes`` of 0 stands for all; with any other, trains are exactly that wide.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import array_api_compat.torch as xp
import torch
from torch import Tensor

from tempotron_core import Events, Neuron, Peak
from tempotron_core.readouts.arguments import is_static
from tempotron_core.readouts.crossing import first_crossing
from tempotron_core.readouts.crossing_gradient import first_crossing_adjoint
from tempotron_core.readouts.peak import peak
from tempotron_core.readouts.peak_gradient import peak_adjoint
from tempotron_core.readouts.soft_peak import soft_peak_time
from tempotron_core.readouts.soft_peak_gradient import soft_peak_time_adjoint
from tempotron_core.readouts.voltage import voltage
from tempotron_core.readouts.voltage_gradient import sample_time_gradient, voltage_adjoint
from tempotron_core.spiking import CriticalThreshold, critical_threshold, output_spikes
from tempotron_core.spiking.critical_threshold_gradient import critical_threshold_adjoint
from tempotron_core.spiking.output_spikes_gradient import output_spikes_adjoint

__all__ = ["as_text", "compute", "numbers", "pull_back"]

Tensors = tuple[Tensor, ...]
Model = tuple[Events, Tensor, Neuron]


def as_text(*numbers: float) -> str:
    """Write numbers so that reading gives the same ones."""
    return " ".join(repr(float(number)) for number in numbers)


@functools.lru_cache(maxsize=256)
def numbers(text: str) -> tuple[float, ...]:
    """Read what `as_text` wrote."""
    return tuple(map(float, text.split()))


def _grid(options: str) -> tuple[int, float] | None:
    read = numbers(options)
    return (int(read[0]), read[1]) if read else None


def compute(name: str, model: Model, samples: Tensor | None, options: str, method: str) -> Tensors:
    """Return what the readout of that name finds."""

    def plain(function: Callable[..., Any]) -> Callable[..., Any]:
        return functools.partial(function.__wrapped__, *model)  # type: ignore[attr-defined]

    if name == "peak":
        return tuple(plain(peak)(grid=_grid(options), method=method))
    if name == "first_crossing":
        return (plain(first_crossing)(method=method),)
    if name == "voltage":
        return (plain(voltage)(samples, method=method),)
    if name == "output_spikes":
        kept = int(numbers(options)[0])
        times, counts = plain(output_spikes)(max_spikes=kept or None, method=method)
        missing = kept - times.shape[2]
        if missing > 0:
            times = torch.nn.functional.pad(times, (0, missing), value=float("inf"))
        return times, counts
    if name == "critical_threshold":
        if samples is None:
            return tuple(plain(critical_threshold)(int(numbers(options)[0]), method=method))
        k = samples.clamp(min=1)
        most = int(k.max()) if k.numel() else 1
        found = plain(critical_threshold)(k, where=samples > 0, most=most, method=method)
        return tuple(found)
    (n_steps,) = numbers(options)
    return (plain(soft_peak_time)(int(n_steps), method=method),)


def pull_back(
    name: str,
    model: Model,
    samples: Tensor | None,
    first: Tensor,
    second: Tensor | None,
    third: Tensor | None,
    first_bar: Tensor | None,
    second_bar: Tensor | None,
    options: str,
    method: str,
    wants_times: bool,
    wants_samples: bool,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return gradients towards weights, sorted times and samples, None where not wanted."""
    bar = torch.zeros_like(first) if first_bar is None else first_bar
    given: Any
    if name == "peak":
        found, grid = Peak(first, second), _grid(options)
        given = *model, found, bar, second_bar, wants_times, grid, method, xp
        return (*peak_adjoint(*given), None)
    if name == "first_crossing":
        (min_slope,) = numbers(options)
        given = *model, first, bar, wants_times, min_slope, method, xp
        return (*first_crossing_adjoint(*given), None)
    if name == "voltage":
        assert samples is not None
        to_samples = None
        if wants_samples:
            static = is_static(method)
            to_samples = sample_time_gradient(*model, samples, bar, static, xp).to(samples.dtype)
        return (*voltage_adjoint(*model, samples, bar, wants_times, method, xp), to_samples)
    if name == "output_spikes":
        min_slope = numbers(options)[1]
        given = *model, first, bar, wants_times, min_slope, method, xp
        return (*output_spikes_adjoint(*given), None)
    if name == "critical_threshold":
        assert third is not None
        most = int(third.max()) if third.numel() else 0
        critical = CriticalThreshold(first, second, third)
        given = *model, critical, bar, wants_times, most, method, xp
        return (*critical_threshold_adjoint(*given), None)
    (n_steps,) = numbers(options)
    given = *model, int(n_steps), bar, wants_times, method, xp
    return (*soft_peak_time_adjoint(*given), None)
