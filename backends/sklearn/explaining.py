"""What a classifier of spike patterns has learned: which units matter to it, and when.

All of it is about the margin of a pattern: how far the value of its class lies above that of the
best other one, in the unit of the potential.  Patterns that were not trained on tell more: on the
others, units that were learned by heart matter too.  A clock's afferents count as no unit, and have
names of their own in `importance_table`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tempotron_core import voltage
from tempotron_core.arrays.numbers import positive_float

from ..interchange.lists import SpikeList, to_spike_list
from .classifier import TempotronClassifier
from .margins import events_of, given_events, labelled_events, margins, parts, read_margins

__all__ = [
    "ImportanceTable",
    "SpikeGradient",
    "class_potentials",
    "importance_map",
    "importance_table",
    "spike_gradient",
    "time_importance",
    "unit_importance",
]

Floats = NDArray[np.float64]


class ImportanceTable(NamedTuple):
    """What adds to the margin, the largest first.

    Attributes
    ----------
    names : array of str, shape (U + C,)
        Of units, and of the clock's spikes: ``'clock 15'`` for the one at 15.
    is_clock : bool array, shape (U + C,)
    importance : array, shape (U + C,)
        In the unit of the potential.
    """

    names: NDArray[np.str_]
    is_clock: NDArray[np.bool_]
    importance: Floats


class SpikeGradient(NamedTuple):
    """How the margin of each pattern changes as a spike comes later.

    Attributes
    ----------
    spikes : SpikeList
        Times, afferents and offsets of the spikes.
    gradient : array, shape (E,)
        Of the margin of the spike's pattern by the spike's time.
    """

    spikes: SpikeList
    gradient: Floats


def unit_importance(
    classifier: TempotronClassifier, X: Any, y: ArrayLike | None = None, *, how: str = "drive"
) -> Floats:
    """Return how much each unit adds to the margin, averaged over patterns.

    Parameters
    ----------
    classifier : TempotronClassifier
        Trained on spike patterns.
    X : Events or LabelledEvents, or a list of them
        B patterns, best of those that were not trained on.
    y : array, shape (B,), optional
        Their classes; those of `LabelledEvents` unless given.
    how : {'drive', 'leave_out'}
        ``'drive'``: weight times the postsynaptic potentials at the moments that are read, which
        adds up, with the clock's, to the margin of neurons without hidden layers.
        ``'leave_out'``: by how much the margin falls without the unit, to which potentials have
        their largest values elsewhere.

    Returns
    -------
    array, shape (U,)
        In the unit of the potential; negative for units that mislead.
    """
    found = _by_afferent(classifier, X, y, how, clock=False)
    return found[: classifier.network_.n_afferents]


def importance_table(
    classifier: TempotronClassifier, X: Any, y: ArrayLike | None = None, *, how: str = "drive"
) -> ImportanceTable:
    """Return the importance of all units, and of the clock's spikes, by name.

    Parameters
    ----------
    classifier, X, y, how
        As for `unit_importance`.

    Returns
    -------
    ImportanceTable
        By drive it adds up to the margin of neurons without hidden layers.
    """
    importance = _by_afferent(classifier, X, y, how, clock=True)
    is_clock = np.arange(len(importance)) >= classifier.network_.n_afferents
    order = np.argsort(-importance, kind="stable")
    names = np.asarray(classifier.afferent_names_)
    return ImportanceTable(names[order], is_clock[order], importance[order])


def _by_afferent(
    classifier: TempotronClassifier, X: Any, y: ArrayLike | None, how: str, *, clock: bool
) -> Floats:
    """Return the importance of units and, if asked for, of the clock's afferents after them."""
    if how not in ("drive", "leave_out"):
        raise ValueError(f"how must be 'drive' or 'leave_out', got {how!r}")
    events, labels = labelled_events(classifier, X, y)
    network = classifier.network_
    first = network.weights[0]
    found = np.zeros(first.shape[1])
    if how == "leave_out":
        whole = margins(classifier, network, events, labels).mean()
        for afferent in range(len(found) if clock else network.n_afferents):
            without = first.copy()
            without[:, afferent] = 0.0
            rest = network.with_weights([without, *network.weights[1:]])
            found[afferent] = whole - margins(classifier, rest, events, labels).mean()
        return found
    for part in parts(len(events)):
        activity, cotangent = read_margins(classifier, events[part], labels[part])
        gradient = network.vjp(activity, cotangent).weights[0]
        found += (first * gradient).sum(axis=0)
    return found / len(events)


