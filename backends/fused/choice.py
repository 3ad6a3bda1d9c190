"""Which fused kernels serve an array, if any: decided by its library and its device.

Compilers and GPU libraries are imported at the first array they could serve.  Where one is missing
or broken, the Array API form serves, and a broken one is named in a warning, once.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["for_cupy", "for_numpy", "for_torch"]

Forms = Mapping[str, Callable[..., Any]]


def for_numpy(array: Any) -> Forms:
    """Kernels for a NumPy array."""
    return _on_cpu()


def for_torch(tensor: torch.Tensor) -> Forms:
    """Kernels for a tensor: on the CPU those of NumPy, which share its memory."""
    import torch

    # a subclass may hold no values, as a fake tensor does, or mean something else by its operations
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
        return {}
    if torch._C._are_functorch_transforms_active():  # then even a plain tensor may be wrapped
        return {}
    if tensor.device.type == "cpu":
        return _on_cpu_tensors()
    if tensor.device.type == "cuda":
        from .cuda.devices import fused_for_torch

        return fused_for_torch(tensor)
    return {}


def for_cupy(array: Any) -> Forms:
    """Kernels for a CuPy array."""
    from .cuda.devices import fused_for_cupy

    return fused_for_cupy(array)


@functools.cache
def _on_cpu() -> Forms:
    if importlib.util.find_spec("numba") is None:
        return {}
    try:
        from .cpu import functions, learning, preparing, spiking, streaming, training
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, we can do without
        warnings.warn(
            f"Numba is installed but cannot be used, so the compiled kernels are not: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return {}
    return {
        name: getattr(module, name)
        for module in (functions, learning, preparing, spiking, streaming, training)
        for name in module.__all__
    }


@functools.cache
def _on_cpu_tensors() -> Forms:
    if not _on_cpu():
        return {}
    from .tensors import on_tensors

    return {name: on_tensors(form) for name, form in _on_cpu().items()}
