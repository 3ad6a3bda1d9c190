"""Training with mini-batches, epoch by epoch, and classification.

Everything a run depends on is in its state, a ``Training``: weights, optimisers, random numbers,
history.  A run that is given the state of another one continues it, on NumPy to the last bit.  All
random numbers are drawn on the host, so that every backend sees the same.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Network, SilenceWarning
from tempotron_core.networks.count_start import begin_counting
from tempotron_core.networks.count_step import count_step
from tempotron_core.networks.learning_step import learning_step
from tempotron_core.networks.prediction import class_values, spike_counts
from tempotron_core.networks.training import Outcome, Training, run_epoch
from tempotron_core.networks.training import begin as begin_on

from .._backend import Backend
from ..data.loader import PatternSource
from ..recipes.recipe import Recipe
from .augment import Augment
from .callbacks import Callback, Epoch

__all__ = ["begin", "classify", "count", "potentials", "train"]

Array = Any
Integers = NDArray[np.int64]

SEEN_AT_START = 1000
"""Patterns that the weights to start from are scaled by."""


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
        Which must hold the dtype.
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
    seen = np.arange(min(SEEN_AT_START, len(source)))
    if recipe.counts:
        return begin_counting(
            source.events(seen),
            source.labels[seen],
            recipe.hidden,
            recipe.neurons,
            rng,
            recipe.make_optimiser,
            dtype=np.dtype(dtype),
            fraction=recipe.firing,
            pass_on=recipe.pass_on,
            min_slope=recipe.min_slope * recipe.v_threshold,
            clock=recipe.clock_times,
        )
    return begin_on(
        source.events(seen),
        recipe.hidden,
        source.n_classes * recipe.neurons_per_class,
        recipe.neurons,
        rng,
        recipe.make_optimiser,
        dtype=np.dtype(dtype),
        fraction=recipe.firing,
        pass_on=recipe.pass_on,
        min_slope=recipe.min_slope * recipe.v_threshold,
        clock=recipe.clock_times,
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
        If the loss or the weights do not stay finite.

    Warns
    -----
    SilenceWarning
        If no pattern has a spike, or more than half of the neurons answer to no pattern of an
        epoch; once in a run.
    """
    state.warned |= _without_spikes(source)
    if recipe.counts:
        rule = "exact" if recipe.rule == "aggregate" else recipe.rule
        step = count_step(
            state.network, rule=rule, recovery=recipe.recovery, clip_norm=recipe.clip_norm
        )
    else:
        step = learning_step(state.network, recipe.objective, _class_weight(source, recipe))

    def on_batch(done: int, of: int) -> None:
        for callback in callbacks:
            callback.on_batch(done, of)

    try:
        for number in range(state.epoch + 1, recipe.epochs + 1):
            if _patience_is_over(state, recipe):
                break
            began = time.perf_counter()
            outcome = run_epoch(
                step,
                source,
                state,
                batch_size=recipe.batch_size,
                step_size=lambda done: recipe.step_size(done / recipe.epochs, state.mean_spikes),
                augment=augment,
                on_batch=on_batch,
            )
            _warn_of_silence(outcome, number, state, recipe)
            on_validation = None
            if validation is not None:
                look = count if recipe.counts else classify
                found = look(backend, validation, state.network, recipe)
                on_validation = float(np.mean(found == validation.labels))
            loss, accuracy, silent, _ = outcome
            state.note(loss, accuracy, on_validation)
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
    found = class_values(
        network, recipe.objective, source.events, len(source), batch_size=batch_size
    )
    return backend.to_numpy(found)


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


def count(
    backend: Backend,
    source: PatternSource,
    network: Network,
    recipe: Recipe,
    *,
    batch_size: int = 256,
) -> Integers:
    """Return how often each output spikes in each pattern, shape (B, O), on the host.

    Parameters
    ----------
    backend, source, network, recipe, batch_size
        As for `potentials`.

    Returns
    -------
    integer array, shape (B, O)
    """
    _without_spikes(source)
    return spike_counts(network, source.events, len(source), batch_size=batch_size)


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


def _warn_of_silence(outcome: Outcome, number: int, state: Training, recipe: Recipe) -> None:
    """Warn, once in a run, if more than half of the neurons answered to no pattern of an epoch."""
    if 2 * outcome.silent > outcome.neurons and not state.warned:
        state.warned = True
        warnings.warn(
            f"{outcome.silent} of {outcome.neurons} neurons answered to no pattern of epoch "
            f"{number} and learn nothing: learning_rate may be too large, got "
            f"{recipe.learning_rate}; recovery brings outputs back, got {recipe.recovery!r}",
            SilenceWarning,
            stacklevel=3,
        )


def _patience_is_over(state: Training, recipe: Recipe) -> bool:
    return recipe.patience > 0 and state.epoch - state.best_epoch >= recipe.patience


def _class_weight(source: PatternSource, recipe: Recipe) -> NDArray[np.float64] | None:
    """Return how much each class counts, 1 on average over the patterns, or None."""
    if recipe.class_weight == "none":
        return None
    counts = np.bincount(source.labels, minlength=source.n_classes)
    present = counts > 0
    return np.where(present, len(source) / (present.sum() * np.maximum(counts, 1)), 0.0)
