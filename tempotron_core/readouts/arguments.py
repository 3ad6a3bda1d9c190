"""Checks that every readout makes of its arguments before it works on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import array_api_compat
import numpy as np

from ..arrays.choices import check_choice
from ..arrays.namespace import (
    array_namespace,
    check_arrays,
    check_floating,
    check_same_device,
    device_of,
    is_plain_floating,
    known_true,
    namespace_of,
)
from ..arrays.numbers import positive_float, whole_number
from ..arrays.registry import fused
from ..events import Events
from ..events.units import check_units
from ..neuron import Neuron, ParametricNeuron
from ..traced import TracedNeuron

__all__ = [
    "check_fit",
    "check_fixed",
    "check_grid",
    "check_neuron",
    "check_output",
    "check_outputs",
    "check_readout",
    "check_within",
    "grid_times",
    "is_settled",
    "is_static",
]

Array = Any

_METHODS = ("auto", "static", "pruned")


def is_settled(events: object = None, weight: Array = None, neuron: object = None) -> bool:
    """Whether it can be seen at a glance that `check_readout` and autodiff have nothing to say.

    So it is for NumPy's own arrays, which are on one device, hold values, and are followed by
    nobody.  A pattern or two take less time than to ask arrays of any library for all of that.
    """
    return (
        type(events) is Events
        and type(events.times) is np.ndarray
        and is_plain_floating(weight)
        and type(neuron) is Neuron
        and weight.ndim == 2
        and weight.shape[1] == events.n_afferents
        and events._units.seen
    )


def check_readout(
    events: Events, weight: Array, neuron: Neuron, *, parametric: bool = False
) -> Any:
    """Return the namespace; raise unless events, weight [O, N] and neuron fit together.

    A `ParametricNeuron` is refused unless ``parametric``.
    """
    check_fit(events, weight, neuron, parametric=parametric)
    return namespace_of(weight)


def check_fit(events: Events, weight: Array, neuron: Neuron, *, parametric: bool = False) -> None:
    """Do what `check_readout` does, without the namespace, whose import takes its time."""
    if is_settled(events, weight, neuron):
        return
    if not isinstance(events, Events):
        raise TypeError(
            f"events must be an Events (see Events.from_latencies), got {type(events).__name__}"
        )
    check_neuron(neuron, parametric=parametric)
    check_arrays(**{"events.times": events.like, "weight": weight})
    check_same_device(**{"events.times": events.like, "weight": weight})
    if weight.ndim != 2:
        raise ValueError(f"weight must have shape (O, N), got {tuple(weight.shape)}")
    if weight.shape[1] != events.n_afferents:
        raise ValueError(
            f"weight must have one column per afferent, got shape {tuple(weight.shape)} "
            f"for {events.n_afferents} afferents"
        )
    if not is_plain_floating(weight):
        check_floating("weight", weight, xp=namespace_of(weight))
    if isinstance(neuron, ParametricNeuron):
        array_namespace(weight=weight, **neuron.arrays)
    elif isinstance(neuron, Neuron):
        check_units(events, neuron)


def check_neuron(neuron: object, *, parametric: bool = False) -> None:
    """Raise unless it is a neuron, and if its constants are arrays that cannot be followed here."""
    if isinstance(neuron, Neuron | TracedNeuron):
        return
    if not parametric:
        check_fixed(neuron)
    if not isinstance(neuron, ParametricNeuron):
        raise TypeError(f"neuron must be a Neuron, got {type(neuron).__name__}")


def check_fixed(neuron: object) -> None:
    """Raise if it is a neuron whose constants are arrays."""
    if isinstance(neuron, ParametricNeuron):
        raise TypeError(
            "neuron must be a Neuron here, got a ParametricNeuron, whose gradient would be lost: "
            "pass neuron.fixed(). Readouts take it, and torch layers learn constants by "
            "learn=('tau',)"
        )


def check_outputs(
    names: Sequence[str], arrays: Sequence[Array], events: Events, weight: Array
) -> None:
    """Raise unless all arrays, of those names, live beside ``weight`` and have shape (B, O)."""
    if type(weight) is np.ndarray:
        expected = (len(events), weight.shape[0])
        for array in arrays:
            if not is_plain_floating(array) or array.shape != expected:
                break
        else:
            return
    for name, array in zip(names, arrays, strict=False):
        check_output(name, array, events, weight)


def check_output(name: str, array: Array, events: Events, weight: Array, *more: int) -> None:
    """Raise unless ``array`` lives beside ``weight`` and has shape (B, O, ...)."""
    expected = (len(events), weight.shape[0], *more)
    if is_plain_floating(array) and type(weight) is np.ndarray:  # of one library, on one device
        if array.shape == expected:
            return
    elif array is None:
        raise TypeError(f"{name} must be an array of shape {expected}, got None")
    xp = array_namespace(weight=weight, **{name: array})
    check_same_device(weight=weight, **{name: array})
    if tuple(array.shape) != expected:
        raise ValueError(f"{name} must have shape {expected}, got {tuple(array.shape)}")
    check_floating(name, array, xp=xp)


def check_grid(grid: tuple[int, float], neuron: Neuron) -> tuple[int, float]:
    """Return the grid (n_steps, dt) as Python numbers, or raise."""
    if neuron.shunt:
        raise ValueError("grid must be None for a neuron with shunt=True, got a grid")
    try:
        n_steps, dt = grid
    except (TypeError, ValueError):
        raise TypeError(f"grid must be (n_steps, dt), got {grid!r}") from None
    return whole_number("grid n_steps", n_steps), positive_float("grid dt", dt)


def check_within(
    name: str,
    times: Array,
    latest: float,
    method: str,
    looked_at: Callable[..., Array],
    *of: Any,
) -> None:
    """Raise unless the times of a readout that are ``looked_at(*of)`` are in [0, latest].

    Which ones those are is asked only where not all times are.  Looking at values waits for the
    device, which 'static' never does.
    """
    if method == "static":
        return
    if type(times) is np.ndarray and times.size == 1 and 0.0 <= times.item() <= latest:
        return
    all_within = fused("all_within", method, times)
    if all_within is not None and all_within(times, latest):
        return
    xp = namespace_of(times)
    # the end itself may have been rounded up, to float32
    wrong = looked_at(*of) & ~((times >= 0.0) & (times <= latest * (1.0 + 2.0**-23)))
    if known_true(xp.any(wrong)):
        first = int(xp.argmax(xp.astype(xp.reshape(wrong, (-1,)), xp.int8)))
        found = float(xp.reshape(times, (-1,))[first])
        raise ValueError(f"{name} must be from 0 to {latest}, got {found}")


def is_static(method: str, *arrays: Array) -> bool:
    """Whether ``method`` asks for the form whose shapes do not depend on values."""
    check_choice("method", method, _METHODS)
    if method == "auto":
        for array in arrays:  # any() takes as long as all the rest of a call's checks
            if type(array) is not np.ndarray and array_api_compat.is_lazy_array(array):
                return True
        return False
    return method == "static"


def grid_times(grid: tuple[int, float], like: Array, xp: Any) -> Array:
    """Sample times 0, dt, ..., (n_steps - 1) dt in the dtype and on the device of ``like``."""
    n_steps, dt = grid
    return xp.arange(n_steps, dtype=like.dtype, device=device_of(like)) * dt
