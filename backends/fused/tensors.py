"""The kernels for NumPy arrays, on PyTorch CPU tensors that share their memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tempotron_core import Events
from tempotron_core.events.changing import changed, map_arrays

__all__ = ["on_tensors", "to_numpy"]


def on_tensors(form: Callable[..., Any]) -> Callable[..., Any]:
    """Make a fused form for NumPy arrays take and return tensors."""

    def of_tensors(*arguments: Any) -> Any:
        return _to_torch(form(*map(_to_numpy, arguments)))

    return of_tensors


class _Memory:
    """A tensor's memory, as NumPy asks for it."""

    __slots__ = ("__array_interface__", "tensor")

    def __init__(self, tensor: torch.Tensor, kind: str) -> None:
        self.tensor = tensor
        self.__array_interface__ = {
            "shape": tuple(tensor.shape),
            "typestr": kind,
            "data": (tensor.data_ptr(), False),
            "version": 3,
        }


_KINDS = {
    torch.bool: np.dtype(np.bool_).str,
    torch.float32: np.dtype(np.float32).str,
    torch.float64: np.dtype(np.float64).str,
    torch.int32: np.dtype(np.int32).str,
    torch.int64: np.dtype(np.int64).str,
}


def to_numpy(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return an array that shares a tensor's memory and keeps it alive, without its graph."""
    # `numpy()` would forbid torch for good to resize the tensor, as sharded training does
    if tensor.requires_grad:
        tensor = tensor.detach()
    kind = _KINDS.get(tensor.dtype)
    if kind is None or not tensor.is_contiguous() or tensor.numel() == 0:
        return np.from_dlpack(tensor)
    return np.asarray(_Memory(tensor, kind))  # takes half as long


def _to_numpy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return to_numpy(value)
    if type(value) is Events:  # whose order no form looks at
        return changed(
            value,
            times=_to_numpy(value.times),
            afferents=_to_numpy(value.afferents),
            counts=_to_numpy(value.counts),
        )
    if isinstance(value, Events):
        return map_arrays(value, _to_numpy)
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a Peak
        return type(value)(*map(_to_numpy, value))
    return value


def _to_torch(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, tuple):
        return tuple(map(_to_torch, value))
    return value
