"""Everything besides the data that decides a trained model, and what follows from it alone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Neuron
from tempotron_core.encoding import clock_times
from tempotron_core.learning import Adam, Momentum, schedules
from tempotron_core.networks.learning_step import Objective

from .coding import CODED_BY, encode_features
from .settings import OF_LABELS, check_settings

__all__ = ["COUNTING", "Recipe"]

SCHEDULES: dict[str, Callable[..., schedules.Schedule]] = {
    "cosine": schedules.cosine,
    "linear": schedules.linear,
    "exponential": schedules.exponential,
    "constant": schedules.constant,
}


COUNTING: dict[str, Any] = {
    "pass_on": "spikes",
    "firing": 0.9,
    "learning_rate": 4.0,
    "warm_up": 0.0,
    "deletion": 0.0,
}
"""Settings that suit the learning of counts, where none are given."""


@dataclass(frozen=True)
class Recipe:
    """Settings of one training run; the defaults are those of ``tempotron train``.

    They were chosen on the digits, for the accuracy on a validation quarter of the training part,
    averaged over several splits.  Patterns held out in one split take part in the others, so a
    held-out accuracy is very slightly optimistic about new digits.

    Attributes
    ----------
    encoder : str
        ``"gaussian"``, receptive fields on every feature, or ``"latency"``.
    n_fields : int
        Receptive fields per feature.
    duration : float
        Length of a pattern, in the unit of the time constants.
    window : float or None
        Spikes are coded into this first part of the pattern, all of it if None or if it is longer:
        what comes after leaves the potential time to rise, and hidden neurons time to fire.
    clock : str, float, tuple of float, or None
        Afferents that fire in every pattern at fixed times: ``"tau"`` for one spike every ``tau``,
        a period, times, or None, see `tempotron_core.encoding.clock_times`.  Without them a neuron
        cannot tell when in a pattern something happens.
    tau, tau_s, v_threshold : float
        Constants of the neurons.
    hidden : tuple of int
        Neurons of each hidden layer.
    output_tau, output_tau_s : float or None
        Time constants of the last layer, if others than those of the hidden ones.  Outputs that
        are fast beside the hidden neurons tell early hidden spikes from late ones.
    pass_on : str
        When hidden neurons spike, see `tempotron_core.Network`.
    firing : float
        Part of the patterns for which a hidden neuron fires at the start.
    rule : str
        What is learned: ``"labels"``, or, of multi-spike neurons, how often each should spike, by
        ``"aggregate"`` labels or by ``"correlation"``.
    neurons_per_class : int
    pooling : str
        How the largest potentials of a class's neurons become one value: ``"max"``, ``"mean"`` or
        ``"logsumexp"``.
    pool_temperature : float
        Of ``"logsumexp"``, in units of the threshold.
    loss : str
        ``"tempotron"`` (the tempotron rule: errors only, each counted alike), ``"mse"`` (squared
        distances) or ``"cross_entropy"`` (of the softmax over the classes' potentials).
    margin : float
        How far beyond threshold, in units of it, a neuron must be to count as right in training;
        not for the cross-entropy.
    temperature : float
        Of the cross-entropy, in units of the threshold.
    class_weight : str
        ``"balanced"`` weighs classes inversely to how often they occur.
    recovery : str
        Where to read the potential of a neuron that never rises above rest, see
        `tempotron_core.revive`; ``"none"`` is the literature's rule.
    epochs, batch_size : int
    optimiser : str
        ``"momentum"`` or ``"adam"``.
    learning_rate : float
        Step size, for patterns of one spike: it is divided by the mean number of spikes that a
        layer receives (of the layer that receives most), so that one value suits every encoder.
    momentum : float
        Part of the last weight change that is repeated.
    weight_decay : float
        Part of the weights, times the step size, that every step takes away.
    schedule : str
        How the step size falls.
    warm_up : float
        Part of the run over which the step size grows from zero.  A large first step may silence a
        neuron for good: without potential, no gradient.
    min_slope : float
        Bounds the gradient of hidden spike times near grazing: slopes of the potential, in
        thresholds per time unit, count as at least this.
    clip_norm : float
        Largest norm of a step's gradient; 0 for no limit.
    shift, jitter, deletion : int, float, float
        Augmentation of the training patterns: images are moved by up to so many pixels, spikes
        by normal noise of this standard deviation, and left out with this probability.
    hold_out : float or int
        Part or number of the patterns held out, where the data have no test set.
    validation : float or int
        Part or number of the training patterns to watch instead of training on them; 0 for none.
        The weights of the best epoch on them are kept.
    patience : int
        Epochs without a better validation accuracy after which training stops; 0 for never.
    seed : int
        Seed of the one generator for split, weights, shuffles and augmentation.
    """

    encoder: str = "gaussian"
    n_fields: int = 5
    duration: float = 30.0
    window: float | None = 15.0
    clock: str | float | tuple[float, ...] | None = None
    tau: float = 15.0
    tau_s: float = 3.75
    v_threshold: float = 1.0
    hidden: tuple[int, ...] = ()
    output_tau: float | None = None
    output_tau_s: float | None = None
    pass_on: str = "first_crossing"
    firing: float = 0.3
    rule: str = "labels"
    neurons_per_class: int = 6
    pooling: str = "logsumexp"
    pool_temperature: float = 0.2
    loss: str = "cross_entropy"
    margin: float = 0.4
    temperature: float = 0.2
    class_weight: str = "none"
    recovery: str = "none"
    epochs: int = 40
    batch_size: int = 32
    optimiser: str = "adam"
    learning_rate: float = 0.3
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warm_up: float = 0.1
    min_slope: float = 0.1
    clip_norm: float = 0.0
    shift: int = 0
    jitter: float = 0.0
    deletion: float = 0.3
    hold_out: float | int = 0.25
    validation: float | int = 0
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        check_settings(vars(self))
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if isinstance(self.clock, Sequence) and not isinstance(self.clock, str):
            object.__setattr__(self, "clock", tuple(self.clock))
        for name in OF_LABELS if self.counts else ():
            if getattr(self, name) != getattr(type(self), name):
                raise ValueError(
                    f"{name} must be left out with rule={self.rule!r}, which learns counts, "
                    f"got {getattr(self, name)!r}"
                )
        if self.rule == "correlation" and self.hidden:
            raise ValueError(f"rule must be 'aggregate' with hidden layers, got {self.rule!r}")
        if self.patience and not self.validation:
            raise ValueError(f"patience needs validation patterns, got patience={self.patience}")
        self.clock_times  # noqa: B018 (checks them, and the neurons' constants)

    @property
    def counts(self) -> bool:
        """Whether it is numbers of spikes that are learned."""
        return self.rule != "labels"

    @property
    def clock_times(self) -> tuple[float, ...]:
        """When the clock fires in a pattern."""
        return clock_times(self.clock, self.duration, self.neurons[0])

    @property
    def neurons(self) -> tuple[Neuron, ...]:
        """Constants of each layer's neurons."""
        output_tau = self.tau if self.output_tau is None else self.output_tau
        output_tau_s = self.tau_s if self.output_tau_s is None else self.output_tau_s
        hidden = Neuron(self.tau, self.tau_s, self.v_threshold)
        return (*(hidden for _ in self.hidden), Neuron(output_tau, output_tau_s, self.v_threshold))

    @property
    def objective(self) -> Objective:
        """What the outputs are to do."""
        named = {field.name: getattr(self, field.name) for field in fields(Objective)}
        return Objective(**named)

    def encode(self, features: NDArray[Any], value_range: tuple[Any, Any]) -> NDArray[np.float32]:
        """Return spike times, shape (B, afferents), +inf for silence.

        Parameters
        ----------
        features : array, shape (B, F)
        value_range : pair of float or array of shape (F,)
            Smallest and largest value of all features, or of each.
        """
        settings = {name: getattr(self, name) for name in CODED_BY}
        return encode_features(features, value_range, **settings)

    @property
    def afferents_per_feature(self) -> int:
        """Afferents that code one feature."""
        return self.n_fields if self.encoder == "gaussian" else 1

    def step_size(self, progress: float, mean_spikes: float) -> float:
        """Return the learning rate after that part of the run, from 0 to 1."""
        factor = _schedule(self.schedule, self.warm_up)(progress)
        return self.learning_rate * factor / max(mean_spikes, 1.0)

    def make_optimiser(self) -> Momentum | Adam:
        """Return an optimiser for one layer; the learning rate is set at every step."""
        if self.optimiser == "adam":
            return Adam(0.0, weight_decay=self.weight_decay)
        return Momentum(0.0, self.momentum, weight_decay=self.weight_decay)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        clock = list(self.clock) if isinstance(self.clock, tuple) else self.clock
        return asdict(self) | {"hidden": list(self.hidden), "clock": clock}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """Make a recipe from `to_dict`'s result.

        Raises
        ------
        ValueError
            If a setting is missing, unknown or out of range.
        """
        values = {"rule": cls.rule} | values  # runs that could learn labels alone had none
        missing = {field.name for field in fields(cls)} - set(values)
        if missing:
            raise ValueError(
                f"recipe must hold every setting, {', '.join(sorted(missing))} missing"
            )
        try:
            check_settings(values)
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"recipe must hold the settings of a training run: {error}") from None


@functools.cache
def _schedule(name: str, warm_up: float) -> schedules.Schedule:
    """Make a schedule once, which is asked at every step."""
    return SCHEDULES[name](warm_up=warm_up)
