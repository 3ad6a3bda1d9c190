"""A data set coded into spikes and written as an event file."""

from __future__ import annotations

from tempotron_core import Events

from ..recipes.coding import ENCODED_AT_ONCE
from ..recipes.recipe import Recipe
from .dataset import Dataset
from .event_files import EventFile, EventWriter
from .event_format import PathLike
from .event_metadata import Origin

__all__ = ["encode_dataset"]


def encode_dataset(
    dataset: Dataset, recipe: Recipe, path: PathLike, *, overwrite: bool = False
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
    n_afferents = recipe.encode(dataset.features[:1], dataset.value_range).shape[1]
    with EventWriter(
        path,
        n_afferents,
        recipe.duration,
        n_classes=dataset.n_classes,
        metadata=Origin.metadata(dataset, recipe),
        overwrite=overwrite,
    ) as writer:
        for start in range(0, len(dataset), ENCODED_AT_ONCE):
            part = slice(start, start + ENCODED_AT_ONCE)
            times = recipe.encode(dataset.features[part], dataset.value_range)
            events = Events.from_latencies(times, recipe.duration)
            writer.append(events, dataset.labels[part])
    return EventFile.open(path)
