"""Training of one tempotron per class with mini-batches, and classification.

The forward pass and the gradient are the exact ones of `tempotron_core.peak` and
`tempotron_core.peak_vjp`; the class of a pattern is that of the neuron with the largest potential.
All random numbers are drawn on the host, so that every backend sees the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tempotron_core import (
    Events,
    Momentum,
    Neuron,
    mse_loss,
    peak,
    peak_vjp,
    tempotron_loss,
)

from ._backend import Backend
from .recipe import Recipe

__all__ = ["Progress", "Training", "classify", "train"]

Array = Any
Integers = NDArray[np.int64]

LOSSES = {"tempotron": tempotron_loss, "mse": mse_loss}


class Progress(Protocol):
    """What a training run reports to."""

    def on_batch(self, done: int, of: int) -> None:
        """Batches of the epoch done, of how many."""

    def on_epoch(self, epoch: int, loss: float, accuracy: float) -> None:
        """An epoch is done, counted from 1; loss and accuracy on the training set during it."""


@dataclass
class Training:
    """State of a training run.

    Attributes
    ----------
    weight : array, shape (classes, afferents)
        Current weights, on the backend's device.
    history : dict
        ``loss`` and ``accuracy`` of each completed epoch.
    interrupted : bool
        Whether Ctrl-C ended the run early.
    """

    weight: Array
    history: dict[str, list[float]] = field(default_factory=lambda: {"loss": [], "accuracy": []})
    interrupted: bool = False


def train(
    backend: Backend,
    events: Events,
    labels: Integers,
    weight: Array,
    recipe: Recipe,
    rng: np.random.Generator,
    progress: Progress,
) -> Training:
    """Train until the recipe's epochs are over or Ctrl-C is pressed.

    Parameters
    ----------
    backend : Backend
        Where events and weights live.
    events : Events
        The training patterns.
    labels : integer array, shape (B,)
        Their classes, on the host.
    weight : array, shape (classes, afferents)
        Weights to start from.
    recipe : Recipe
    rng : numpy.random.Generator
        Source of the order of patterns.
    progress : Progress
        Told of every batch and epoch.

    Returns
    -------
    Training
        An interrupted run ends without an error, with the weights it had reached.

    Raises
    ------
    ValueError
        If the loss does not stay finite.
    """
    state = Training(weight)
    rule = Momentum(0.0, recipe.momentum)
    step = _compiled(backend, _gradient_step(backend, recipe))
    on_device = backend.from_numpy(labels)
    mean_spikes = float(np.mean(backend.to_numpy(events.counts)))
    batch = min(recipe.batch_size, len(labels))
    n_batches = -(-len(labels) // batch)
    try:
        for epoch in range(recipe.epochs):
            # equal batches (the last one is filled up from the first) compile to one program
            order = np.resize(rng.permutation(len(labels)), (n_batches, batch))
            losses, hits = [], []
            for i, chosen in enumerate(order):
                loss, hit, gradient = step(
                    events, on_device, backend.from_numpy(chosen), state.weight
                )
                part_done = (epoch + i / n_batches) / recipe.epochs
                rule.learning_rate = recipe.step_size(part_done, mean_spikes)
                state.weight = rule.step(state.weight, gradient)
                losses.append(loss)
                hits.append(hit)
                progress.on_batch(i + 1, n_batches)
            mean_loss = float(np.mean(backend.to_numpy(backend.xp.stack(losses))))
            accuracy = float(np.sum(backend.to_numpy(backend.xp.stack(hits)))) / order.size
            if not np.isfinite(mean_loss):
                raise ValueError(
                    f"training diverged in epoch {epoch + 1}: the loss is {mean_loss}; "
                    f"learning_rate must be smaller, got {recipe.learning_rate}"
                )
            state.history["loss"].append(mean_loss)
            state.history["accuracy"].append(accuracy)
            progress.on_epoch(epoch + 1, mean_loss, accuracy)
    except KeyboardInterrupt:
        state.interrupted = True
        for values in state.history.values():  # it may have come between the two
            del values[len(state.history["accuracy"]) :]
    return state


def classify(
    backend: Backend, events: Events, weight: Array, neuron: Neuron, *, batch_size: int = 256
) -> Integers:
    """Return the class of each pattern: the neuron with the largest maximal potential.

    Parameters
    ----------
    backend : Backend
    events : Events
    weight : array, shape (classes, afferents)
    neuron : Neuron
    batch_size : int, optional
        Patterns per call.

    Returns
    -------
    integer array, shape (B,)
        On the host.
    """

    def winner(events: Events, index: Array, weight: Array) -> Array:
        return backend.xp.argmax(peak(events[index], weight, neuron).v_max, axis=1)

    step = _compiled(backend, winner)
    batch = max(1, min(batch_size, len(events)))
    order = np.resize(np.arange(len(events)), (-(-len(events) // batch), batch))
    found = [backend.to_numpy(step(events, backend.from_numpy(chosen), weight)) for chosen in order]
    return np.concatenate([*found, np.empty(0)])[: len(events)].astype(np.int64)


def _gradient_step(
    backend: Backend, recipe: Recipe
) -> Callable[[Events, Array, Array, Array], tuple[Array, Array, Array]]:
    """Return a function from some patterns to their loss, hits and weight gradient."""
    xp, neuron, loss_of = backend.xp, recipe.neuron, LOSSES[recipe.loss]
    margin = recipe.margin * recipe.v_threshold

    def step(
        events: Events, labels: Array, index: Array, weight: Array
    ) -> tuple[Array, Array, Array]:
        batch, labels = events[index], xp.take(labels, index)
        found = peak(batch, weight, neuron)
        loss, cotangent = loss_of(found.v_max, labels, neuron.v_threshold, margin=margin)
        gradient, _ = peak_vjp(batch, weight, neuron, found, cotangent)
        hit = xp.argmax(found.v_max, axis=1) == labels
        return loss, xp.sum(xp.astype(hit, weight.dtype)), gradient

    return step


def _compiled(backend: Backend, function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of events and arrays where that pays: JAX is slow call by call."""
    if backend.name == "jax":
        import jax

        compiled: Callable[..., Any] = jax.jit(function)
        return compiled
    return function
