"""The estimator: what scikit-learn asks of a classifier, by training on coded features."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tempotron_core.arrays.plain import check_plain
from tempotron_core.networks.training import Training

from .._backend import Backend
from .._selection import select
from ..data.loader import InMemory
from ..recipes.recipe import Recipe
from ..training.loop import begin, potentials
from ..training.run_state import pack, unpack
from .drawing import weights_of_patterns
from .features import coded, finite_range
from .fitting import fit_epochs
from .settings import recipe_of

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        f"TempotronClassifier needs scikit-learn 1.6 or newer: "
        f"pip install 'tempotron-core[train]' ({error})"
    ) from error

__all__ = ["TempotronClassifier"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class TempotronClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Tempotrons that classify rows of features, coded into spike times.

    Every feature is coded over the range it has in the training data; what lies beyond counts as
    the end of the range.  The settings are those of
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
    clock : None, 'tau', float or sequence of float
        Afferents that fire in every pattern at fixed times: never, once every ``tau``, once in so
        much time, or at these times.
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
        Of the cross-entropy and of `predict_proba`, in units of the threshold.
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
        Features of a row.
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
        clock: str | float | Sequence[float] | None = None,
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
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> TempotronClassifier:
        """Train from the start.

        Parameters
        ----------
        X : array or sparse array, shape (B, F)
            A row of finite features per pattern.
        y : array, shape (B,)
            Class of each, numbers or strings.
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
        recipe, backend = recipe_of(self), self._backend()
        features, classes = self._checked(X, y, reset=True)
        self.classes_, labels = np.unique(classes, return_inverse=True)
        self._class_weight = self.class_weight
        features, labels, weight = self._weighted(features, labels, sample_weight)
        self._start(features, recipe)
        rng = self._generator()
        source = self._source(features, labels, backend, self.dtype)
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
        X: ArrayLike,
        y: ArrayLike,
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
        X : array, shape (B, F)
            A row of finite features per pattern.  The first part should cover the features'
            ranges.
        y : array, shape (B,)
            Class of each.
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
        recipe, backend = recipe_of(self) if first else self.recipe_, self._backend()
        features, given = self._checked(X, y, reset=first)
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
        features, labels, weight = self._weighted(features, labels, sample_weight)
        if first:
            self._start(features, recipe)
        dtype = self.dtype if first else self._dtype
        source = self._source(features, labels, backend, dtype)
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

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Return the classes' values: the pooled largest potentials of their neurons.

        Parameters
        ----------
        X : array, shape (B, F)

        Returns
        -------
        array, shape (B, C), or with two classes (B,)
            With two, the second class's less the first's.
        """
        values = self._potentials(X)
        return values[:, 1] - values[:, 0] if len(self.classes_) == 2 else values

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the softmax of the classes' values over ``temperature``.

        These are the probabilities that training with the cross-entropy adjusts; other losses know
        none, and they then tell no more than an order.

        Parameters
        ----------
        X : array, shape (B, F)

        Returns
        -------
        array, shape (B, C)
            Rows sum to one.
        """
        values = self._potentials(X) / (self.recipe_.temperature * self.recipe_.v_threshold)
        odds = np.exp(values - values.max(axis=1, keepdims=True))
        result: NDArray[Any] = odds / odds.sum(axis=1, keepdims=True)
        return result

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of the largest value for each row, the first of equal ones.

        Parameters
        ----------
        X : array, shape (B, F)

        Returns
        -------
        array, shape (B,)
        """
        best = np.argmax(self._potentials(X), axis=1)
        found: NDArray[Any] = self.classes_[best]
        return found

    @property
    def feature_weights_(self) -> NDArray[Any]:
        """Weights of the first layer by feature, shape (O, n_features, fields).

        Entry ``[o, f, k]`` is the weight from field k of feature f to neuron o: with the Gaussian
        encoder fields follow one another from the least to the largest value, and the latency
        encoder has one.  Without hidden layers, the neurons of class c are numbers
        ``c * neurons_per_class`` and those that follow.  A clock's weights are no part of it.
        """
        check_is_fitted(self, "network_")
        weight: NDArray[Any] = self.network_.weights[0][:, : self.network_.n_afferents]
        return weight.reshape(len(weight), self.n_features_in_, -1)

    def __sklearn_tags__(self) -> Any:
        """Say that sparse tables are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @property
    def _dtype(self) -> str:
        """The dtype of the trained weights."""
        return str(self.network_.weights[0].dtype)

    def _backend(self) -> Backend:
        """Return the backend of the device, which must hold the dtype."""
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be 'float32' or 'float64', got {self.dtype!r}")
        backend = select(self.device)
        backend.dtype(self.dtype)
        return backend

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))

    def _checked(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[Floats, NDArray[Any]]:
        check_plain("X", X)
        check_plain("y", y)
        features, classes = validate_data(
            self, X, y, reset=reset, dtype=np.float64, accept_sparse="csr"
        )
        check_classification_targets(classes)
        return _dense(features), classes

    def _weighted(
        self, features: Floats, labels: Integers, sample_weight: ArrayLike | None
    ) -> tuple[Floats, Integers, Floats | None]:
        """Return the patterns that count, and how much if not all alike."""
        given = None
        if sample_weight is not None:
            check_plain("sample_weight", sample_weight)
            given = _check_sample_weight(
                sample_weight, features, dtype=np.float64, ensure_non_negative=True
            )
        weight = weights_of_patterns(self._class_weight, self.classes_, labels, given)
        if weight is None:
            return features, labels, None
        kept = weight > 0.0
        return features[kept], labels[kept], weight[kept]

    def _start(self, features: Floats, recipe: Recipe) -> None:
        """Set what the first data decide."""
        if len(self.classes_) < 2:
            raise ValueError(
                f"Classifier can't train when only one class is present, got {self.classes_}"
            )
        self.x_min_, self.x_max_ = finite_range(features)
        self.recipe_ = recipe

    def _source(
        self, features: Floats, labels: Integers | None, backend: Backend, dtype: str
    ) -> InMemory:
        """Return the patterns as spikes."""
        value_range, n_classes = (self.x_min_, self.x_max_), len(self.classes_)
        return coded(
            features, value_range, self.recipe_, backend, dtype, labels=labels, n_classes=n_classes
        )

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

    def _on(self, backend: Backend) -> Any:
        """Return the trained network on a backend."""
        return self.network_.with_weights([backend.from_numpy(w) for w in self.network_.weights])

    def _potentials(self, X: ArrayLike) -> NDArray[Any]:
        """Return the value of each class, shape (B, C), in double precision."""
        check_is_fitted(self, "network_")
        check_plain("X", X)
        found = validate_data(self, X, reset=False, dtype=np.float64, accept_sparse="csr")
        features = _dense(found)
        backend = select(self.device)
        source = self._source(features, None, backend, self._dtype)
        values = potentials(backend, source, self._on(backend), self.recipe_)
        return values.astype(np.float64)


def _dense(features: Any) -> Floats:
    """Return a table as an array of its own kind, for every feature has a spike or none."""
    return np.asarray(features.toarray() if hasattr(features, "toarray") else features)
