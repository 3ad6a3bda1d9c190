"""Arrays of any library on the host, and in the byte order of this machine."""

from __future__ import annotations

import os
from typing import Any

import array_api_compat
import numpy as np

from .plain import check_plain

__all__ = ["native", "to_host"]

Array = Any
HostArray = np.ndarray[Any, Any]
PathLike = str | os.PathLike[str]


def to_host(array: Array) -> HostArray:
    """Copy an array of any library from any device to NumPy.

    Raises
    ------
    TypeError
        If its library has no way to do so.
    """
    check_plain("array", array)
    detached = array.detach() if hasattr(array, "detach") else array
    xp = array_api_compat.array_namespace(detached)
    devices = [None, "cpu", xp.__array_namespace_info__().default_device()]
    for device in devices:
        # libraries differ in which of these they offer, and in the error for one they do not
        try:
            on_host = detached if device is None else array_api_compat.to_device(detached, device)
            return np.asarray(on_host)
        except (TypeError, ValueError, RuntimeError, AttributeError) as error:
            failure = error
    raise TypeError(f"array must be one that can be copied to the host: {failure}")


def native(array: HostArray) -> HostArray:
    """Return an array in the byte order of this machine."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)
