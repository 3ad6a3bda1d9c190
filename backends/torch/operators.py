"""The readouts and their gradients as operators of PyTorch.

Three opaque operators of the namespace ``tempotron``, on plain tensors: ``sort_spikes``,
``readout`` and ``readout_vjp``.  ``torch.compile`` and ``torch.export`` put them into a graph as
they stand, with shapes from the rules here, and ``torch.func.vmap`` folds the axis it maps over
into patterns or outputs, so that a mapped call is still one call.  `autograd` gives
``readout`` its gradient.

A readout is named ``peak``, ``first_crossing``, ``voltage`` or ``soft_peak_time``; its neuron and
duration travel as ``constants`` (`pack`), what else it takes as ``options``: ``n_steps`` and ``dt``
of a grid, ``min_slope``, nothing, ``n_steps``.  Both are numbers written as text (`as_text`):
``torch.compile`` makes variables of numbers that change from call to call, and fails over those of
an autograd function, while text stays what it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import array_api_compat.torch as xp
import torch
from torch import Tensor

from tempotron_core import Events, Neuron, Peak
from tempotron_core.events.batch import from_latencies, widen
from tempotron_core.events.units import UnitsWatch
from tempotron_core.readouts.arguments import is_static
from tempotron_core.readouts.crossing import first_crossing
from tempotron_core.readouts.crossing_gradient import first_crossing_adjoint
from tempotron_core.readouts.peak import peak
from tempotron_core.readouts.peak_gradient import peak_adjoint
from tempotron_core.readouts.soft_peak import soft_peak_time
from tempotron_core.readouts.soft_peak_gradient import soft_peak_time_adjoint
from tempotron_core.readouts.voltage import voltage
from tempotron_core.readouts.voltage_gradient import sample_time_gradient, voltage_adjoint

Tensors = tuple[Tensor, ...]


LOOKED_AT = UnitsWatch(seen=True)
"""Of arrays that come from Events, which were looked at, or from a layer, which sees to it."""


def as_text(*numbers: float) -> str:
    """Write numbers so that reading gives the same ones."""
    return " ".join(repr(float(number)) for number in numbers)


@functools.lru_cache(maxsize=256)
def _numbers(text: str) -> tuple[float, ...]:
    """Read what `as_text` wrote."""
    return tuple(map(float, text.split()))


@functools.lru_cache(maxsize=256)
def pack(neuron: Neuron, duration: float) -> str:
    """Neuron and duration in the form in which a graph can hold them."""
    psp_peak = neuron.v_threshold if neuron.psp_peak is None else neuron.psp_peak
    shunt = 1.0 if neuron.shunt else 0.0
    return as_text(neuron.tau, neuron.tau_s, neuron.v_threshold, psp_peak, shunt, duration)


@functools.lru_cache(maxsize=256)
def _unpacked(constants: str) -> tuple[Neuron, float]:
    tau, tau_s, v_threshold, psp_peak, shunt, duration = _numbers(constants)
    return Neuron(tau, tau_s, v_threshold, psp_peak=psp_peak, shunt=bool(shunt)), duration


def _model(
    times: Tensor, afferents: Tensor, counts: Tensor, weight: Tensor, constants: str
) -> tuple[Events, Tensor, Neuron]:
    """The core's form of an operator's arguments, outside the autograd graph."""
    times = times.detach()
    if times.device.type == "cpu" and times.shape[0] > 0:  # looking costs nothing here
        width = max(1, int(counts.max()))
        times, afferents = times[:, :width].contiguous(), afferents[:, :width].contiguous()
    neuron, duration = _unpacked(constants)
    # the order of the source is not needed for a readout
    events = Events(
        times, afferents, counts, afferents, weight.shape[1], duration, _units=LOOKED_AT
    )
    return events, weight.detach(), neuron


def _grid(options: str) -> tuple[int, float] | None:
    numbers = _numbers(options)
    return (int(numbers[0]), numbers[1]) if numbers else None


def _compute(
    name: str,
    model: tuple[Events, Tensor, Neuron],
    samples: Tensor | None,
    options: str,
    method: str,
) -> Tensors:
    def plain(function: Callable[..., Any]) -> Callable[..., Any]:
        return functools.partial(function.__wrapped__, *model)  # type: ignore[attr-defined]

    if name == "peak":
        return tuple(plain(peak)(grid=_grid(options), method=method))
    if name == "first_crossing":
        return (plain(first_crossing)(method=method),)
    if name == "voltage":
        return (plain(voltage)(samples, method=method),)
    (n_steps,) = _numbers(options)
    return (plain(soft_peak_time)(int(n_steps), method=method),)


@torch.library.custom_op("tempotron::readout", mutates_args=())
def readout(
    name: str,
    times: Tensor,
    afferents: Tensor,
    counts: Tensor,
    weight: Tensor,
    samples: Tensor | None,
    constants: str,
    options: str,
    method: str,
) -> list[Tensor]:
    """A readout of sorted spikes [B, K] through weights [O, N]; ``samples`` [T] of a voltage."""
    model = _model(times, afferents, counts, weight, constants)
    samples = None if samples is None else samples.detach()
    return [value.contiguous() for value in _compute(name, model, samples, options, method)]


@readout.register_fake
def _(
    name: str,
    times: Tensor,
    afferents: Tensor,
    counts: Tensor,
    weight: Tensor,
    samples: Tensor | None,
    *_: Any,
) -> list[Tensor]:
    shape = (times.shape[0], weight.shape[0])
    if name == "peak":
        return [weight.new_empty(shape), times.new_empty(shape)]
    if name == "first_crossing":
        return [times.new_empty(shape)]
    if name == "voltage":
        assert samples is not None
        return [weight.new_empty((*shape, samples.shape[0]))]
    return [weight.new_empty(shape)]


@torch.library.custom_op("tempotron::readout_vjp", mutates_args=())
def readout_vjp(
    name: str,
    times: Tensor,
    afferents: Tensor,
    counts: Tensor,
    weight: Tensor,
    samples: Tensor | None,
    first: Tensor,
    second: Tensor | None,
    first_bar: Tensor | None,
    second_bar: Tensor | None,
    constants: str,
    options: str,
    method: str,
    wants_times: bool,
    wants_samples: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients towards weights [O, N], sorted times [B, K], samples [T]; empty if not wanted.

    ``first`` and ``second`` are what the readout returned, with their cotangents; no lists, since
    the loops of autograd's batched gradients do not take any.
    """
    model = _model(times, afferents, counts, weight, constants)
    first = first.detach()
    v_bar, t_bar = (bar if bar is None else bar.detach() for bar in (first_bar, second_bar))
    v_bar = torch.zeros_like(first) if v_bar is None else v_bar
    to_samples = weight.new_empty(0)
    if name == "peak":
        assert second is not None
        found = Peak(first, second.detach())
        to_weight, to_times = peak_adjoint(
            *model, found, v_bar, t_bar, wants_times, _grid(options), method, xp
        )
    elif name == "first_crossing":
        (min_slope,) = _numbers(options)
        to_weight, to_times = first_crossing_adjoint(
            *model, first, v_bar, wants_times, min_slope, method, xp
        )
    elif name == "voltage":
        assert samples is not None
        at = samples.detach()
        to_weight, to_times = voltage_adjoint(*model, at, v_bar, wants_times, method, xp)
        if wants_samples:
            static = is_static(method)
            to_samples = sample_time_gradient(*model, at, v_bar, static, xp).to(samples.dtype)
    else:
        (n_steps,) = _numbers(options)
        to_weight, to_times = soft_peak_time_adjoint(
            *model, int(n_steps), v_bar, wants_times, method, xp
        )
    if to_times is None:
        to_times = times.new_empty(0)
    else:
        to_times = to_times.to(times.dtype)
        missing = times.shape[1] - to_times.shape[1]
        to_times = torch.nn.functional.pad(to_times, (0, missing)) if missing else to_times
    return to_weight.contiguous(), to_times.contiguous(), to_samples.contiguous()


