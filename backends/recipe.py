"""Everything besides the data that decides a trained model, and what follows from it alone."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import GaussianReceptiveFields, Neuron, encode_latency

__all__ = ["ENCODERS", "LOSSES", "Recipe"]

ENCODERS = ("gaussian", "latency")
LOSSES = ("tempotron", "mse")
ENCODED_AT_ONCE = 1024  # patterns; bounds the memory of double-precision intermediates


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
    tau, tau_s, v_threshold : float
        Constants of the neurons.
    loss : str
        ``"tempotron"`` (the tempotron rule: errors only, each counted alike) or ``"mse"``
        (squared distances).
    margin : float
        How far beyond threshold, in units of it, a neuron must be to count as right in training.
    epochs, batch_size : int
    learning_rate : float
        Step size, for patterns of one spike: it is divided by the mean number of spikes in a
        pattern, so that one value suits every encoder and data set.
    momentum : float
        Part of the last weight change that is repeated.
    warm_up : float
        Part of the run over which the step size grows from zero; it then falls along a cosine.
        A large first step may silence a neuron for good: without potential, no gradient.
    hold_out : float
        Part of the patterns held out, where the data have no test set.
    seed : int
        Seed of the one generator for split, weights and shuffles.
    """

    encoder: str = "gaussian"
    n_fields: int = 5
    duration: float = 30.0
    tau: float = 15.0
    tau_s: float = 3.75
    v_threshold: float = 1.0
    loss: str = "tempotron"
    margin: float = 0.4
    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 1.5
    momentum: float = 0.9
    warm_up: float = 0.1
    hold_out: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in (("encoder", ENCODERS), ("loss", LOSSES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}, got {getattr(self, name)!r}")
        for name, least in (("n_fields", 3), ("epochs", 0), ("batch_size", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} must be an integer, {least} or more, got {value!r}")
        for name, low, high in (
            ("duration", 0.0, math.inf),
            ("learning_rate", 0.0, math.inf),
            ("hold_out", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if not low < value < high:
                raise ValueError(f"{name} must be between {low} and {high}, got {value!r}")
        for name in ("momentum", "warm_up"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(
                    f"{name} must be at least 0 and below 1, got {getattr(self, name)!r}"
                )
        if not 0.0 <= self.margin < math.inf:
            raise ValueError(f"margin must be 0 or more, got {self.margin!r}")
        self.neuron  # noqa: B018 (checks its constants)

    @property
    def neuron(self) -> Neuron:
        """Constants of every neuron."""
        return Neuron(self.tau, self.tau_s, self.v_threshold)

    def encode(
        self, features: NDArray[np.float64], value_range: tuple[float, float]
    ) -> NDArray[np.float32]:
        """Return spike times, shape (B, afferents), +inf for silence.

        Encoded in double precision on the host and rounded once, so that every backend sees the
        same times whatever its precision.
        """
        low, high = value_range
        gaussian = self.encoder == "gaussian"
        fields = GaussianReceptiveFields(self.n_fields, low, high)
        n_afferents = features.shape[1] * (self.n_fields if gaussian else 1)
        times = np.empty((features.shape[0], n_afferents), dtype=np.float32)
        for start in range(0, features.shape[0], ENCODED_AT_ONCE):
            part = slice(start, start + ENCODED_AT_ONCE)
            if gaussian:
                times[part] = fields.encode(features[part], self.duration)
            else:
                times[part] = encode_latency(features[part], self.duration, x_min=low, x_max=high)
        return times

    def step_size(self, progress: float, mean_spikes: float) -> float:
        """Return the learning rate after that part of the run, from 0 to 1."""
        shape = 0.5 * (1.0 + math.cos(math.pi * progress))
        if progress < self.warm_up:
            shape *= progress / self.warm_up
        return self.learning_rate * shape / max(mean_spikes, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """Make a recipe from `to_dict`'s result.

        Raises
        ------
        ValueError
            If a setting is missing, unknown or out of range.
        """
        try:
            recipe = cls(**values)
        except TypeError as error:
            raise ValueError(f"recipe must hold the settings of a training run: {error}") from None
        missing = {field.name for field in fields(cls)} - set(values)
        if missing:
            raise ValueError(
                f"recipe must hold every setting, {', '.join(sorted(missing))} missing"
            )
        return recipe
