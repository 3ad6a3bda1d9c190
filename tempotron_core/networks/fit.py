"""`fit`: from labelled patterns to a trained network in one call.

The defaults are the recipe of the trainer: several neurons per class that start just below
threshold, the cross-entropy of their pooled largest potentials, Adam with a warm-up and a cosine,
steps in proportion to one over the number of spikes, and spikes lost at random in training.  They
were chosen on handwritten digits.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays.host import to_host
from ..arrays.numbers import generator_of, positive_float, whole_number
from ..encoding.augmentation import delete_spikes
from ..events import Events
from ..learning.optimisers import Adam
from ..learning.schedules import cosine
from ..neuron import Neuron
from ..readouts.arguments import check_fixed
from .class_weight import class_weights
from .learning_step import Objective, learning_step
from .network import Network
from .prediction import class_values
from .silence import SilenceWarning
from .training import InMemory, begin, chosen_patterns, run_epoch

__all__ = ["Fitted", "fit"]

Array = Any
HostArray = NDArray[Any]

SEEN_AT_START = 1000
"""Patterns that the weights to start from are scaled by."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network, and what its outputs mean.

    Attributes
    ----------
    network : Network
        The outputs of class c are numbers ``c * G`` to ``c * G + G - 1``, with G neurons per class.
    classes : array of NumPy, shape (C,)
        The labels that occurred, sorted.
    history : dict of str to list of float
        ``loss`` and ``accuracy`` of each epoch, on the training patterns during it, and
        ``validation_accuracy`` after it if there were validation patterns.
    objective : Objective
        How the outputs are pooled, among others.
    """

    network: Network
    classes: HostArray
    history: dict[str, list[float]]
    objective: Objective

    def values(self, events: Events) -> Array:
        """Return the value of each class: the pooled largest potentials of its neurons.

        Parameters
        ----------
        events : Events
            In the library and on the device of the training patterns.

        Returns
        -------
        array, shape (B, C)
        """
        return class_values(
            self.network, self.objective, lambda index: chosen_patterns(events, index), len(events)
        )

    def predict(self, events: Events) -> HostArray:
        """Return the label of the class of the largest value, the first of equal ones.

        Parameters
        ----------
        events : Events

        Returns
        -------
        array of NumPy, shape (B,)
        """
        found: HostArray = self.classes[np.argmax(to_host(self.values(events)), axis=1)]
        return found

    def score(self, events: Events, labels: Any) -> float:
        """Return the part of the patterns that get their label.

        Parameters
        ----------
        events : Events
        labels : array or sequence, shape (B,)
            Of the kind that was learned; one that was not counts as wrong.

        Returns
        -------
        float
            From 0 to 1.
        """
        return float(np.mean(self.predict(events) == _labels("labels", labels, events)))


def fit(
    events: Events,
    labels: Any,
    neuron: Neuron | Sequence[Neuron] | None = None,
    *,
    hidden: Sequence[int] = (),
    neurons_per_class: int = Objective.neurons_per_class,
    epochs: int = 40,
    batch_size: int = 32,
    learning_rate: float = 0.3,
    temperature: float = Objective.temperature,
    deletion: float = 0.3,
    clock: Any = None,
    class_weight: str | Mapping[Any, float] | None = None,
    validation: tuple[Events, Any] | None = None,
    rng: np.random.Generator | int = 0,
    **options: Any,
) -> Fitted:
    """Train tempotrons to tell classes of spike patterns apart.

    Parameters
    ----------
    events : Events
        The training patterns, of any array library.
    labels : array or sequence, shape (B,)
        A label per pattern: integers, booleans or strings.
    neuron : Neuron or sequence of Neuron, optional
        Constants of all layers, or of each; the default constants if left out.  With hidden layers,
        outputs that are fast beside the hidden neurons learn better.
    hidden : sequence of int, optional
        Neurons of each hidden layer.
    neurons_per_class : int, default 6
    epochs : int, default 40
    batch_size : int, default 32
    learning_rate : float, default 0.3
        Largest change of a weight in one step of Adam, in thresholds, times the mean number of
        spikes that a layer receives (of the layer that receives most).
    temperature : float, default 0.2
        Of the cross-entropy and of the pooling of a class's neurons, in thresholds.
    deletion : float, default 0.3
        Probability with which a spike is left out in training: less, where patterns have few.
    clock : 'tau', float, sequence of float, or None
        Afferents that fire in every pattern at fixed times, so that when something happens counts:
        once every membrane time constant, once in so much time, at these times, or never.
    class_weight : 'balanced', mapping from label to float, or None
        How much patterns of each class count: inversely to how many there are, or as much as is
        given for their label (1 where it is missing), or all alike.
    validation : (Events, labels), optional
        Patterns to watch: the weights of the best epoch on them are kept.
    rng : numpy.random.Generator or int, default 0
        Source of the weights, of the order of patterns and of the deletion.
    **options
        ``fraction``, ``pass_on``, ``reference_times``, ``min_slope`` of `initial_network`;
        ``min_slope`` is 0.1 thresholds per unit of time unless given.

    Returns
    -------
    Fitted

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If there is not one label per pattern, fewer than two classes, a validation label that does
        not occur in training, a number is out of range, or the loss or weights do not stay finite.

    Warns
    -----
    SilenceWarning
        If more than half of the neurons answer to no pattern of an epoch; once.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron, fit
    >>> rng = np.random.default_rng(0)
    >>> labels = np.asarray(["left", "right"])[rng.integers(0, 2, 200)]
    >>> times = rng.uniform(0.0, 50.0, (2, 20))[(labels == "left") * 1]
    >>> times = np.abs(times + rng.normal(0.0, 2.0, times.shape))
    >>> events = Events.from_latencies(times, 60.0)
    >>> model = fit(events[:100], labels[:100], Neuron(), epochs=5)
    >>> model.score(events[100:], labels[100:])
    1.0
    """
    if not isinstance(events, Events):
        raise TypeError(f"events must be an Events, got {type(events).__name__}")
    classes, index = np.unique(_labels("labels", labels, events), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"labels must be of two classes or more, got {classes.tolist()}")
    weight_of_class = class_weights(class_weight, classes, np.bincount(index))
    watched = None if validation is None else _validation(validation, classes)
    neuron = Neuron() if neuron is None else neuron
    check_fixed(neuron)
    neurons: Any = (neuron,) if isinstance(neuron, Neuron) else neuron
    if not (isinstance(neurons, Sequence) and all(isinstance(each, Neuron) for each in neurons)):
        raise TypeError(f"neuron must be a Neuron or a sequence of them, got {neuron!r}")
    threshold = neurons[-1].v_threshold if neurons else 1.0  # none is an error of what follows
    epochs = whole_number("epochs", epochs, least=0)
    batch_size = whole_number("batch_size", batch_size)
    learning_rate = positive_float("learning_rate", learning_rate)
    temperature = positive_float("temperature", temperature)
    deletion = positive_float("deletion", deletion, or_zero=True)
    if deletion >= 1.0:
        raise ValueError(f"deletion must be from 0 to 1 (exclusive), got {deletion}")
    objective = Objective(
        whole_number("neurons_per_class", neurons_per_class),
        pool_temperature=temperature,
        temperature=temperature,
        v_threshold=threshold,
    )
    state = begin(
        events[:SEEN_AT_START],
        hidden,
        len(classes) * objective.neurons_per_class,
        neuron,
        generator_of(rng),
        lambda: Adam(0.0),
        clock=clock,
        **{"min_slope": 0.1 * threshold} | options,
    )
    schedule = cosine(warm_up=0.1)
    per_step = learning_rate / max(state.mean_spikes, 1.0)
    step = learning_step(state.network, objective, weight_of_class)
    source = InMemory(events, index)
    for _ in range(epochs):
        outcome = run_epoch(
            step,
            source,
            state,
            batch_size=batch_size,
            step_size=lambda done: per_step * schedule(done / epochs),
            augment=(lambda batch, rng: delete_spikes(batch, deletion, rng)) if deletion else None,
        )
        on_validation = None
        if watched is not None:
            now = Fitted(state.network, classes, {}, objective)
            on_validation = now.score(*watched)
        state.note(outcome.loss, outcome.accuracy, on_validation)
        if 2 * outcome.silent > outcome.neurons and not state.warned:
            state.warned = True
            warnings.warn(
                f"{outcome.silent} of {outcome.neurons} neurons answered to no pattern of epoch "
                f"{state.epoch} and learn nothing: learning_rate may be too large, got "
                f"{learning_rate}",
                SilenceWarning,
                stacklevel=2,
            )
    return Fitted(state.result, classes, state.history, objective)


def _labels(name: str, labels: Any, events: Events) -> HostArray:
    """Return labels on the host, one for each pattern, or an error naming them."""
    if hasattr(labels, "__array_namespace__") or hasattr(labels, "detach"):
        labels = to_host(labels)
    found = np.asarray(labels)
    if found.dtype == object:  # strings, as data frames keep them
        kinds = {type(each) for each in found.ravel()}
        found = found.astype(str) if kinds == {str} else found
    if found.dtype.kind not in "biuUS":
        raise TypeError(f"{name} must be integers, booleans or strings, got {found.dtype} labels")
    if found.shape != (len(events),) or not len(events):
        raise ValueError(
            f"{name} must have shape ({len(events)},), one per pattern and at least one, "
            f"got {found.shape}"
        )
    return found


def _validation(given: Any, classes: HostArray) -> tuple[Events, HostArray]:
    try:
        events, labels = given
    except (TypeError, ValueError):
        events = None
    if not isinstance(events, Events):
        raise TypeError(f"validation must be a pair of Events and labels, got {given!r}")
    found = _labels("validation's labels", labels, events)
    unknown = np.setdiff1d(found, classes)
    if len(unknown):
        raise ValueError(
            f"validation's labels must occur in training, {classes.tolist()}, "
            f"got {unknown.tolist()}"
        )
    return events, found
