"""``tempotron eval``: score a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .counting import counted, counting_scores, scores_in_words
from .output import save_figure
from .recording_options import add_recording_options, trial_choice
from .where import add_where_options, chosen_backend

if TYPE_CHECKING:
    from ..data.counted import CountedPatterns
    from ..data.patterns import EventPatterns, FeaturePatterns
    from ..data.trial_patterns import TrialPatterns
    from ..training.trained_model import TrainedModel

__all__ = ["add_arguments", "run"]

SPLITS = ("held-out", "train", "test", "all")
"""Parts of the data that can be scored."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    add_where_options(parser)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="written by tempotron train")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="event file, recording, folder of images in MNIST's IDX format, or breast-cancer",
    )
    parser.add_argument(
        "--counts",
        metavar="FILE",
        help="for a model of counts: how often each neuron should spike, as for tempotron train",
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        help="part of the data to score (default: held-out, or all of data not trained on); test "
        "is the data's own test set, for which an IDX folder need hold nothing else",
    )
    parser.add_argument(
        "--figure", metavar="FILE", help="write a confusion matrix and the wrong patterns (PNG)"
    )
    parser.add_argument(
        "--window",
        dest="trial_window",
        metavar="X",
        nargs=2,
        type=float,
        help="part of the trials of a recording, in ms from their alignment",
    )
    add_recording_options(parser)


def run(args: argparse.Namespace) -> int:
    """Score the patterns, print how well they are met and draw the figure if asked for one.

    Raises
    ------
    ImportError, OSError, ValueError
        If checkpoint or data cannot be read, do not fit each other, or have no such part.
    """
    from ..data.patterns import open_patterns
    from ..training.trained_model import TrainedModel

    if args.figure is not None:
        from ..plotting import require_matplotlib

        require_matplotlib()
    model = TrainedModel.read(args.checkpoint, chosen_backend(args))
    part = args.split if args.split in ("train", "test") else None
    data = counted(open_patterns(args.data, part, choice=trial_choice(args)), args.counts)
    if model.recipe.counts != (args.counts is not None):
        wanted = "the file of the counts" if model.recipe.counts else "left out"
        rule = model.recipe.rule
        raise ValueError(
            f"counts must be {wanted} for a model that learned by rule {rule!r}, got {args.counts}"
        )
    index, kind = _chosen_part(args, model, data)
    labels = data.labels[index]
    if model.recipe.counts:
        if args.figure is not None:
            raise ValueError(f"--figure must be left out for counts, got {args.figure!r}")
        if labels.shape[1] != model.n_outputs:
            raise ValueError(
                f"counts must be of {model.n_outputs} neurons, got {labels.shape[1]} in "
                f"{args.counts!r}"
            )
        scores = counting_scores(labels, model.counts(data, index))
        told = kind.replace("accuracy", "exact counts")
        print(f"{told} {scores_in_words(scores, labels.size)}")
        return 0
    values = model.potentials(data, index)
    predicted = values.argmax(axis=1)
    hits = int((predicted == labels).sum())
    print(f"{kind} {hits / len(labels):.2%} ({hits} of {len(labels)})")
    if args.figure is not None:
        from ..plotting import evaluation_figure

        figure = evaluation_figure(
            labels,
            predicted,
            names=[str(name) for name in model.class_names],
            v_max=values,
            images=data.images(index),
            heading=f"{data.name}: {kind} {hits / len(labels):.2%}",
        )
        save_figure(figure, Path(args.figure))
        print(f"wrote {args.figure}")
    return 0


def _chosen_part(
    args: argparse.Namespace,
    model: TrainedModel,
    data: FeaturePatterns | EventPatterns | TrialPatterns | CountedPatterns,
) -> tuple[NDArray[np.int64], str]:
    """Return the patterns to score, and what to call their accuracy."""
    everything = np.arange(len(data))
    if args.split == "all":
        return everything, "accuracy"
    if args.split == "test":
        if data.test_from is not None:  # an event file, or the digits, hold all they have
            return everything[data.test_from :], "test accuracy"
        features = hasattr(getattr(data, "data", data), "dataset")
        if args.data is None or not features or args.data == "breast-cancer":
            raise ValueError(f"--split test needs data with a test set, got {data.name}")
        return everything, "test accuracy"
    if args.split == "train" and data.test_from is not None:
        return everything[: data.test_from], "training-set accuracy"
    parts = model.parts(data)
    if parts is not None:
        if args.split == "train":
            return parts[0], "training accuracy"
        return parts[2], "held-out accuracy"
    if args.split == "train":
        return everything, "training-set accuracy"
    if args.data is None or args.split == "held-out":
        raise ValueError(
            f"checkpoint {args.checkpoint!r} was trained on {model.data['name']}, "
            f"not on {data.name}: name its data with --data"
        )
    print(f"these are not the data it was trained on: scoring all {len(data)} patterns")
    return everything, "accuracy"
