"""Checks of what is computed shard by shard."""

from __future__ import annotations

from typing import Any

import array_api_compat
import dask.array
from dask.base import is_dask_collection

from tempotron_core import Neuron

__all__ = ["check_chunks", "check_weight", "is_lazy"]

Array = Any


def is_lazy(value: Any) -> bool:
    """Whether it stands for a value to come: a Dask collection, or a Future, which has a key."""
    return is_dask_collection(value) or hasattr(value, "key")


def check_chunks(latencies: Any) -> None:
    """Raise unless they are a Dask array in chunks of whole patterns."""
    if not isinstance(latencies, dask.array.Array):
        raise TypeError(f"latencies must be a Dask array, got {type(latencies).__name__}")
    if latencies.ndim != 2:
        raise ValueError(f"latencies must have shape (B, N), got {tuple(latencies.shape)}")
    if latencies.numblocks[1] != 1:
        raise ValueError(
            f"latencies must have all afferents of a pattern in one chunk, got chunks of "
            f"{latencies.chunks[1]} afferents: use latencies.rechunk({{1: -1}})"
        )


def check_weight(weight: Array, neuron: Neuron) -> None:
    """Raise unless weights, where they are at hand, have two axes, and the neuron is one."""
    if not isinstance(neuron, Neuron):
        raise TypeError(f"neuron must be a Neuron, got {type(neuron).__name__}")
    if is_lazy(weight):
        return
    if not array_api_compat.is_array_api_obj(weight):
        raise TypeError(f"weight must be an array, got {type(weight).__name__}")
    if weight.ndim != 2:
        raise ValueError(f"weight must have shape (O, N), got {tuple(weight.shape)}")
