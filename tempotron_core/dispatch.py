"""Implementations that know a framework: found by the library an array belongs to.

The Array API form in this package is the definition.  A framework can add to it under a name
this package asks for, through an entry point of the group ``tempotron_core.kernels`` that is
named after the library (``numpy``, ``torch``, ...) and loads a dictionary of callables.  Entry
points are loaded at the first call with an array of that library, never at import.

Names asked for:

``index_sum(values, index, length)``
    Sum of values over equal indices: a scatter-add, which the standard lacks.
``is_followed(array)``
    Whether autodiff records what is done with the array; by default its ``requires_grad``.
``detach(array)``
    The array without its part in an autodiff graph.
``peak``, ``first_crossing``, ``voltage``, ``soft_peak_time``
    The function of that name, made differentiable for the framework's autodiff with the analytic
    gradients of this package.
``fused(array)``
    A mapping of fused forms that serve the library and device of the array; empty if none do.
    They take checked arguments and return plain tuples:

    - ``peak(events, weight, neuron, grid)``: v_max and t_max, each (B, O)
    - ``first_crossing(events, weight, neuron)``: t_spike, (B, O)
    - ``voltage(events, weight, neuron, times)``: (B, O, T)
    - ``peak_vjp(events, weight, neuron, peak, v_cotangent, t_cotangent, times, grid)``,
      ``first_crossing_vjp(events, weight, neuron, t_spike, t_cotangent, times, min_slope)`` and
      ``voltage_vjp(events, weight, neuron, sample_times, cotangent, times)``: the gradients towards
      the weights, (O, N), and, if asked for, the sorted spike times, (B, K), 0 on padding
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, ParamSpec, TypeVar

import array_api_compat

from .events import Events

__all__ = ["constant", "differentiable", "fused", "implementation"]

P = ParamSpec("P")
R = TypeVar("R")

GROUP = "tempotron_core.kernels"


@functools.cache
def _implementations(library: str) -> Mapping[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for entry_point in entry_points(group=GROUP, name=library):
        found.update(entry_point.load())
    return found


def implementation(name: str, array: Any) -> Callable[..., Any] | None:
    """Return what is registered under ``name`` for the array's library, or None."""
    library = type(array).__module__.partition(".")[0]
    return _implementations(library).get(name)


def fused(name: str, method: str, array: Any) -> Callable[..., Any] | None:
    """Return the fused form of a readout or gradient for ``method='auto'``, or None."""
    forms = implementation("fused", array) if method == "auto" else None
    return None if forms is None else forms(array).get(name)


def _in_autodiff(array: Any) -> bool:
    """Whether a framework records what is done with this array."""
    found = implementation("is_followed", array)
    return bool(getattr(array, "requires_grad", False) if found is None else found(array))


def differentiable(function: Callable[P, R]) -> Callable[P, R]:
    """Route arrays that autodiff or tracing follows to the framework's form of ``function``.

    The undecorated function stays available as ``__wrapped__``.
    """
    name = function.__name__

    @functools.wraps(function)
    def routed(*args: P.args, **kwargs: P.kwargs) -> R:
        given = (*args, *kwargs.values())
        if not any(isinstance(a, Events) for a in given):
            return function(*args, **kwargs)  # which says what is wrong
        arrays = [a.times if isinstance(a, Events) else a for a in given]
        followed = [a for a in arrays if _in_autodiff(a)]
        lazy = [a for a in arrays if array_api_compat.is_lazy_array(a)]
        for array in followed or lazy:
            found = implementation(name, array)
            if found is not None:
                result: R = found(*args, **kwargs)
                return result
        if followed:
            raise NotImplementedError(
                f"{name} got an array that requires a gradient, but no differentiable {name} is "
                f"registered for {type(followed[0]).__module__.partition('.')[0]}: install "
                f"tempotron_backends, or pass detached arrays and use {name}_vjp"
            )
        return function(*args, **kwargs)

    return routed


def constant(function: Callable[P, R]) -> Callable[P, R]:
    """Give a gradient function arrays detached from autodiff: what it returns is a constant."""

    def detach(argument: Any) -> Any:
        if _in_autodiff(argument):
            found = implementation("detach", argument)
            if found is None:
                raise NotImplementedError(
                    f"{function.__name__} needs arrays that do not require a gradient, got a "
                    f"{type(argument).__name__} that does: detach it first"
                )
            return found(argument)
        if isinstance(argument, Events) and _in_autodiff(argument.times):
            return argument._mapped(detach)
        if isinstance(argument, tuple) and hasattr(argument, "_fields"):  # a Peak
            return type(argument)(*map(detach, argument))
        return argument

    @functools.wraps(function)
    def detached(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*map(detach, args), **{k: detach(v) for k, v in kwargs.items()})

    return detached
