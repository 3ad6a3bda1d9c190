"""Routing of arrays that autodiff or tracing follows to what a framework registered for them.

What is registered is looked up in `registry`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import array_api_compat

from ..arrays.registry import fused, implementation, is_followed
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.changing import map_arrays
from ..neuron import ParametricNeuron
from ..traced import traced
from .arguments import is_settled

__all__ = ["at_a_glance", "constant", "differentiable"]

P = ParamSpec("P")
R = TypeVar("R")


def at_a_glance(settled: Callable[..., R]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Call ``settled``, which takes no second look, where compiled kernels take what is given.

    It has the arguments of the function, of which the first three are known to be settled, and its
    fused form in front.  For a pattern or two all other ways to make sure of that take longer than
    the kernels.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name = function.__name__
        parameters = inspect.signature(function).parameters.values()
        options = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
        most = len(parameters) - len(options)
        least = sum(each.default is each.empty for each in parameters)

        @functools.wraps(function)
        def looked_at(*args: P.args, **kwargs: P.kwargs) -> R:
            fit = least <= len(args) <= most and (not kwargs or kwargs.keys() <= options)
            if fit and is_settled(args[0], args[1], args[2]):
                method: Any = kwargs.get("method", "auto")
                form = fused(name, method, args[1])
                if form is not None:
                    return settled(form, *args, **kwargs)
            return function(*args, **kwargs)

        # what the function itself calls undecorated
        looked_at.__wrapped__ = getattr(function, "__wrapped__", function)
        return looked_at

    return decorate


def differentiable(function: Callable[P, R]) -> Callable[P, R]:
    """Route arrays that autodiff or tracing follows to the framework's form of ``function``.

    The undecorated function stays available as ``__wrapped__``.
    """
    name = function.__name__

    @functools.wraps(function)
    def routed(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_settled(*args[:3]):
            return function(*args, **kwargs)
        given = (*args, *kwargs.values())
        if not any(isinstance(a, Events) for a in given):
            return function(*args, **kwargs)  # which says what is wrong
        arrays = [a.times if isinstance(a, Events) else a for a in given]
        for neuron in given:
            if isinstance(neuron, ParametricNeuron):
                arrays.extend(neuron.arrays.values())
        followed = [a for a in arrays if is_followed(a)]
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
        return function(*map(_fixed, args), **{k: _fixed(v) for k, v in kwargs.items()})

    return routed


def _fixed(argument: Any) -> Any:
    """A neuron with its constants as numbers; anything else itself."""
    return argument.fixed() if isinstance(argument, ParametricNeuron) else argument


def constant(function: Callable[P, R]) -> Callable[P, R]:
    """Give a gradient function arrays detached from autodiff: what it returns is a constant.

    It computes under this package's own settings.
    """
    compute, name = under_own_settings(function), function.__name__

    def detach(argument: Any) -> Any:
        if is_followed(argument):
            found = implementation("detach", argument)
            if found is None:
                raise NotImplementedError(
                    f"{function.__name__} needs arrays that do not require a gradient, got a "
                    f"{type(argument).__name__} that does: detach it first"
                )
            return found(argument)
        if isinstance(argument, Events) and is_followed(argument.times):
            return map_arrays(argument, detach)
        if isinstance(argument, tuple) and hasattr(argument, "_fields"):  # a Peak
            return type(argument)(*map(detach, argument))
        return argument

    @functools.wraps(function)
    def detached(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_settled(*args[:3]):
            method: Any = kwargs.get("method", "auto")
            if fused(name, method, args[1]):  # which knows no such settings
                return function(*args, **kwargs)
            return compute(*args, **kwargs)
        weight = args[1] if len(args) > 1 else kwargs.get("weight")

        def plain(argument: Any) -> Any:
            if not isinstance(argument, ParametricNeuron):
                return detach(argument)
            try:
                return argument.fixed()
            except TypeError:  # of unknown value
                return traced(argument, weight)

        return compute(*map(plain, args), **{k: plain(v) for k, v in kwargs.items()})

    return detached
