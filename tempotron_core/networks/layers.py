"""The weights and constants of layers, checked: each fits the one before."""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import array_namespace, check_dense, check_floating, check_same_device
from ..arrays.numbers import whole_number
from ..neuron import Neuron
from ..readouts.arguments import check_fixed

__all__ = ["checked_neurons", "checked_weights", "hidden_sizes"]

Array = Any


def checked_weights(weights: Any, *, n_reference: int, n_clock: int) -> tuple[Array, ...]:
    """Return the weights of every layer.

    Parameters
    ----------
    weights : sequence of array
        As for `Network`.
    n_reference, n_clock : int
        Reference spikes that every layer but the first receives, and those of the clock.

    Raises
    ------
    TypeError
        If they are no arrays, or come from different libraries.
    ValueError
        If there are none, or one does not fit the layer before.
    """
    found = _tuple("weights", weights, "arrays, one per layer")
    if not found:
        raise ValueError("weights must hold one array per layer, got none")
    named = {f"weights[{layer}]": weight for layer, weight in enumerate(found)}
    xp = array_namespace(**named)
    check_same_device(**named)
    inputs = None
    for name, weight in named.items():
        check_dense(name, weight)
        check_floating(name, weight, xp=xp)
        if weight.ndim != 2 or inputs not in (None, weight.shape[1]):
            wanted = "N" if inputs is None else inputs
            raise ValueError(f"{name} must have shape (O, {wanted}), got {tuple(weight.shape)}")
        if inputs is None and weight.shape[1] < n_clock:
            raise ValueError(
                f"{name} must have a column for each of the {n_clock} times of clock, "
                f"got shape {tuple(weight.shape)}"
            )
        inputs = weight.shape[0] + n_reference
    return found


def hidden_sizes(hidden: Any) -> list[int]:
    """Return the neurons of each hidden layer, as given; or raise."""
    try:
        return [whole_number("hidden", size) for size in hidden]
    except TypeError:
        raise TypeError(f"hidden must be a sequence of integers, got {hidden!r}") from None


def checked_neurons(neuron: Any, depth: int) -> tuple[Neuron, ...]:
    """Return the constants of every layer, given those of all or of each; or raise."""
    check_fixed(neuron)
    if isinstance(neuron, Neuron):
        return (neuron,) * depth
    neurons = _tuple("neuron", neuron, "Neurons, or one")
    if len(neurons) != depth:
        raise ValueError(
            f"neuron must be one Neuron or one per layer, got {len(neurons)} for {depth} layers"
        )
    for each in neurons:
        check_fixed(each)
        if not isinstance(each, Neuron):
            raise TypeError(f"neuron must hold Neurons, got {type(each).__name__}")
    return neurons


def _tuple(name: str, values: Any, what: str) -> tuple[Any, ...]:
    try:
        return tuple(values)
    except TypeError:
        kind = type(values).__name__
        raise TypeError(f"{name} must be a sequence of {what}, got {kind}") from None
