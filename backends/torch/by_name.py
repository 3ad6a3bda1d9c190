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
from tempotron_core.readouts.constants import Constants
from tempotron_core.readouts.crossing import first_crossing
from tempotron_core.readouts.crossing_gradient import (
    first_crossing_adjoint,
    first_crossing_constants,
)
from tempotron_core.readouts.peak import peak_found
from tempotron_core.readouts.peak_gradient import peak_adjoint, peak_constants
from tempotron_core.readouts.soft_peak import soft_peak_time
from tempotron_core.readouts.soft_peak_gradient import (
    soft_peak_time_adjoint,
    soft_peak_time_constants,
)
from tempotron_core.readouts.voltage import voltage
from tempotron_core.readouts.voltage_gradient import (
    sample_time_gradient,
    voltage_adjoint,
    voltage_constants,
)
from tempotron_core.spiking import CriticalThreshold, critical_threshold, output_spikes
from tempotron_core.spiking.critical_threshold_gradient import (
    critical_threshold_adjoint,
    critical_threshold_constants,
)
from tempotron_core.spiking.output_spikes_gradient import (
    output_spikes_adjoint,
    output_spikes_constants,
)

__all__ = ["as_text", "compute", "grid_of", "numbers", "pull_back"]

Tensors = tuple[Tensor, ...]
Model = tuple[Events, Tensor, Neuron]


def as_text(*numbers: float) -> str:
    """Write numbers so that reading gives the same ones."""
    return " ".join(repr(float(number)) for number in numbers)


@functools.lru_cache(maxsize=256)
def numbers(text: str) -> tuple[float, ...]:
    """Read what `as_text` wrote."""
    return tuple(map(float, text.split()))


def grid_of(options: str) -> tuple[int, float] | None:
    """Read the grid of a peak, if it has one."""
    read = numbers(options)
    return (int(read[0]), read[1]) if read else None


def compute(name: str, model: Model, samples: Tensor | None, options: str, method: str) -> Tensors:
    """Return what the readout of that name finds."""

    def plain(function: Callable[..., Any]) -> Callable[..., Any]:
        return functools.partial(function.__wrapped__, *model)  # type: ignore[attr-defined]

    if name == "peak":
        return tuple(peak_found(*model, grid_of(options), method))
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
    wants_constants: bool,
) -> tuple[Tensor, Tensor | None, Tensor | None, Constants | None]:
    """Return gradients towards weights, sorted times, samples and constants; None if not wanted."""
    bar = torch.zeros_like(first) if first_bar is None else first_bar

    def both(
        adjoint: Callable[..., tuple[Tensor, Tensor | None]],
        of_constants: Callable[..., Constants],
        *given: Any,
        options: tuple[Any, ...] = (),
        to_samples: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Constants | None]:
        to_weight, to_times = adjoint(*model, *given, wants_times, *options, method, xp)
        constants = None
        if wants_constants:
            constants = of_constants(*model, *given, *options, method, xp)
        return to_weight, to_times, to_samples, constants

    given: tuple[Any, ...]
    if name == "peak":
        given = peak_adjoint, peak_constants, Peak(first, second), bar, second_bar
        return both(*given, options=(grid_of(options),))
    if name == "first_crossing":
        given = first_crossing_adjoint, first_crossing_constants, first, bar
        return both(*given, options=numbers(options))
    if name == "voltage":
        assert samples is not None
        to_samples = None
        if wants_samples:
            static = is_static(method)
            to_samples = sample_time_gradient(*model, samples, bar, static, xp).to(samples.dtype)
        return both(voltage_adjoint, voltage_constants, samples, bar, to_samples=to_samples)
    if name == "output_spikes":
        given = output_spikes_adjoint, output_spikes_constants, first, bar
        return both(*given, options=numbers(options)[1:])
    if name == "critical_threshold":
        assert third is not None
        most = int(third.max()) if third.numel() else 0
        critical = CriticalThreshold(first, second, third)
        given = critical_threshold_adjoint, critical_threshold_constants, critical, bar
        return both(*given, options=(most,))
    (n_steps,) = numbers(options)
    return both(soft_peak_time_adjoint, soft_peak_time_constants, int(n_steps), bar)
