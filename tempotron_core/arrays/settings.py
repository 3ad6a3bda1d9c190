"""The settings of an array library under which this package computes, whatever the user's are.

Libraries have strict modes that find mistakes: one that raises where numbers underflow, or where an
operation broadcasts or promotes what the user may not have meant to.  Here all of that is meant: a
potential decays to 0, a probability may be too small for its dtype, and shapes and dtypes are
checked where they come in.  So such modes are left to the user's own code.  Overflows, divisions
by 0 and invalid operations are never meant, and stay what the user wants them to be.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from .registry import implementation

__all__ = ["under_own_settings"]

P = ParamSpec("P")
R = TypeVar("R")


def under_own_settings(function: Callable[P, R]) -> Callable[P, R]:
    """Compute ``function`` under the ``settings`` registered for the library of its arrays."""

    @functools.wraps(function)
    def computed(*args: P.args, **kwargs: P.kwargs) -> R:
        array = _first_array(args)
        if array is None:
            array = _first_array(kwargs.values())
        settings = None if array is None else implementation("settings", array)
        if settings is None:
            return function(*args, **kwargs)
        with settings():
            return function(*args, **kwargs)

    return computed


def _first_array(arguments: Iterable[Any]) -> Any:
    """Return the first array among the arguments, their spike times and their members, or None."""
    for argument in arguments:
        if hasattr(argument, "dtype"):
            return argument
        array = getattr(argument, "times", None)  # of Events
        if isinstance(argument, tuple | list):
            array = _first_array(argument)
        if array is not None:
            return array
    return None
