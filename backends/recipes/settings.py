"""What each setting of a recipe may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tempotron_core.arrays.numbers import positive_float
from tempotron_core.encoding.clock import PER_TAU

__all__ = ["CHOICES", "OF_LABELS", "check_settings"]

Check = Callable[[str, Any], None]
"""Takes a setting's name and value; raises ValueError or TypeError unless it may be that."""

CHOICES = {
    "encoder": ("gaussian", "latency"),
    "rule": ("labels", "aggregate", "correlation"),
    "pass_on": ("first_crossing", "peak", "spikes"),
    "pooling": ("max", "mean", "logsumexp"),
    "loss": ("tempotron", "mse", "cross_entropy"),
    "class_weight": ("none", "balanced"),
    "recovery": ("none", "eligibility", "end"),
    "optimiser": ("momentum", "adam"),
    "schedule": ("cosine", "linear", "exponential", "constant"),
}
"""Settings that are one of a few words."""


OF_LABELS = (
    "neurons_per_class",
    "pooling",
    "pool_temperature",
    "loss",
    "margin",
    "temperature",
    "class_weight",
)
"""Settings that play no part where counts are learned."""


def one_of(words: tuple[str, ...]) -> Check:
    """Return a check for one of a few words."""

    def check(name: str, value: Any) -> None:
        if value not in words:
            raise ValueError(f"{name} must be one of {words}, got {value!r}")

    return check


def whole(least: int) -> Check:
    """Return a check for an integer, ``least`` or more."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be an integer, {least} or more, got {value!r}")

    return check


def real(low: float, high: float = math.inf, *, with_low: bool = False) -> Check:
    """Return a check for a number between two limits, the lower one included or not."""
    limits = f"{'at least' if with_low else 'greater than'} {low} and below {high}"

    def check(name: str, value: Any) -> None:
        number = _as_float(value)
        if not (number < high and (number >= low if with_low else number > low)):
            raise ValueError(f"{name} must be {limits}, got {value!r}")

    return check


def part_or_number(*, or_zero: bool = False) -> Check:
    """Return a check for a part or a number of patterns, or 0 if there may be none."""

    def check(name: str, value: Any) -> None:
        is_number = isinstance(value, int) and not isinstance(value, bool) and value > 1
        if not (is_number or 0.0 < _as_float(value) < 1.0 or (or_zero and value == 0)):
            raise ValueError(
                f"{name} must be a part between 0 and 1 or a number of patterns, 2 or more, "
                f"got {value!r}"
            )

    return check


def positive(name: str, value: Any) -> None:
    """Check for a positive, finite number."""
    positive_float(name, value)


def or_none(check: Check) -> Check:
    """Return the check for a setting that may also be None."""
    return lambda name, value: None if value is None else check(name, value)


def layers(name: str, value: Any) -> None:
    """Check for the neurons of each layer."""
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} must hold the neurons of each layer, got {value!r}")
    for size in value:
        whole(1)(name, size)


def clock(name: str, value: Any) -> None:
    """Check for a period, times, or the one word."""
    if isinstance(value, str) and value == PER_TAU:
        return
    if not isinstance(value, list | tuple):
        if not isinstance(value, int | float):
            raise ValueError(f"{name} must be {PER_TAU!r}, a period or times, got {value!r}")
        positive(name, value)
        return
    for time in value:
        positive_float(name, time, or_zero=True)


CHECKS: dict[str, Check] = {name: one_of(words) for name, words in CHOICES.items()} | {
    "n_fields": whole(3),
    "duration": real(0.0),
    "window": or_none(real(0.0)),
    "clock": or_none(clock),
    "tau": positive,
    "tau_s": positive,
    "v_threshold": positive,
    "hidden": layers,
    "output_tau": or_none(positive),
    "output_tau_s": or_none(positive),
    "firing": real(0.0, 1.0),
    "neurons_per_class": whole(1),
    "pool_temperature": real(0.0),
    "margin": real(0.0, with_low=True),
    "temperature": real(0.0),
    "epochs": whole(0),
    "batch_size": whole(1),
    "learning_rate": real(0.0),
    "momentum": real(0.0, 1.0, with_low=True),
    "weight_decay": real(0.0, with_low=True),
    "warm_up": real(0.0, 1.0, with_low=True),
    "min_slope": real(0.0, with_low=True),
    "clip_norm": real(0.0, with_low=True),
    "shift": whole(0),
    "jitter": real(0.0, with_low=True),
    "deletion": real(0.0, 1.0, with_low=True),
    "hold_out": part_or_number(),
    "validation": part_or_number(or_zero=True),
    "patience": whole(0),
    "seed": whole(0),
}
"""The check of every setting."""


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check each for itself.

    Raises
    ------
    TypeError, ValueError
        If there is no such setting, or it may not be that.
    """
    for name, value in settings.items():
        if name not in CHECKS:
            raise ValueError(f"there is no setting {name!r}, only {', '.join(CHECKS)}")
        CHECKS[name](name, value)


def _as_float(value: Any) -> float:
    """Return a number as a float; NaN, which no comparison lets pass, for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf if value > 0 else -math.inf
