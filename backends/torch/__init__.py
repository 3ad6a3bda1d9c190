"""PyTorch: the processor, and CUDA, Apple (MPS) and Intel (XPU) devices where torch finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import array_api_compat.torch as xp
import torch
from numpy.typing import NDArray

from .._backend import Framework, devices_of
from ..fused.choice import for_torch
from . import spiking
from .autograd import DIFFERENTIABLE
from .encoding import GaussianTuning
from .exact_tempotron import ExactTempotron, Readout
from .loading import collate
from .starting import fire_like_
from .tempotron import Tempotron

__all__ = [
    "FRAMEWORK",
    "KERNELS",
    "ExactTempotron",
    "GaussianTuning",
    "Readout",
    "Tempotron",
    "collate",
    "fire_like_",
]

ACCELERATORS: Mapping[str, str] = {"cuda": "cuda:{}", "mps": "mps", "xpu": "xpu:{}"}
"""Kinds of device beside the processor, each a module of torch, and how their devices are named."""


def survey() -> Mapping[str, str]:
    """The processor, and whatever accelerators torch counts."""

    def names(kind: str) -> Iterator[str]:
        for index in range(getattr(torch, kind).device_count()):
            yield ACCELERATORS[kind].format(index)

    found = {"cpu": ""}
    for kind in ACCELERATORS:
        found.update(devices_of(kind, partial(names, kind)))
    return found


def missing_dtypes(device: str) -> Mapping[str, str]:
    """MPS has no double precision."""
    return {"float64": "MPS has no double precision"} if device == "mps" else {}


def native_device(device: str) -> torch.device:
    """The `torch.device` of that name."""
    return torch.device(device)


def place(host: NDArray[Any], device: str) -> torch.Tensor:
    """Copy to the device; on the processor the tensor takes over the host array's memory."""
    return torch.from_numpy(host).to(device)


def to_numpy(array: torch.Tensor) -> NDArray[Any]:
    """Detach, and copy to the host where the tensor is elsewhere."""
    host: NDArray[Any] = array.numpy(force=True)
    return host


def synchronise(device: str, _arrays: tuple[torch.Tensor, ...]) -> None:
    """Wait for the accelerator; the processor has nothing to wait for."""
    kind, _, index = device.partition(":")
    if kind in ACCELERATORS:
        getattr(torch, kind).synchronize(*([int(index)] if index else []))


def index_sum(values: torch.Tensor, index: torch.Tensor, length: int) -> torch.Tensor:
    """Sum values over equal indices, as in the NumPy module; differentiable towards `values`.

    Deterministic on the processor. On CUDA the order of additions, and so the last digits, vary
    between calls unless `torch.use_deterministic_algorithms` is on.
    """
    sums = torch.zeros((*values.shape[:-1], length), dtype=values.dtype, device=values.device)
    return sums.index_add(-1, index, values)


FRAMEWORK = Framework(
    name="torch",
    version=torch.__version__,
    xp=xp,
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
    "fused": for_torch,
    **DIFFERENTIABLE,
    **spiking.DIFFERENTIABLE,
}