def time_importance(
    classifier: TempotronClassifier,
    X: Any,
    y: ArrayLike | None = None,
    *,
    width: float,
    step: float | None = None,
) -> tuple[Floats, Floats]:
    """Return by how much the margin falls without the spikes of a window, for each window.

    Parameters
    ----------
    classifier, X, y
        As for `unit_importance`.
    width : float
        Of the windows, in the unit of the spike times.
    step : float, optional
        From one window to the next; their width unless given.

    Returns
    -------
    start, importance : array, shape (W,)
        Where each window begins, counted from the start of the patterns, and its importance.
    """
    width = positive_float("width", width)
    step = width if step is None else positive_float("step", step)
    events, labels = labelled_events(classifier, X, y)
    whole = margins(classifier, classifier.network_, events, labels).mean()
    starts = np.arange(0.0, events.duration, step)
    found = np.zeros(len(starts))
    spikes = to_spike_list(events)
    of_pattern = np.repeat(np.arange(len(events)), np.diff(spikes.offsets))
    for number, start in enumerate(starts):
        kept = (spikes.times < start) | (spikes.times >= start + width)
        counts = np.bincount(of_pattern[kept], minlength=len(events))
        rest = events_of(
            SpikeList(
                spikes.times[kept], spikes.afferents[kept], np.concatenate([[0], np.cumsum(counts)])
            ),
            events,
        )
        found[number] = whole - margins(classifier, classifier.network_, rest, labels).mean()
    return starts, found


def importance_map(
    classifier: TempotronClassifier, X: Any, y: ArrayLike | None = None, *, width: float
) -> tuple[Floats, Floats]:
    """Return how much the spikes of each unit in each window add to the margin.

    Parameters
    ----------
    classifier : TempotronClassifier
        Without hidden layers.
    X, y
        As for `unit_importance`.
    width : float
        Of the windows, in the unit of the spike times.

    Returns
    -------
    edges : array, shape (W + 1,)
    importance : array, shape (U, W)
        Averaged over patterns; the sum over windows is `unit_importance` by drive.
    """
    width = positive_float("width", width)
    events, labels = labelled_events(classifier, X, y)
    network = classifier.network_
    if len(network.weights) > 1:
        raise ValueError(
            f"classifier must have no hidden layers for a map, got hidden="
            f"{classifier.recipe_.hidden}"
        )
    (weight,), (neuron,) = network.weights, network.neurons
    n_windows = int(np.ceil(events.duration / width))
    found = np.zeros((events.n_afferents + len(network.clock) + 1, n_windows))
    weight = np.concatenate([weight, np.zeros((len(weight), 1))], axis=1)  # of padding
    for part in parts(len(events)):
        activity, cotangent = read_margins(classifier, events[part], labels[part])
        spikes = activity.inputs[0].to_padded()
        credit = np.zeros(spikes.times.shape)
        for output in range(len(weight)):
            since = activity.peak.t_max[:, output, None] - spikes.times
            potential = neuron.kernel.value(np.maximum(since, 0.0), xp=np)
            share = cotangent[:, output, None] * weight[output][spikes.afferents]
            credit += share * np.where(since > 0.0, potential, 0.0)
        window = np.minimum((spikes.times / width).astype(np.int64), n_windows - 1)
        np.add.at(found, (spikes.afferents, window), credit)
    edges = np.minimum(np.arange(n_windows + 1) * width, events.duration)
    return edges, found[: events.n_afferents] / len(events)


def spike_gradient(
    classifier: TempotronClassifier, X: Any, y: ArrayLike | None = None
) -> SpikeGradient:
    """Return how the margin of each pattern changes as each of its spikes comes later.

    Parameters
    ----------
    classifier, X, y
        As for `unit_importance`.

    Returns
    -------
    SpikeGradient
    """
    events, labels = labelled_events(classifier, X, y)
    gradients: list[Any] = [np.zeros(0)]
    for part in parts(len(events)):
        activity, cotangent = read_margins(classifier, events[part], labels[part])
        gradients.append(classifier.network_.vjp(activity, cotangent, times=True).times)
    return SpikeGradient(to_spike_list(events), np.concatenate(gradients).astype(np.float64))


def class_potentials(
    classifier: TempotronClassifier, X: Any, *, n_samples: int = 250
) -> tuple[Floats, Floats]:
    """Return the potential over time of the neuron of each class that rises highest.

    Parameters
    ----------
    classifier : TempotronClassifier
        Trained on spike patterns.
    X : Events or LabelledEvents, or a list of them
        B patterns.
    n_samples : int, default 250

    Returns
    -------
    t : array, shape (T,)
        From the start of the patterns to their end.
    v : array, shape (B, C, T)
    """
    events = given_events(classifier, X)[0]
    t = np.linspace(0.0, events.duration, n_samples)
    network, per_class = classifier.network_, classifier.recipe_.neurons_per_class
    found = []
    for part in parts(len(events)):
        activity = network.forward(events[part])
        v = voltage(activity.inputs[-1], network.weights[-1], network.neurons[-1], t)
        v = v.reshape(len(v), -1, per_class, n_samples)
        highest = activity.peak.v_max.reshape(len(v), -1, per_class).argmax(axis=2)
        found.append(np.take_along_axis(v, highest[:, :, None, None], axis=2)[:, :, 0])
    return t, np.concatenate(found).astype(np.float64)
