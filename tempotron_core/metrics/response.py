"""How many spikes each feature of an input evokes, beside those of its background."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays.host import to_host
from ..arrays.numbers import positive_float

__all__ = ["Response", "response_per_feature"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Response(NamedTuple):
    """What `response_per_feature` found; arrays have a last axis of neurons if counts had one.

    Attributes
    ----------
    mean : array, shape (F,) or (F, O)
        Spikes that a feature adds to those of the background.
    error : array, shape (F,) or (F, O)
        Standard error of the mean, that of the background included.
    background_rate : float or array, shape (O,)
        Spikes of the background per unit of time.
    """

    mean: Floats
    error: Floats
    background_rate: Any


def response_per_feature(counts: Any, background: Any, duration: float) -> Response:
    """Mean spikes that a feature evokes within background, less those of the background.

    Parameters
    ----------
    counts : array of int, shape (F, P) or (F, P, O)
        Output spikes of O neurons in P probes of each of F features: background with that feature
        in it once, or the feature alone.
    background : array of int, shape (R,) or (R, O)
        Output spikes in R probes of background alone, as long as that around a feature: zeros
        where features were alone.
    duration : float
        Length of a probe of background.

    Returns
    -------
    Response

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, there are fewer than two probes, or the duration is not positive.

    Examples
    --------
    >>> counts = [[3, 2, 3, 4], [0, 1, 0, 0]]  # two features, four probes of each
    >>> found = response_per_feature(counts, [0, 0, 1, 0], 500.0)
    >>> print(found.mean, found.background_rate)
    [2.75 0.  ] 0.0005
    """
    probes, rest = _counts("counts", counts), _counts("background", background)
    if probes.ndim not in (2, 3) or rest.shape != (*rest.shape[:1], *probes.shape[2:]):
        raise ValueError(
            f"counts and background must have shapes (F, P) and (R,), or (F, P, O) and (R, O), "
            f"got {probes.shape} and {rest.shape}"
        )
    if probes.shape[1] < 2 or len(rest) < 2:
        raise ValueError(
            f"counts and background must have two probes or more, got {probes.shape[1]} and "
            f"{len(rest)}"
        )
    duration = positive_float("duration", duration)
    silent = rest.mean(axis=0)
    error = np.sqrt(
        probes.var(axis=1, ddof=1) / probes.shape[1] + rest.var(axis=0, ddof=1) / len(rest)
    )
    return Response(probes.mean(axis=1) - silent, error, silent / duration)


def _counts(name: str, given: Any) -> Floats:
    found = np.asarray(to_host(given) if hasattr(given, "shape") else given)
    if found.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be numbers of spikes, got dtype {found.dtype}")
    found = found.astype(np.float64)
    if not (np.all(np.isfinite(found)) and np.all(found >= 0.0)):
        raise ValueError(f"{name} must be finite and not negative")
    return found
