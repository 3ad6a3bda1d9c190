"""The state of training, its start, and one epoch of it, in mini-batches.

All random numbers are drawn on the host, so that every array library sees the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays.host import to_host
from ..events import Events
from ..events.changing import map_arrays
from ..learning.optimisers import Adam, Momentum
from ..neuron import Neuron
from .initialisation import initial_network
from .learning_step import Step
from .network import Network

__all__ = ["InMemory", "Outcome", "Source", "Training", "begin", "chosen_patterns", "run_epoch"]

Array = Any
Integers = NDArray[np.int64]
Augment = Callable[[Events, np.random.Generator], Events]


class Source(Protocol):
    """Labelled patterns that can be had in batches."""

    @property
    def labels(self) -> Integers:
        """Class of each pattern, shape (B,), or wanted counts, (B, O), on the host."""

    def __len__(self) -> int:
        """Return the number of patterns."""

    def events(self, index: Integers) -> Events:
        """Return chosen patterns."""


class InMemory:
    """Events with labels, in batches."""

    def __init__(self, events: Events, labels: Integers) -> None:
        self._events, self.labels = events, labels

    def __len__(self) -> int:
        return len(self.labels)

    def events(self, index: Integers) -> Events:
        """Return chosen patterns."""
        return chosen_patterns(self._events, index)


def chosen_patterns(events: Events, index: Integers) -> Events:
    """Return patterns whose numbers are on the host."""
    return events[events.xp.asarray(index, device=events.device)]


@dataclass
class Training:
    """State of a training run.

    Attributes
    ----------
    network : Network
        With the current weights.
    optimisers : list
        One per layer.
    mean_spikes : float
        Spikes per pattern that the layer with most of them receives at the start: what the step
        size is divided by.
    rng : numpy.random.Generator
        Source of the order of patterns and of augmentation.
    history : dict
        ``loss`` and ``accuracy`` of each completed epoch, on the training patterns during it, and
        ``validation_accuracy`` after it if there are validation patterns.
    best : Network or None
        With the weights of the best epoch on the validation patterns.
    best_epoch : int
        That epoch, counted from 1.
    interrupted : bool
        Whether Ctrl-C ended the run early.
    warned : bool
        Whether there was a warning that most neurons are silent.
    """

    network: Network
    optimisers: list[Momentum | Adam]
    mean_spikes: float
    rng: np.random.Generator
    history: dict[str, list[float]] = field(default_factory=lambda: {"loss": [], "accuracy": []})
    best: Network | None = None
    best_epoch: int = 0
    interrupted: bool = False
    warned: bool = False

    @property
    def epoch(self) -> int:
        """Completed epochs."""
        return len(self.history["accuracy"])

    @property
    def result(self) -> Network:
        """The network to keep: the best on the validation patterns, or else the last."""
        return self.network if self.best is None else self.best

    def note(self, loss: float, accuracy: float, validation: float | None) -> None:
        """Add an epoch to the history, and keep the weights if they are the best."""
        if validation is not None:
            before = self.history.setdefault("validation_accuracy", [])
            if validation > max(before, default=-1.0):
                self.best, self.best_epoch = self.network, self.epoch + 1
            before.append(validation)
        self.history["loss"].append(loss)
        self.history["accuracy"].append(accuracy)


class Outcome(NamedTuple):
    """What one epoch came to.

    Attributes
    ----------
    loss, accuracy : float
        On the training patterns, during the epoch.
    silent, neurons : int
        Neurons that answered to no pattern, of how many.
    """

    loss: float
    accuracy: float
    silent: int
    neurons: int


def begin(
    events: Events,
    hidden: Sequence[int],
    n_outputs: int,
    neuron: Neuron | Sequence[Neuron],
    rng: np.random.Generator,
    make_optimiser: Callable[[], Momentum | Adam],
    **options: Any,
) -> Training:
    """Draw a network for patterns, on the host, and move it to where they are.

    Parameters
    ----------
    events : Events
        Some hundred of the training patterns.
    hidden, n_outputs, neuron, rng, **options
        As for `initial_network`.
    make_optimiser : callable
        Returns a new optimiser, for one layer.
    """
    on_host = map_arrays(events, to_host)
    network = initial_network(on_host, hidden, n_outputs, neuron, rng, **options)
    received = network.forward(on_host).inputs
    place = events.xp.asarray
    return Training(
        network.with_weights([place(weight, device=events.device) for weight in network.weights]),
        [make_optimiser() for _ in network.weights],
        max(float(np.mean(each.counts)) for each in received),
        rng,
    )


def run_epoch(
    step: Callable[[Events, Array, tuple[Array, ...]], Step],
    source: Source,
    state: Training,
    *,
    batch_size: int,
    step_size: Callable[[float], float],
    augment: Augment | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Go through the patterns once; the state's network and optimisers are changed.

    Parameters
    ----------
    step : callable
        From `learning_step` or `count_step`.
    source : Source
        The training patterns.
    state : Training
    batch_size : int
        Patterns per step.
    step_size : callable
        From the epochs done, with a fraction, to the learning rate.
    augment : callable, optional
        From the events of a batch, and the generator of random numbers, to events to learn from.
    on_batch : callable, optional
        Told of the batches done, of how many.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        If the loss or the weights do not stay finite.
    """
    network = state.network
    weights = tuple(network.weights)
    batch = min(batch_size, len(source))
    n_batches = -(-len(source) // batch)
    # equal batches (the last one is filled up from the first) compile to one program
    order = np.resize(state.rng.permutation(len(source)), (n_batches, batch))
    losses, hits = [], []
    awake: tuple[Array, ...] = ()
    for i, chosen in enumerate(order):
        events = source.events(chosen)
        if augment is not None:
            events = augment(events, state.rng)
        xp = events.xp
        labels = xp.asarray(source.labels[chosen], device=events.device)
        found = step(events, labels, weights)
        if found.gradients is not None:
            rate = step_size(state.epoch + i / n_batches)
            updated = []
            for weight, gradient, optimiser in zip(
                weights, found.gradients, state.optimisers, strict=True
            ):
                optimiser.learning_rate = rate
                updated.append(optimiser.step(weight, gradient))
            weights = tuple(updated)
            state.network = network.with_weights(weights)
        losses.append(found.loss)
        hits.append(found.hits)
        awake = tuple(map(xp.logical_or, awake, found.awake)) if awake else found.awake
        if on_batch is not None:
            on_batch(i + 1, n_batches)
    loss = float(np.mean(to_host(xp.stack(losses))))
    # a loss that counts spikes stays finite, and none has seen the last step
    known = bool(xp.all(xp.stack([xp.all(xp.isfinite(weight)) for weight in weights])))
    if not (known and np.isfinite(loss)):
        what = f"the loss is {loss}" if known else "weights are not finite"
        raise ValueError(
            f"training diverged in epoch {state.epoch + 1}: {what}; learning_rate must be smaller"
        )
    accuracy = float(np.sum(to_host(xp.stack(hits)))) / order.size
    asleep = [~to_host(layer) for layer in awake]
    silent = int(sum(np.sum(layer) for layer in asleep))
    return Outcome(loss, accuracy, silent, sum(layer.shape[0] for layer in asleep))