@readout_vjp.register_fake
def _(
    name: str,
    times: Tensor,
    afferents: Tensor,
    counts: Tensor,
    weight: Tensor,
    samples: Tensor | None,
    *more: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    wants_times, wants_samples = more[-2:]
    none = weight.new_empty(0)
    return (
        weight.new_empty(weight.shape),
        times.new_empty(times.shape if wants_times else (0,)),
        samples.new_empty(samples.shape) if samples is not None and wants_samples else none,
    )


@torch.library.custom_op("tempotron::sort_spikes", mutates_args=())
def sort_spikes(in_spikes: Tensor, constants: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The arrays of Events from latencies [B, N] or trains [B, N, S], at full width N S.

    For graphs and transforms, where shapes cannot depend on values.  N S is at least 1.
    """
    in_spikes = in_spikes.detach()
    _, duration = _unpacked(constants)
    if in_spikes.ndim == 2:
        events = from_latencies("in_spikes", in_spikes, duration)
    else:
        events = Events.from_trains(in_spikes, duration)
    n_entries = events.order.shape[1]
    events = widen(events, n_entries, n_entries)
    return (
        events.times.contiguous(),
        events.afferents.contiguous(),
        events.counts,
        events.order.contiguous(),
    )


@sort_spikes.register_fake
def _(in_spikes: Tensor, constants: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    n_entries = 1
    for size in in_spikes.shape[1:]:
        n_entries = n_entries * size
    shape = (in_spikes.shape[0], n_entries)
    dtype = in_spikes.dtype if in_spikes.is_floating_point() else torch.get_default_dtype()
    dtype = dtype if dtype.itemsize >= 4 else torch.float32
    times = in_spikes.new_empty(shape, dtype=dtype)
    integers = in_spikes.new_empty(shape, dtype=torch.int32)
    counts = in_spikes.new_empty(shape[:1], dtype=torch.int64)
    return times, integers, counts, integers.clone()
