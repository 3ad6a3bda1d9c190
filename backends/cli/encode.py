"""``tempotron encode``: write a data set as an event file."""

from __future__ import annotations

import argparse

from ..recipes.coding import CODED_BY, LATENCY_FROM, usual_encoder
from ..recipes.recipe import Recipe
from ..recipes.settings import CHOICES
from .training_options import checked

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    data = parser.add_argument_group("data and output")
    data.add_argument(
        "--data",
        metavar="DATA",
        help="folder of images in MNIST's IDX format, gzipped or not, or breast-cancer "
        "(default: digits)",
    )
    data.add_argument("--out", metavar="FILE", required=True, help="event file (a folder) to write")
    data.add_argument("--overwrite", action="store_true", help="replace an event file at FILE")
    coding = parser.add_argument_group("encoding")
    coding.add_argument(
        "--encoder",
        choices=CHOICES["encoder"],
        help=f"how values become spikes (default: gaussian; latency above {LATENCY_FROM} features)",
    )
    coding.add_argument(
        "--fields",
        dest="n_fields",
        metavar="M",
        type=checked("n_fields", int),
        help=f"Gaussian fields per feature (default: {Recipe.n_fields})",
    )
    coding.add_argument(
        "--duration",
        metavar="T",
        type=checked("duration", float),
        help=f"length of a pattern in ms (default: {Recipe.duration})",
    )
    coding.add_argument(
        "--window",
        metavar="T",
        type=checked("window", float),
        help=f"first part of it that spikes are coded into (default: {Recipe.window})",
    )


def run(args: argparse.Namespace) -> int:
    """Encode the data and return the exit code.

    Raises
    ------
    ImportError, OSError, ValueError
        If the data cannot be had, an option is not possible, or there is something at FILE.
    """
    from ..data.event_encoding import encode_dataset
    from ..data.patterns import FeaturePatterns, open_patterns

    data = open_patterns(args.data)
    if not isinstance(data, FeaturePatterns):
        raise ValueError(f"--data must be features to encode, got the event file {args.data!r}")
    dataset = data.dataset
    given = {name: value for name in CODED_BY if (value := getattr(args, name)) is not None}
    recipe = Recipe(**{"encoder": usual_encoder(dataset.features.shape[1])} | given)
    written = encode_dataset(dataset, recipe, args.out, overwrite=args.overwrite)
    n_features, n_classes = dataset.features.shape[1], dataset.n_classes
    counts = f"{len(dataset)} patterns, {n_features} features, {n_classes} classes"
    coding = f"{written.n_afferents} afferents, {written.duration:g} ms"
    print(f"data      {dataset.name}: {counts}")
    print(f"encoding  {recipe.encoder}, {coding}, {written.mean_spikes:.1f} spikes per pattern")
    print(f"wrote {args.out}")
    return 0
