"""The readouts and their gradients as operators of PyTorch.

Three opaque operators of the namespace ``tempotron``, on plain tensors: ``sort_spikes``,
``readout`` and ``readout_vjp``.  ``torch.compile`` and ``torch.export`` put them into a graph as
they stand, with shapes from the rules here, and ``torch.func.vmap`` folds the axis it maps over
into patterns or outputs, so that a mapped call is still one call.  `autograd` gives
``readout`` its gradient.

A readout has a name (`by_name`); its neuron and duration travel as ``constants`` (`pack`), what
else it takes as ``options``.  Both are numbers written as text (`as_text`): ``torch.compile`` makes
variables of numbers that change from call to call, and fails over those of an autograd function,
while text stays what it is.  Constants that are learned travel as one tensor ``learned``
(`learned_constants`), whose values take the place of those in the text.

What the operators compute are ordinary functions, `read` and `read_vjp`, which are called as they
are where nobody but autograd follows.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from tempotron_core import Events, Neuron
from tempotron_core.events.batch import from_latencies
from tempotron_core.events.changing import widen
from tempotron_core.events.units import UnitsWatch
from tempotron_core.neuron import CONSTANTS, ParametricNeuron

from .by_name import as_text, compute, numbers, pull_back

LOOKED_AT = UnitsWatch(seen=True)
"""Of arrays that come from Events, which were looked at, or from a layer, which sees to it."""


@functools.lru_cache(maxsize=256)
def pack(neuron: Neuron, duration: float) -> str:
    """Neuron and duration in the form in which a graph can hold them."""
    psp_peak = neuron.v_threshold if neuron.psp_peak is None else neuron.psp_peak
    shunt = 1.0 if neuron.shunt else 0.0
    return as_text(neuron.tau, neuron.tau_s, neuron.v_threshold, psp_peak, shunt, duration)


@functools.lru_cache(maxsize=256)
def unpacked(constants: str) -> tuple[Neuron, float]:
    """Read what `pack` wrote."""
    tau, tau_s, v_threshold, psp_peak, shunt, duration = numbers(constants)
    return Neuron(tau, tau_s, v_threshold, psp_peak=psp_peak, shunt=bool(shunt)), duration


def learned_constants(neuron: Neuron | ParametricNeuron) -> Tensor | None:
    """The constants [4], [3] where psp_peak follows the threshold; None if none is a tensor."""
    if isinstance(neuron, Neuron):
        return None
    tensors = list(neuron.arrays.values())
    dtype = functools.reduce(torch.promote_types, (each.dtype for each in tensors))
    values = [getattr(neuron, name) for name in CONSTANTS]
    return torch.stack(
        [
            torch.as_tensor(value, dtype=dtype, device=tensors[0].device)
            for value in values
            if value is not None
        ]
    )


def constants_of(neuron: Neuron | ParametricNeuron, duration: float) -> tuple[str, Tensor | None]:
    """What `readout` takes as ``constants`` and ``learned``."""
    if isinstance(neuron, Neuron):
        return pack(neuron, duration), None
    return pack(Neuron(shunt=neuron.shunt), duration), learned_constants(neuron)


def _with_learned(neuron: Neuron, learned: Tensor) -> Neuron:
    """The neuron with the values of learned constants, which have to be waited for."""
    tau, tau_s, v_threshold, *psp_peak = learned.detach().tolist()
    height = psp_peak[0] if psp_peak else None
    return Neuron(tau, tau_s, v_threshold, psp_peak=height, shunt=neuron.shunt)


def _model(
    times: Tensor,
    afferents: Tensor,
    counts: Tensor,
    weight: Tensor,
    learned: Tensor | None,
    constants: str,
) -> tuple[Events, Tensor, Neuron]:
    """The core's form of an operator's arguments, outside the autograd graph."""
    neuron, duration = unpacked(constants)
    if learned is not None:
        neuron = _with_learned(neuron, learned)
    # the order of the source is not needed for a readout
    events = Events(
        times.detach(), afferents, counts, afferents, weight.shape[1], duration, _units=LOOKED_AT
    )
    return events, weight.detach(), neuron


def _cut(times: Tensor, afferents: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Leave out columns of padding only, which spikes that a graph has sorted are full of."""
    if times.device.type == "cpu" and times.shape[0] > 0:  # looking costs nothing here
        width = max(1, int(counts.max()))
        times, afferents = times[:, :width].contiguous(), afferents[:, :width].contiguous()
    return times, afferents, counts


def read(
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
) -> list[Tensor]:
    """A readout of sorted spikes [B, K] through weights [O, N]; ``samples`` [T] of a voltage."""
    model = _model(times, afferents, counts, weight, learned, constants)
    samples = None if samples is None else samples.detach()
    return [value.contiguous() for value in compute(name, model, samples, options, method)]


