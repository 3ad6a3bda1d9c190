"""The published rule at a rate that falls, for loads near the capacity.

At a constant rate learning by errors goes on for ever where patterns are many: what one corrects,
the next spoils.  As the rate falls the weights come to rest, and a neuron that has room for its
patterns learns them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tempotron_core import Events, Neuron
from tempotron_core.learning import learn_online

__all__ = ["STAGE", "Annealed", "falling", "learn_annealed"]

STAGE = 16
"""Epochs at one rate."""


class Annealed(NamedTuple):
    """What `learn_annealed` came to.

    Attributes
    ----------
    weight : array, shape (O, N)
    epochs : integer array, shape (O,)
        Epochs until there was no error, that one included; 0 for never.
    errors : integer array, shape (O,)
        Errors in each neuron's last epoch.
    """

    weight: Any
    epochs: Any
    errors: Any


def falling(first: float, last: float, epochs: int) -> list[float]:
    """Rates of the stages of at most so many epochs, falling by a constant factor."""
    rates: list[float] = np.geomspace(first, last, max(1, epochs // STAGE)).tolist()
    return rates


def learn_annealed(
    events: Events,
    labels: Any,
    weight: Any,
    neuron: Neuron,
    *,
    rates: Sequence[float],
    momentum: float,
    rng: np.random.Generator,
) -> Annealed:
    """Learn by `learn_online`, `STAGE` epochs at each rate; those that have learned drop out."""
    weight, change = weight.copy(), np.zeros_like(weight)
    epochs, errors = np.zeros((2, len(weight)), np.int64)
    left = np.arange(len(weight))
    for stage, rate in enumerate(rates):
        found = learn_online(
            events, labels[:, left], weight[left], neuron,
            learning_rate=rate, momentum=momentum, epochs=STAGE, rng=rng, change=change[left],
        )  # fmt: skip
        weight[left], change[left], errors[left] = found.weight, found.change, found.errors[-1]
        without = found.errors == 0
        learned = without.any(axis=0)
        epochs[left[learned]] = STAGE * stage + without.argmax(axis=0)[learned] + 1
        left = left[~learned]
        if not len(left):
            break
    return Annealed(weight, epochs, errors)
