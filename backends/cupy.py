"""CuPy: CUDA devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import array_api_compat.cupy as xp
import cupy
from numpy.typing import NDArray

from ._backend import Array, Framework, devices_of
from .fused.choice import for_cupy


def survey() -> Mapping[str, str]:
    """The CUDA devices of this machine; `import cupy` alone succeeds without a driver."""

    def names() -> Iterator[str]:
        if cupy.is_available():  # CuPy 13 raises here where 14 says False
            for index in range(cupy.cuda.runtime.getDeviceCount()):
                yield f"cuda:{index}"

    return devices_of("cuda", names)


def missing_dtypes(_device: str) -> Mapping[str, str]:
    """CUDA devices hold every dtype."""
    return {}


def native_device(device: str) -> Any:
    """The `cupy.cuda.Device` of a name such as ``"cuda:1"``."""
    return cupy.cuda.Device(int(device.removeprefix("cuda:")))


def place(host: NDArray[Any], device: str) -> Array:
    """Copy to the device, waiting until the copy is done."""
    with native_device(device):
        return cupy.asarray(host)


def to_numpy(array: Array) -> NDArray[Any]:
    """Copy to the host, waiting for the device first."""
    host: NDArray[Any] = cupy.asnumpy(array)
    return host


def synchronise(device: str, _arrays: tuple[Array, ...]) -> None:
    """Wait for the current stream of the device."""
    with native_device(device):
        cupy.cuda.get_current_stream().synchronize()


def index_sum(values: Array, index: Array, length: int) -> Array:
    """Sum values over equal indices, as in the NumPy module.

    The sums are made by atomic additions: their order, and so the last digits, vary between calls.
    """
    with values.device:
        sums = cupy.zeros((*values.shape[:-1], length), dtype=values.dtype)
        cupy.add.at(sums, (..., index), values)
    return sums


FRAMEWORK = Framework(
    name="cupy",
    version=cupy.__version__,
    xp=xp,
    default_dtype="float32",
    survey=survey,
    missing_dtypes=missing_dtypes,
    native_device=native_device,
    place=place,
    to_numpy=to_numpy,
    synchronise=synchronise,
)

KERNELS: dict[str, Callable[..., Any]] = {"index_sum": index_sum, "fused": for_cupy}
