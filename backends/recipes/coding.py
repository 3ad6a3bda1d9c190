"""Rows of features coded into spikes, as a recipe's settings say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core.encoding import GaussianReceptiveFields, encode_latency

__all__ = ["CODED_BY", "ENCODED_AT_ONCE", "LATENCY_FROM", "encode_features", "usual_encoder"]

CODED_BY = ("encoder", "n_fields", "duration", "window")
"""Settings that decide which spikes features become; an event file names those it was made with."""

LATENCY_FROM = 256
"""Features above which one spike per feature is usual: Gaussian fields multiply spikes."""

ENCODED_AT_ONCE = 1024
"""Patterns; bounds the memory of double-precision intermediates."""


def usual_encoder(n_features: int) -> str:
    """Return the encoder to use for so many features unless one is asked for."""
    return "latency" if n_features > LATENCY_FROM else "gaussian"


def encode_features(
    features: NDArray[Any],
    value_range: tuple[Any, Any],
    *,
    encoder: str,
    n_fields: int,
    duration: float,
    window: float | None,
) -> NDArray[np.float32]:
    """Return spike times, shape (B, afferents), +inf for silence.

    Encoded in double precision on the host and rounded once, so that every backend sees the same
    times whatever its precision.

    Parameters
    ----------
    features : array, shape (B, F)
    value_range : pair of float or array of shape (F,)
        Smallest and largest value of all features, or of each.
    encoder, n_fields, duration, window
        As in a `Recipe`.
    """
    low, high = value_range
    gaussian = encoder == "gaussian"
    window = duration if window is None else min(window, duration)
    fields = GaussianReceptiveFields(n_fields, low, high)
    n_afferents = features.shape[1] * (n_fields if gaussian else 1)
    times = np.empty((features.shape[0], n_afferents), dtype=np.float32)
    for start in range(0, features.shape[0], ENCODED_AT_ONCE):
        chosen = slice(start, start + ENCODED_AT_ONCE)
        part = features[chosen].astype(np.float64)
        if gaussian:
            times[chosen] = fields.encode(part, window)
        else:
            times[chosen] = encode_latency(part, window, x_min=low, x_max=high)
    return times
