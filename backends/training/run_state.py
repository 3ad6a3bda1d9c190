"""The state of a training run as numbers and arrays that a checkpoint can hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Network
from tempotron_core.arrays.numbers import positive_float, whole_number
from tempotron_core.networks.training import Training

from .._backend import Backend
from ..recipes.recipe import Recipe
from .run_metadata import checked_history

__all__ = ["pack", "unpack"]

ARRAYS_OF = "optimiser"
BEST = "best"


def pack(state: Training, backend: Backend) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Take a state apart, except for the weights of its network.

    Parameters
    ----------
    state : Training
    backend : Backend

    Returns
    -------
    numbers : dict
        As JSON can hold them.
    arrays : dict of str to array
        On the host.
    """
    arrays: dict[str, NDArray[Any]] = {}
    constants = []
    for layer, optimiser in enumerate(state.optimisers):
        kept = optimiser.state()
        numbers = {name: value for name, value in kept.items() if isinstance(value, int | float)}
        constants.append(numbers)
        for name, value in kept.items():
            if name not in numbers:
                arrays[f"{ARRAYS_OF}_{layer}_{name}"] = backend.to_numpy(value)
    if state.best is not None:
        for layer, weight in enumerate(state.best.weights):
            arrays[f"{BEST}_{layer}"] = backend.to_numpy(weight)
    return {
        "optimisers": constants,
        "mean_spikes": state.mean_spikes,
        "random": state.rng.bit_generator.state,
        "history": state.history,
        "best_epoch": state.best_epoch,
    }, arrays


def unpack(
    numbers: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    network: Network,
    recipe: Recipe,
    backend: Backend,
) -> Training:
    """Put a state together again.

    Parameters
    ----------
    numbers, arrays
        What `pack` returned.
    network : Network
        With the weights of the state, on the backend.
    recipe : Recipe
    backend : Backend

    Returns
    -------
    Training
        Goes on as the one that was packed would have.

    Raises
    ------
    ValueError
        If they do not make a state, or not of this network.
    """
    try:
        rng = np.random.default_rng()
        rng.bit_generator.state = numbers["random"]
        optimisers = []
        for layer, constants in enumerate(numbers["optimisers"]):
            start = f"{ARRAYS_OF}_{layer}_"
            kept = {
                name.removeprefix(start): backend.from_numpy(array)
                for name, array in arrays.items()
                if name.startswith(start)
            }
            optimiser = recipe.make_optimiser()
            optimiser.restore(dict(constants) | kept)
            optimisers.append(optimiser)
        best = None
        history = checked_history(numbers["history"])
        best_epoch = whole_number("best_epoch", numbers["best_epoch"], least=0)
        if best_epoch > len(history["accuracy"]):
            raise ValueError(f"best_epoch {best_epoch} of {len(history['accuracy'])} epochs")
        if best_epoch:
            names = [f"{BEST}_{layer}" for layer in range(len(network.weights))]
            best = network.with_weights([backend.from_numpy(arrays[name]) for name in names])
        if len(optimisers) != len(network.weights):
            raise ValueError(f"{len(optimisers)} optimisers for {len(network.weights)} layers")
        mean_spikes = positive_float("mean_spikes", numbers["mean_spikes"], or_zero=True)
        return Training(network, optimisers, mean_spikes, rng, history, best, best_epoch)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"checkpoint must hold the state of a training run: {error!r}") from None
