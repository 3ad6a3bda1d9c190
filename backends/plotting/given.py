"""What callers hold, as the panels draw it: arrays of any library, and spikes in any form."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.arrays.host import to_host
from tempotron_core.arrays.plain import check_plain

__all__ = ["host_values", "one_pattern", "spike_trains"]

Floats = NDArray[np.floating[Any]]


def host_values(name: str, given: Any) -> NDArray[Any]:
    """Return an array of any library and device, or a list of numbers, as a NumPy array.

    Raises
    ------
    TypeError
        If it is something else, or has a mask or a unit.
    """
    check_plain(name, given)
    try:
        if array_api_compat.is_array_api_obj(given) and not isinstance(given, np.ndarray):
            return to_host(given)
        array = np.asarray(given)
    except (TypeError, ValueError) as error:  # a ragged list, a traced array
        raise TypeError(f"{name} must be an array, got {type(given).__name__}: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
    return array


def one_pattern(name: str, given: Any, ndim: int) -> NDArray[Any]:
    """Return what belongs to one pattern, with or without the axis of a batch of one.

    Raises
    ------
    TypeError
        As `host_values`.
    ValueError
        If it has other axes, or more patterns than one.
    """
    array = host_values(name, given)
    if array.ndim == ndim + 1 and len(array) == 1:
        return np.asarray(array[0])
    if array.ndim != ndim:
        hint = f": pass one pattern, {name}[0]" if array.ndim == ndim + 1 else ""
        raise ValueError(f"{name} must have {ndim} axes, got shape {array.shape}{hint}")
    return array


def spike_trains(name: str, given: Any) -> list[Floats]:
    """Return the spikes of one pattern: for each afferent its times, without what is no spike.

    Parameters
    ----------
    name : str
        What errors call it.
    given : Events, array or sequence
        Events of one pattern; or an array of any library, shape (N,) or (N, S), also of a batch of
        one, (1, N, S), in which negative and infinite times are no spikes; or for each afferent
        its spike time or a list of them, of any length.

    Returns
    -------
    list of N arrays

    Raises
    ------
    TypeError
        If it is nothing of that, or a time is no real number or has a unit.
    ValueError
        If it holds several patterns, or a time is NaN.
    """
    if isinstance(given, Events):
        if len(given) != 1:
            raise ValueError(
                f"{name} must be one pattern, got Events of {len(given)}: pass one, {name}[0]"
            )
        rows = list(to_host(given.to_trains())[0])
    elif isinstance(given, list | tuple) or (isinstance(given, np.ndarray) and given.dtype == "O"):
        rows = [_train(f"{name}[{i}]", train) for i, train in enumerate(given)]
    else:
        array = host_values(name, given)
        if array.ndim == 3:
            array = one_pattern(name, array, 2)
        if array.ndim not in (1, 2):
            raise ValueError(
                f"{name} must have shape (N,) or (N, S), one row per afferent, "
                f"got shape {array.shape}"
            )
        rows = list(array.reshape(len(array), -1))
    times = [np.asarray(row, dtype=np.float64) for row in rows]
    for i, row in enumerate(times):
        if np.isnan(row).any():
            raise ValueError(f"{name} must not hold NaN, got it for afferent {i}")
    return [row[np.isfinite(row) & (row >= 0.0)] for row in times]


def _train(name: str, given: Any) -> NDArray[Any]:
    """Return the times of one afferent, from a number or a list."""
    train = host_values(name, given)
    if train.ndim > 1:
        raise ValueError(
            f"{name} must be the spike times of one afferent, got shape {train.shape}: "
            f"pass one pattern at a time"
        )
    return train.reshape(-1)
