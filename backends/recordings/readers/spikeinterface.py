"""SpikeInterface: sorted units, whose spikes count samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..recording import Recording
from ..session import Session
from .libraries import library

__all__ = ["from_spikeinterface"]


def from_spikeinterface(sorting: Any, *, segment: int | None = None) -> Session:
    """Take a sorting.

    Parameters
    ----------
    sorting : spikeinterface.BaseSorting
    segment : int, optional
        Which of its segments; needed where there are several.

    Returns
    -------
    Session
        Without trials.  Properties with a value per unit are those of the recording.

    Raises
    ------
    ImportError
        If spikeinterface is not installed.
    TypeError, ValueError
        If it is no sorting, or has no such segment.
    """
    core = library("spikeinterface.core", "from_spikeinterface")
    if not isinstance(sorting, core.BaseSorting):
        raise TypeError(f"sorting must be a BaseSorting, got {type(sorting).__name__}")
    n_segments = sorting.get_num_segments()
    if segment is None:
        if n_segments != 1:
            raise ValueError(f"segment must say which of the {n_segments} segments, got None")
        segment = 0
    if not 0 <= segment < n_segments:
        raise ValueError(f"segment must be from 0 to {n_segments - 1}, got {segment}")
    ids = sorting.get_unit_ids()
    properties = {key: np.asarray(sorting.get_property(key)) for key in sorting.get_property_keys()}
    recording = Recording.from_trains(
        [sorting.get_unit_spike_train(unit, segment_index=segment) for unit in ids],
        unit_ids=ids,
        time_unit="samples",
        sampling_rate=float(sorting.get_sampling_frequency()),
        properties=properties,
    )
    return Session(recording, None)
