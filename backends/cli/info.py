"""``tempotron info``: what is in a recording, in event data or in an event file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .output import save_figure
from .recording_options import add_recording_options, trial_choice

if TYPE_CHECKING:
    from ..data.event_files import EventFile
    from ..recordings import EventSet, Session

__all__ = ["add_arguments", "run"]

Rows = list[tuple[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    parser.add_argument("file", metavar="FILE", help="a recording, event data or an event file")
    parser.add_argument("--figure", metavar="PNG", help="write a picture of it")
    add_recording_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print a table, and draw the picture if asked for one.

    Raises
    ------
    ImportError, OSError, ValueError
        If it cannot be read.
    """
    from ..data.event_files import EventFile
    from ..data.recording_files import open_recording
    from ..plotting import require_matplotlib
    from ..plotting.contents import contents_figure
    from ..recordings import EventSet

    if args.figure is not None:
        require_matplotlib()
    drawn: dict[str, Any]
    if os.path.isfile(Path(args.file) / "header.json"):
        rows, drawn = _of_event_file(EventFile.open(args.file))
    else:
        found = open_recording(args.file, trial_choice(args))
        if isinstance(found, EventSet):
            rows, drawn = _of_event_set(found)
        else:
            rows, drawn = _of_session(found)
    width = max(len(key) for key, _ in rows)
    for key, value in rows:
        print(f"{key.ljust(width)}  {value}")
    if args.figure is not None:
        save_figure(contents_figure(heading=Path(args.file).name, **drawn), Path(args.figure))
        print(f"wrote {args.figure}")
    return 0


def _of_session(session: Session) -> tuple[Rows, dict[str, Any]]:
    recording, trials = session
    start, stop = recording.extent
    counts, rates = recording.counts, recording.rates
    rows = [
        ("units", f"{recording.n_units}, {np.count_nonzero(counts == 0)} of them silent"),
        ("spikes", f"{len(recording.times):,}"),
        ("time", f"{start:.6g} to {stop:.6g} s"),
    ]
    if recording.n_units:
        rows.append(
            (
                "rates",
                f"{rates.min():.3g} to {rates.max():.3g} spikes/s, median {np.median(rates):.3g}",
            )
        )
    for key, values in recording.properties.items():
        rows.append((f"unit {key}", _tally(values)))
    names: Sequence[str] = ()
    sizes = np.zeros(0, dtype=np.int64)
    if trials is None:
        rows.append(("trials", "no table of them"))
    else:
        rows.append(("trials", f"{len(trials)}, aligned {_range(trials.align)} s"))
        if trials.lengths is not None:
            rows.append(("lengths", f"{_range(trials.lengths)} s"))
        for key, values in trials.columns.items():
            rows.append((f"column {key}", _tally(values)))
        if trials.label is not None:
            there = trials.columns[trials.label][trials.has_label]
            classes, sizes = np.unique(there, return_counts=True)
            names = [str(each) for each in classes.tolist()]
            missing = int(np.count_nonzero(~trials.has_label))
            more = f"; {missing} trials without" if missing else ""
            rows.append(("classes", _classes(names, sizes) + more))
    return rows, {
        "times": recording.times,
        "units": recording.units,
        "unit_ids": recording.unit_ids,
        "values": rates,
        "value_label": "spikes/s",
        "class_names": names,
        "class_sizes": sizes,
    }


def _of_event_set(events: EventSet) -> tuple[Rows, dict[str, Any]]:
    sizes = np.bincount(events.labels, minlength=len(events.classes))
    names = [str(each) for each in events.classes.tolist()]
    looked_at = np.unique(np.linspace(0, len(events) - 1, 100).astype(np.int64))
    times, afferents, offsets = events.spikes(looked_at)
    lengths = np.diff(offsets)
    rows = [
        ("patterns", f"{len(events):,}"),
        ("afferents", f"{events.n_afferents:,}"),
        ("spikes", f"{_range(lengths)} per pattern, in {len(looked_at)} of them"),
        ("time", f"up to {times.max(initial=0.0):.6g} ms, in these"),
        ("classes", _classes(names, sizes)),
    ]
    counts = np.bincount(afferents, minlength=events.n_afferents) / len(looked_at)
    first = times[: offsets[1]], afferents[: offsets[1]]
    return rows, _drawn(first, np.arange(events.n_afferents), counts, names, sizes)


def _of_event_file(file: EventFile) -> tuple[Rows, dict[str, Any]]:
    from ..data.event_metadata import Origin

    sizes = np.bincount(file.labels, minlength=file.n_classes)
    classes = Origin.of(file).classes
    names = [str(each) for each in range(file.n_classes)] if classes is None else list(classes)
    about = file.metadata.get("recording", {})
    rows = [
        ("patterns", f"{len(file):,}"),
        ("afferents", f"{file.n_afferents:,}"),
        ("spikes", f"{len(file.times):,}, {_range(file.counts)} per pattern"),
        ("duration", f"{file.duration:g}"),
        ("classes", _classes(names, sizes)),
    ]
    if about:
        rows.append(("trials", f"of a recording, from {about.get('start')} {about.get('unit')}"))
    times, afferents, _ = file.read([0])
    counts = np.bincount(np.asarray(file.afferents), minlength=file.n_afferents) / len(file)
    unit_ids = np.asarray(about.get("unit_ids", np.arange(file.n_afferents)))
    return rows, _drawn((times, afferents), unit_ids, counts, names, sizes)


def _drawn(
    pattern: tuple[Any, Any], unit_ids: Any, counts: Any, names: Sequence[str], sizes: Any
) -> dict[str, Any]:
    """Return what the picture of patterns shows: the spikes of one, in ms, and what all have."""
    return {
        "times": pattern[0] / 1e3,
        "units": pattern[1],
        "unit_ids": unit_ids,
        "values": counts,
        "value_label": "spikes per pattern",
        "class_names": names,
        "class_sizes": sizes,
    }


def _range(values: Any) -> str:
    return f"{np.min(values):.6g} to {np.max(values):.6g}" if len(values) else "none"


def _tally(values: Any) -> str:
    """Return what a column holds: its values if they are few, else their range."""
    values = np.asarray(values)
    if values.dtype.kind == "O":
        values = values.astype(str)
    found, counts = np.unique(values, return_counts=True)
    if len(found) > 8:
        if values.dtype.kind in "iuf":
            return _range(values[np.isfinite(values)])
        return f"{len(found)} different values"
    return _classes([str(each) for each in found.tolist()], counts)


def _classes(names: Sequence[str], sizes: Any) -> str:
    pairs = zip(names, sizes, strict=True)
    shown = [f"{name} ({size})" for name, size in pairs if size]
    missing = len(names) - len(shown)
    more = f" ... {len(shown)} in all" if len(shown) > 12 else ""
    return ", ".join(shown[:12]) + more + (f"; {missing} without any" if missing else "")
