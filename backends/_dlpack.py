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
        if there != here or not _can_share(array):
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


def _can_share(array: Any) -> bool:
    """Whether another library may use the memory of an array on its device."""
    if isinstance(array, np.ndarray) and not array.flags.writeable:
        return False  # torch would write to it, though it may be a file mapped for reading
    # torch ends the process over backward steps; what has no strides is torch's or JAX's, which
    # have none, or wraps a NumPy array
    strides = getattr(array, "strides", None)
    if strides is None and int(array.__dlpack_device__()[0]) == 1:
        try:
            strides = np.from_dlpack(array).strides
        except CANNOT_SHARE:
            return False
    return min(strides or (), default=0) >= 0
