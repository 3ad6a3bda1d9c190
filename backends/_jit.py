"""Compilation of functions of events and arrays, where a framework gains from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._backend import Backend

__all__ = ["compiled"]


def compiled(backend: Backend, function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of events and arrays where that pays: JAX is slow call by call."""
    if backend.name == "jax":
        import jax

        result: Callable[..., Any] = jax.jit(function)
        return result
    return function
