"""The estimator: what scikit-learn asks of a classifier, by training on coded features."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tempotron_core.networks.training import Training

from .._backend import Backend
from .._selection import select
from ..data.loader import InMemory
from ..recipes.recipe import Recipe
from ..training.loop import begin
from ..training.run_state import pack, unpack
from .fitting import fit_epochs
from .given import joined
from .settings import recipe_of

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import validate_data as _  # noqa: F401 (new in 1.6)
except ImportError as error:
    raise ImportError(
        f"TempotronClassifier needs scikit-learn 1.6 or newer: "
        f"pip install 'tempotron-core[train]' ({error})"
    ) from error

from .deciding import Decisions
from .taking import Taking

__all__ = ["TempotronClassifier"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class TempotronClassifier(Taking, Decisions, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Tempotrons that classify rows of features, coded into spike times, or spike patterns.

    Every feature is coded over the range it has in the training data; what lies beyond counts as
    the end of the range.  Spike patterns, `Events` or the trials of a recording, are taken as they
    are: they have a duration, and ``encoder``, ``n_fields``, ``duration`` and ``window`` play no
    role.  The settings are those of
    `tempotron_backends.recipes.recipe.Recipe`, where they are described at length, with its
    defaults but for ``n_fields``: where there are few features, more fields tell more.

    Parameters
    ----------
    encoder : {'gaussian', 'latency'}
        Several spikes per feature from overlapping fields, or one, the earlier the larger.
    n_fields : int
        Fields per feature of the Gaussian encoder.
    duration : float
        Length of a pattern, in the unit of the time constants.
    window : float or None
        The first part of it that spikes are coded into; None for all of it.
    clock : 'auto', None, 'tau', float or sequence of float
        Afferents that fire in every pattern at fixed times: never, once every ``tau``, once in so
        much time, or at these times.  ``'auto'`` is ``'tau'`` for the trials of recordings, which
        are often told apart by when something happens (see docs/sight.md), and never for others.
    tau, tau_s, v_threshold : float
        Constants of the neurons.
    hidden : tuple of int
        Neurons of each hidden layer.
    output_tau, output_tau_s : float or None
        Time constants of the output neurons; None for those of the others.
    pass_on : {'first_crossing', 'peak'}
        When hidden neurons spike.
    firing : float
        Part of the patterns for which a hidden neuron fires at the start.
    neurons_per_class : int
        Output neurons of each class.
    pooling : {'max', 'mean', 'logsumexp'}
        How their largest potentials become one value.
    pool_temperature : float
        Of ``'logsumexp'``, in units of the threshold.
    loss : {'tempotron', 'mse', 'cross_entropy'}
        What to minimise.
    margin : float
        Distance from threshold to train for, in units of it; not for the cross-entropy.
    temperature : float
        Of the cross-entropy and of ``predict_proba``, in units of the threshold.
    class_weight : None, 'balanced' or dict
        ``'balanced'`` weighs errors inversely to how often a class occurs.  A dict from class to
        weight (1 where a class is missing) decides how often its patterns are drawn in an epoch,
        which has as many as there are patterns, as `fit`'s ``sample_weight`` does for each.
    recovery : {'none', 'eligibility', 'end'}
        Where to read the potential of a neuron that never rises above rest.
    epochs, batch_size : int
        Passes through the data, and patterns per step.
    optimiser : {'momentum', 'adam'}
        How gradients become steps.
    learning_rate : float
        Step size for patterns of one spike; it is divided by the mean number of spikes.
    momentum : float
        Part of the last step that is repeated; not for Adam.
    weight_decay : float
        Part of the weights, times the step size, that a step takes away.
    schedule : {'cosine', 'linear', 'exponential', 'constant'}
        How the step size falls.
    warm_up : float
        Part of the run over which it rises first.
    min_slope : float
        Least slope at a hidden neuron's spike, in thresholds per time unit.
    clip_norm : float
        Largest norm of a step's gradient; 0 for no limit.
    jitter, deletion : float
        Augmentation: standard deviation of the noise on spike times in training, and probability
        that a spike is left out.
    validation : float or int
        Part or number of the training patterns to watch instead of training on them, each class
        in proportion; 0 for none.  The weights of the best epoch on them are kept.
    patience : int
        Epochs without a better accuracy on them after which training stops; 0 for never.
    device : str
        What to compute on, as `tempotron_backends.select` takes it.
    dtype : {'float32', 'float64'}
        Of weights and potentials.
    random_state : int, RandomState or None
        Source of all random numbers; an int gives the same result every time.
    verbose : bool
        Print a line, or on a terminal a bar, about every epoch.

    Attributes
    ----------
    classes_ : array, shape (C,)
        Classes, sorted.
    n_features_in_ : int
        Features of a row, or afferents.
    unit_ids_ : array, shape (U,)
        The units of a recording, if it was trained on one.
    feature_names_in_ : array, shape (n_features,)
        Names of the features, if the rows came with names that are strings.
    x_min_, x_max_ : array, shape (n_features,)
        Range of each feature.
    network_ : Network
        The trained network, with NumPy weights whatever the device.
    recipe_ : Recipe
        Settings it was trained with.  Later changes of parameters take effect with the next `fit`,
        except for the device and ``verbose``.
    history_ : dict of str to list
        ``loss`` and ``accuracy`` of each epoch on the training patterns, and with ``validation``
        its ``validation_accuracy``.
    n_iter_ : int
        Epochs made.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_backends.sklearn import TempotronClassifier
    >>> x = np.linspace(0.0, 1.0, 40)[:, None]
    >>> y = np.where(x[:, 0] < 0.5, "low", "high")
    >>> classifier = TempotronClassifier(epochs=20, random_state=0).fit(x, y)
    >>> classifier.predict([[0.1], [0.9]])
    array(['low', 'high'], dtype='<U4')
    """

    def __init__(
        self,
        *,
        encoder: str = "gaussian",
        n_fields: int = 8,
        duration: float = 30.0,
        window: float | None = 15.0,
        clock: str | float | Sequence[float] | None = "auto",
        tau: float = 15.0,
        tau_s: float = 3.75,
        v_threshold: float = 1.0,
        hidden: tuple[int, ...] = (),
        output_tau: float | None = None,
        output_tau_s: float | None = None,
        pass_on: str = "first_crossing",
        firing: float = 0.3,
        neurons_per_class: int = 6,
        pooling: str = "logsumexp",
        pool_temperature: float = 0.2,
        loss: str = "cross_entropy",
        margin: float = 0.4,
        temperature: float = 0.2,
        class_weight: str | Mapping[Any, float] | None = None,
        recovery: str = "none",
        epochs: int = 40,
        batch_size: int = 32,
        optimiser: str = "adam",
        learning_rate: float = 0.3,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        schedule: str = "cosine",
        warm_up: float = 0.1,
        min_slope: float = 0.1,
        clip_norm: float = 0.0,
        jitter: float = 0.0,
        deletion: float = 0.3,
        validation: float | int = 0,
        patience: int = 0,
        device: str = "numpy",
        dtype: str = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.encoder = encoder
        self.n_fields = n_fields
        self.duration = duration
        self.window = window
        self.clock = clock
        self.tau = tau
        self.tau_s = tau_s
        self.v_threshold = v_threshold
        self.hidden = hidden
        self.output_tau = output_tau
        self.output_tau_s = output_tau_s
        self.pass_on = pass_on
        self.firing = firing
        self.neurons_per_class = neurons_per_class
        self.pooling = pooling
        self.pool_temperature = pool_temperature
        self.loss = loss
        self.margin = margin
        self.temperature = temperature
        self.class_weight = class_weight
        self.recovery = recovery
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warm_up = warm_up
        self.min_slope = min_slope
        self.clip_norm = clip_norm
        self.jitter = jitter
        self.deletion = deletion
        self.validation = validation
        self.patience = patience
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> TempotronClassifier:
        """Train from the start.

        Parameters
        ----------
        X : array or sparse array, shape (B, F), or spike patterns
            A row of finite features per pattern; or `Events`, `LabelledEvents` such as the trials
            of a recording, or a list of them, as scikit-learn makes where it splits.
        y : array, shape (B,), optional
            Class of each, numbers or strings.  `LabelledEvents` bring their own unless given.
        sample_weight : array, shape (B,), optional
            How often a pattern is drawn in an epoch, beside the others; an epoch has as many draws
            as there are patterns of some weight.  Those of weight 0 are left out altogether.

        Returns
        -------
        TempotronClassifier
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a setting is out of range, the features or classes are not of this kind, there is
            only one class, or training diverges.
        """
        given = joined(X)
        recipe, backend = recipe_of(self, given), self._backend()
        patterns, classes = self._checked(X if given is None else given, y, reset=True)
        self.classes_, labels = np.unique(classes, return_inverse=True)
        self._class_weight = self.class_weight
        patterns, labels, weight = self._weighted(patterns, labels, sample_weight)
        self._start(patterns, recipe)
        rng = self._generator()
        source = self._source(patterns, labels, backend, self.dtype)
        watched = None
        if recipe.validation:
            chosen, held_out = train_test_split(
                np.arange(len(labels)),
                test_size=recipe.validation,
                stratify=labels,
                random_state=int(rng.integers(2**31)),
            )
            watched, source = source.subset(held_out), source.subset(chosen)
            weight = None if weight is None else weight[chosen]
        state = begin(backend, source, recipe, rng, self.dtype)
        return self._train(backend, source, state, recipe, watched, weight)

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> TempotronClassifier:
        """Go once through a part of the data, and keep what was learned before.

        The step size is constant: neither ``schedule`` nor ``warm_up``, ``epochs`` and
        ``validation`` play a role.  The ranges of the features, the weights to start from and
        the settings are those of the first call, or of `fit`.  Parts should hold all classes: the
        neurons of one that is missing for long learn to be silent, and then only ``recovery``
        makes them learn again.

        Parameters
        ----------
        X : array, shape (B, F), or spike patterns
            As for `fit`.  The first part should cover the features' ranges.
        y : array, shape (B,), optional
            As for `fit`.
        classes : array, optional
            Every class there is; required at the first call.
        sample_weight : array, shape (B,), optional
            As for `fit`.

        Returns
        -------
        TempotronClassifier
            Itself.

        Raises
        ------
        TypeError, ValueError
            As `fit`, or if the classes are missing at the first call, change later, or do not
            hold all of ``y``.
        """
        first = not hasattr(self, "network_")
        spikes = joined(X)
        recipe = recipe_of(self, spikes) if first else self.recipe_
        backend = self._backend()
        patterns, given = self._checked(X if spikes is None else spikes, y, reset=first)
        known = None if first else self.classes_
        if classes is not None:
            listed = np.unique(np.asarray(classes))
            if known is not None and not np.array_equal(known, listed):
                raise ValueError(f"classes must stay {known}, got {listed}")
            known = listed
        if known is None:
            raise ValueError("classes must be given at the first call of partial_fit, got None")
        unknown = np.setdiff1d(given, known)
        if len(unknown):
            raise ValueError(f"y must hold classes among {known}, got {unknown}")
        self.classes_ = known
        labels = np.searchsorted(known, given)
        if first:
            self._class_weight = self.class_weight
        patterns, labels, weight = self._weighted(patterns, labels, sample_weight)
        if first:
            self._start(patterns, recipe)
        dtype = self.dtype if first else self._dtype
        source = self._source(patterns, labels, backend, dtype)
        if first:
            state = begin(backend, source, recipe, self._generator(), dtype)
        else:
            state = unpack(*self._state, self._on(backend), recipe, backend)
        once = replace(
            recipe,
            epochs=state.epoch + 1,
            schedule="constant",
            warm_up=0.0,
            validation=0,
            patience=0,
        )
        return self._train(backend, source, state, once, None, weight)

    def __sklearn_tags__(self) -> Any:
        """Say that sparse tables are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _backend(self) -> Backend:
        """Return the backend of the device, which must hold the dtype."""
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be 'float32' or 'float64', got {self.dtype!r}")
        backend = select(self.device)
        backend.dtype(self.dtype)
        return backend

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))

    def _train(
        self,
        backend: Backend,
        source: InMemory,
        state: Training,
        recipe: Recipe,
        watched: InMemory | None,
        drawn_by: Floats | None,
    ) -> TempotronClassifier:
        fit_epochs(
            backend,
            source,
            state,
            recipe,
            watched=watched,
            drawn_by=drawn_by,
            verbose=self.verbose,
        )
        if state.interrupted:
            warnings.warn(
                f"training was interrupted after {state.epoch} of {recipe.epochs} epochs",
                ConvergenceWarning,
                stacklevel=3,
            )
        self.history_, self.n_iter_ = state.history, state.epoch
        # what goes on from here starts with the weights that were kept
        state.network, state.best, state.best_epoch = state.result, None, 0
        self.network_ = state.network.with_weights(
            [np.array(backend.to_numpy(weight)) for weight in state.network.weights]
        )
        self._state = pack(state, backend)
        return self
