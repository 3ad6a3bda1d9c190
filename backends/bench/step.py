"""A step of training, measured beside the kernels that it cannot do without."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from tempotron_core import Events, Network, Peak
from tempotron_core.arrays.registry import fused
from tempotron_core.learning import Adam
from tempotron_core.networks.learning_step import Objective, learning_step

from .._backend import Backend
from .measure import Record, Settings
from .subjects import Subject
from .timing import in_turns, ratios
from .workload import NEURON, Workload

__all__ = ["STEP_CALLS", "measure_step"]

STEP_CALLS = {"kernels": "kernels", "step": "a step of training"}

LEARNING_RATE = 1e-9
"""So small that the weights, and what is computed, stay the same."""

Array = Any


def measure_step(workload: Workload, backends: Iterable[Backend], settings: Settings) -> Record:
    """Measure one workload: one layer, one neuron per class, cross-entropy, Adam.

    Parameters
    ----------
    workload : Workload
    backends : iterable of Backend
    settings : Settings
        ``whats`` plays no part.

    Returns
    -------
    dict
        ``shape``, ``dtype``, ``subjects``, each with ``kernels``, ``step`` and their ratio
        ``times_kernels``, and ``notes``.
    """
    settings.say(f"{workload.shape}, {workload.dtype}: a step of training beside its kernels")
    subjects, notes = [], []
    for backend in backends:
        subject = None
        if workload.dtype in backend.dtypes:
            subject = _subject(workload, backend)
        if subject is None:
            notes.append(f"{backend} left out, it has no compiled kernels for {workload.dtype}")
        else:
            subjects.append(subject)
    pairs = [(s, what) for s in subjects for what in STEP_CALLS]
    figures = in_turns(pairs, settings.runs, settings.fill, 0.0)
    rows = []
    for i, subject in enumerate(subjects):
        kernels, step = figures[2 * i : 2 * i + 2]
        rows.append(
            {
                "name": subject.name,
                "form": subject.form,
                "label": subject.label,
                "kernels": kernels.as_json(),
                "step": step.as_json(),
                "times_kernels": ratios(step, kernels).as_json(),
            }
        )
    return {
        "shape": asdict(workload.shape),
        "dtype": workload.dtype,
        "subjects": rows,
        "notes": notes,
    }


def _subject(workload: Workload, backend: Backend) -> Subject | None:
    """Put the workload on the backend's device; None without compiled kernels for it."""
    shape = workload.shape
    weight = backend.from_numpy(workload.weight)
    peak, peak_vjp = (fused(name, "auto", weight) for name in ("peak", "peak_vjp"))
    if peak is None or peak_vjp is None or shape.outputs < 2:
        return None
    of_peak, of_gradient = peak, peak_vjp
    events = Events.from_latencies(backend.from_numpy(workload.times), shape.duration)
    labels = backend.from_numpy(np.arange(shape.batch) % shape.outputs)
    ones = backend.from_numpy(np.ones((shape.batch, shape.outputs), dtype=workload.dtype))
    network = Network([weight], NEURON)
    step = learning_step(network, Objective(neurons_per_class=1))
    rule, state = Adam(LEARNING_RATE), {"weight": weight}

    def kernels() -> tuple[Array, ...]:
        found = Peak(*of_peak(events, weight, NEURON, None))
        return (of_gradient(events, weight, NEURON, found, ones, None, False, None)[0],)

    def train() -> tuple[Array, ...]:
        found = step(events, labels, (state["weight"],))
        assert found.gradients is not None
        state["weight"] = rule.step(state["weight"], found.gradients[0])
        return (state["weight"],)

    calls: dict[str, Callable[[], Any]] = {"kernels": kernels, "step": train}
    return Subject(
        str(backend),
        "fused",
        calls,
        lambda arrays: backend.synchronise(*arrays),
        on_host=backend.device.startswith("cpu"),
    )
