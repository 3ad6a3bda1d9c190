"""Learning pattern by pattern, measured beside the scan of the patterns that it cannot do without.

Neurons that learn random labels: in the first epoch half of the patterns are wrong and every one of
these takes a gradient and a change of the weights, later few are.  The mean is over a whole
learning, until no pattern is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from tempotron_core import Events, peak
from tempotron_core.arrays.registry import fused
from tempotron_core.learning import learn_online

from .._backend import Backend
from .measure import Record, Settings
from .subjects import Subject
from .timing import Figures, in_turns, ratios
from .workload import NEURON, Workload

__all__ = ["ONLINE_CALLS", "measure_online"]

ONLINE_CALLS = {
    "scan": "peak",
    "first": "first epoch",
    "mean": "mean epoch",
    "late": "late epoch",
}

LATE = 100
"""Epochs before the late one: a whole learning, or as much of it as is measured."""

RULE = {"learning_rate": 1e-2, "momentum": 0.9}


def measure_online(workload: Workload, backends: Iterable[Backend], settings: Settings) -> Record:
    """Measure an epoch of `learn_online` on one workload, the first and a late one.

    Parameters
    ----------
    workload : Workload
    backends : iterable of Backend
    settings : Settings
        ``whats`` plays no part.

    Returns
    -------
    dict
        ``shape``, ``dtype``, ``subjects``, each with ``scan``, ``first``, ``mean`` and ``late``,
        the ratios of the latter three to the scan in ``times_scan``, the part of the decisions that
        were wrong in ``wrong`` and the ``epochs`` that the mean is of, and ``notes``.
    """
    settings.say(f"{workload.shape}, {workload.dtype}: epochs pattern by pattern beside a scan")
    subjects, notes = [], []
    for backend in backends:
        if backend.name == "jax" or workload.dtype not in backend.dtypes:
            notes.append(f"{backend} left out, it has no loop over patterns of {workload.dtype}")
        else:
            subjects.append(_subject(workload, backend))
    pairs = [(subject, what) for subject, *_ in subjects for what in ONLINE_CALLS]
    figures = in_turns(pairs, settings.runs, settings.fill)
    rows = []
    for i, (subject, wrong, epochs) in enumerate(subjects):
        n = len(ONLINE_CALLS)
        taken = dict(zip(ONLINE_CALLS, figures[n * i : n * i + n], strict=True))
        taken["mean"] = Figures(tuple(run / epochs for run in taken["mean"].runs))
        times_scan = {what: ratios(taken[what], taken["scan"]).as_json() for what in wrong}
        rows.append(
            {
                "name": subject.name,
                "form": subject.form,
                "label": subject.label,
                **{what: of_call.as_json() for what, of_call in taken.items()},
                "times_scan": times_scan,
                "wrong": wrong,
                "epochs": epochs,
            }
        )
    return {
        "shape": asdict(workload.shape),
        "dtype": workload.dtype,
        "subjects": rows,
        "notes": notes,
    }


def _subject(workload: Workload, backend: Backend) -> tuple[Subject, dict[str, float], int]:
    """Put the workload on the backend's device.

    Also returned are the part of wrong decisions in each epoch, and the epochs of the mean.
    """
    shape = workload.shape
    rng = np.random.default_rng(workload.seed)
    events = Events.from_latencies(backend.from_numpy(workload.times), shape.duration)
    fire = backend.from_numpy(rng.random((shape.batch, shape.outputs)) < 0.5)
    start = backend.from_numpy(workload.weight)

    def learned(weight: Any, epochs: int, **more: Any) -> Any:
        given: Any = RULE | more
        return learn_online(events, fire, weight, NEURON, epochs=epochs, **given)

    before = learned(start, LATE)

    def epoch(weight: Any, **more: Any) -> Callable[[], Any]:
        return lambda: learned(weight, 1, **more)[:2]

    first, late = epoch(start), epoch(before.weight, change=before.change)
    epochs = len(before.errors)
    n = shape.batch * shape.outputs
    again = learned(before.weight, 1, change=before.change)
    errors = {
        "first": before.errors[0],
        "mean": before.errors / epochs,
        "late": again.errors[0],
    }
    wrong = {what: float(of_epoch.sum()) / n for what, of_epoch in errors.items()}
    subject = Subject(
        str(backend),
        "plain" if fused("learn_online", "auto", start) is None else "fused",
        {
            "scan": lambda: peak(events, start, NEURON),
            "first": first,
            "mean": lambda: learned(start, epochs)[:2],
            "late": late,
        },
        lambda found: backend.synchronise(*found),
        on_host=backend.device.startswith("cpu"),
    )
    return subject, wrong, epochs
