"""One shape, measured: agreement, times, ratios to the peers, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .._backend import Backend
from .agreement import check_peer, check_subjects, n_firing
from .memory import memory_of
from .peers import Peer
from .subjects import Subject, make_subjects
from .timing import PAUSE, Figures, in_turns, ratios
from .workload import Workload

__all__ = ["Settings", "measure", "timed_rows"]

Record = dict[str, Any]
"""Part of what is written as JSON."""


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes
    ----------
    runs : int
        Rounds, each with one run of everything.
    fill : float
        Seconds that a run lasts at least.
    threads : int
    whats : tuple of str
        Which calls.
    say : callable
        Is told what is being done.
    """

    runs: int
    fill: float
    threads: int
    whats: tuple[str, ...]
    say: Callable[[str], None]

    @property
    def heaviest(self) -> str:
        """The call whose memory is measured."""
        return self.whats[-1]


def measure(
    workload: Workload,
    backends: Sequence[Backend],
    peers: Sequence[Peer],
    settings: Settings,
    folder: Path,
) -> Record:
    """Measure one workload and return the record of it.

    Parameters
    ----------
    workload : Workload
    backends : sequence of Backend
    peers : sequence of Peer
    settings : Settings
    folder : Path
        For the arrays that peers read.

    Returns
    -------
    dict
        ``shape``, ``dtype``, ``n_spikes``, ``n_firing``, ``n_pairs``, ``subjects``, ``peers`` and
        ``notes``; see docs/benchmarks.md.

    Raises
    ------
    ValueError
        If anything disagrees on v_max.
    """
    settings.say(f"{workload.shape}, {workload.dtype}: checking that all agree")
    subjects, notes = make_subjects(workload, backends, settings.threads)
    differences = check_subjects(workload, subjects)
    agreements = []
    workload.save(folder)
    for peer in peers:
        peer.load(folder, workload)
        agreements.append(check_peer(workload, peer, folder))

    settings.say("timing every backend")
    own = _time(subjects, settings)
    for subject, record in zip(subjects, own, strict=True):
        record["difference"] = differences.get(subject.label)
    _compare_with_floor(own)
    records = []
    for peer, agreement in zip(peers, agreements, strict=True):
        settings.say(f"timing {peer.name}, in turns with every backend")
        record = _against(peer, subjects, settings)
        records.append(record | {"agreement": agreement.as_json()})

    settings.say("measuring memory, each in a fresh process")
    for subject, record in zip(subjects, own, strict=True):
        record["memory_bytes"] = memory_of(subject, workload, settings.heaviest, settings.threads)
    for peer, record in zip(peers, records, strict=True):
        record["memory_bytes"] = peer.memory(folder, workload, settings.heaviest)
    if all(record["memory_bytes"] is None for record in (*own, *records)):
        notes.append("no figures of memory: this system does not tell a process's peak")

    return {
        "shape": asdict(workload.shape),
        "dtype": workload.dtype,
        "n_spikes": workload.n_spikes,
        "n_firing": n_firing(workload),
        "n_pairs": workload.shape.batch * workload.shape.outputs,
        "subjects": own,
        "peers": records,
        "notes": notes,
    }


def _time(subjects: Sequence[Subject], settings: Settings) -> list[Record]:
    """Times of every call of every subject, taken in turns."""
    pairs = [(s, what) for what in settings.whats for s in subjects if s.can(what)]
    found = dict(
        zip(((s.label, what) for s, what in pairs), _figures(pairs, settings), strict=True)
    )
    records = []
    for s in subjects:
        times = {what: found.get((s.label, what)) for what in settings.whats}
        records.append({"name": s.name, "form": s.form, "label": s.label} | _as_json(times))
    return records


def _figures(pairs: Sequence[Any], settings: Settings, pause: float = 0.0) -> list[Figures]:
    return in_turns(pairs, settings.runs, settings.fill, pause)


def _as_json(times: dict[str, Figures | None]) -> Record:
    return {what: None if f is None else f.as_json() for what, f in times.items()}


def _compare_with_floor(records: list[Record]) -> None:
    """Add how many times the floor's time each call takes, from the runs of each round."""
    (floor,) = [r["forward"] for r in records if r["name"] == "floor"] or [None]
    for record in records:
        record["times_floor"] = {
            what: ratios(
                Figures(tuple(record[what]["runs"])), Figures(tuple(floor["runs"]))
            ).as_json()
            for what in ("forward", "gradient")
            if floor is not None and record.get(what) is not None
        }


def _against(peer: Peer, subjects: Sequence[Subject], settings: Settings) -> Record:
    """Times of a peer and how many times faster ours are, from neighbouring runs."""
    times: dict[str, Figures | None] = {}
    faster: dict[str, Record] = {s.label: {} for s in subjects if s.name != "floor"}
    for what in settings.whats:
        if what == "prepare":
            (times[what],) = _figures([(peer, what)], settings)
            continue
        taking_part = [s for s in subjects if s.can(what) and s.name != "floor"]
        pairs = [*((s, what) for s in taking_part), (peer, what)]
        *ours, theirs = _figures(pairs, settings, PAUSE)
        times[what] = theirs
        for s, figures in zip(taking_part, ours, strict=True):
            faster[s.label][what] = ratios(theirs, figures).as_json() | {
                "ours": figures.as_json()["runs"]
            }
    return {
        "name": peer.name,
        "form": peer.form,
        "torch": peer.about["torch"],
        **_as_json(times),
        "times_faster": faster,
    }


def timed_rows(
    subjects: Sequence[Subject], whats: Iterable[str], settings: Settings
) -> list[Record]:
    """Time calls of all subjects in turns; None for those that a subject has not.

    Parameters
    ----------
    subjects : sequence of Subject
    whats : iterable of str
        Names of calls.
    settings : Settings
        ``whats`` plays no part.

    Returns
    -------
    list of dict
        For each subject ``name``, ``form``, ``label`` and the figures of each call.
    """
    whats = tuple(whats)
    pairs = [(s, what) for what in whats for s in subjects if s.can(what)]
    figures = in_turns(pairs, settings.runs, settings.fill, 0.0)
    times = {(s.label, what): f.as_json() for (s, what), f in zip(pairs, figures, strict=True)}
    return [
        {"name": s.name, "form": s.form, "label": s.label}
        | {what: times.get((s.label, what)) for what in whats}
        for s in subjects
    ]
