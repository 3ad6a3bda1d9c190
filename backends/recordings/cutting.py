"""Patterns cut out of spikes in continuous time, one for each trial.

The spikes of all units lie in one list in time, so what a window holds is one stretch of it, found
by two searches however many units there are.
"""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tempotron_core.arrays.numbers import real_number

from .._backend import Backend
from ..interchange.placement import place
from .labelled import LabelledEvents
from .time_units import checked_unit
from .trials import Trials
from .warning import RecordingWarning

__all__ = ["cut"]

Floats = NDArray[np.float64]


class Spikes(Protocol):
    """What is looked at of a `Recording`."""

    @property
    def times(self) -> Floats: ...
    @property
    def units(self) -> NDArray[np.int64]: ...
    @property
    def unit_ids(self) -> NDArray[Any]: ...
    @property
    def span(self) -> tuple[float, float] | None: ...
    @property
    def extent(self) -> tuple[float, float]: ...
    @property
    def name(self) -> str: ...


def cut(
    recording: Spikes,
    trials: Trials,
    before: float,
    after: float | None,
    *,
    unit: str,
    backend: Backend | None,
    dtype: Any,
    layout: str,
) -> LabelledEvents:
    """Cut patterns out of a recording, as `Recording.trials` describes it."""
    per_second = checked_unit("unit", unit)
    start = 0.0 - real_number("before", before)
    ends: Floats | float
    if after is not None:
        ends = stop = real_number("after", after)
    elif trials.lengths is None:
        raise ValueError("after must be given for trials without a length, got None")
    else:
        ends = trials.lengths * per_second
        stop = float(ends.max())
    duration = stop - start
    if not (np.isfinite(duration) and duration > 0.0):
        raise ValueError(
            f"before and after must make a window of some length, got {before} and {after}"
        )
    opens, closes = trials.align + start / per_second, trials.align + ends / per_second
    if trials.limits is not None:
        opens = np.maximum(opens, trials.limits[:, 0])
        closes = np.minimum(closes, trials.limits[:, 1])
    _warn_of_trials_beyond(opens, closes, recording)
    times, n_units = recording.times, len(recording.unit_ids)
    first = np.searchsorted(times, opens, side="left")
    counts = np.maximum(np.searchsorted(times, closes, side="left") - first, 0)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    spikes = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], counts)
    relative = (times[spikes] - np.repeat(trials.align, counts)) * per_second - start
    # inside by the times of the recording: rounding must not push a spike over an edge
    relative = np.clip(relative, 0.0, duration)
    labels = trials.labels()
    classes, numbers = None, None
    if labels is not None:
        classes, numbers = np.unique(labels, return_inverse=True)
    return LabelledEvents(
        place(
            relative, recording.units[spikes], offsets, n_units, duration, backend, dtype, layout
        ),
        None if numbers is None else numbers.astype(np.int64),
        classes,
        trials.ids,
        recording.unit_ids,
        start,
        unit,
        trials.columns,
    )


def _warn_of_trials_beyond(opens: Floats, closes: Floats, recording: Spikes) -> None:
    start, stop = recording.extent
    outside = (closes < start) | (opens > stop)
    # before the first spike, and after the last, there may be more of it
    partly = ((opens < start) | (closes > stop)) & ~outside & (recording.span is not None)
    if outside.any() or partly.any():
        warnings.warn(
            f"{np.count_nonzero(outside)} of {len(opens)} trials lie outside {recording.name}, "
            f"which goes from {start:.6g} to {stop:.6g} s, and {np.count_nonzero(partly)} reach "
            f"beyond it: they are kept, with the spikes there are",
            RecordingWarning,
            stacklevel=4,
        )
