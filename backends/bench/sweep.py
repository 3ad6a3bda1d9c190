"""How cost grows: one size varied, the others fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .._backend import Backend
from .measure import Record, Settings
from .memory import memory_of
from .peers import Peer
from .subjects import Subject, make_subjects
from .timing import in_turns
from .workload import Shape, Workload

__all__ = ["QUICK_VALUES", "VALUES", "sweep", "sweeps"]

VALUES: dict[str, tuple[Any, ...]] = {
    "outputs": (1, 3, 10, 30, 100),
    "afferents": (100, 300, 1_000, 3_000, 10_000),
    "batch": (4, 16, 64, 256, 1_024),
    "duration": (100.0, 1_000.0, 10_000.0, 100_000.0),
}
"""What each size is varied over.  The spikes are the same whatever the duration."""

QUICK_VALUES: dict[str, tuple[Any, ...]] = {
    "outputs": (1, 3),
    "afferents": (10, 30),
    "batch": (1, 3),
    "duration": (100.0, 100_000.0),
}

PEER_RUNS = 3

LARGEST_DENSE = 128 << 20
"""Bytes of one [B, N, T] array above which the dense form is left out: it holds several."""


def sweeps(
    base: Shape,
    dtype: str,
    backends: Sequence[Backend],
    peers: Sequence[Peer],
    settings: Settings,
    folder: Path,
    values: dict[str, tuple[Any, ...]],
) -> list[Record]:
    """Vary every size that ``values`` names.

    Returns
    -------
    list of dict
        One for each size, with ``factor``, ``base``, ``points`` and, for the duration,
        ``longest_to_shortest``; see docs/benchmarks.md.
    """
    found = []
    for factor, over in values.items():
        settings.say(f"sweep over {factor}: {', '.join(f'{v:,g}' for v in over)}")
        found.append(sweep(factor, over, base, dtype, backends, peers, settings, folder))
    return found


def sweep(
    factor: str,
    over: Sequence[Any],
    base: Shape,
    dtype: str,
    backends: Sequence[Backend],
    peers: Sequence[Peer],
    settings: Settings,
    folder: Path,
) -> Record:
    """Vary one size; all values are measured in turns, so that their ratios are of one time."""
    workloads = [Workload(base.with_(**{factor: value}), dtype) for value in over]
    made = [make_subjects(workload, backends, settings.threads)[0] for workload in workloads]
    entries = [
        (index, subject, what)
        for index, subjects in enumerate(made)
        for subject in subjects
        for what in ("forward", "gradient")
        if subject.can(what)
    ]
    figures = in_turns([(s, what) for _, s, what in entries], settings.runs, settings.fill)
    points: list[Record] = [
        {"value": value, "n_spikes": w.n_spikes, "subjects": {}}
        for value, w in zip(over, workloads, strict=True)
    ]
    for (index, subject, what), taken in zip(entries, figures, strict=True):
        _entry(points[index], subject)[what] = taken.as_json()
    for workload, point, subjects in zip(workloads, points, made, strict=True):
        for peer in peers:
            if _feasible(peer, workload):
                peer.load(workload.save(folder), workload)
                (found,) = in_turns([(peer, "gradient")], min(settings.runs, PEER_RUNS), 0.0)
                _entry(point, peer)["gradient"] = found.as_json()
        if factor == "batch":
            _add_memory(point, workload, subjects, peers, settings, folder)
    record: Record = {"factor": factor, "base": asdict(base), "dtype": dtype, "points": points}
    if factor == "duration":
        record["longest_to_shortest"] = _longest_to_shortest(points)
    return record


def _entry(point: Record, who: Subject | Peer) -> Record:
    """The place of a subject or peer at a point."""
    label = who.label if isinstance(who, Subject) else who.name
    place: Record = point["subjects"].setdefault(label, {"name": who.name, "form": who.form})
    return place


def _add_memory(
    point: Record,
    workload: Workload,
    subjects: Sequence[Subject],
    peers: Sequence[Peer],
    settings: Settings,
    folder: Path,
) -> None:
    for subject in subjects:
        _entry(point, subject)["memory_bytes"] = memory_of(
            subject, workload, "gradient", settings.threads
        )
    for peer in peers:
        if _feasible(peer, workload):
            found = peer.memory(workload.save(folder), workload, "gradient")
            _entry(point, peer)["memory_bytes"] = found


def _feasible(peer: Peer, workload: Workload) -> bool:
    """Whether a peer's arrays fit into a reasonable memory."""
    if peer.is_exact:
        return True
    shape = workload.shape
    size = shape.batch * shape.afferents * shape.duration * workload.weight.itemsize
    return shape.duration == int(shape.duration) and size <= LARGEST_DENSE


def _longest_to_shortest(points: Sequence[Record]) -> Record:
    """Ratio of the medians at the last and the first value, for each label."""
    first, last = points[0]["subjects"], points[-1]["subjects"]
    return {
        label: {
            what: last[label][what]["median"] / first[label][what]["median"]
            for what in ("forward", "gradient")
            if what in last.get(label, {}) and what in first[label]
        }
        for label in first
    }
