"""Training with mini-batches, epoch by epoch, and classification.

Everything a run depends on is in its `Training`: weights, optimisers, random numbers, history.  A
run that is given the state of another one continues it, on NumPy to the last bit.  All random
numbers are drawn on the host, so that every backend sees the same.
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Network, Neuron, initial_network

from .._backend import Backend
from .._jit import compiled
from ..data.loader import PatternSource
from ..recipes.recipe import Recipe
from .augment import Augment
from .callbacks import Callback, Epoch
from .learning_step import class_values, learning_step
from .state import Training

__all__ = ["SilenceWarning", "begin", "classify", "potentials", "train"]

Array = Any
Integers = NDArray[np.int64]

SEEN_AT_START = 1000
"""Patterns that the weights to start from are scaled by."""


class SilenceWarning(UserWarning):
    """Nothing can be learned or told: no pattern has a spike, or few neurons answer to any."""


def begin(
    backend: Backend,
    source: PatternSource,
    recipe: Recipe,
    rng: np.random.Generator,
    dtype: str = "float32",
) -> Training:
    """Draw a network for the patterns of a source, on the host, and move it to the backend.

    Parameters
    ----------
    backend : Backend
    source : PatternSource
        The training patterns, of which the first thousand are looked at.
    recipe : Recipe
    rng : numpy.random.Generator
    dtype : str, optional
        Of the weights.

    Returns
    -------
    Training
    """
    seen = source.events(np.arange(min(SEEN_AT_START, len(source))))
    on_host = seen._mapped(backend.to_numpy)
    network = initial_network(
        on_host,
        recipe.hidden,
        source.n_classes * recipe.neurons_per_class,
        recipe.neurons,
        rng,
        dtype=np.dtype(dtype),
        fraction=recipe.firing,
        pass_on=recipe.pass_on,
        min_slope=recipe.min_slope * recipe.v_threshold,
    )
    received = network.forward(on_host).inputs
    return Training(
        network.with_weights([backend.from_numpy(weight, dtype) for weight in network.weights]),
        [recipe.make_optimiser() for _ in network.weights],
        max(float(np.mean(events.counts)) for events in received),
        rng,
    )


def train(
    backend: Backend,
    source: PatternSource,
    state: Training,
    recipe: Recipe,
    *,
    validation: PatternSource | None = None,
    augment: Augment | None = None,
    callbacks: Sequence[Callback] = (),
) -> Training:
    """Train until the recipe's epochs are over, patience is, or Ctrl-C is pressed.

    Parameters
    ----------
    backend : Backend
        Where events and weights live.
    source : PatternSource
        The training patterns.
    state : Training
        From `begin`, or of a run to continue; it is changed.
    recipe : Recipe
    validation : PatternSource, optional
        Patterns to watch.
    augment : callable, optional
        From the events of a batch, and the generator of random numbers, to events to learn from.
    callbacks : sequence of Callback
        Told of every batch and epoch.

    Returns
    -------
    Training
        The state.  An interrupted run ends without an error, with the weights it had reached.

    Raises
    ------
    ValueError
        If the loss does not stay finite.

    Warns
    -----
    SilenceWarning
        If no pattern has a spike, or more than half of the neurons answer to no pattern of an
        epoch; once in a run.
    """
    state.warned |= _without_spikes(source)
    step = learning_step(state.network, recipe, _class_weight(source, recipe), backend)
    try:
        for number in range(state.epoch + 1, recipe.epochs + 1):
            if _patience_is_over(state, recipe):
                break
            began = time.perf_counter()
            loss, accuracy, silent = _epoch(
                step, backend, source, state, recipe, number, augment, callbacks
            )
            on_validation = None
            if validation is not None:
                found = classify(backend, validation, state.network, recipe)
                on_validation = float(np.mean(found == validation.labels))
            _note(state, loss, accuracy, on_validation)
            report = Epoch(
                number, loss, accuracy, on_validation, silent, time.perf_counter() - began
            )
            for callback in callbacks:
                callback.on_epoch(report, state)
    except KeyboardInterrupt:
        state.interrupted = True
        for values in state.history.values():  # it may have come between two of them
            del values[state.epoch :]
    return state


def potentials(
    backend: Backend,
    source: PatternSource,
    network: Network,
    recipe: Recipe,
    *,
    batch_size: int = 256,
) -> NDArray[Any]:
    """Return the value of each class for each pattern: the pooled maximal potentials.

    Parameters
    ----------
    backend : Backend
    source : PatternSource
    network : Network
    recipe : Recipe
    batch_size : int, optional
        Patterns per call.

    Returns
    -------
    array, shape (B, C)
        On the host.

    Warns
    -----
    SilenceWarning
        If no pattern has a spike.
    """
    _without_spikes(source)
    step = _values_step(
        backend, recipe, network.neurons, network.pass_on, tuple(network.reference_times)
    )
    batch = max(1, min(batch_size, len(source)))
    order = np.resize(np.arange(len(source)), (-(-len(source) // batch), batch))
    found = [
        backend.to_numpy(step(source.events(chosen), tuple(network.weights))) for chosen in order
    ]
    return np.concatenate(found)[: len(source)]


def classify(
    backend: Backend,
    source: PatternSource,
    network: Network,
    recipe: Recipe,
    *,
    batch_size: int = 256,
) -> Integers:
    """Return the class of each pattern: that of the largest value (`potentials`).

    Parameters
    ----------
    backend, source, network, recipe, batch_size
        As for `potentials`.

    Returns
    -------
    integer array, shape (B,)
        On the host.
    """
    found = potentials(backend, source, network, recipe, batch_size=batch_size)
    classes: Integers = np.argmax(found, axis=1).astype(np.int64)
    return classes


def _without_spikes(source: PatternSource) -> bool:
    """Whether there is not one spike in all patterns, after a warning that says so."""
    if source.mean_spikes > 0.0:
        return False
    warnings.warn(
        f"none of the {len(source)} patterns has a spike, so every potential is 0: look at the "
        f"encoder, its range of values and the duration, got {source.duration:g}",
        SilenceWarning,
        stacklevel=3,
    )
    return True


@functools.lru_cache(maxsize=16)
def _values_step(
    backend: Backend,
    recipe: Recipe,
    neurons: tuple[Neuron, ...],
    pass_on: str,
    reference_times: tuple[float, ...],
) -> Callable[[Events, tuple[Array, ...]], Array]:
    """Return a function from events and weights to class values, kept so as to compile once."""

    def values(events: Events, weights: tuple[Array, ...]) -> Array:
        network = Network(weights, neurons, pass_on, reference_times)
        return class_values(network.forward(events).peak.v_max, recipe)

    return compiled(backend, values)


def _epoch(
    step: Callable[..., Any],
    backend: Backend,
    source: PatternSource,
    state: Training,
    recipe: Recipe,
    number: int,
    augment: Augment | None,
    callbacks: Sequence[Callback],
) -> tuple[float, float, int]:
    """Go through the patterns once; return loss, accuracy and the number of silent neurons."""
    xp, network = backend.xp, state.network
    weights = tuple(network.weights)
    batch = min(recipe.batch_size, len(source))
    n_batches = -(-len(source) // batch)
    # equal batches (the last one is filled up from the first) compile to one program
    order = np.resize(state.rng.permutation(len(source)), (n_batches, batch))
    losses, hits = [], []
    awake: tuple[Array, ...] = ()
    for i, chosen in enumerate(order):
        events = source.events(chosen)
        if augment is not None:
            events = augment(events, state.rng)
        found = step(events, backend.from_numpy(source.labels[chosen]), weights)
        progress = (number - 1 + i / n_batches) / recipe.epochs
        step_size = recipe.step_size(progress, state.mean_spikes)
        updated = []
        for weight, gradient, optimiser in zip(
            weights, found.gradients, state.optimisers, strict=True
        ):
            optimiser.learning_rate = step_size
            updated.append(optimiser.step(weight, gradient))
        weights = tuple(updated)
        state.network = network.with_weights(weights)
        losses.append(found.loss)
        hits.append(found.hits)
        awake = tuple(map(xp.logical_or, awake, found.awake)) if awake else found.awake
        for callback in callbacks:
            callback.on_batch(i + 1, n_batches)
    loss = float(np.mean(backend.to_numpy(xp.stack(losses))))
    if not np.isfinite(loss):
        raise ValueError(
            f"training diverged in epoch {number}: the loss is {loss}; "
            f"learning_rate must be smaller, got {recipe.learning_rate}"
        )
    accuracy = float(np.sum(backend.to_numpy(xp.stack(hits)))) / order.size
    silent = int(sum(np.sum(~backend.to_numpy(layer)) for layer in awake))
    n_neurons = sum(layer.shape[0] for layer in awake)
    if 2 * silent > n_neurons and not state.warned:
        state.warned = True
        warnings.warn(
            f"{silent} of {n_neurons} neurons answered to no pattern of epoch {number} and learn "
            f"nothing: learning_rate may be too large, got {recipe.learning_rate}; recovery brings "
            f"outputs back, got {recipe.recovery!r}",
            SilenceWarning,
            stacklevel=3,
        )
    return loss, accuracy, silent


def _note(state: Training, loss: float, accuracy: float, validation: float | None) -> None:
    """Add an epoch to the history, and keep the weights if they are the best."""
    if validation is not None:
        before = state.history.setdefault("validation_accuracy", [])
        if validation > max(before, default=-1.0):
            state.best, state.best_epoch = state.network, state.epoch + 1
        before.append(validation)
    state.history["loss"].append(loss)
    state.history["accuracy"].append(accuracy)


def _patience_is_over(state: Training, recipe: Recipe) -> bool:
    return recipe.patience > 0 and state.epoch - state.best_epoch >= recipe.patience


def _class_weight(source: PatternSource, recipe: Recipe) -> NDArray[np.float64] | None:
    """Return how much each class counts, 1 on average over the patterns, or None."""
    if recipe.class_weight == "none":
        return None
    counts = np.bincount(source.labels, minlength=source.n_classes)
    present = counts > 0
    return np.where(present, len(source) / (present.sum() * np.maximum(counts, 1)), 0.0)
