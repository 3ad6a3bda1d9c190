"""Multi-spike neurons, measured beside `peak`: counts, critical thresholds, gradients of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from tempotron_core import Events, peak
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

from .._backend import Backend
from .measure import Record, Settings, timed_rows
from .subjects import METHODS, Subject, forms_of
from .workload import NEURON, Floats, Workload

__all__ = ["SPIKING_CALLS", "measure_spiking"]

SPIKES = 3
"""Output spikes of about half of the pairs; also the threshold that is searched."""

SEEN = 32
"""Patterns that weights are scaled by."""

SPIKING_CALLS = {
    "peak": "peak",
    "spikes": "spikes",
    "spikes_gradient": "spikes + gradient",
    "threshold": "θ*",
    "threshold_gradient": "θ* + gradient",
}

Array = Any


def measure_spiking(workload: Workload, backends: Iterable[Backend], settings: Settings) -> Record:
    """Measure one workload, its weights scaled so that neurons spike several times.

    Parameters
    ----------
    workload : Workload
    backends : iterable of Backend
    settings : Settings
        ``whats`` plays no part.

    Returns
    -------
    dict
        ``shape``, ``dtype``, ``k``, ``mean_spikes``, ``subjects`` and ``notes``.

    Raises
    ------
    ValueError
        If numbers of spikes differ between backends.
    """
    settings.say(
        f"{workload.shape}, {workload.dtype}: multi-spike neurons, checking that all agree"
    )
    weight = _scaled(workload)
    subjects, counts, notes = [], {}, []
    for backend in backends:
        if workload.dtype not in backend.dtypes:
            notes.append(f"{backend} left out, it has no {workload.dtype}")
            continue
        for form in forms_of(backend, workload.dtype):
            if form == "jit":
                notes.append(f"{backend}: no more than {2 * SPIKES} spikes are looked for")
                if not _called_by_jax():
                    notes[-1] += ", and thresholds, which take a minute to compile, are left out"
            subject, count = _subject(workload, weight, backend, form)
            subjects.append(subject)
            counts[subject.label] = count()
    expected = next(iter(counts.values()), np.zeros(1))
    for label, found in counts.items():
        limited = np.minimum(expected, 2 * SPIKES) if label.endswith("jit") else expected
        apart = int((found != limited).sum())
        if apart > 1e-3 * found.size:  # at a critical threshold rounding decides
            raise ValueError(f"{label} must count as {subjects[0].label}, got {apart} others")
    settings.say("timing every backend")
    return {
        "shape": asdict(workload.shape),
        "dtype": workload.dtype,
        "k": SPIKES,
        "mean_spikes": float(expected.mean()),
        "subjects": timed_rows(subjects, SPIKING_CALLS, settings),
        "notes": notes,
    }


def _scaled(workload: Workload) -> Floats:
    """Weights with which about half of the pairs spike so often, or more."""
    events = Events.from_latencies(workload.times[:SEEN], workload.shape.duration)
    weight = workload.weight
    for _ in range(2):
        theta = np.median(critical_threshold(events, weight, NEURON, SPIKES).theta, axis=0)
        if theta.min() > 0.0:
            break
        weight = np.abs(weight)
    # a little more, lest the pattern in the middle grazes its threshold
    factor = 1.01 * NEURON.v_threshold / np.where(theta > 0.0, theta, NEURON.v_threshold)
    found: Floats = (weight * factor[:, None]).astype(workload.weight.dtype)
    return found


def _subject(
    workload: Workload, given: Floats, backend: Backend, form: str
) -> tuple[Subject, Callable[[], Any]]:
    """Put the workload on the backend's device; its calls in that form, and its counts."""
    events = Events.from_latencies(backend.from_numpy(workload.times), workload.shape.duration)
    weight = backend.from_numpy(given)
    ones = backend.from_numpy(np.ones((len(events), given.shape[0]), dtype=workload.dtype))
    how: dict[str, Any] = {"method": METHODS.get(form, "auto")}
    kept = 2 * SPIKES if form == "jit" else None

    def spikes() -> Any:
        return output_spikes(events, weight, NEURON, max_spikes=kept, **how)

    def threshold() -> Any:
        return critical_threshold(events, weight, NEURON, SPIKES, **how)

    def spikes_gradient() -> tuple[Array, ...]:
        times = spikes().times
        cotangent = events.xp.where(events.xp.isfinite(times), 1.0, 0.0)
        cotangent = events.xp.astype(cotangent, weight.dtype)
        return (output_spikes_vjp(events, weight, NEURON, times, cotangent, **how).weight,)

    def threshold_gradient() -> tuple[Array, ...]:
        return (critical_threshold_vjp(events, weight, NEURON, threshold(), ones, **how).weight,)

    calls: dict[str, Callable[[], Any]] = {
        "peak": lambda: peak(events, weight, NEURON, **how),
        "spikes": spikes,
    }
    gradients = spikes_gradient, threshold_gradient
    if form == "jit":
        gradients = _compiled_gradients(events, weight)
    calls["spikes_gradient"] = gradients[0]
    if form != "jit" or _called_by_jax():
        calls |= {"threshold": threshold, "threshold_gradient": gradients[1]}
    subject = Subject(
        str(backend),
        form,
        calls,
        lambda arrays: backend.synchronise(*arrays),
        on_host=backend.device.startswith("cpu"),
    )
    return subject, lambda: backend.to_numpy(spikes().counts)


def _called_by_jax() -> bool:
    """Whether JAX calls the kernels, on the processor."""
    from ..jax.kernels import mode, serves

    return serves(NEURON, mode())


def _compiled_gradients(
    events: Events, weight: Array
) -> tuple[Callable[[], tuple[Array, ...]], Callable[[], tuple[Array, ...]]]:
    """Return JAX's gradients of the sums of spike times and thresholds, each compiled as one."""
    import jax
    import jax.numpy as jnp

    def of_times(w: Array) -> Any:
        times = output_spikes(events, w, NEURON, max_spikes=2 * SPIKES).times
        return jnp.where(jnp.isfinite(times), times, 0.0).sum()

    def of_thresholds(w: Array) -> Any:
        return critical_threshold(events, w, NEURON, SPIKES).theta.sum()

    by_times, by_thresholds = jax.jit(jax.grad(of_times)), jax.jit(jax.grad(of_thresholds))
    return lambda: (by_times(weight),), lambda: (by_thresholds(weight),)
