"""Functions of `Events` on `RaggedEvents`: on one group of similar length after the other."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import array_api_compat

from ..arrays.namespace import device_of
from ..neuron import Neuron
from .batch import Events
from .joining import joined, split
from .ragged import RaggedEvents
from .units import check_units

__all__ = ["by_groups", "in_order"]

P = ParamSpec("P")
R = TypeVar("R")
Join = Callable[[RaggedEvents, Sequence[Any]], Any]


def in_order(events: RaggedEvents, found: Sequence[Any]) -> Any:
    """Return what was found for every group in the order of the patterns.

    Parameters
    ----------
    events : RaggedEvents
    found : sequence
        For each group Events, an array with the patterns on its first axis, or a tuple with names
        of such arrays.
    """
    if isinstance(found[0], Events):
        return RaggedEvents(found, events.place)
    if isinstance(found[0], tuple):
        return type(found[0])(*(joined(events, parts) for parts in zip(*found, strict=True)))
    return joined(events, found)


def by_groups(
    *per_pattern: str, join: Join = in_order
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function of Events, its first argument, take `RaggedEvents`.

    Parameters
    ----------
    *per_pattern : str
        Arguments that have the patterns on their first axis: arrays, or tuples with names of them.
    join : callable
        From the events and what was found for each group to what is returned.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        name = next(iter(signature.parameters))

        @functools.wraps(function)
        def grouped(*args: P.args, **kwargs: P.kwargs) -> R:
            events = args[0] if args else kwargs.get(name)
            if not isinstance(events, RaggedEvents):
                return function(*args, **kwargs)
            given = signature.bind(*args, **kwargs).arguments
            for value in given.values():
                if isinstance(value, Neuron):
                    check_units(events, value)
            divided = {
                each: _by_group(each, given[each], events) for each in per_pattern if each in given
            }
            call: Any = function
            found = []
            for g, group in enumerate(events.groups):
                own = {each: parts[g] for each, parts in divided.items()}
                found.append(call(**{**given, name: group, **own}))
            result: R = join(events, found)
            return result

        # what the function itself calls undecorated
        grouped.__wrapped__ = getattr(function, "__wrapped__", function)
        return grouped

    return decorate


def _by_group(name: str, value: Any, events: RaggedEvents) -> list[Any]:
    """Return an argument for each group; what is no such argument for all, which say so."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        parts = [
            _by_group(f"{name}.{field}", each, events)
            for field, each in zip(value._fields, value, strict=True)
        ]
        return [type(value)(*each) for each in zip(*parts, strict=True)]
    if not array_api_compat.is_array_api_obj(value) or value.ndim == 0:
        return [value] * len(events.groups)
    if array_api_compat.array_namespace(value) is not events.xp:
        return [value] * len(events.groups)
    places = device_of(value), device_of(events.place)
    if None not in places and places[0] != places[1]:
        return [value] * len(events.groups)
    if value.shape[0] != len(events):
        raise ValueError(
            f"{name} must have the {len(events)} patterns of events on its first axis, "
            f"got shape {tuple(value.shape)}"
        )
    return split(events, value)
