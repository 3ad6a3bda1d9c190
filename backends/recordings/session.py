"""A recording with its trials: what a reader returns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .labelled import LabelledEvents
from .recording import Recording
from .trials import Trials

__all__ = ["Session", "laid_out"]

GAP = 1e-3
"""Seconds between trials that are laid out one after another."""


class Session(NamedTuple):
    """A recording and its trials.

    Attributes
    ----------
    recording : Recording
    trials : Trials or None
        None where there is no table of them.
    """

    recording: Recording
    trials: Trials | None

    def cut(
        self, before: float = 0.0, after: float | None = None, **options: Any
    ) -> LabelledEvents:
        """Cut a pattern out for each trial: ``recording.trials(trials, before, after, ...)``.

        Raises
        ------
        ValueError
            If there are no trials.
        """
        if self.trials is None:
            raise ValueError(
                f"trials must be given to cut patterns, got a recording alone: {self.recording}"
            )
        return self.recording.trials(self.trials, before, after, **options)


def laid_out(
    times: NDArray[np.float64],
    units: NDArray[Any],
    numbers: NDArray[np.int64],
    n_trials: int,
    *,
    bounds: tuple[float, float] | None = None,
    unit_ids: Any = None,
    labels: Any = None,
    ids: Any = None,
    columns: Any = None,
    name: str = "recording",
) -> Session:
    """Lay trials out one after another whose spikes have times of the trial, not the recording.

    Parameters
    ----------
    times : array, shape (E,)
        In seconds, from the alignment of the spike's trial.
    units : array, shape (E,)
        The id of each spike's unit.
    numbers : integer array, shape (E,)
        The number of its trial, from 0.
    n_trials : int
    bounds : tuple of float, optional
        Start and end of every trial, from its alignment; the first and the last spike of any and 0
        unless given.
    unit_ids, labels, ids, columns, name
        As for `Recording.from_spikes` and `Trials.from_arrays`.

    Returns
    -------
    Session
        Of which no window of one trial reaches the spikes of another.
    """
    low = min(0.0, float(times.min(initial=0.0)))
    high = max(0.0, float(times.max(initial=0.0)))
    if bounds is not None:
        low, high = min(low, bounds[0]), max(high, bounds[1])
    step = high - low + GAP
    align = np.arange(n_trials) * step - low
    limits = np.stack([align + low - 0.5 * GAP, align + high + 0.5 * GAP], axis=1)
    trials = Trials.from_arrays(
        align,
        labels,
        time_unit="s",
        lengths=high if high > 0.0 else None,
        ids=ids,
        columns=columns,
        limits=limits,
    )
    recording = Recording.from_spikes(
        times + align[numbers],
        units,
        time_unit="s",
        unit_ids=unit_ids,
        span=(float(limits[0, 0]), float(limits[-1, 1])),
        name=name,
    )
    return Session(recording, trials)
