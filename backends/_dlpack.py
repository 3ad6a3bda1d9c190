"""Taking over an array of another library through DLPack, where its memory can be shared."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np

Array = Any

DEVICE_TYPES: Mapping[str, int] = {"cuda": 2, "mps": 8, "xpu": 14}
"""DLPack's number of each kind of device; 1 is the processor, simulated devices included."""

CANNOT_SHARE = (BufferError, RuntimeError, TypeError, ValueError)
"""What libraries raise for memory they do not give or take."""


def of_known_library(array: Any) -> Any:
    """Return an array, as NumPy's if it is on the host and of a library that is unknown here.

    Raises
    ------
    TypeError
        If the object does not speak DLPack, or is a traced array or a type.
    """
    try:
        names = ("__dlpack__", "__dlpack_device__")
        if isinstance(array, type) or not all(hasattr(array, name) for name in names):
            raise TypeError
        if array_api_compat.is_array_api_obj(array) or int(array.__dlpack_device__()[0]) != 1:
            return array
        return np.from_dlpack(array)
    except CANNOT_SHARE as error:
        why = f": {error}" if str(error) else ""
        raise TypeError(
            f"array must be one with values that has __dlpack__, got {type(array).__name__}{why}"
        ) from None


def taken_over(array: Any, xp: ModuleType, device: str, native_device: Any) -> Array | None:
    """Return an array as one of another library on a device, without a copy between the two.

    Parameters
    ----------
    array : array
        With ``__dlpack__`` and ``__dlpack_device__``.
    xp : module
        The library wanted.
    device : str
        The device's name, for example ``"cuda:0"``.
    native_device : object
        The device as ``xp`` has it.

    Returns
    -------
    array or None
        None where the memory cannot be shared. An array that is one of ``xp`` already is moved
        to the device if it is elsewhere, and is itself if not.
    """
    if _is_of(array, xp) and not _is_byte_swapped(array):
        return array_api_compat.to_device(array, native_device)
    kind, _, index = device.partition(":")
    code = DEVICE_TYPES.get(kind, 1)
    here = (code, 0 if code == 1 else int(index or 0))
    try:
        there = tuple(int(number) for number in array.__dlpack_device__())
        if there != here or not _can_share(array, xp):
            return None
        shared = xp.from_dlpack(array)
    except CANNOT_SHARE:  # an array on several devices has no one answer, for example
        return None
    # one processor may be several devices: JAX's, or simulated ones
    return array_api_compat.to_device(shared, native_device)


def _is_of(array: Any, xp: ModuleType) -> bool:
    """Whether an array belongs to a library; some that speak DLPack have no namespace."""
    try:
        return array_api_compat.array_namespace(array) is xp
    except TypeError:
        return False


def _is_byte_swapped(array: Any) -> bool:
    """Whether an array is NumPy's, in the byte order of other machines."""
    return isinstance(array, np.ndarray) and not array.dtype.isnative


def _can_share(array: Any, xp: ModuleType) -> bool:
    """Whether another library, ``xp``, may use the memory of an array on its device."""
    # neither has backward steps, and JAX says of all its arrays that they are read-only
    if array_api_compat.is_torch_array(array) or array_api_compat.is_jax_array(array):
        return True
    view = array
    if not isinstance(array, np.ndarray) and int(array.__dlpack_device__()[0]) == 1:
        try:
            view = np.from_dlpack(array)  # it may wrap a NumPy array
        except CANNOT_SHARE:
            return False
    if isinstance(view, np.ndarray) and not view.flags.writeable and not _keeps_read_only(xp):
        return False  # torch would write to it, though it may be a file mapped for reading
    # torch ends the process over backward steps
    return min(getattr(view, "strides", None) or (), default=0) >= 0


def _keeps_read_only(xp: ModuleType) -> bool:
    """Whether a library refuses to write to read-only memory that it has been given."""
    return bool(
        array_api_compat.is_numpy_namespace(xp)
        or array_api_compat.is_array_api_strict_namespace(xp)
    )
