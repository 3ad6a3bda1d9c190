"""What is timed: every usable backend in its forms, and the floor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tempotron_core import Events, peak, peak_vjp
from tempotron_core.arrays.registry import implementation

from .._backend import Backend
from . import roofline
from .timing import seconds_per_call
from .workload import NEURON, Floats, Workload

__all__ = ["Subject", "forms_of", "make_floor_subject", "make_subject", "make_subjects"]

METHODS = {"fused": "auto", "plain": "pruned"}
"""What a form passes as ``method``: fused kernels serve 'auto' alone."""

Array = Any


@dataclass(frozen=True)
class Subject:
    """One form on one backend, with its inputs at hand; a `timing.Runner`.

    Attributes
    ----------
    name : str
        The backend, such as ``"torch:cpu"``; ``"floor"`` for the bare scan.
    form : str
        ``"fused"``, ``"plain"``, or ``"jit"`` where the plain form is compiled as a whole.
    calls : dict
        The calls that can be timed: ``prepare`` makes Events of dense spike times, ``forward``
        finds the peaks, ``gradient`` does that and pulls ones back to the weights.
    wait : callable
        Waits until what a call returned has been computed.
    v_max : callable or None
        The peaks [B, O] as a NumPy array.
    on_host : bool
        Whether it works in the memory of the process.
    """

    name: str
    form: str
    calls: dict[str, Callable[[], Any]]
    wait: Callable[[Any], Any]
    v_max: Callable[[], Floats] | None = None
    on_host: bool = True

    @property
    def label(self) -> str:
        """Name and form."""
        return self.name if self.name == "floor" else f"{self.name} {self.form}"

    def can(self, what: str) -> bool:
        """Whether it has that call."""
        return what in self.calls

    def run(self, what: str, calls: int) -> float:
        """Seconds that a call takes."""
        return seconds_per_call(self.calls[what], self.wait, calls)


def forms_of(backend: Backend, dtype: str) -> tuple[str, ...]:
    """Forms that a backend has, the fastest first."""
    if backend.name == "jax":  # arrays of JAX are compiled in the static form whatever is asked for
        return ("jit",)
    array = backend.from_numpy(np.zeros(1, dtype=dtype))
    fused = implementation("fused", array)
    serves = fused is not None and "peak" in fused(array)
    return ("fused", "plain") if serves else ("plain",)


def make_subject(workload: Workload, backend: Backend, form: str) -> Subject:
    """Put the workload on the backend's device and return its calls in that form."""
    shape = workload.shape
    times = backend.from_numpy(workload.times)
    weight = backend.from_numpy(workload.weight)
    ones = backend.from_numpy(np.ones((shape.batch, shape.outputs), dtype=workload.dtype))
    events = Events.from_latencies(times, shape.duration)
    method = METHODS.get(form, "auto")

    def prepare() -> tuple[Array, ...]:
        made = Events.from_latencies(times, shape.duration)
        return made.times, made.afferents, made.counts, made.order

    def forward() -> tuple[Array, ...]:
        return peak(events, weight, NEURON, method=method)

    def gradient() -> tuple[Array, ...]:
        found = peak(events, weight, NEURON, method=method)
        return (peak_vjp(events, weight, NEURON, found, ones, method=method).weight,)

    if form == "jit":
        gradient = _compiled_gradient(events, weight)

    def wait(arrays: tuple[Array, ...]) -> None:
        backend.synchronise(*arrays)

    return Subject(
        str(backend),
        form,
        {"prepare": prepare, "forward": forward, "gradient": gradient},
        wait,
        lambda: backend.to_numpy(forward()[0]),
        on_host=backend.device.startswith("cpu"),
    )


def _compiled_gradient(events: Events, weight: Array) -> Callable[[], tuple[Array, ...]]:
    """Return JAX's gradient of the sum of all peaks, with the peaks, compiled as one."""
    import jax

    def total(w: Array) -> Any:
        v_max = peak(events, w, NEURON).v_max
        return v_max.sum(), v_max

    compiled = jax.jit(jax.grad(total, has_aux=True))

    def gradient() -> tuple[Array, ...]:
        found: tuple[Array, ...] = compiled(weight)
        return found

    return gradient


def make_floor_subject(workload: Workload, threads: int) -> Subject:
    """Return the bare scan; it has a forward call only."""
    events = Events.from_latencies(workload.times, workload.shape.duration)
    scan = roofline.make_floor(events, workload.weight, NEURON, threads)
    return Subject("floor", "bare scan", {"forward": scan}, lambda _: None)


def make_subjects(
    workload: Workload, backends: Iterable[Backend], threads: int
) -> tuple[list[Subject], list[str]]:
    """Return everything that can be timed here, and notes on what cannot.

    Parameters
    ----------
    workload : Workload
    backends : iterable of Backend
    threads : int
        For the floor.

    Returns
    -------
    (list of Subject, list of str)
    """
    subjects: list[Subject] = []
    notes = []
    for backend in backends:
        if workload.dtype not in backend.dtypes:
            reason = backend.framework.missing_dtypes(backend.device)[workload.dtype]
            notes.append(f"{backend} left out, it has no {workload.dtype}: {reason}")
            continue
        forms = forms_of(backend, workload.dtype)
        subjects.extend(make_subject(workload, backend, form) for form in forms)
    if reason := roofline.missing():
        notes.append(reason)
    else:
        subjects.append(make_floor_subject(workload, threads))
    return subjects, notes
