"""What the metadata of a training run's checkpoint say, checked: anyone may have written them."""

from __future__ import annotations

import math
from typing import Any

from tempotron_core import Network
from tempotron_core.arrays.numbers import whole_number

from ..data.class_labels import checked_names
from ..data.dataset import checked_range
from ..recipes.recipe import Recipe

__all__ = ["check_network", "checked_data", "checked_dtype", "checked_history"]


def checked_data(data: Any) -> dict[str, Any]:
    """Return what they say of the data.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing, or is not what it can be.
    """
    if not isinstance(data, dict):
        raise TypeError(f"data: it must be an object, got {data!r}")
    for name in ("name", "fingerprint"):
        if not isinstance(data[name], str):
            raise TypeError(f"{name} of data: it must be text, got {data[name]!r}")
    if "n_features" in data:
        whole_number("n_features of data", data["n_features"])
        checked_range("value_range of data", data.get("value_range"))
    if "n_neurons" in data:
        whole_number("n_neurons of data", data["n_neurons"])
    if "classes" in data:
        names = data["classes"]
        size = len(names) if isinstance(names, list) and len(names) > 1 else 2
        checked_names("classes of data", names, size)
    return data


def checked_dtype(dtype: Any) -> str:
    """Return the dtype of weights and spike times; a ValueError for any other than there are."""
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype: it must be float32 or float64, got {dtype!r}")
    return str(dtype)


def checked_history(history: Any) -> dict[str, list[float]]:
    """Return the numbers of each epoch.

    Raises
    ------
    TypeError, ValueError
        If they are not numbers, or not of the same epochs.
    """
    if not isinstance(history, dict) or not {"loss", "accuracy"} <= set(history):
        raise ValueError(f"history: it must hold loss and accuracy, got {history!r:.100}")
    lengths = set()
    for name, values in history.items():
        if not isinstance(values, list) or not all(map(_is_finite, values)):
            raise ValueError(f"{name} of history: it must be numbers, got {values!r:.100}")
        lengths.add(len(values))
    if len(lengths) > 1:
        raise ValueError(f"history: it must be of as many epochs throughout, got {lengths}")
    return {name: [float(value) for value in values] for name, values in history.items()}


def check_network(network: Network, recipe: Recipe, data: dict[str, Any]) -> None:
    """Raise ValueError unless the network is one that the recipe makes."""
    sizes = tuple(weight.shape[0] for weight in network.weights)
    if (network.readout == "counts") != recipe.counts:
        raise ValueError(f"readout must be that of rule={recipe.rule!r}, got {network.readout!r}")
    if recipe.counts and sizes[-1] != data.get("n_neurons"):
        raise ValueError(f"outputs must be {data.get('n_neurons')} neurons, got {sizes[-1]}")
    if sizes[:-1] != recipe.hidden or sizes[-1] % (
        1 if recipe.counts else recipe.neurons_per_class
    ):
        raise ValueError(
            f"layers must have {(*recipe.hidden, f'k {recipe.neurons_per_class}')} neurons, "
            f"got {sizes}"
        )
    if tuple(network.clock) != recipe.clock_times:
        raise ValueError(
            f"the clock must fire at {recipe.clock_times}, as the recipe says, got {network.clock}"
        )
    if "n_features" in data:
        wanted = data["n_features"] * recipe.afferents_per_feature
        if network.n_afferents != wanted:
            raise ValueError(
                f"the first layer must have {wanted} afferents, got {network.n_afferents}"
            )


def _is_finite(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
