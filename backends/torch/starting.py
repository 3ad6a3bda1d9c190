"""`fire_like_`: weights of a torch model scaled so that every layer fires on given patterns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from tempotron_core import Events, scale_to_fire
from tempotron_core.arrays.numbers import positive_float

from .exact_tempotron import ExactTempotron

__all__ = ["fire_like_"]


def fire_like_(
    model: nn.Module,
    patterns: Tensor | Events,
    *,
    fraction: float = 0.3,
    output_potential: float = 0.5,
) -> nn.Module:
    """Scale the weights of every `ExactTempotron` of a model, in place, to patterns.

    The patterns go through the model once, and the layers are scaled in the order they are met:
    each neuron's weights are multiplied by one number (`tempotron_core.scale_to_fire`).

    Parameters
    ----------
    model : torch.nn.Module
        A layer, or a ``torch.nn.Sequential`` or any other module with such layers.
    patterns : tensor or Events
        Some hundred patterns of the kind to be learned, in the form that the model takes.
    fraction : float, default 0.3
        Part of the patterns for which a neuron of a layer that returns spike times fires.
    output_potential : float, default 0.5
        Largest potential, in units of the threshold, of a neuron of a layer that returns
        potentials: such a start below threshold lets every output see every pattern.

    Returns
    -------
    torch.nn.Module
        The model.

    Raises
    ------
    TypeError
        If the model is no module, or does not take the patterns.
    ValueError
        If it has no such layer, one is not reached, weights are no parameters of their layer (but
        pruned, say, or parametrised), or a number is out of range.

    Examples
    --------
    >>> import torch
    >>> from tempotron_backends.torch import ExactTempotron, fire_like_
    >>> layer = ExactTempotron(30, 50, duration=50.0)
    >>> patterns = 50.0 * torch.rand(200, 30)
    >>> fired = fire_like_(layer, patterns)(patterns).isfinite()
    >>> print(round(fired.double().mean().item(), 3))
    0.3
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    positive_float("output_potential", output_potential)
    model = getattr(model, "_orig_mod", model)  # of a compiled one: a hook has no place in a graph
    waiting = [part for part in model.modules() if isinstance(part, ExactTempotron)]
    if not waiting:
        raise ValueError(f"model must hold an ExactTempotron, got {type(model).__name__}")

    def scale(layer: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        if layer not in waiting or not isinstance(layer, ExactTempotron):
            return
        waiting.remove(layer)
        if not isinstance(layer.fc.weight, nn.Parameter):
            raise ValueError("fc.weight must be a parameter to be scaled, got what is made of some")
        given = dict(zip(("in_spikes", "ret_type"), args, strict=False)) | options
        in_spikes, ret_type = given["in_spikes"], given.get("ret_type") or layer.ret_type
        weight = layer._weights()
        layer._check(in_spikes, weight, ret_type, axes=3)
        fires = ret_type in ("t_spike", "all")
        scaled = scale_to_fire(
            layer.events_of(in_spikes),
            weight,
            replace(layer.neuron, shunt=False),  # it fires for the same patterns
            fraction=fraction if fires else 0.0,
            potential=1.0 if fires else output_potential,
        )
        layer.fc.weight.copy_(scaled)

    hooks = [layer.register_forward_pre_hook(scale, with_kwargs=True) for layer in waiting]
    try:
        with torch.no_grad():
            model(patterns)
    finally:
        for hook in hooks:
            hook.remove()
    if waiting:
        raise ValueError(f"model must send patterns through every layer, got none for {waiting}")
    return model
