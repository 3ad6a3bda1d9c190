"""Readouts of plain tensors on the processor, by the kernels of NumPy on the memory they share.

What the operators compute by way of the core, with the same results.  Of a call by itself, most of
the time goes into conversions: here there are few of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tempotron_core import Events, Neuron, Peak
from tempotron_core.arrays.registry import fused

from ..fused.tensors import to_numpy
from .by_name import grid_of, numbers
from .operators import LOOKED_AT, unpacked

__all__ = ["read_directly", "read_vjp_directly"]

Array = np.ndarray[Any, Any]
Arrays = tuple[Array, ...]
Form = Callable[..., Any]
Model = tuple[Events, Array, Neuron]


def _peak(form: Form, model: Model, options: str) -> Arrays:
    found: Arrays = form(*model, grid_of(options))
    return found


def _peak_vjp(
    form: Form, model: Model, found: Arrays, bars: tuple[Any, ...], times: bool, options: str
) -> tuple[Array, Array | None]:
    to: tuple[Array, Array | None] = form(*model, Peak(*found), *bars, times, grid_of(options))
    return to


def _crossing(form: Form, model: Model, _options: str) -> Arrays:
    return (form(*model),)


def _crossing_vjp(
    form: Form, model: Model, found: Arrays, bars: tuple[Any, ...], times: bool, options: str
) -> tuple[Array, Array | None]:
    to: tuple[Array, Array | None] = form(*model, *found, bars[0], times, *numbers(options))
    return to


_CALLS = {"peak": (_peak, _peak_vjp), "first_crossing": (_crossing, _crossing_vjp)}


def read_directly(
    name: str,
    times: Tensor,
    afferents: Tensor,
    counts: Tensor,
    weight: Tensor,
    samples: Tensor | None,
    learned: Tensor | None,
    constants: str,
    options: str,
    method: str,
) -> Arrays | None:
    """Do what `operators.read` does for tensors that nobody but autograd follows.

    Returns
    -------
    tuple of array, or None
        None where it takes another form.
    """
    if name not in _CALLS or learned is not None or weight.device.type != "cpu":
        return None
    del samples
    model = _model(times, afferents, counts, weight, constants)
    form = fused(name, method, model[1])
    return None if form is None else _CALLS[name][0](form, model, options)


def read_vjp_directly(
    name: str,
    found: Arrays,
    times: Tensor,
    afferents: Tensor,
    counts: Tensor,
    weight: Tensor,
    first_bar: Tensor | None,
    second_bar: Tensor | None,
    constants: str,
    options: str,
    wants_times: bool,
) -> tuple[Tensor, Tensor | None]:
    """Pull cotangents back from what `read_directly` found to the weights and, maybe, the times.

    The tensors are asked for their memory anew: a weight may have moved since.
    """
    model = _model(times, afferents, counts, weight, constants)
    form = fused(f"{name}_vjp", "auto", model[1])
    assert form is not None
    bars = (
        np.zeros_like(found[0]) if first_bar is None else to_numpy(first_bar),
        None if second_bar is None else to_numpy(second_bar),
    )
    to_weight, to_times = _CALLS[name][1](form, model, found, bars, wants_times, options)
    return torch.from_numpy(to_weight), None if to_times is None else torch.from_numpy(to_times)


def _model(
    times: Tensor, afferents: Tensor, counts: Tensor, weight: Tensor, constants: str
) -> Model:
    neuron, duration = unpacked(constants)
    of_spikes, rows = to_numpy(afferents), to_numpy(weight)
    events = Events(
        to_numpy(times), of_spikes, to_numpy(counts), of_spikes, rows.shape[1], duration,
        _units=LOOKED_AT,
    )  # fmt: skip
    return events, rows, neuron
