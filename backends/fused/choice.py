"""Which fused kernels serve an array, if any: decided by its library and its device.

Compilers and GPU libraries are imported at the first array they could serve.  Where one is missing
or broken, the Array API form serves, and a broken one is named in a warning, once.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .cpu.compiling.collector import collector_paused

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


_ON_CPU = {
    "all_within": "readouts.function_gradients",
    "first_crossing": "readouts.functions",
    "first_crossing_vjp": "readouts.function_gradients",
    "peak": "readouts.functions",
    "peak_vjp": "readouts.function_gradients",
    "voltage": "readouts.functions",
    "voltage_vjp": "readouts.function_gradients",
    "learn_online": "learning.online",
    "keep_spikes": "events.picking",
    "pick_patterns": "events.picking",
    "sort_spikes": "events.preparing",
    "critical_threshold": "spiking.functions",
    "critical_threshold_vjp": "spiking.functions",
    "output_spikes": "spiking.functions",
    "output_spikes_vjp": "spiking.functions",
    "follow_stream": "spiking.streaming",
    "adam_step": "learning.training",
    "class_cost": "learning.training",
    "learn_classes": "learning.training",
}
"""The module of `cpu` that holds each form."""


class _Forms(Mapping[str, Callable[..., Any]]):
    """Forms of compiled kernels, each of which is imported when it is first asked for."""

    def __init__(self, wrap: Callable[[Any], Callable[..., Any]] | None = None) -> None:
        self._wrap = wrap
        self._found: dict[str, Callable[..., Any]] = {}

    def __getitem__(self, name: str) -> Callable[..., Any]:
        form = self._found.get(name)
        if form is None:
            form = getattr(importlib.import_module(f".cpu.{_ON_CPU[name]}", __package__), name)
            form = self._found[name] = form if self._wrap is None else self._wrap(form)
        return form

    def get(self, name: str, default: Any = None) -> Any:
        """Return a form; quickly, since it is asked for at every call."""
        return self._found.get(name) or (self[name] if name in _ON_CPU else default)

    def __iter__(self) -> Iterator[str]:
        return iter(_ON_CPU)

    def __len__(self) -> int:
        return len(_ON_CPU)


@functools.cache
def _on_cpu() -> Forms:
    if importlib.util.find_spec("numba") is None:
        return {}
    try:
        with collector_paused():
            from .cpu.compiling import compiled  # noqa: F401
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, we can do without
        warnings.warn(
            f"Numba is installed but cannot be used, so the compiled kernels are not: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return {}
    return _Forms()


@functools.cache
def _on_cpu_tensors() -> Forms:
    if not _on_cpu():
        return {}
    from .tensors import on_tensors

    return _Forms(on_tensors)
