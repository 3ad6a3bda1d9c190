"""``tempotron encode``: write a data set as an event file."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..recipes.recipe import (
    CHOICES,
    CODED_BY,
    ENCODED_AT_ONCE,
    LATENCY_FROM,
    Recipe,
    usual_encoder,
)

if TYPE_CHECKING:
    from ..data.datasets import Dataset
    from ..data.event_files import EventFile

__all__ = ["add_encode_arguments", "encode_dataset", "run"]


def add_encode_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    data = parser.add_argument_group("data and output")
    data.add_argument(
        "--data",
        metavar="DIR",
        help="folder of images in MNIST's IDX format, gzipped or not (default: digits)",
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
        type=int,
        help=f"Gaussian fields per feature (default: {Recipe.n_fields})",
    )
    coding.add_argument(
        "--duration",
        metavar="T",
        type=float,
        help=f"length of a pattern in ms (default: {Recipe.duration})",
    )
    coding.add_argument(
        "--window",
        metavar="T",
        type=float,
        help=f"first part of it that spikes are coded into (default: {Recipe.window})",
    )


def run(args: argparse.Namespace) -> int:
    """Encode the data and return the exit code.

    Raises
    ------
    ImportError, OSError, ValueError
        If the data cannot be had, an option is not possible, or there is something at FILE.
    """
    from ..data.datasets import load_digits, load_idx_folder

    dataset = load_digits() if args.data is None else load_idx_folder(args.data)
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


def encode_dataset(
    dataset: Dataset, recipe: Recipe, path: str, *, overwrite: bool = False
) -> EventFile:
    """Write the patterns of a data set in their order, a part at a time.

    The metadata name the data (``name``, ``fingerprint``, ``image_shape``, ``value_range``,
    ``test_from``: where its own test set begins, or None) and the settings of the encoder.

    Parameters
    ----------
    dataset : Dataset
    recipe : Recipe
        Of which encoder, fields and duration matter.
    path : path
        Where to write.
    overwrite : bool, default False
        Whether to replace an event file that is there.

    Returns
    -------
    EventFile
        What was written, mapped.
    """
    from tempotron_core import Events

    from ..data.event_files import EventFile, EventWriter

    settings = asdict(recipe)
    metadata = {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "image_shape": None if dataset.image_shape is None else list(dataset.image_shape),
        "value_range": list(dataset.value_range),
        "test_from": dataset.test_from,
        "encoding": {name: settings[name] for name in CODED_BY},
    }
    n_afferents = recipe.encode(dataset.features[:1], dataset.value_range).shape[1]
    with EventWriter(
        path,
        n_afferents,
        recipe.duration,
        n_classes=dataset.n_classes,
        metadata=metadata,
        overwrite=overwrite,
    ) as writer:
        for start in range(0, len(dataset), ENCODED_AT_ONCE):
            part = slice(start, start + ENCODED_AT_ONCE)
            times = recipe.encode(dataset.features[part], dataset.value_range)
            events = Events.from_latencies(times, recipe.duration)
            writer.append(events, dataset.labels[part])
    return EventFile.open(path)
