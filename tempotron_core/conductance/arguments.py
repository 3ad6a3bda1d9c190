"""Checks of what the readouts of the conductance-based neuron are given."""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import array_namespace, check_floating, check_same_device, known_true
from ..arrays.registry import implementation
from ..events import Events
from .neuron import ConductanceNeuron

__all__ = ["check_arguments"]

Array = Any


def check_arguments(
    events: Events, gain: Array, excitatory: Array, neuron: ConductanceNeuron
) -> Any:
    """Return the namespace; raise unless events, gains [O, N], kinds [N] and neuron fit."""
    if not isinstance(events, Events):
        raise TypeError(
            f"events must be an Events (see Events.from_latencies), got {type(events).__name__}"
        )
    if not isinstance(neuron, ConductanceNeuron):
        raise TypeError(f"neuron must be a ConductanceNeuron, got {type(neuron).__name__}")
    arrays = {"events.times": events.times, "gain": gain, "excitatory": excitatory}
    xp = array_namespace(**arrays)
    check_same_device(**arrays)
    check_floating("gain", gain, xp=xp)
    n = events.n_afferents
    if gain.ndim != 2 or gain.shape[1] != n:
        raise ValueError(f"gain must have shape (O, {n}), got {tuple(gain.shape)}")
    if not xp.isdtype(excitatory.dtype, "bool") or tuple(excitatory.shape) != (n,):
        raise ValueError(
            f"excitatory must be booleans of shape ({n},), got {excitatory.dtype} of shape "
            f"{tuple(excitatory.shape)}"
        )
    for name, array in arrays.items():
        followed = implementation("is_followed", array)
        if followed(array) if followed else getattr(array, "requires_grad", False):
            raise NotImplementedError(
                f"{name} must not require a gradient, which autodiff does not take through this "
                "neuron: pass detached arrays and use tempotron_core.conductance.peak_vjp"
            )
    if not known_true(xp.all((gain >= 0.0) & xp.isfinite(gain))):
        raise ValueError(
            "gain must not be negative or infinite, for it is a conductance, and its values known, "
            "got one that is negative, infinite, NaN or traced (excitatory tells the kinds of "
            "synapses apart)"
        )
    return xp
