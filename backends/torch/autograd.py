"""The core's functions for PyTorch's autograd, with the analytic gradients of the core.

Registered under the core's names, so that ``tempotron_core.peak`` and the others accept tensors
that require a gradient or that ``torch.func`` transforms.  The operators of `operators` do the
work; here they get their gradient, in the form that autograd, ``torch.func`` and ``torch.compile``
all take.  A gradient is a constant to autograd: asking for a second derivative raises an error.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tempotron_core import Events, Neuron, Peak
from tempotron_core.arrays.numbers import whole_number
from tempotron_core.readouts.arguments import check_grid, check_readout, is_static
from tempotron_core.readouts.soft_peak import check_soft_peak
from tempotron_core.readouts.voltage import checked_times

from . import vmap  # noqa: F401 - registers how vmap maps the operators
from .by_name import as_text
from .direct import read_directly, read_vjp_directly
from .operators import constants_of, read, read_vjp, readout, readout_vjp, sort_spikes

Spikes = tuple[Tensor, Tensor, Tensor]
"""Sorted spike times, afferents and counts of Events."""


CONSTANT = ("output_spikes", "critical_threshold")
"""Readouts of which only the first value has a gradient: not counts, nor when a graze is."""


class _Readout(torch.autograd.Function):
    """The operator ``readout`` with its gradient."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
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
    ) -> tuple[Tensor, ...]:
        arrays = times, afferents, counts, weight, samples, learned
        return tuple(readout(name, *arrays, constants, options, method))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.name, *tensors, ctx.constants, ctx.options, ctx.method = inputs
        first, second, third = (*output, None, None)[:3]
        ctx.save_for_backward(*tensors, first, second, third)
        ctx.set_materialize_grads(False)
        if ctx.name in CONSTANT:
            ctx.mark_non_differentiable(*output[1:])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        first_bar, second_bar = cotangents[0], cotangents[1] if ctx.name == "peak" else None
        if first_bar is None and second_bar is None:
            return (None,) * 10
        wants_times, wants_weight = ctx.needs_input_grad[1], ctx.needs_input_grad[4]
        wants_samples, wants_constants = ctx.needs_input_grad[5:7]
        saved = ctx.saved_tensors
        # with a graph of the backward pass, a second derivative has to find its error
        alone = not torch.is_grad_enabled() and is_alone(*saved, first_bar, second_bar)
        pull_back: Callable[..., Any] = read_vjp if alone else _apply_gradient
        to_weight, to_times, to_samples, to_learned = pull_back(
            ctx.name,
            *saved,
            first_bar,
            second_bar,
            ctx.constants,
            ctx.options,
            ctx.method,
            wants_times,
            wants_samples,
            wants_constants,
        )
        return (
            None,
            to_times if wants_times else None,
            None,
            None,
            to_weight if wants_weight else None,
            to_samples if wants_samples else None,
            to_learned if wants_constants else None,
            None,
            None,
            None,
        )


class _EagerReadout(torch.autograd.Function):
    """The same for plain tensors, without an operator: dispatching one takes as long as a call."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:
        ctx.found = read_directly(*inputs)
        if ctx.found is None:
            output = tuple(read(*inputs))
        else:
            output = tuple(map(torch.from_numpy, ctx.found))
        _Readout.setup_context(ctx, inputs, output)
        return output

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        first_bar, second_bar = (*cotangents, None)[:2]
        wants = ctx.needs_input_grad
        served = ctx.found is not None and not (first_bar is None and second_bar is None)
        if not served or torch.is_grad_enabled() or not is_alone(first_bar, second_bar):
            return _Readout.backward(ctx, *cotangents)
        times, afferents, counts, weight = ctx.saved_tensors[:4]
        given = ctx.name, ctx.found, times, afferents, counts, weight, first_bar, second_bar
        to_weight, to_times = read_vjp_directly(*given, ctx.constants, ctx.options, wants[1])
        of_weight = to_weight if wants[4] else None
        return None, to_times, None, None, of_weight, None, None, None, None, None


class _Gradient(torch.autograd.Function):
    """The operator ``readout_vjp``, which has no gradient of its own."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
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
        return readout_vjp(  # type: ignore[no-any-return]
            name,
            times,
            afferents,
            counts,
            weight,
            samples,
            learned,
            first,
            second,
            third,
            first_bar,
            second_bar,
            constants,
            options,
            method,
            wants_times,
            wants_samples,
            wants_constants,
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG004
        ctx.name = inputs[0]

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> Any:
        raise NotImplementedError(
            f"second derivatives of {ctx.name} are not available: autograd sees its gradient as a "
            f"constant. Differentiate the gradient numerically, or leave out create_graph=True"
        )


class _Sort(torch.autograd.Function):
    """The operator ``sort_spikes``: the gradient of a sorted time goes to its source."""

    generate_vmap_rule = True

    @staticmethod
    def forward(in_spikes: Tensor, constants: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return sort_spikes(in_spikes, constants)  # type: ignore[no-any-return]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        _, *integers = output
        ctx.shape = inputs[0].shape
        ctx.mark_non_differentiable(*integers)
        ctx.save_for_backward(*integers)

    @staticmethod
    def backward(ctx: Any, to_sorted: Tensor, *_: Any) -> tuple[Tensor, None]:
        _, counts, order = ctx.saved_tensors
        column = torch.arange(order.shape[1], device=order.device)
        to_spikes = torch.where(column < counts[:, None], to_sorted, 0.0)
        to_source = torch.zeros_like(to_spikes).scatter(1, order.to(torch.int64), to_spikes)
        return to_source.reshape(ctx.shape), None


# Torch asks for the signatures at every call, and Python puts them together anew each time.
_function: Any
for _function in (_Readout, _Gradient, _Sort):
    _function.forward.__signature__ = inspect.signature(_function.forward)

# With types, which not every version of torch has for them.
_apply_readout: Callable[..., tuple[Tensor, ...]] = _Readout.apply
_apply_eager: Callable[..., tuple[Tensor, ...]] = _EagerReadout.apply
_apply_gradient: Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]] = _Gradient.apply
_apply_sort: Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]] = _Sort.apply


