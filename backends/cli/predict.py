"""``tempotron predict``: classify the patterns in a file."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .where import add_where_options, chosen_backend

if TYPE_CHECKING:
    from ..training.trained_model import TrainedModel

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    add_where_options(parser)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="written by tempotron train")
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="an event file, or feature rows as .npy, a table of text (.csv) or IDX images; - "
        "reads them from standard input",
    )
    parser.add_argument(
        "--probabilities", action="store_true", help="print the probability of every class as well"
    )
    parser.add_argument(
        "--format",
        choices=tuple(WRITERS),
        default="text",
        help="text: a class, or the spikes of each neuron, per line, and probabilities behind it; "
        "csv: the same under a line of headings; json: an array of objects (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the class of every pattern.

    Raises
    ------
    ImportError, OSError, ValueError
        If checkpoint or patterns cannot be read, or do not fit each other.
    """
    from ..training.trained_model import TrainedModel

    model = TrainedModel.read(args.checkpoint, chosen_backend(args))
    if model.recipe.counts:
        if args.probabilities:
            raise ValueError("--probabilities must be left out for a model of counts")
        counts = _read(model, args.input, model.counts, model.counts_of_features)
        COUNT_WRITERS[args.format](counts.tolist())
        return 0
    values = _read(model, args.input, model.potentials, model.values)
    names = model.class_names
    classes = [names[number] for number in values.argmax(axis=1)]
    probabilities = model.probabilities(values) if args.probabilities else None
    WRITERS[args.format](names, classes, probabilities)
    return 0


def _read(
    model: TrainedModel,
    path: str,
    of_events: Callable[..., NDArray[Any]],
    of_features: Callable[[NDArray[Any]], NDArray[Any]],
) -> NDArray[Any]:
    """Return what the model makes of each pattern of an event file or of rows."""
    from ..data.event_files import EventFile
    from ..data.feature_tables import read_features
    from ..data.patterns import EventPatterns

    if os.path.isdir(path):
        if not os.path.isfile(os.path.join(path, "header.json")):
            raise ValueError(
                f"input must be an event file or a file of rows, got the folder {path!r}"
            )
        data = EventPatterns(EventFile.open(path))
        return of_events(data, np.arange(len(data)))
    features = read_features(path)
    found = of_features(features)
    low, high = model.data["value_range"]
    if len(features) and (features.min() < low or features.max() > high):
        print(
            f"tempotron: warning: input runs from {features.min():g} to {features.max():g}, "
            f"the model was trained on {low:g} to {high:g}",
            file=sys.stderr,
        )
    return found


Names = Sequence[str] | Sequence[int]
Probabilities = NDArray[np.float64] | None


def _write_text(names: Names, classes: Names, probabilities: Probabilities) -> None:
    for row, label in enumerate(classes):
        more = [] if probabilities is None else [f"{p:.4f}" for p in probabilities[row]]
        print(label, *more)


def _write_csv(names: Names, classes: Names, probabilities: Probabilities) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["class"] + ([] if probabilities is None else [f"p_{name}" for name in names]))
    for row, label in enumerate(classes):
        more = [] if probabilities is None else [f"{p:.6g}" for p in probabilities[row]]
        writer.writerow([label, *more])


def _write_json(names: Names, classes: Names, probabilities: Probabilities) -> None:
    """One object per line, all of them one array."""
    lines = []
    for row, label in enumerate(classes):
        found: dict[str, Any] = {"class": label}
        if probabilities is not None:
            of_class = zip(map(str, names), probabilities[row].tolist(), strict=True)
            found["probabilities"] = {name: round(p, 6) for name, p in of_class}
        lines.append(json.dumps(found, ensure_ascii=False))
    print("[" + ",\n ".join(lines) + "]")


WRITERS = {"text": _write_text, "csv": _write_csv, "json": _write_json}
"""By what ``--format`` calls them."""

Counts = list[list[int]]


def _write_counts_text(counts: Counts) -> None:
    for row in counts:
        print(*row)


def _write_counts_csv(counts: Counts) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    width = len(counts[0]) if counts else 1
    writer.writerow(["spikes"] if width == 1 else [f"spikes_{o}" for o in range(width)])
    writer.writerows(counts)


def _write_counts_json(counts: Counts) -> None:
    print("[" + ",\n ".join(json.dumps({"spikes": row}) for row in counts) + "]")


COUNT_WRITERS = {
    "text": _write_counts_text,
    "csv": _write_counts_csv,
    "json": _write_counts_json,
}
"""Of models of counts, by what ``--format`` calls them."""
