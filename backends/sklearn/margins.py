"""Margins of patterns: how far the value of their class lies above that of the best other one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from tempotron_core import Events
from tempotron_core.learning.pooling import pool_vjp
from tempotron_core.networks.activity import Activity
from tempotron_core.networks.prediction import class_values

from ..interchange.lists import SpikeList, to_spike_list
from ..recordings import LabelledEvents
from .classifier import TempotronClassifier
from .given import classes_of, joined, spikes_of

__all__ = ["events_of", "given_events", "labelled_events", "margins", "parts", "read_margins"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AT_ONCE = 256
"""Patterns; bounds the memory."""


def given_events(classifier: TempotronClassifier, X: Any) -> tuple[Events, Events | LabelledEvents]:
    """Return patterns as spike lists on the host, and as they were given, in one batch."""
    check_is_fitted(classifier, "network_")
    given = joined(X)
    if given is None:
        raise TypeError(f"X must be Events or LabelledEvents, got {type(X).__name__}")
    classifier._check_spikes(given, reset=False)
    events = spikes_of(given)
    return events_of(to_spike_list(events), events), given


def labelled_events(
    classifier: TempotronClassifier, X: Any, y: ArrayLike | None
) -> tuple[Events, Integers]:
    """Return patterns as spike lists on the host, and the number of their classes."""
    events, given = given_events(classifier, X)
    wanted, classes = classes_of(given, y), classifier.classes_
    labels = np.minimum(np.searchsorted(classes, wanted), len(classes) - 1)
    unknown = np.flatnonzero(classes[labels] != wanted)
    if len(unknown):
        raise ValueError(f"y must hold classes among {classes}, got {wanted[unknown[0]]!r}")
    return events, labels.astype(np.int64)


def events_of(spikes: SpikeList, like: Events) -> Events:
    """Return spike lists as events with the afferents and the duration of others."""
    return Events.from_csr(
        spikes.times.astype(np.float64),
        spikes.afferents.astype(np.int64),
        spikes.offsets,
        like.n_afferents,
        like.duration,
    )


def parts(count: int) -> list[slice]:
    """Return slices that cover so many patterns, of a size that fits into memory."""
    return [slice(start, start + AT_ONCE) for start in range(0, count, AT_ONCE)]


def margins(
    classifier: TempotronClassifier, network: Any, events: Events, labels: Integers
) -> Floats:
    """Return how far each pattern's class lies above the best other one, shape (B,)."""
    values = class_values(
        network, classifier.recipe_.objective, lambda chosen: events[chosen], len(events)
    ).astype(np.float64)
    own = np.take_along_axis(values, labels[:, None], axis=1)[:, 0]
    np.put_along_axis(values, labels[:, None], -np.inf, axis=1)
    found: Floats = own - values.max(axis=1)
    return found


def read_margins(
    classifier: TempotronClassifier, events: Events, labels: Integers
) -> tuple[Activity, Floats]:
    """Return what the network does, and the derivative of the margins by its potentials."""
    activity = classifier.network_.forward(events)
    recipe, v_max = classifier.recipe_, activity.peak.v_max
    values = recipe.objective.class_values(v_max)
    others = np.array(values)
    np.put_along_axis(others, labels[:, None], -np.inf, axis=1)
    towards = np.zeros_like(values)
    np.put_along_axis(towards, others.argmax(axis=1)[:, None], -1.0, axis=1)
    np.put_along_axis(towards, labels[:, None], 1.0, axis=1)
    cotangent = pool_vjp(
        v_max,
        values.shape[1],
        towards,
        how=recipe.pooling,
        temperature=recipe.pool_temperature * recipe.v_threshold,
    )
    return activity, cotangent
