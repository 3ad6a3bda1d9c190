"""Which array namespace, device and dtype a call works in, and clear errors when they clash."""

from __future__ import annotations

import functools
from typing import Any

import array_api_compat
import numpy as np

from .plain import check_plain

__all__ = [
    "array_namespace",
    "check_arrays",
    "check_dense",
    "check_floating",
    "check_known",
    "check_same_device",
    "clip",
    "device_of",
    "is_plain_floating",
    "known_int",
    "known_true",
    "namespace_of",
    "zeros",
]

Array = Any
Namespace = Any


def array_namespace(**arrays: Array) -> Namespace:
    """Return the one namespace of the named arrays.

    Raises
    ------
    TypeError
        If an argument is not an array, or two come from different libraries.
    """
    xp: Namespace = None
    first = ""
    for name, array in arrays.items():
        # not isinstance, which asks a tensor for its class a second time
        if (kind := type(array)) is not np.ndarray and issubclass(kind, np.ndarray):
            check_plain(name, array)
        try:
            found = namespace_of(array)
        except TypeError:
            raise TypeError(
                f"{name} must be an array of a library that follows the Array API standard, "
                f"got {type(array).__name__}"
            ) from None
        if xp is None:
            xp, first = found, name
        elif found is not xp:
            raise TypeError(
                f"{first} and {name} must come from one array library, "
                f"got {xp.__name__} and {found.__name__}"
            )
    if missing := _missing(xp):
        raise TypeError(
            f"{first} must be an array of a library that has all functions of the Array API "
            f"standard, got {type(arrays[first]).__name__} of {xp.__name__} without "
            f"{', '.join(missing)}: make it a NumPy array first"
        )
    return xp


def check_arrays(**arrays: Array) -> None:
    """Raise what `array_namespace` would, without the namespace, whose import takes its time."""
    for array in arrays.values():
        if type(array) is not np.ndarray or array.dtype.kind == "V":
            array_namespace(**arrays)
            return


def namespace_of(array: Array) -> Namespace:
    """Return the namespace of one array.

    Raises
    ------
    TypeError
        If it has none.
    """
    if (kind := type(array)) is np.ndarray and array.dtype.kind != "V":  # as JAX's zero gradients
        return _of_numpy()
    found = _OF_KIND.get(kind)
    if found is None:
        found = array_api_compat.array_namespace(array)
        if not issubclass(kind, np.ndarray):
            _OF_KIND[kind] = found
    return found


_OF_KIND: dict[type, Namespace] = {}
"""What was found for an array of a type, which need not be asked again for every one."""


@functools.cache
def _of_numpy() -> Namespace:
    """The namespace of NumPy's own arrays, which need not be asked again for every one."""
    return array_api_compat.array_namespace(np.empty(0))


@functools.cache
def _missing(xp: Namespace) -> tuple[str, ...]:
    """Functions that patterns are sorted by, of those which sparse and lazy arrays lack."""
    needed = ("argsort", "arange", "searchsorted", "take_along_axis")
    return tuple(name for name in needed if not hasattr(xp, name))


def device_of(array: Array) -> Any:
    """Return the array's device, or ``None`` where it has none (a traced JAX array)."""
    return "cpu" if type(array) is np.ndarray else array_api_compat.device(array)


def check_same_device(**arrays: Array) -> None:
    """Raise ValueError unless the named arrays (``None`` is skipped) share one device."""
    if all([type(array) is np.ndarray for array in arrays.values()]):  # noqa: C419 - is faster
        return
    devices = {name: device_of(a) for name, a in arrays.items() if a is not None}
    known = [(name, device) for name, device in devices.items() if device is not None]
    for name, device in known[1:]:
        if device != known[0][1]:
            raise ValueError(
                f"{known[0][0]} and {name} must be on one device, got {known[0][1]} and {device}"
            )


def check_dense(name: str, array: Array) -> None:
    """Raise TypeError if a library's arrays may be sparse, and this one is."""
    if getattr(array, "is_sparse", False) or getattr(array, "is_sparse_csr", False):
        raise TypeError(f"{name} must be a dense array, got a sparse {type(array).__name__}")


def check_floating(name: str, array: Array, *, xp: Namespace) -> None:
    """Raise TypeError unless the array is float32 or float64."""
    if array.dtype != xp.float32 and array.dtype != xp.float64:
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")


def is_plain_floating(array: Array) -> bool:
    """Whether it is NumPy's own array of float32 or float64, which can be seen at a glance."""
    return type(array) is np.ndarray and array.dtype in _FLOATING


_FLOATING = (np.dtype(np.float64), np.dtype(np.float32))


def known_int(number: Array) -> int | None:
    """Return a 0-d integer array as an int, or None where it holds no value yet.

    Traced arrays hold none, nor do torch's fake and meta tensors, and every library has an error
    of its own to say so.  A device that has failed says it again at the next operation.
    """
    try:
        return int(number)
    except Exception:  # noqa: BLE001  see above
        return None


def known_true(condition: Array) -> bool:
    """Whether a 0-d boolean array is true; False where it holds no value yet (`known_int`)."""
    try:
        return bool(condition)
    except Exception:  # noqa: BLE001  see known_int
        return False


def check_known(name: str, array: Array, *, xp: Namespace) -> None:
    """Raise ValueError if there is a NaN among the values that are there to be looked at."""
    if known_true(xp.any(xp.isnan(array))):
        raise ValueError(f"{name} must not hold NaN")


def clip(
    x: Array, low: Array | float | None, high: Array | float | None, *, xp: Namespace
) -> Array:
    """Bring ``x`` into [low, high] without waiting for the device, as CuPy's ``xp.clip`` does."""
    for bound, chosen in ((low, xp.maximum), (high, xp.minimum)):
        if isinstance(bound, float):
            x = chosen(x, xp.full((), bound, dtype=x.dtype, device=device_of(x)))
        elif bound is not None:
            x = chosen(x, bound)
    return x


def zeros(shape: tuple[int, ...], like: Array, *, xp: Namespace) -> Array:
    """Zeros of the dtype and on the device of ``like``."""
    return xp.zeros(shape, dtype=like.dtype, device=device_of(like))
