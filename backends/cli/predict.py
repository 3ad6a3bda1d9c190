"""``tempotron predict``: classify the patterns in a file."""

from __future__ import annotations

import argparse
import sys

from .where import add_where_options, chosen_backend

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    add_where_options(parser)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="written by tempotron train")
    parser.add_argument(
        "input", metavar="INPUT", help="a .npy or .csv file of feature rows, or IDX images"
    )


def run(args: argparse.Namespace) -> int:
    """Print one class per line.

    Raises
    ------
    ImportError, OSError, ValueError
        If checkpoint or patterns cannot be read, or do not fit each other.
    """
    from ..data.feature_tables import read_features
    from ..training.trained_model import TrainedModel

    model = TrainedModel.read(args.checkpoint, chosen_backend(args))
    features = read_features(args.input)
    labels = model.classify(features)
    low, high = model.data["value_range"]
    if len(features) and (features.min() < low or features.max() > high):
        print(
            f"tempotron: warning: input runs from {features.min():g} to {features.max():g}, "
            f"the model was trained on {low:g} to {high:g}",
            file=sys.stderr,
        )
    for label in labels:
        print(label)
    return 0
