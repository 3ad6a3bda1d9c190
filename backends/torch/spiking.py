"""The multi-spike neuron for PyTorch's autograd, see `autograd`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tempotron_core import Events, Neuron
from tempotron_core.arrays.numbers import whole_number
from tempotron_core.readouts.arguments import is_static
from tempotron_core.spiking import CriticalThreshold, OutputSpikes, OutputTrains
from tempotron_core.spiking.arguments import check_layout, check_spiking, spikes_asked

from .autograd import Spikes, differentiable_readout, in_transform, spikes_of
from .by_name import as_text
from .operators import constants_of

__all__ = ["DIFFERENTIABLE", "spike_trains"]


def output_spikes(
    events: Events,
    weight: Tensor,
    neuron: Neuron,
    *,
    max_spikes: int | None = None,
    layout: str = "padded",
    method: str = "auto",
) -> OutputSpikes | OutputTrains:
    """`tempotron_core.spiking.output_spikes`; times are differentiable once.

    In a graph or transform, trains are ``max_spikes`` wide.
    """
    check_spiking(events, weight, neuron, parametric=True)
    is_static(method)
    check_layout(layout)
    constants, learned = constants_of(neuron, events.duration)
    given = spikes_of(events), weight, constants, max_spikes
    found = spike_trains(*given, learned=learned, method=method)
    if layout == "padded":
        return found
    if in_transform():
        raise ValueError(f"layout must be 'padded' in a graph or transform, got {layout!r}")
    kept = found.times != float("inf")
    per_pattern = kept.sum(dim=(1, 2))
    offsets = torch.nn.functional.pad(per_pattern.cumsum(0), (1, 0))
    return OutputTrains(found.times[kept], kept.nonzero()[:, 1], offsets)


def spike_trains(
    spikes: Spikes,
    weight: Tensor,
    constants: str,
    max_spikes: int | None,
    min_slope: float = 0.0,
    *,
    learned: Tensor | None = None,
    method: str = "auto",
) -> OutputSpikes:
    """Output spikes of arguments that were checked; no wider than they are, but in a graph."""
    kept = 0 if max_spikes is None else whole_number("max_spikes", max_spikes)
    graph = in_transform()
    if graph and not kept:
        raise ValueError(
            "max_spikes must be given in a graph or transform, whose shapes cannot depend on "
            "values: got None"
        )
    options = as_text(kept, min_slope)
    given = "output_spikes", spikes, weight, constants, options
    times, counts = differentiable_readout(*given, learned=learned, method=method)
    if kept and not graph:
        longest = int(counts.max()) if counts.numel() else 0
        times = times[..., : max(1, min(longest, kept))]
    return OutputSpikes(times, counts)


def critical_threshold(
    events: Events,
    weight: Tensor,
    neuron: Neuron,
    k: int | Tensor,
    *,
    where: Tensor | None = None,
    most: int | None = None,
    method: str = "auto",
) -> CriticalThreshold:
    """`tempotron_core.spiking.critical_threshold`; theta is differentiable once."""
    xp = check_spiking(events, weight, neuron, parametric=True)
    is_static(method)
    if most is not None:
        whole_number("most", most)
    asked = spikes_asked(k, where, events, weight, xp=xp)
    alone = where is None and not isinstance(k, Tensor)
    options = as_text(int(k) if alone else 0)
    constants, learned = constants_of(neuron, events.duration)
    given = "critical_threshold", spikes_of(events), weight, constants, options
    samples = None if alone else asked
    found = differentiable_readout(*given, learned=learned, samples=samples, method=method)
    return CriticalThreshold(*found)


DIFFERENTIABLE: dict[str, Callable[..., Any]] = {
    "output_spikes": output_spikes,
    "critical_threshold": critical_threshold,
}
