"""The kernels for NumPy arrays, on PyTorch CPU tensors that share their memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tempotron_core import Events
from tempotron_core.events.batch import changed, map_arrays

__all__ = ["on_tensors"]


def on_tensors(form: Callable[..., Any]) -> Callable[..., Any]:
    """Make a fused form for NumPy arrays take and return tensors."""

    def of_tensors(*arguments: Any) -> Any:
        return _to_torch(form(*map(_to_numpy, arguments)))

    return of_tensors


def _to_numpy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        # `numpy()` would forbid torch for good to resize the tensor, as sharded training does
        return np.from_dlpack(value.detach() if value.requires_grad else value)
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