def _operator_backward(ctx: Any, cotangents: Sequence[Tensor | None]) -> tuple[Any, ...]:
    """The gradient of ``readout`` called as it stands, which returns a list."""
    return _Readout.backward(ctx, *cotangents)


# For calls without the classes above: exported programs hold the bare operators.
readout.register_autograd(_operator_backward, setup_context=_Readout.setup_context)
readout_vjp.register_autograd(_Gradient.backward, setup_context=_Gradient.setup_context)
sort_spikes.register_autograd(_Sort.backward, setup_context=_Sort.setup_context)


def sorted_spikes(in_spikes: Tensor, constants: str) -> Spikes:
    """Sorted spikes of latencies or trains at full width, for graphs; see `operators`."""
    times, afferents, counts, _ = _apply_sort(in_spikes, constants)
    return times, afferents, counts


def differentiable_readout(
    name: str,
    spikes: Spikes,
    weight: Tensor,
    constants: str,
    options: str = "",
    *,
    learned: Tensor | None = None,
    samples: Tensor | None = None,
    method: str = "auto",
) -> tuple[Tensor, ...]:
    """The operator ``readout`` with its gradient, on arguments that were checked."""
    apply = _apply_eager if is_alone(*spikes, weight, samples, learned) else _apply_readout
    return apply(name, *spikes, weight, samples, learned, constants, options, method)


def spikes_of(events: Events) -> Spikes:
    """The arrays of Events that a readout takes."""
    return events.times, events.afferents, events.counts


def peak(
    events: Events,
    weight: Tensor,
    neuron: Neuron,
    *,
    grid: tuple[int, float] | None = None,
    method: str = "auto",
) -> Peak:
    """`tempotron_core.peak`, differentiable once towards weights, spike times and constants."""
    check_readout(events, weight, neuron, parametric=True)
    is_static(method)
    options = "" if grid is None else as_text(*check_grid(grid, neuron))
    constants, learned = constants_of(neuron, events.duration)
    return Peak(
        *differentiable_readout(
            "peak", spikes_of(events), weight, constants, options, learned=learned, method=method
        )
    )


def first_crossing(
    events: Events, weight: Tensor, neuron: Neuron, *, method: str = "auto"
) -> Tensor:
    """`tempotron_core.first_crossing`, differentiable once, as `peak` is."""
    check_readout(events, weight, neuron, parametric=True)
    is_static(method)
    constants, learned = constants_of(neuron, events.duration)
    given = "first_crossing", spikes_of(events), weight, constants, as_text(0.0)
    (t_spike,) = differentiable_readout(*given, learned=learned, method=method)
    return t_spike


def voltage(
    events: Events, weight: Tensor, neuron: Neuron, times: Tensor, *, method: str = "auto"
) -> Tensor:
    """`tempotron_core.voltage`, differentiable once towards all of its arrays."""
    check_readout(events, weight, neuron, parametric=True)
    is_static(method)
    samples = checked_times("times", events, times, method, events.xp)
    constants, learned = constants_of(neuron, events.duration)
    given = "voltage", spikes_of(events), weight, constants
    (v,) = differentiable_readout(*given, learned=learned, samples=samples, method=method)
    return v


def soft_peak_time(
    events: Events, weight: Tensor, neuron: Neuron, n_steps: int, *, method: str = "auto"
) -> Tensor:
    """`tempotron_core.soft_peak_time` with the gradient of the soft argmax."""
    check_soft_peak(events, weight, neuron, parametric=True)
    is_static(method)
    options = as_text(whole_number("n_steps", n_steps))
    constants, learned = constants_of(neuron, events.duration)
    given = "soft_peak_time", spikes_of(events), weight, constants, options
    (t,) = differentiable_readout(*given, learned=learned, method=method)
    return t


def in_transform() -> bool:
    """Whether a graph is being made, or a transform of ``torch.func`` is under way."""
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        or torch._C._are_functorch_transforms_active()
        or torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.PROXY) is not None
    )


def is_alone(*tensors: Tensor | None) -> bool:
    """Whether nothing but autograd follows: no graph, transform, mode, or subclass of tensors."""
    return (
        all(each is None or type(each) in (Tensor, torch.nn.Parameter) for each in tensors)
        and not in_transform()
        and torch._C._len_torch_dispatch_stack() == 0
        # of autograd's own loops over gradients, `is_grads_batched`
        and not any(
            each is not None and torch._C._functorch.is_legacy_batchedtensor(each)
            for each in tensors
        )
    )


def is_followed(tensor: Tensor) -> bool:
    """Whether autograd records a tensor or a transform of ``torch.func`` stands behind it."""
    return tensor.requires_grad or torch._C._functorch.is_functorch_wrapped_tensor(tensor)


DIFFERENTIABLE: dict[str, Callable[..., Any]] = {
    "is_followed": is_followed,
    "detach": torch.Tensor.detach,
    "in_transform": lambda _: in_transform(),
    "peak": peak,
    "first_crossing": first_crossing,
    "voltage": voltage,
    "soft_peak_time": soft_peak_time,
}
