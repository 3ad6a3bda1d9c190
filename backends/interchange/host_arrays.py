"""Arrays and lists of any library as plain NumPy arrays; errors name what would be lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from tempotron_core.arrays.host import to_host
from tempotron_core.arrays.plain import check_plain

__all__ = ["host_array", "integers", "refuse_nan"]


def host_array(name: str, values: Any) -> NDArray[Any]:
    """Return an array of any library, or a list, on the host; ``name`` is for errors.

    What NumPy would drop without a word is an error: a unit, a mask, a gradient.
    """
    check_plain(name, values)
    if isinstance(values, list | tuple):
        _check_entries(name, values)
    if getattr(values, "requires_grad", False):
        raise ValueError(
            f"{name} must not require a gradient, which would be lost: pass its detach(), or make "
            f"Events by Events.from_latencies, from_trains or from_csr, which keep it"
        )
    try:
        if isinstance(values, np.ndarray) or not array_api_compat.is_array_api_obj(values):
            return np.asarray(values)
        return to_host(values)
    except (TypeError, ValueError) as error:  # a ragged list, a traced array
        raise TypeError(f"{name} must be an array, got {type(values).__name__}: {error}") from None


def _check_entries(name: str, values: Sequence[Any]) -> None:
    """Raise if an entry of a list, of numbers or lists, is one that NumPy takes the values of."""
    of_types = {type(value): value for value in values}  # many entries, few types
    for value in of_types.values():
        check_plain(f"the entries of {name}", value)
    if not of_types.keys().isdisjoint((list, tuple)):
        for value in values:
            if isinstance(value, list | tuple):
                _check_entries(name, value)


def integers(name: str, values: Any) -> NDArray[np.int64]:
    """Return integers of any width on the host as int64."""
    array = host_array(name, values)
    if array.size == 0:  # an empty list says nothing of its type
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an integer array, got {array.dtype}")
    if array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} must fit int64, got {array.max()}")
    return array.astype(np.int64)


def refuse_nan(name: str, times: NDArray[Any]) -> None:
    """Raise if a time is NaN."""
    if times.dtype.kind == "f" and np.isnan(times).any():
        raise ValueError(f"{name} must not hold NaN")
