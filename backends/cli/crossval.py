"""``tempotron crossval``: the accuracy of a decoder on patterns it never saw, beside chance."""

from __future__ import annotations

import argparse
import csv
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tempotron_core import SilenceWarning, UnitsWarning
from tempotron_core.files.replacing import replacing

from .output import output_folder, save_figure
from .recording_options import add_recording_options, trial_choice
from .train import chosen_recipe
from .training_options import DTYPE, add_training_options
from .waiting import waiting
from .where import add_where_options, chosen_backend

if TYPE_CHECKING:
    from ..training.cross_validation import CrossValidation

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    add_where_options(parser)
    group = parser.add_argument_group("cross-validation")
    group.add_argument(
        "--folds", metavar="N", type=int, default=5, help="parts of the data (default: %(default)s)"
    )
    group.add_argument(
        "--repeats",
        metavar="N",
        type=int,
        default=1,
        help="how often to shuffle the data into parts (default: %(default)s)",
    )
    group.add_argument(
        "--permutations",
        metavar="N",
        type=int,
        default=20,
        help="how often to permute the labels, for the level of chance (default: %(default)s)",
    )
    add_training_options(parser, in_folds=True)
    add_recording_options(parser)


def run(args: argparse.Namespace) -> int:
    """Cross-validate, print the accuracies and write the table and the figure.

    Raises
    ------
    ImportError, OSError, ValueError
        If the data cannot be had, an option is not possible, or there is nowhere to write.
    """
    from ..data.patterns import open_patterns
    from ..plotting import require_matplotlib
    from ..training.cross_validation import cross_validate

    require_matplotlib()  # better now than after the training
    for kind in (SilenceWarning, UnitsWarning):
        warnings.simplefilter("once", kind)
    backend = chosen_backend(args)
    data = open_patterns(args.data, choice=trial_choice(args))
    recipe = chosen_recipe(args, data)
    clock = recipe.clock_times
    print(f"data      {data.name}: {len(data)} patterns, {len(np.unique(data.labels))} classes")
    if clock:
        print(f"clock     {len(clock)} reference spikes, from {clock[0]:g} to {clock[-1]:g} ms")
    with output_folder(args.out) as out:
        with waiting("cross-validating") as say:
            found = cross_validate(
                data,
                recipe,
                backend,
                dtype=args.dtype or DTYPE,
                folds=args.folds,
                repeats=args.repeats,
                permutations=args.permutations,
                tell=say,
            )
        names = data.describe().get("classes") or [str(each) for each in range(data_classes(data))]
        _report(found, np.asarray(data.labels), names, data.name, out)
    return 0


def data_classes(data: Any) -> int:
    """Return the number of classes of labelled patterns."""
    return int(np.max(data.labels)) + 1


def _report(found: CrossValidation, labels: Any, names: list[str], name: str, out: Path) -> None:
    from ..plotting.confusion import confusion_matrix
    from ..plotting.style import new_figure

    several = len(found.accuracy) > 1
    parts = found.accuracy.mean(axis=1) if several else found.accuracy[0]
    print(f"{'shuffles' if several else 'folds'}".ljust(10) + ", ".join(f"{p:.1%}" for p in parts))
    print(f"accuracy  {found.accuracy.mean():.2%} +- {parts.std():.2%}")
    if len(found.by_chance):
        print(
            f"chance    {found.by_chance.mean():.2%}, at most {found.by_chance.max():.2%} in "
            f"{len(found.by_chance)} permutations of the labels (p = {found.p_value:.3g})"
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["shuffle", "pattern", "fold", "label", "predicted"])
    for (shuffle, number), fold in np.ndenumerate(found.folds):
        predicted = names[found.predicted[shuffle, number]]
        writer.writerow([shuffle, number, fold, names[labels[number]], predicted])
    with replacing(out / "crossval.csv") as file:
        file.write(text.getvalue().encode())
    print(f"wrote {out / 'crossval.csv'}")
    with new_figure(4.6, 4.2) as figure:
        confusion_matrix(
            figure.subplots(),
            (np.tile(labels, len(found.predicted)), found.predicted.ravel()),
            names=names,
            title=f"{name}: {found.accuracy.mean():.1%}, held out",
        )
        save_figure(figure, out / "confusion.png")
    print(f"wrote {out / 'confusion.png'}")
