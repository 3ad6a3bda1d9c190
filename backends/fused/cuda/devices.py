"""The fused kernels on CUDA devices, for CuPy arrays and torch CUDA tensors.

CuPy compiles the kernels at the first call on a device, keeps the result on disk, and launches on
its current stream.  Torch tensors are lent to CuPy by DLPack and used on torch's current stream.
Where CuPy is missing or cannot do this, one warning says why, and the Array API form is used.

The tests compile them for sm_80 and sm_90 and run them as host C++; test_cuda_gpu.py runs them on
a GPU.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from tempotron_core import Events, Peak
from tempotron_core.events.changing import map_arrays

from ..._backend import explain
from . import readouts, spiking
from .launch import KERNELS, Arguments, Device
from .source import kernel_source

__all__ = ["FUNCTIONS", "fused_for_cupy", "fused_for_torch"]

Array = Any
Functions = Mapping[str, Callable[..., Any]]

FUNCTIONS: Functions = {
    name: getattr(module, name) for module in (readouts, spiking) for name in module.__all__
}


def fused_for_cupy(array: Array) -> Functions:
    """Fused forms for the device of a CuPy array; none, after a warning, if they do not compile."""
    return _for_cupy(array.device.id)


def fused_for_torch(tensor: Array) -> Functions:
    """Fused forms for the device of a torch CUDA tensor; none, after a warning, without CuPy."""
    return _for_torch(tensor.device.index)


@functools.cache
def _for_cupy(index: int) -> Functions:
    device = _compiled(index)
    if device is None:
        return {}
    return {
        name: functools.partial(_on_device, device, index, function)
        for name, function in FUNCTIONS.items()
    }


@functools.cache
def _for_torch(index: int) -> Functions:
    return {
        name: functools.partial(_on_torch, index, function)
        for name, function in _for_cupy(index).items()
    }


@functools.cache
def _compiled(index: int) -> Device | None:
    """Compile for a device; None, after a warning, if that cannot be done."""
    try:
        import cupy
    except Exception as error:  # noqa: BLE001 - a broken installation raises anything
        _warn_once("pip install cupy-cuda12x or cupy-cuda13x", error)
        return None
    try:
        with cupy.cuda.Device(index):
            module = cupy.RawModule(code=kernel_source(), backend="nvrtc", options=("--std=c++17",))
            kernels = {name: module.get_function(name) for name in KERNELS}
    except Exception as error:  # noqa: BLE001 - no driver, no NVRTC, an unknown device, ...
        _warn_once("check the CUDA driver and the installation of CuPy", error)
        return None

    def launch(name: str, blocks: tuple[int, int], threads: int, arguments: Arguments) -> None:
        kernels[name](blocks, (threads,), arguments)

    return Device(cupy, launch)


_said: list[str] = []


def _warn_once(advice: str, error: Exception) -> None:
    """Say once per process, whatever the device, what the fused kernels lack."""
    if _said:
        return
    _said.append(advice)
    warnings.warn(
        f"{advice} to use the fused CUDA kernels; until then the Array API form is used "
        f"({explain(error)})",
        RuntimeWarning,
        stacklevel=2,
    )


def _on_device(device: Device, index: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call with the device current, so that arrays are made and kernels launched there."""
    with device.xp.cuda.Device(index):
        return function(device, *arguments)


class _Stream:
    """A torch stream by the protocol that CuPy reads; torch's own has it in late releases only."""

    def __init__(self, stream: Any) -> None:
        self.pointer = int(stream.cuda_stream)

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.pointer


def _torch_device(index: int) -> str:
    return f"cuda:{index}"


def _on_torch(index: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a form for CuPy arrays with torch tensors, on torch's current stream."""
    import cupy
    import torch
    from torch.utils.dlpack import from_dlpack

    def lend(argument: Any) -> Any:
        if isinstance(argument, Events):
            return map_arrays(argument, lend)
        if isinstance(argument, Peak):
            return Peak(*map(lend, argument))
        if not isinstance(argument, torch.Tensor):
            return argument
        if argument.numel() == 0:  # no memory to share
            return cupy.empty(tuple(argument.shape), str(argument.dtype).removeprefix("torch."))
        return cupy.from_dlpack(argument.detach())

    def take_back(result: Any) -> Any:
        if isinstance(result, tuple):
            return tuple(map(take_back, result))
        if result is None or result.size > 0:
            return None if result is None else from_dlpack(result)
        dtype = getattr(torch, result.dtype.name)
        return torch.empty(result.shape, dtype=dtype, device=_torch_device(index))

    stream = _Stream(torch.cuda.current_stream(index))
    with cupy.cuda.Device(index), cupy.cuda.Stream.from_external(stream):
        return take_back(function(*map(lend, arguments)))
