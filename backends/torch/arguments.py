"""What the torch modules are called with, checked; errors name what is wrong."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tempotron_core import Events

__all__ = ["check_dense", "check_events", "check_tensor"]


def check_tensor(in_spikes: Any, device: torch.device) -> None:
    """Raise unless the spikes are a strided tensor, or events of such, on the device."""
    events = isinstance(in_spikes, Events)
    times = in_spikes.like if events else in_spikes
    if not isinstance(times, Tensor):
        of = "Events of " if events else ""
        raise TypeError(
            f"in_spikes must be a torch tensor or Events of such, got {of}{type(times).__name__}"
        )
    if times.device != device:
        raise ValueError(
            f"in_spikes must be on the device of the weights, {device}, got {times.device}"
        )
    if times.layout != torch.strided or times.is_nested:
        kind = "a nested one" if times.is_nested else times.layout
        raise TypeError(f"in_spikes must be a dense tensor, got {kind}")


def check_events(in_spikes: Events, in_features: int, duration: float) -> None:
    """Raise unless the events have a layer's afferents and duration."""
    if in_spikes.n_afferents != in_features:
        raise ValueError(
            f"in_spikes must have in_features = {in_features} afferents, "
            f"got {in_spikes.n_afferents}"
        )
    if in_spikes.duration != duration:
        raise ValueError(
            f"in_spikes must have the layer's duration, {duration}, got {in_spikes.duration}"
        )


def check_dense(in_spikes: Tensor, in_features: int, axes: int) -> None:
    """Raise unless a tensor of spike times has two up to ``axes`` axes, and real numbers."""
    if not 2 <= in_spikes.ndim <= axes or in_spikes.shape[1] != in_features:
        more = " or (B, in_features, S)" if axes == 3 else ""
        raise ValueError(
            f"in_spikes must have shape (B, in_features){more} with in_features = "
            f"{in_features}, got {tuple(in_spikes.shape)}"
        )
    if in_spikes.is_complex() or in_spikes.dtype == torch.bool:
        raise TypeError(f"in_spikes must hold real numbers, got {in_spikes.dtype}")
    if in_spikes.dtype == torch.uint64:  # torch computes with no such numbers
        raise TypeError("in_spikes must hold floats or integers of int64, got torch.uint64")
