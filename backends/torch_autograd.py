"""The core's functions for PyTorch's autograd, with the analytic gradients of the core.

Registered under the core's names, so that ``tempotron_core.peak`` and the others accept tensors
that require a gradient.  The gradient itself is a constant: a second derivative raises an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from tempotron_core import Events, Neuron, Peak
from tempotron_core.arguments import check_readout, is_static
from tempotron_core.crossing import first_crossing as first_crossing_function
from tempotron_core.crossing_gradient import first_crossing_adjoint
from tempotron_core.peak import peak as peak_function
from tempotron_core.peak_gradient import peak_adjoint
from tempotron_core.soft_peak import soft_peak_time as soft_peak_time_function
from tempotron_core.soft_peak import soft_peak_time_adjoint
from tempotron_core.voltage import (
    checked_times,
    sample_time_gradient,
    voltage_adjoint,
)
from tempotron_core.voltage import voltage as voltage_function

Tensors = tuple[torch.Tensor, ...]
Gradients = tuple[torch.Tensor | None, ...]
"""Towards the sorted spike times, the weights and further inputs."""


class _Readout(torch.autograd.Function):
    """A function of (times, weight, *more) whose gradient is given beside it."""

    @staticmethod
    def forward(
        ctx: Any,
        compute: Callable[..., Tensors],
        adjoint: Callable[..., Gradients],
        times: torch.Tensor,
        weight: torch.Tensor,
        *more: torch.Tensor,
    ) -> Tensors:
        inputs = [tensor.detach() for tensor in (times, weight, *more)]
        outputs = compute(*inputs)
        ctx.adjoint = adjoint
        ctx.n_inputs = len(inputs)
        ctx.save_for_backward(*inputs, *outputs)
        ctx.set_materialize_grads(False)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> Gradients:
        inputs = ctx.saved_tensors[: ctx.n_inputs]
        outputs = ctx.saved_tensors[ctx.n_inputs :]
        needs = ctx.needs_input_grad[2:]
        if all(cotangent is None for cotangent in cotangents):
            return (None,) * (2 + len(needs))
        found = ctx.adjoint(inputs, outputs, cotangents, needs)
        kept = (g if need else None for g, need in zip(found, needs, strict=True))
        return (None, None, *kept)


def _apply(compute: Callable[..., Tensors], adjoint: Callable[..., Gradients], *inputs: Any) -> Any:
    return _Readout.apply(compute, adjoint, *inputs)  # type: ignore[no-untyped-call]


def _constant(events: Events, weight: torch.Tensor, neuron: Neuron) -> Events:
    """Check that the arguments fit, and return the events outside the autograd graph."""
    check_readout(events, weight, neuron)
    return replace(events, times=events.times.detach())


def peak(
    events: Events,
    weight: torch.Tensor,
    neuron: Neuron,
    *,
    grid: tuple[int, float] | None = None,
    method: str = "auto",
) -> Peak:
    """`tempotron_core.peak`, differentiable once towards weights and spike times."""
    fixed = _constant(events, weight, neuron)

    def compute(times: torch.Tensor, w: torch.Tensor) -> Tensors:
        return peak_function.__wrapped__(  # type: ignore[attr-defined,no-any-return]
            replace(fixed, times=times), w, neuron, grid=grid, method=method
        )

    def adjoint(inputs: Any, outputs: Any, cotangents: Any, needs: Any) -> Gradients:
        times, w = inputs
        v_bar, t_bar = cotangents
        v_bar = torch.zeros_like(outputs[0]) if v_bar is None else v_bar
        to_weight, to_times = peak_adjoint(
            replace(fixed, times=times),
            w,
            neuron,
            Peak(*outputs),
            v_bar,
            t_bar,
            needs[0],
            grid,
            method,
            events.xp,
        )
        return to_times, to_weight

    return Peak(*_apply(compute, adjoint, events.times, weight))


def first_crossing(
    events: Events, weight: torch.Tensor, neuron: Neuron, *, method: str = "auto"
) -> torch.Tensor:
    """`tempotron_core.first_crossing`, differentiable once towards weights and spike times."""
    fixed = _constant(events, weight, neuron)

    def compute(times: torch.Tensor, w: torch.Tensor) -> Tensors:
        return (
            first_crossing_function.__wrapped__(  # type: ignore[attr-defined]
                replace(fixed, times=times), w, neuron, method=method
            ),
        )

    def adjoint(inputs: Any, outputs: Any, cotangents: Any, needs: Any) -> Gradients:
        times, w = inputs
        to_weight, to_times = first_crossing_adjoint(
            replace(fixed, times=times),
            w,
            neuron,
            outputs[0],
            cotangents[0],
            needs[0],
            0.0,
            method,
            events.xp,
        )
        return to_times, to_weight

    (t_spike,) = _apply(compute, adjoint, events.times, weight)
    return t_spike  # type: ignore[no-any-return]


def voltage(
    events: Events,
    weight: torch.Tensor,
    neuron: Neuron,
    times: torch.Tensor,
    *,
    method: str = "auto",
) -> torch.Tensor:
    """`tempotron_core.voltage`, differentiable once towards weights, spike and sample times."""
    fixed, static = _constant(events, weight, neuron), is_static(method)
    sample_times = checked_times("times", events, times, method, events.xp)

    def compute(spikes: torch.Tensor, w: torch.Tensor, t: torch.Tensor) -> Tensors:
        return (
            voltage_function.__wrapped__(  # type: ignore[attr-defined]
                replace(fixed, times=spikes), w, neuron, t, method=method
            ),
        )

    def adjoint(inputs: Any, _outputs: Any, cotangents: Any, needs: Any) -> Gradients:
        spikes, w, t = inputs
        given = (replace(fixed, times=spikes), w, neuron, t)
        bars, xp = cotangents[0], events.xp
        to_weight, to_times = voltage_adjoint(*given, bars, needs[0], method, xp)
        to_samples = sample_time_gradient(*given, bars, static, xp) if needs[2] else None
        return to_times, to_weight, to_samples

    (v,) = _apply(compute, adjoint, events.times, weight, sample_times)
    return v  # type: ignore[no-any-return]


def soft_peak_time(
    events: Events, weight: torch.Tensor, neuron: Neuron, n_steps: int, *, method: str = "auto"
) -> torch.Tensor:
    """`tempotron_core.soft_peak_time` with the gradient of the soft argmax."""
    fixed = _constant(events, weight, neuron)

    def compute(times: torch.Tensor, w: torch.Tensor) -> Tensors:
        return (
            soft_peak_time_function.__wrapped__(  # type: ignore[attr-defined]
                replace(fixed, times=times), w, neuron, n_steps, method=method
            ),
        )

    def adjoint(inputs: Any, _outputs: Any, cotangents: Any, needs: Any) -> Gradients:
        times, w = inputs
        to_weight, to_times = soft_peak_time_adjoint(
            replace(fixed, times=times),
            w,
            neuron,
            n_steps,
            cotangents[0],
            needs[0],
            method,
            events.xp,
        )
        return to_times, to_weight

    (t,) = _apply(compute, adjoint, events.times, weight)
    return t  # type: ignore[no-any-return]


DIFFERENTIABLE: dict[str, Callable[..., Any]] = {
    "detach": torch.Tensor.detach,
    "peak": peak,
    "first_crossing": first_crossing,
    "voltage": voltage,
    "soft_peak_time": soft_peak_time,
}
