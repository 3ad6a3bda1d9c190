"""Checks that the functions of the multi-spike neuron make of their arguments."""

from __future__ import annotations

from typing import Any

import array_api_extra as xpx

from ..arrays.integers import as_index
from ..arrays.namespace import (
    array_namespace,
    check_floating,
    check_same_device,
    device_of,
    known_true,
)
from ..arrays.numbers import whole_number
from ..events import Events
from ..neuron import Neuron
from ..readouts.arguments import check_readout

__all__ = [
    "check_layout",
    "check_next_events",
    "check_spike_times",
    "check_spikes_again",
    "check_spiking",
    "per_pair",
    "spikes_asked",
    "too_close",
]

Array = Any


def check_spiking(
    events: Events, weight: Array, neuron: Neuron, *, parametric: bool = False
) -> Any:
    """Return the namespace; raise unless the three fit together, or if the neuron shunts."""
    xp = check_readout(events, weight, neuron, parametric=parametric)
    check_spikes_again(neuron)
    return xp


def check_spikes_again(neuron: Neuron) -> None:
    """Raise if the neuron shunts all input after its first spike."""
    if neuron.shunt:
        raise ValueError("neuron must have shunt=False, as it spikes again: got shunt=True")


def check_layout(layout: str) -> None:
    """Raise unless it is the name of a layout of output spikes."""
    if layout not in ("padded", "csr"):
        raise ValueError(f"layout must be 'padded' or 'csr', got {layout!r}")


def too_close(dtype: Any) -> ValueError:
    """The error of spikes that follow each other at once."""
    return ValueError(
        f"weight must be small enough for output spikes to be told apart in {dtype}, got spikes "
        f"that follow each other at once"
    )


def check_spike_times(name: str, times: Array, events: Events, weight: Array, *, xp: Any) -> None:
    """Raise unless an array [B, O, S], that errors call ``name``, fits events and weights."""
    array_namespace(**{"weight": weight, name: times})
    check_same_device(**{"weight": weight, name: times})
    check_floating(name, times, xp=xp)
    expected = (len(events), weight.shape[0])
    if times.ndim != 3 or tuple(times.shape[:2]) != expected or times.shape[2] == 0:
        raise ValueError(
            f"{name} must have shape (B, O, S) with (B, O) = {expected}, got {tuple(times.shape)}"
        )


def per_pair(k: Any) -> bool:
    """Whether ``k`` is an array; a scalar of an array library has a shape, too, but no axis."""
    return getattr(k, "shape", ()) != ()


def spikes_asked(k: Any, where: Array | None, events: Events, weight: Array, *, xp: Any) -> Array:
    """Return the numbers of spikes [B, O] in the index dtype, 0 outside ``where``, or raise."""
    shape, device = (len(events), weight.shape[0]), device_of(weight)
    integer = xpx.default_dtype(xp, "indexing", device=device)
    if not per_pair(k):
        k = xp.full(shape, whole_number("k", k), dtype=integer, device=device)
    else:
        array_namespace(weight=weight, k=k)
        check_same_device(weight=weight, k=k)
        if not xp.isdtype(k.dtype, "integral") or tuple(k.shape) != shape:
            raise ValueError(
                f"k must be an integer or an integer array of shape {shape}, "
                f"got {k.dtype} of shape {tuple(k.shape)}"
            )
        k = xp.astype(k, integer)
        if known_true(xp.any(k < 1)):
            raise ValueError(f"k must be at least 1, got {int(xp.min(k))}")
    if where is None:
        return k
    array_namespace(weight=weight, where=where)
    check_same_device(weight=weight, where=where)
    if where.dtype != xp.bool or tuple(where.shape) != shape:
        raise ValueError(
            f"where must be a boolean array of shape {shape}, "
            f"got {where.dtype} of shape {tuple(where.shape)}"
        )
    return xp.where(where, k, xp.zeros_like(k))


def check_next_events(
    times: Array, afferents: Array, weight: Array, now: float, *, xp: Any
) -> Array:
    """Return the afferents in the index dtype; raise unless a stream can go on with the events."""
    check_same_device(weight=weight, times=times, afferents=afferents)
    check_floating("times", times, xp=xp)
    if not xp.isdtype(afferents.dtype, "integral"):
        raise TypeError(f"afferents must be integers, got {afferents.dtype}")
    if times.ndim != 1 or afferents.shape != times.shape:
        raise ValueError(
            "times and afferents must have one axis of the same length, "
            f"got shapes {tuple(times.shape)} and {tuple(afferents.shape)}"
        )
    afferents = as_index(afferents, xp=xp)
    if times.shape[0] == 0:
        return afferents
    if not bool(xp.all(xp.isfinite(times))):
        raise ValueError("times must be finite, got inf or NaN")
    if bool(xp.any(times[1:] < times[:-1])):
        e = int(xp.argmax(xp.astype(times[1:] < times[:-1], xp.int8)))
        raise ValueError(f"times must ascend, got {float(times[e])} before {float(times[e + 1])}")
    if float(times[0]) < now:
        raise ValueError(
            f"times must not go back behind the stream's, {now}, got {float(times[0])}"
        )
    low, high = int(xp.min(afferents)), int(xp.max(afferents))
    if low < 0 or high >= weight.shape[1]:
        raise ValueError(
            f"afferents must be from 0 to {weight.shape[1] - 1}, got values from {low} to {high}"
        )
    return afferents
