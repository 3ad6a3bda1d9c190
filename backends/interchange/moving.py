"""From one backend to another, without a copy where both can use the same memory."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import array_api_compat

from tempotron_core import Events, Network, Tempotron
from tempotron_core.arrays.namespace import array_namespace
from tempotron_core.events.changing import map_arrays

from .._backend import Backend, dtype_name

__all__ = ["to_backend"]


T = TypeVar("T")


def to_backend(value: T, backend: Backend, *, dtype: Any = None) -> T:
    """Bring arrays, and what is made of them, to another library or device.

    Each array goes through `Backend.from_dlpack`: on one device the two may share memory.

    Parameters
    ----------
    value : array, Events, Network, Tempotron or tuple
        Tuples hold any of these or None, as `Peak`, `Gradient` and `Activity` do.
    backend : Backend
    dtype : {'float32', 'float64'} or dtype, optional
        Of floating-point arrays, for example for a backend that has no float64; unless given, they
        keep their own.

    Returns
    -------
    array, Events, Network, Tempotron or tuple
        Of the type that was given (an array: of the backend's library).

    Raises
    ------
    TypeError
        If the value is none of these.
    ValueError
        If the backend cannot hold a dtype, ``dtype`` is no floating-point one, or an array requires
        a gradient.
    """
    if not isinstance(backend, Backend):
        raise TypeError(f"backend must be a Backend (see select), got {type(backend).__name__}")
    if dtype is not None:
        backend.floating_dtype(dtype)
    return cast(T, _moved(value, backend, dtype))


def _moved(value: Any, backend: Backend, dtype: Any) -> Any:
    """Return a value of any supported type on the backend."""

    def array(part: Any) -> Any:
        return _moved(part, backend, dtype)

    if value is None:
        return None
    if isinstance(value, Events):
        return map_arrays(value, array)
    if isinstance(value, Network):
        return value.with_weights([array(weight) for weight in value.weights])
    if isinstance(value, Tempotron):
        constants = (value.tau, value.tau_s, value.v_threshold)
        shape = (value.in_features, value.out_features, value.T)
        return Tempotron(*shape, *constants, weight=array(value.weight))
    if isinstance(value, tuple):
        parts = [array(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if not array_api_compat.is_array_api_obj(value):
        raise TypeError(
            f"value must be an array, Events, Network, Tempotron or tuple of them, "
            f"got {type(value).__name__}"
        )
    if dtype is not None:
        xp, name = array_namespace(value=value), dtype_name(dtype)
        if xp.isdtype(value.dtype, "real floating"):
            value = xp.astype(value, getattr(xp, name), copy=False)
    return backend.from_dlpack(value)
