"""What the metadata of an event file say of the data that were encoded in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from tempotron_core.arrays.numbers import whole_number

from ..recipes.coding import CODED_BY
from ..recipes.recipe import Recipe
from ..recipes.settings import check_settings
from .class_labels import checked_names
from .dataset import Dataset, checked_range
from .event_files import EventFile
from .event_format import reject

__all__ = ["Origin"]


@dataclass(frozen=True)
class Origin:
    """Where the spikes of an event file come from, as far as it is known.

    Attributes
    ----------
    name : str
        Of the data, for messages.
    test_from : int or None
        Where they have a test set of their own, the index of its first pattern.
    image_shape : tuple of int, or None
        Rows and columns of patterns that are images.
    value_range : tuple of float, or None
        Smallest and largest value of a feature.
    encoding : dict
        The settings of a recipe that made spikes of features.
    classes : tuple of str, or None
        Names of the classes.
    """

    name: str
    test_from: int | None = None
    image_shape: tuple[int, ...] | None = None
    value_range: tuple[float, float] | None = None
    encoding: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None

    @classmethod
    def of(cls, file: EventFile) -> Origin:
        """Read it from the metadata of a file.

        Raises
        ------
        ValueError
            If they are not possible for the file; the message names it and the key.
        """
        about = file.metadata
        name = about.get("name", file.path.name)
        if not isinstance(name, str):
            reject(file.path, f"name of its metadata must be text, got {name!r}")
        try:
            return cls(
                name,
                _test_from(about.get("test_from"), len(file)),
                _image_shape(about.get("image_shape"), file.n_afferents),
                _value_range(about.get("value_range")),
                _encoding(about.get("encoding", {}), file),
                _classes(about.get("classes"), file.n_classes),
            )
        except (TypeError, ValueError) as error:
            reject(file.path, f"its metadata are wrong: {error}")

    @staticmethod
    def metadata(dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
        """Return the metadata of a data set encoded by a recipe."""
        settings = asdict(recipe)
        named = {} if dataset.classes is None else {"classes": list(dataset.classes)}
        return named | {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "image_shape": None if dataset.image_shape is None else list(dataset.image_shape),
            "value_range": list(dataset.value_range),
            "test_from": dataset.test_from,
            "encoding": {name: settings[name] for name in CODED_BY},
        }


def _test_from(value: Any, n_patterns: int) -> int | None:
    if value is None:
        return None
    found = whole_number("test_from", value)
    if found >= n_patterns:
        raise ValueError(f"test_from must be below the {n_patterns} patterns, got {found}")
    return found


def _image_shape(value: Any, n_afferents: int) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"image_shape must be rows and columns, got {value!r}")
    rows, columns = (whole_number("image_shape", size) for size in value)
    if n_afferents % (rows * columns):
        raise ValueError(
            f"image_shape must be of pixels that {n_afferents} afferents code, got {value!r}"
        )
    return rows, columns


def _value_range(value: Any) -> tuple[float, float] | None:
    return None if value is None else checked_range("value_range", value)


def _classes(value: Any, n_classes: int) -> tuple[str, ...] | None:
    return None if value is None else checked_names("classes", value, n_classes)


def _encoding(value: Any, file: EventFile) -> dict[str, Any]:
    """Return the settings that decided the spikes."""
    if not isinstance(value, dict):
        raise ValueError(f"encoding must be an object, got {value!r}")
    found = {name: value[name] for name in CODED_BY if name in value}
    check_settings(found)
    if found.get("duration", file.duration) != file.duration:
        raise ValueError(
            f"duration of encoding must be the file's, {file.duration}, got {found['duration']!r}"
        )
    if found.get("encoder") == "latency":
        found.pop("n_fields", None)  # it has none
    elif file.n_afferents % found.get("n_fields", 1):
        raise ValueError(
            f"n_fields of encoding must divide the {file.n_afferents} afferents, "
            f"got {found['n_fields']}"
        )
    return found
