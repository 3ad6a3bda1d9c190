"""Clues in background: trials that are labelled by how much their features are worth, and no more.

The tasks of Gütig [1]_.  Features are spike patterns, drawn once and frozen.  In a trial, each
comes a Poisson number of times at random places of fresh background of the same rates, which it
pushes apart.  The label is the sum of the values of all of them, and says neither which features
have a value nor when they came.

References
----------
.. [1] R. Gütig, "Spiking neurons can discover predictive features by aggregate-label learning",
   Science 351, aab4113 (2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.arrays.numbers import check_generator, positive_float, whole_number

__all__ = ["TASKS", "ClueTask", "Train", "Trial", "join", "pad"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TASKS: dict[str, tuple[int, ...]] = {
    "1F1S": (1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "1F5S": (5, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "5F1S": (1, 1, 1, 1, 1, 0, 0, 0, 0, 0),
    "12345": (1, 2, 3, 4, 5, 0, 0, 0, 0, 0),
    "5F5S": (5, 5, 5, 5, 5, 0, 0, 0, 0, 0),
}
"""Values of the ten features of each task: of so many, so many spikes are wanted."""


class Train(NamedTuple):
    """Spikes of all afferents in a stretch of time.

    Attributes
    ----------
    times : array, shape (S,)
        In no order.
    afferents : array of int, shape (S,)
    length : float
    """

    times: Floats
    afferents: Integers
    length: float


class Trial(NamedTuple):
    """A train, the features in it in the order in which they come, and where each starts.

    Attributes
    ----------
    train : Train
    features : array of int, shape (M,)
    starts : array, shape (M,)
    """

    train: Train
    features: Integers
    starts: Floats


@dataclass(frozen=True)
class ClueTask:
    """Features and their values; make one with `draw`.

    Attributes
    ----------
    values : array of int, shape (F,)
        Output spikes that each feature asks for, 0 for those that mean nothing.
    features : tuple of Train
    n_afferents : int
    rate : float
        Spikes of an afferent per unit of time, in features and background.
    background : float
        Length of the background of a trial.
    occurrences : float
        Mean number of times that a feature comes in a trial.
    """

    values: Integers
    features: tuple[Train, ...]
    n_afferents: int
    rate: float
    background: float
    occurrences: float

    @classmethod
    def draw(
        cls,
        values: Sequence[int],
        rng: np.random.Generator,
        *,
        n_afferents: int = 500,
        rate: float = 0.005,
        feature_length: float = 50.0,
        background: float = 500.0,
        occurrences: float = 0.5,
    ) -> ClueTask:
        """Draw a feature for each value; times of the defaults are in milliseconds.

        Parameters
        ----------
        values : sequence of int
        rng : numpy.random.Generator
        n_afferents, rate, background, occurrences
            See `ClueTask`.
        feature_length : float, default 50

        Raises
        ------
        TypeError, ValueError
            If a number has the wrong type, is negative or, but for values and occurrences, 0.

        Examples
        --------
        >>> import numpy as np
        >>> from tempotron_backends.data.clues import TASKS, ClueTask, join
        >>> rng = np.random.default_rng(0)
        >>> task = ClueTask.draw(TASKS["5F1S"], rng)
        >>> trials = [task.trial(rng) for _ in range(4)]
        >>> [task.label(trial) for trial in trials]
        [3, 5, 3, 4]
        >>> join([trial.train for trial in trials], task.n_afferents).duration
        850.0
        """
        check_generator(rng)
        worth = np.asarray([whole_number("values", value, least=0) for value in values], np.int64)
        if len(worth) == 0:
            raise ValueError("values must have one for each feature, got none")
        afferents = whole_number("n_afferents", n_afferents)
        rate, length = (
            positive_float("rate", rate),
            positive_float("feature_length", feature_length),
        )
        return cls(
            worth,
            tuple(_noise(length, afferents, rate, rng) for _ in worth),
            afferents,
            rate,
            positive_float("background", background),
            positive_float("occurrences", occurrences, or_zero=True),
        )

    def noise(self, rng: np.random.Generator) -> Train:
        """Draw background without a feature."""
        return _noise(self.background, self.n_afferents, self.rate, rng)

    def trial(self, rng: np.random.Generator) -> Trial:
        """Draw a trial."""
        often = rng.poisson(self.occurrences, len(self.features))
        return self.insert(rng.permutation(np.repeat(np.arange(len(often)), often)), rng)

    def insert(self, features: Sequence[int] | Integers, rng: np.random.Generator) -> Trial:
        """Draw background with these features in it, in this order, at random places."""
        background, chosen = self.noise(rng), np.asarray(features, np.int64)
        times, afferents = background.times.copy(), [background.afferents]
        places, added = np.sort(rng.uniform(0.0, self.background, len(chosen))), []
        starts, length = np.empty(len(chosen)), 0.0
        for number, (which, place) in enumerate(zip(chosen, places, strict=True)):
            feature = self.features[which]
            starts[number] = place + length
            times += feature.length * (background.times >= place)
            added.append(feature.times + starts[number])
            afferents.append(feature.afferents)
            length += feature.length
        train = Train(
            np.concatenate([times, *added]), np.concatenate(afferents), self.background + length
        )
        return Trial(train, chosen, starts)

    def label(self, trial: Trial) -> int:
        """Return what the features of a trial are worth together."""
        return int(self.values[trial.features].sum())

    def ends(self, trial: Trial) -> Floats:
        """Return when its clues end, each as often as it asks for spikes."""
        lengths = np.asarray([feature.length for feature in self.features])[trial.features]
        return np.repeat(trial.starts + lengths, self.values[trial.features])

    def due(self, trial: Trial) -> Floats:
        """Return times for a teacher that names some: even parts of each clue's second half."""
        spikes = [
            start + self.features[which].length * (0.5 + 0.5 * np.arange(1, value + 1) / value)
            for which, start in zip(trial.features, trial.starts, strict=True)
            if (value := self.values[which])
        ]
        return np.concatenate([np.empty(0), *spikes])


def join(trains: Sequence[Train], n_afferents: int) -> Events:
    """Return patterns as long as the longest train: nothing comes after the others.

    Parameters
    ----------
    trains : sequence of Train
    n_afferents : int
    """
    if not trains:
        raise ValueError("trains must have at least one, got none")
    offsets = np.cumsum([0, *(len(train.times) for train in trains)])
    return Events.from_csr(
        np.concatenate([train.times for train in trains]),
        np.concatenate([train.afferents for train in trains]),
        offsets,
        n_afferents,
        max(train.length for train in trains),
    )


def _noise(length: float, n_afferents: int, rate: float, rng: np.random.Generator) -> Train:
    n = rng.poisson(n_afferents * rate * length)
    return Train(rng.uniform(0.0, length, n), rng.integers(0, n_afferents, n), length)


def pad(times: Sequence[Any]) -> Floats:
    """Return one row of times for each trial, padded with +inf."""
    rows = np.full((len(times), max(1, 1, *(len(each) for each in times))), np.inf)
    for row, each in zip(rows, times, strict=True):
        row[: len(each)] = each
    return rows
