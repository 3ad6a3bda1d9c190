"""What is known of the units of a recording, checked, and their spikes put in order."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..interchange.host_arrays import host_array
from .warning import RecordingWarning

__all__ = [
    "checked_ids",
    "checked_properties",
    "checked_span",
    "chosen_units",
    "in_order",
    "places_of",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def checked_ids(unit_ids: Any) -> NDArray[Any]:
    """Return ids, integers or strings, each once."""
    ids = host_array("unit_ids", unit_ids)
    if ids.dtype.kind == "O" and all(isinstance(each, str) for each in ids.ravel()):
        ids = ids.astype(str)
    if ids.size == 0:
        ids = ids.astype(np.int64)
    if ids.ndim != 1 or ids.dtype.kind not in "iuU":
        raise TypeError(
            f"unit_ids must hold integers or strings along one axis, got {ids.dtype} of shape "
            f"{ids.shape}"
        )
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        again = values[counts > 1].tolist()[0]
        raise ValueError(f"unit_ids must hold every unit once, got {again!r} more than once")
    return ids


def checked_properties(
    properties: Mapping[str, Any] | None, n_units: int
) -> dict[str, NDArray[Any]]:
    """Return columns with a value for each unit."""
    found = {str(key): np.asarray(values) for key, values in (properties or {}).items()}
    for key, values in found.items():
        if values.shape[:1] != (n_units,):
            raise ValueError(
                f"properties must have one value for each of {n_units} units, got shape "
                f"{values.shape} for {key!r}"
            )
    return found


def checked_span(span: Any) -> tuple[float, float] | None:
    """Return a start and a later end, or None where they are not known."""
    if span is None:
        return None
    try:
        start, stop = map(float, span)
    except (TypeError, ValueError):
        raise ValueError(f"span must be a start and an end in seconds, got {span!r}") from None
    if not (np.isfinite([start, stop]).all() and start <= stop):
        raise ValueError(f"span must be a start and a later end in seconds, got {span!r}")
    return start, stop


def places_of(name: str, units: NDArray[Any], ids: NDArray[Any]) -> Integers:
    """Return the place of each unit among the ids."""
    order = np.argsort(ids)
    if len(units) and (len(ids) == 0 or (units.dtype.kind == "U") != (ids.dtype.kind == "U")):
        known = np.zeros(len(units), dtype=np.bool_)
    else:
        at = order[np.minimum(np.searchsorted(ids[order], units), len(ids) - 1)]
        known = ids[at] == units
    if not known.all():
        raise ValueError(
            f"{name} must be among the units {_some(ids)}, got {units[~known].tolist()[0]!r}"
        )
    return at.astype(np.int64)


def chosen_units(units: Any, ids: NDArray[Any]) -> Integers:
    """Return places among the ids, of yes or no for each, or of ids."""
    wanted = host_array("units", units)
    if wanted.dtype.kind != "b":
        chosen = places_of("units", wanted, ids)
    elif wanted.shape == ids.shape:
        chosen = np.flatnonzero(wanted)
    else:
        raise ValueError(f"units must say yes or no to {len(ids)}, got shape {wanted.shape}")
    if len(chosen) == 0 or len(np.unique(chosen)) < len(chosen):
        raise ValueError(f"units must leave one or more, each once, got {units!r}")
    return chosen


def in_order(
    times: Floats, units: Integers, ids: NDArray[Any], name: str
) -> tuple[Floats, Integers]:
    """Return spikes sorted in time, without those that repeat one of the same unit."""
    units = units.astype(np.int64)
    if (times[1:] < times[:-1]).any():
        order = np.argsort(times)  # ties are put in order below
        times, units = times[order], units[order]
    if not (times[1:] == times[:-1]).any():
        return times, units
    order = np.lexsort((units, times))
    times, units = times[order], units[order]
    again = np.zeros(len(times), dtype=np.bool_)
    again[1:] = (times[1:] == times[:-1]) & (units[1:] == units[:-1])
    if not again.any():
        return times, units
    of = np.unique(units[again])
    warnings.warn(
        f"{np.count_nonzero(again)} spikes of {len(of)} units of {name} repeat one of the same "
        f"unit at the same time, first of unit {ids[of[0]].item()!r}: each is kept once",
        RecordingWarning,
        stacklevel=3,
    )
    return times[~again], units[~again]


def _some(ids: NDArray[Any]) -> str:
    """Return the first ids, for a message."""
    shown = ", ".join(map(repr, ids.tolist()[:10]))
    return shown + (f" ... ({len(ids)} in all)" if len(ids) > 10 else "")
