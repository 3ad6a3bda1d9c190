"""Preparation, measured beside `peak`: Events of dense times, trains and lists, and sorted anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from tempotron_core import Events, peak
from tempotron_core.events.rearranging import present, resorted

from .._backend import Backend
from .measure import Record, Settings, timed_rows
from .subjects import Subject
from .workload import NEURON, Workload

__all__ = ["PREPARE_CALLS", "measure_preparing"]

SLOTS = 2
"""Spikes that trains have room for."""

PREPARE_CALLS = {
    "latencies": "latencies",
    "trains": "trains",
    "lists": "lists",
    "again": "moved, sorted anew",
    "peak": "peak",
}


def measure_preparing(
    workload: Workload, backends: Iterable[Backend], settings: Settings
) -> Record:
    """Measure what one workload's patterns take to be made from each form.

    Parameters
    ----------
    workload : Workload
    backends : iterable of Backend
    settings : Settings
        ``whats`` plays no part.

    Returns
    -------
    dict
        ``shape``, ``dtype``, ``n_spikes``, ``subjects`` and ``notes``.
    """
    settings.say(f"{workload.shape}, {workload.dtype}: timing how patterns are prepared")
    subjects, notes = [], []
    for backend in backends:
        if workload.dtype in backend.dtypes:
            subjects.append(_subject(workload, backend))
        else:
            notes.append(f"{backend} left out, it has no {workload.dtype}")
    return {
        "shape": asdict(workload.shape),
        "dtype": workload.dtype,
        "n_spikes": workload.n_spikes,
        "subjects": timed_rows(subjects, PREPARE_CALLS, settings),
        "notes": notes,
    }


def _subject(workload: Workload, backend: Backend) -> Subject:
    """Put the workload on the backend's device, in each form, with a call for each."""
    shape, host = workload.shape, workload.times
    duration = shape.duration
    times, weight = backend.from_numpy(host), backend.from_numpy(workload.weight)
    padded = np.full((*host.shape, SLOTS), -1.0, host.dtype)
    padded[:, :, 0] = host
    trains = backend.from_numpy(padded)
    pattern, afferent = np.nonzero(host >= 0.0)
    offsets = backend.from_numpy(np.searchsorted(pattern, np.arange(shape.batch + 1)))
    listed, of = backend.from_numpy(host[pattern, afferent]), backend.from_numpy(afferent)
    events = Events.from_latencies(times, duration)
    # by about the time from spike to spike
    step = duration / (shape.afferents * shape.active)
    noise = np.random.default_rng(1).normal(0.0, step, tuple(events.times.shape))
    moved = abs(events.times + backend.from_numpy(noise.astype(host.dtype)))
    moved = events.xp.where(present(events), moved, -1.0)

    def arrays(made: Events) -> tuple[Any, ...]:
        return made.times, made.afferents, made.counts, made.order

    calls: dict[str, Callable[[], Any]] = {
        "latencies": lambda: arrays(Events.from_latencies(times, duration)),
        "trains": lambda: arrays(Events.from_trains(trains, duration)),
        "lists": lambda: arrays(Events.from_csr(listed, of, offsets, shape.afferents, duration)),
        "again": lambda: arrays(resorted(events, moved)),
        "peak": lambda: peak(events, weight, NEURON),
    }
    return Subject(
        str(backend),
        "prepare",
        calls,
        lambda found: backend.synchronise(*found),
        on_host=backend.device.startswith("cpu"),
    )
