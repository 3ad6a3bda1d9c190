"""The regressor of spike counts in scikit-learn's form: events in, numbers of spikes out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tempotron_core import Events, FittedCounts, Network, Neuron, fit_counts
from tempotron_core.arrays.host import to_host
from tempotron_core.networks.fit_counts import wanted_counts

from .given import joined, spikes_of

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError(
        f"TempotronCounter needs scikit-learn 1.6 or newer: "
        f"pip install 'tempotron-core[train]' ({error})"
    ) from error

__all__ = ["TempotronCounter"]

Integers = NDArray[np.int64]


class TempotronCounter(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Neurons that answer each spike pattern with as many spikes as it asks for.

    Patterns are `Events`, of any array library that does not trace, the trials of a recording, or a
    list of either, as scikit-learn makes of them where it splits and searches.  The settings are
    those of :func:`tempotron_core.fit_counts`, where they are described at length.

    Parameters
    ----------
    rule : {'exact', 'truncated', 'correlation'}
        Follow the gradient of the critical threshold, as a whole or without what earlier spikes do
        to it, or change the afferents that had most to do with the potential.
    tau, tau_s, v_threshold : float
        Constants of the neurons; a postsynaptic potential peaks at 1.
    epochs, batch_size : int
        Passes through the patterns at most, and patterns per step.
    learning_rate, spread : float
        Step size and standard deviation of the first weights, in thresholds, times the mean number
        of spikes of a pattern.
    random_state : int, RandomState or None
        Source of all random numbers; an int gives the same result every time.

    Attributes
    ----------
    weight_ : array of NumPy, shape (O, N)
    neuron_ : Neuron
    history_ : dict of str to list
        ``loss`` and ``accuracy`` of each epoch, see :class:`tempotron_core.FittedCounts`.
    n_iter_ : int
        Epochs made.
    n_features_in_ : int
        Afferents.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_backends.sklearn import TempotronCounter
    >>> from tempotron_core import Events
    >>> rng = np.random.default_rng(0)
    >>> counts = rng.integers(0, 2, 40)
    >>> trains = rng.uniform(0.0, 200.0, (40, 30, 2))
    >>> trains[counts > 0, :, 0] = 90.0 + rng.uniform(0.0, 10.0, 30)
    >>> counter = TempotronCounter(random_state=0).fit(Events.from_trains(trains, 200.0), counts)
    >>> counter.score(Events.from_trains(trains, 200.0), counts)
    1.0
    """

    def __init__(
        self,
        *,
        rule: str = "exact",
        tau: float = 20.0,
        tau_s: float = 5.0,
        v_threshold: float = 1.0,
        epochs: int = 40,
        batch_size: int = 32,
        learning_rate: float = 4.0,
        spread: float = 15.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.rule = rule
        self.tau = tau
        self.tau_s = tau_s
        self.v_threshold = v_threshold
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.spread = spread
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike) -> TempotronCounter:
        """Train from the start.

        Parameters
        ----------
        X : Events or LabelledEvents, or a sequence of them
            B patterns in all.
        y : integer array, shape (B,) or (B, O)
            Spikes that one neuron, or each of O, should answer with.

        Returns
        -------
        TempotronCounter
            Itself.

        Raises
        ------
        TypeError, ValueError
            As :func:`tempotron_core.fit_counts`.
        """
        events = _joined(X)
        fitted = fit_counts(
            events,
            wanted_counts("y", y, len(events)),
            Neuron(self.tau, self.tau_s, self.v_threshold, psp_peak=1.0),
            rule=self.rule,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            spread=self.spread,
            rng=check_random_state(self.random_state).randint(2**31 - 1),
        )
        network = fitted.network
        self.weight_, self.neuron_ = np.array(to_host(network.weights[0])), network.neurons[0]
        self.history_, self.n_iter_ = fitted.history, len(fitted.history["loss"])
        self.n_features_in_ = events.n_afferents
        self._one = np.ndim(y) == 1
        return self

    def predict(self, X: Any) -> Integers:
        """Return the output spikes in every pattern.

        Parameters
        ----------
        X : Events or LabelledEvents, or a sequence of them

        Returns
        -------
        integer array, shape (B,) or (B, O)
            As the counts that were learned.
        """
        check_is_fitted(self, "weight_")
        events = _joined(X)
        weight: Any = events.xp.asarray(self.weight_, device=events.device)
        network = Network([weight], self.neuron_, readout="counts")
        found = FittedCounts(network, self.history_).predict(events)
        return found[:, 0] if self._one else found


def _joined(patterns: Any) -> Events:
    found = joined(patterns)
    if found is None:
        raise TypeError(
            f"X must be an Events or LabelledEvents, or a sequence of them, got "
            f"{type(patterns).__name__}"
        )
    return spikes_of(found)
