"""Spike times and spike lists as callers give them, checked; errors name what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays.integers import as_floating, as_index
from ..arrays.namespace import (
    check_arrays,
    check_dense,
    is_plain_floating,
    known_true,
    namespace_of,
)
from ..arrays.numbers import positive_float

__all__ = ["check_afferents", "check_not_nan", "checked_lists", "checked_times"]

Array = Any


def checked_times(
    name: str, times: Array, duration: float, axes: str, ndim: int
) -> tuple[Array, float]:
    """Times of ``ndim`` axes as floats, and the duration as a Python float.

    NaN is looked for by `check_not_nan`, unless compiled code does it on the way.
    """
    check_arrays(**{name: times})
    duration = positive_float("duration", duration)
    if times.ndim != ndim:
        raise ValueError(f"{name} must have shape {axes}, got {tuple(times.shape)}")
    plain = is_plain_floating(times)
    # NumPy itself has the functions below: the rest of its namespace is not imported for them
    xp = np if plain else namespace_of(times)
    if not plain:
        check_dense(name, times)
        times = as_floating(name, times, xp=xp)
    longest = float(xp.finfo(times.dtype).max) / 2.0
    if duration > longest:
        raise ValueError(f"duration must be at most {longest} in {times.dtype}, got {duration}")
    return times, duration


def check_not_nan(name: str, times: Array) -> None:
    """Look for NaN among times, where they have values."""
    xp = np if is_plain_floating(times) else namespace_of(times)
    if known_true(xp.any(xp.isnan(times))):
        raise ValueError(f"{name} must not hold NaN (a negative time or inf means no spike)")


def checked_lists(times: Array, afferents: Array, offsets: Array, xp: Any) -> tuple[Array, Array]:
    """Afferents and offsets of the spike lists ``times`` (E,), in the dtype of indices.

    Whether there are such afferents is seen by `check_afferents`, or on the way as NaN is.
    """
    afferents = _indices("afferents", afferents, xp)
    offsets = _indices("offsets", offsets, xp)
    n_entries = times.shape[0]
    if afferents.shape[0] != n_entries:
        raise ValueError(
            f"afferents must have one entry per time, got {afferents.shape[0]} for {n_entries}"
        )
    if offsets.shape[0] == 0:
        raise ValueError("offsets must have B + 1 entries, got none")
    if int(offsets[0]) != 0 or int(offsets[-1]) != n_entries:
        raise ValueError(
            f"offsets must run from 0 to {n_entries}, got {int(offsets[0])} to {int(offsets[-1])}"
        )
    descends = offsets[1:] < offsets[:-1]
    if bool(xp.any(descends)):
        b = int(xp.argmax(xp.astype(descends, xp.int8)))
        raise ValueError(f"offsets must ascend, got {int(offsets[b])} before {int(offsets[b + 1])}")
    return afferents, offsets


def check_afferents(afferents: Array, n_afferents: int, xp: Any) -> None:
    """Look for afferents that there are not."""
    if afferents.shape[0] == 0:
        return
    low, high = int(xp.min(afferents)), int(xp.max(afferents))
    if low < 0 or high >= n_afferents:
        raise ValueError(f"afferents must be from 0 to {n_afferents - 1}, got {low} to {high}")


def _indices(name: str, array: Array, xp: Any) -> Array:
    if not xp.isdtype(array.dtype, "integral"):
        raise TypeError(f"{name} must be an integer array, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have one axis, got shape {tuple(array.shape)}")
    return as_index(array, xp=xp)
