"""The compiled kernels of NumPy within JAX's programs on the processor.

The static form stays the definition: what differentiates a result once more, another device, and an
exported program take it, and so does everything where the kernels cannot be registered, which one
warning says.  `foreign` has the call itself.
"""

from __future__ import annotations

import functools
import json
import os
import threading
import warnings
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

from tempotron_core import Events, Neuron

from ..fused.choice import for_numpy
from . import calls, foreign
from .settings import own_settings

__all__ = ["Layout", "Shapes", "by_kernels", "gradient_by_kernels", "mode", "serves"]

Layout = tuple[int, float, tuple[int, ...] | None]
"""The part of Events that is no array: afferents, duration and source shape."""

Shapes = tuple[tuple[tuple[int, ...], Any], ...]
"""Shape and dtype of each result."""

VARIABLE, MODES = "TEMPOTRON_JAX_KERNELS", ("on", "off", "export")

_registering = threading.Lock()
"""Of threads that need the kernels at once, one registers them: XLA refuses a second time."""


def mode() -> str:
    """Where kernels are called, by ``TEMPOTRON_JAX_KERNELS``: "on", "off", or "export".

    The last means exported programs as well.  It is read when a program is made.

    Raises
    ------
    ValueError
        If the variable is none of these.
    """
    given = os.environ.get(VARIABLE, "").strip() or "on"
    if given not in MODES:
        raise ValueError(f"{VARIABLE} must be one of {', '.join(MODES)}, got {given!r}")
    return given


def serves(neuron: object, chosen: str) -> TypeGuard[Neuron]:
    """Whether programs made now call kernels: on the processor, for constants that are numbers."""
    if chosen == "off" or not isinstance(neuron, Neuron) or jax.default_backend() != "cpu":
        return False
    with _registering:
        return bool(for_numpy(None)) and _registered()


@functools.cache
def _registered() -> bool:
    try:
        foreign.register(calls.run)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, we can do without
        warnings.warn(
            f"JAX cannot be told of the compiled kernels, so it computes without them: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def by_kernels(
    layout: Layout,
    neuron: Neuron,
    name: str,
    pure: Callable[..., Any],
    shapes: Callable[..., Shapes],
    **options: Any,
) -> Callable[..., tuple[Any, ...]]:
    """Return ``pure(events, weight, *more)`` computed by kernels, and differentiated as it is.

    Parameters
    ----------
    layout : tuple
        The part of Events that is no array.
    neuron : Neuron
    name : str
        Of `calls.CALLS`.
    pure : callable
        The definition: to an array or a tuple of arrays.
    shapes : callable
        Those of its results, of times, weight and more.
    **options
        Constants of the call.
    """
    n_afferents, duration, _ = layout
    constants = {"n_afferents": n_afferents, "duration": duration, "neuron": asdict(neuron)}
    text = json.dumps({"name": name, **constants, **options})

    def flat(times: Any, afferents: Any, counts: Any, weight: Any, *more: Any) -> tuple[Any, ...]:
        found = pure(Events(times, afferents, counts, afferents, *layout), weight, *more)
        return tuple(found) if isinstance(found, tuple) else (found,)

    @jax.custom_jvp
    def called(*arrays: Any) -> tuple[Any, ...]:
        times, _, _, weight, *more = arrays
        made = shapes(times, weight, *more)
        found = kernel.bind(*arrays, text=text, shapes=made, pure=flat, mapped=False)
        # within shard_map results vary over the axes that arguments do
        floats = [a for a in arrays if jnp.issubdtype(a.dtype, jnp.floating)]
        nothing: Any = sum(jnp.sum(jnp.ravel(a)[:0]) for a in floats)
        return tuple(values + nothing.astype(values.dtype) for values in found)

    @called.defjvp
    @own_settings()
    def followed(primals: Any, tangents: Any) -> Any:
        return called(*primals), jax.jvp(flat, primals, tangents)[1]

    def computed(events: Events, weight: Any, *more: Any) -> tuple[Any, ...]:
        return called(events.times, events.afferents, events.counts, weight, *more)

    return computed