@torch.library.custom_op("tempotron::readout", mutates_args=())
def readout(
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
) -> list[Tensor]:
    """`read` as an operator."""
    spikes = _cut(times, afferents, counts)
    return read(name, *spikes, weight, samples, learned, constants, options, method)


@readout.register_fake
def _(
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
) -> list[Tensor]:
    shape = (times.shape[0], weight.shape[0])
    if name == "output_spikes":
        kept = int(numbers(options)[0])
        width = kept or torch.library.get_ctx().new_dynamic_size()
        whole = weight.new_empty(shape, dtype=torch.int64)
        return [times.new_empty((*shape, width)), whole]
    if name == "critical_threshold":
        whole = weight.new_empty(shape, dtype=torch.int64)
        return [weight.new_empty(shape), times.new_empty(shape), whole]
    if name == "peak":
        return [weight.new_empty(shape), times.new_empty(shape)]
    if name == "first_crossing":
        return [times.new_empty(shape)]
    if name == "voltage":
        assert samples is not None
        return [weight.new_empty((*shape, samples.shape[0]))]
    return [weight.new_empty(shape)]


def read_vjp(
    name: str,
    times: Tensor,
    afferents: Tensor,
    counts: Tensor,
    weight: Tensor,
    samples: Tensor | None,
    learned: Tensor | None,
    first: Tensor,
    second: Tensor | None,
    third: Tensor | None,
    first_bar: Tensor | None,
    second_bar: Tensor | None,
    constants: str,
    options: str,
    method: str,
    wants_times: bool,
    wants_samples: bool,
    wants_constants: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients towards weights [O, N], sorted times [B, K], samples [T] and learned constants.

    Those that are not wanted are empty.

    ``first``, ``second`` and ``third`` are what the readout returned, with the cotangents of the
    first two; no lists, since the loops of autograd's batched gradients do not take any.
    """
    model = _model(times, afferents, counts, weight, learned, constants)
    given = (samples, first, second, third, first_bar, second_bar)
    plain = (value if value is None else value.detach() for value in given)
    rest: Any = (*plain, options, method, wants_times, wants_samples, wants_constants)
    to_weight, to_times, to_samples, of_constants = pull_back(name, model, *rest)
    to_times = times.new_empty(0) if to_times is None else to_times.to(times.dtype)
    if to_samples is None:
        to_samples = weight.new_empty(0)
    to_learned = weight.new_empty(0)
    if learned is not None and of_constants is not None:
        named = (getattr(of_constants, each) for each in CONSTANTS)
        to_learned = torch.stack([each for each in named if each is not None]).to(learned)
    found = (to_weight, to_times, to_samples, to_learned)
    return tuple(each.contiguous() for each in found)  # type: ignore[return-value]


@torch.library.custom_op("tempotron::readout_vjp", mutates_args=())
def readout_vjp(
    name: str,
    times: Tensor,
    afferents: Tensor,
    counts: Tensor,
    weight: Tensor,
    samples: Tensor | None,
    learned: Tensor | None,
    first: Tensor,
    second: Tensor | None,
    third: Tensor | None,
    first_bar: Tensor | None,
    second_bar: Tensor | None,
    constants: str,
    options: str,
    method: str,
    wants_times: bool,
    wants_samples: bool,
    wants_constants: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`read_vjp` as an operator."""
    spikes = _cut(times, afferents, counts)
    given: Any = (samples, learned, first, second, third, first_bar, second_bar)
    wanted: Any = (constants, options, method, wants_times, wants_samples, wants_constants)
    to_weight, to_times, *more = read_vjp(name, *spikes, weight, *given, *wanted)
    if wants_times and (missing := times.shape[1] - to_times.shape[1]):
        to_times = torch.nn.functional.pad(to_times, (0, missing))
    to_samples, to_learned = more
    return to_weight, to_times, to_samples, to_learned


@readout_vjp.register_fake
def _(
    name: str,
    times: Tensor,
    afferents: Tensor,
    counts: Tensor,
    weight: Tensor,
    samples: Tensor | None,
    learned: Tensor | None,
    *more: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    wants_times, wants_samples, wants_constants = more[-3:]
    return (
        weight.new_empty(weight.shape),
        times.new_empty(times.shape if wants_times else (0,)),
        samples.new_empty(samples.shape)
        if samples is not None and wants_samples
        else weight.new_empty(0),
        learned.new_empty(learned.shape)
        if learned is not None and wants_constants
        else weight.new_empty(0),
    )


@torch.library.custom_op("tempotron::sort_spikes", mutates_args=())
def sort_spikes(in_spikes: Tensor, constants: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The arrays of Events from latencies [B, N] or trains [B, N, S], at full width N S.

    For graphs and transforms, where shapes cannot depend on values.  N S is at least 1.
    """
    in_spikes = in_spikes.detach()
    _, duration = unpacked(constants)
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
