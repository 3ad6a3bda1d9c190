"""array-api-strict: the Array API standard and nothing else, for tests; never chosen by default.

It simulates devices: arrays on ``device1`` refuse to mix with others, and ``no_float64`` stands in
for hardware without double precision. It has no kernels: the portable code is what runs on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import array_api_strict
import numpy as np
from numpy.typing import NDArray

from ._backend import DTYPES, Array, Framework

DEVICES = ("CPU_DEVICE", "device1", "no_float64")


def survey() -> Mapping[str, str]:
    """The simulated devices that tests use; the first is the default one."""
    return dict.fromkeys(DEVICES, "")


def missing_dtypes(device: str) -> Mapping[str, str]:
    """Whatever the simulated device is declared to lack."""
    held = array_api_strict.__array_namespace_info__().dtypes(device=native_device(device))
    return {name: f"{device} lacks it" for name in DTYPES if name not in held}


def native_device(device: str) -> Any:
    """The `array_api_strict.Device` of that name."""
    return array_api_strict.Device(device)


def place(host: NDArray[Any], device: str) -> Array:
    """Wrap the array as one on the simulated device."""
    return array_api_strict.asarray(host, device=native_device(device))


def to_numpy(array: Array) -> NDArray[Any]:
    """Move to the default device, the only one NumPy may read."""
    return np.asarray(array.to_device(native_device("CPU_DEVICE")))


def synchronise(_device: str, _arrays: tuple[Array, ...]) -> None:
    """Like NumPy, it has finished by the time it returns."""


FRAMEWORK = Framework(
    name="strict",
    version=array_api_strict.__version__,
    xp=array_api_strict,
    default_dtype="float64",
    survey=survey,
    missing_dtypes=missing_dtypes,
    native_device=native_device,
    place=place,
    to_numpy=to_numpy,
    synchronise=synchronise,
)