def gradient_by_kernels(
    layout: Layout, neuron: Neuron, name: str, adjoint: Callable[..., Any], **options: Any
) -> Callable[..., tuple[Any, Any]]:
    """Return ``adjoint(events, weight, *more)``, gradients towards times and weights, by kernels.

    Of two calls, one for each, XLA leaves out what nobody asks for.
    """

    def towards(which: int, name: str) -> Callable[..., Any]:
        def pure(*given: Any) -> Any:
            return adjoint(*given)[which]

        def shapes(times: Any, weight: Any, *_: Any) -> Shapes:
            like = (times, weight)[which]
            return ((like.shape, like.dtype),)

        return by_kernels(layout, neuron, name, pure, shapes, **options)

    to_times, to_weight = towards(0, f"{name} times"), towards(1, name)
    return lambda *given: (*to_times(*given), *to_weight(*given))


kernel = Primitive("tempotron")
kernel.multiple_results = True


@kernel.def_impl
def _called_eagerly(*arrays: jax.Array, **static: Any) -> Any:
    return _compiled(*arrays, **static)


@functools.partial(jax.jit, static_argnames=("text", "shapes", "pure", "mapped"))
def _compiled(*arrays: jax.Array, **static: Any) -> Any:
    return kernel.bind(*arrays, **static)


@kernel.def_abstract_eval
def _results(*arrays: Any, text: str, shapes: Shapes, pure: Any, mapped: bool) -> Any:
    del text, pure
    # those without a mapped axis have one of length 1
    front = (max(array.shape[0] for array in arrays),) if mapped else ()
    return [jax.core.ShapedArray((*front, *shape), jnp.dtype(dtype)) for shape, dtype in shapes]


def _lower_pure(*arrays: jax.Array, text: str, shapes: Shapes, pure: Any, mapped: bool) -> Any:
    del text, shapes
    if not mapped:
        return pure(*arrays)
    n = max(array.shape[0] for array in arrays)
    return jax.vmap(pure)(*(jnp.broadcast_to(a, (n, *a.shape[1:])) for a in arrays))


def _lower_call(*arrays: jax.Array, text: str, shapes: Shapes, pure: Any, mapped: bool) -> Any:
    results = _results(*arrays, text=text, shapes=shapes, pure=pure, mapped=mapped)
    kinds = [jax.ShapeDtypeStruct(result.shape, result.dtype) for result in results]
    return jax.ffi.ffi_call(foreign.TARGET, kinds)(*arrays, call="*" * mapped + text)


_by_definition = mlir.lower_fun(_lower_pure, multiple_results=True)
_by_kernels = mlir.lower_fun(_lower_call, multiple_results=True)


def _on_processor(context: Any, *arrays: Any, **static: Any) -> Any:
    exported = getattr(context.module_context.lowering_parameters, "for_export", False)
    lower = _by_definition if exported and mode() != "export" else _by_kernels
    return lower(context, *arrays, **static)


mlir.register_lowering(kernel, _by_definition)
mlir.register_lowering(kernel, _on_processor, platform="cpu")


def _map(arrays: Any, axes: Any, *, shapes: Shapes, mapped: bool, **static: Any) -> Any:
    """Map over one more axis; two become one, in front."""
    n = next(a.shape[axis] for a, axis in zip(arrays, axes, strict=True) if axis is not None)
    first = [
        a[None] if axis is None else jnp.moveaxis(a, axis, 0)
        for a, axis in zip(arrays, axes, strict=True)
    ]
    if mapped:
        inner = max(a.shape[1] for a in first)
        first = [jnp.broadcast_to(a, (n, inner, *a.shape[2:])) for a in first]
        first = [a.reshape(n * inner, *a.shape[2:]) for a in first]
    found = kernel.bind(*first, shapes=shapes, mapped=True, **static)
    if mapped:
        found = [values.reshape(n, inner, *values.shape[1:]) for values in found]
    return found, [0] * len(found)


batching.primitive_batchers[kernel] = _map
