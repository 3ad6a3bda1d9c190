"""JAX: the processor and CUDA devices, and the readouts as pure functions (`functions`).

Its 64-bit types are the user's switch, never set here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, RaggedEvents
from tempotron_core.events.changing import widen

from .._backend import Framework, devices_of
from . import spiking
from .functions import first_crossing, peak, voltage
from .readouts import DIFFERENTIABLE
from .settings import own_settings

__all__ = [
    "ENABLE_X64",
    "FRAMEWORK",
    "KERNELS",
    "compiled",
    "first_crossing",
    "index_sum",
    "missing_dtypes",
    "native_device",
    "peak",
    "place",
    "survey",
    "synchronise",
    "to_numpy",
    "voltage",
    "x64_enabled",
]

ENABLE_X64 = (
    "JAX holds 64-bit types only after jax.config.update('jax_enable_x64', True), "
    "or with JAX_ENABLE_X64=1 in the environment"
)


def survey() -> Mapping[str, str]:
    """The processor (possibly split into several devices) and the CUDA devices."""

    def names(kind: str) -> list[str]:
        devices = jax.devices(kind)
        if kind == "cpu" and len(devices) == 1:
            return ["cpu"]
        return [f"{kind}:{index}" for index in range(len(devices))]

    return devices_of("cpu", partial(names, "cpu")) | devices_of("cuda", partial(names, "cuda"))


def x64_enabled() -> bool:
    """Whether the user has switched JAX's 64-bit types on."""
    return bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]


def missing_dtypes(_device: str) -> Mapping[str, str]:
    """64-bit types exist only where the user has switched them on."""
    return {} if x64_enabled() else dict.fromkeys(("int64", "float64"), ENABLE_X64)


def native_device(device: str) -> Any:
    """The JAX device of a name such as ``"cpu"`` or ``"cuda:1"``."""
    kind, _, index = device.partition(":")
    return jax.devices(kind)[int(index or 0)]


def place(host: NDArray[Any], device: str) -> jax.Array:
    """Copy to the device. Integers that lose their upper half to JAX are checked to fit first."""
    if host.dtype in (np.int64, np.uint64) and not x64_enabled():
        narrow = host.astype(np.int32 if host.dtype == np.int64 else np.uint32)
        if not np.array_equal(narrow, host):
            raise ValueError(f"array must hold integers that fit {narrow.dtype}: {ENABLE_X64}")
        host = narrow
    placed: jax.Array = jax.device_put(host, native_device(device))
    return placed


def to_numpy(array: jax.Array) -> NDArray[Any]:
    """Wait for the array and give its values, read-only."""
    return np.asarray(array)


def synchronise(_device: str, arrays: tuple[jax.Array, ...]) -> None:
    """Wait for the given arrays, or for all that still exist: JAX has no device-wide wait."""
    live: list[jax.Array] = jax.live_arrays()  # type: ignore[no-untyped-call]
    for array in arrays or live:
        if not array.is_deleted():
            array.block_until_ready()


def index_sum(values: jax.Array, index: jax.Array, length: int) -> jax.Array:
    """Sum values over equal indices, as in the NumPy module; differentiable, fit for `jax.jit`.

    Deterministic on the processor. On a GPU the order of additions, and so the last digits, may
    vary between calls.
    """
    sums = jnp.zeros((*values.shape[:-1], length), dtype=values.dtype)
    return sums.at[..., index].add(values)


def repeated(step: Callable[[Any], Any], times: int, state: Any) -> Any:
    """Apply a step so many times, compiled once."""
    return jax.lax.fori_loop(0, times, lambda _, now: step(now), state)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function whose first argument is events, once for each shape.

    Ragged events have other shapes in every batch: they are padded, to a power of two.
    """
    program = jax.jit(function)

    def of_few_shapes(events: Events, *arrays: Any) -> Any:
        if isinstance(events, RaggedEvents):
            events = events.to_padded()
            width, source_width = (
                1 << (array.shape[1] - 1).bit_length() for array in (events.times, events.order)
            )
            events = widen(events, width, source_width)
        return program(events, *arrays)

    return of_few_shapes


FRAMEWORK = Framework(
    name="jax",
    version=jax.__version__,
    xp=jnp,
    default_dtype="float32",
    survey=survey,
    missing_dtypes=missing_dtypes,
    native_device=native_device,
    place=place,
    to_numpy=to_numpy,
    synchronise=synchronise,
)

KERNELS: dict[str, Callable[..., Any]] = {
    "index_sum": index_sum,
    "compiled": compiled,
    "repeated": repeated,
    "settings": own_settings,
    **DIFFERENTIABLE,
    **spiking.DIFFERENTIABLE,
}
