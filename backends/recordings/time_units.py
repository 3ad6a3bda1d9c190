"""Times as they are given, in a unit that is named, as seconds and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core.arrays.numbers import positive_float

from ..interchange.host_arrays import host_array

__all__ = ["PER_SECOND", "SAMPLES", "checked_unit", "in_seconds"]

Floats = NDArray[np.float64]

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""How many of each unit make a second."""

SAMPLES = "samples"
"""The unit of times that count samples, of which ``sampling_rate`` make a second."""


def checked_unit(name: str, unit: Any) -> float:
    """Return how many of a unit make a second.

    Raises
    ------
    ValueError
        If there is no such unit.
    """
    if not isinstance(unit, str) or unit not in PER_SECOND:
        raise ValueError(f"{name} must be one of {', '.join(PER_SECOND)}, got {unit!r}")
    return PER_SECOND[unit]


def in_seconds(name: str, times: Any, time_unit: Any, sampling_rate: float | None = None) -> Floats:
    """Return finite times, of one axis, in seconds.

    Parameters
    ----------
    name : str
        For errors.
    times : array of real numbers
    time_unit : {'s', 'ms', 'us', 'ns', 'samples'}
    sampling_rate : float, optional
        Samples per second, where times count samples.

    Raises
    ------
    TypeError
        If they are no real numbers.
    ValueError
        If the shape or the unit is another, or a time is not finite.
    """
    per_second = _per_second(time_unit, sampling_rate)
    found = host_array(name, times)
    if found.size == 0:  # an empty list says nothing of its type
        found = found.astype(np.float64)
    if found.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got {found.dtype}")
    if found.ndim != 1:
        raise ValueError(f"{name} must have one axis, got shape {found.shape}")
    found = found.astype(np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite, got {found[~np.isfinite(found)][0]}")
    return found / per_second  # rounded once, as a product with 0.001 would not be


def _per_second(time_unit: Any, sampling_rate: float | None) -> float:
    if time_unit == SAMPLES:
        if sampling_rate is None:
            raise ValueError("sampling_rate must be given for times in samples, got None")
        return positive_float("sampling_rate", sampling_rate)
    if sampling_rate is not None:
        raise ValueError(
            f"sampling_rate must be left out unless time_unit is {SAMPLES!r}, got {sampling_rate}"
        )
    if not isinstance(time_unit, str) or time_unit not in PER_SECOND:
        units = ", ".join((*PER_SECOND, SAMPLES))
        raise ValueError(f"time_unit must be one of {units}, got {time_unit!r}")
    return PER_SECOND[time_unit]
