r"""How many patterns a neuron can hold: the load at which half of all trials are learned.

Whether a trial of some load is learned without an error is the toss of a coin whose probability
falls from 1 to 0 around the capacity.  With

.. math:: P(\alpha) = \frac{1}{1 + e^{(\alpha - \alpha_c)/b}}

the capacity is :math:`\alpha_c` of the largest likelihood, and its interval holds the values whose
likelihood, with the best b for each, is not too much smaller (a profile likelihood).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .intervals import normal_quantile

__all__ = ["Capacity", "half_crossing"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

_CENTRES, _WIDTHS = 301, 31


class Capacity(NamedTuple):
    """What `half_crossing` found.

    Attributes
    ----------
    load : float
        Where half of the trials are learned.
    low, high : float
        Ends of its interval; infinite where the trials do not bound it.
    width : float
        b: from one learned trial in ten to nine the load moves by 4.4 b.
    """

    load: float
    low: float
    high: float
    width: float


def half_crossing(
    loads: Sequence[float] | Any,
    solved: Sequence[int] | Any,
    trials: Sequence[int] | Any,
    *,
    level: float = 0.95,
) -> Capacity:
    """Load at which half of the trials are learned, with its interval.

    Parameters
    ----------
    loads : array_like, shape (L,)
        Patterns per afferent.
    solved, trials : array_like of int, shape (L,)
        Trials of each load that were learned, and all of them.
    level : float, default 0.95
        Of the interval.

    Returns
    -------
    Capacity

    Raises
    ------
    ValueError
        If shapes differ, there are fewer than two loads, counts do not fit, or all trials have the
        same outcome, so that nothing crosses.

    Examples
    --------
    >>> found = half_crossing([2.0, 2.5, 3.0, 3.5], [16, 15, 7, 0], [16, 16, 16, 16])
    >>> round(found.load, 2), round(found.low, 2), round(found.high, 2)
    (2.94, 2.81, 3.07)
    """
    x, k, n = (np.asarray(given, np.float64) for given in (loads, solved, trials))
    if x.ndim != 1 or len(x) < 2 or k.shape != x.shape or n.shape != x.shape:
        raise ValueError(
            f"loads, solved and trials must have one shape (L,) with L > 1, got {x.shape}, "
            f"{k.shape} and {n.shape}"
        )
    if not (np.all(np.isfinite(x)) and np.all(n >= k) and np.all(k >= 0.0)):
        raise ValueError(
            "loads must be finite, and solved from 0 to trials, got "
            f"{x.tolist()}, {k.tolist()} of {n.tolist()}"
        )
    if k.sum() in (0.0, n.sum()):
        raise ValueError(
            f"trials must not all have the same outcome, got {k.sum():g} solved of {n.sum():g}"
        )
    span = float(np.ptp(x))
    if span == 0.0:
        raise ValueError(f"loads must differ, got {x[0]:g} alone")
    widths = span * np.geomspace(1e-3, 1.0, _WIDTHS)
    low, high = float(x.min()) - span, float(x.max()) + span
    allowed = 0.5 * normal_quantile(level) ** 2
    for _ in range(2):  # the second time, around what the first found
        centres = np.linspace(low, high, _CENTRES)
        fit = _log_likelihood(centres[:, None], widths[None, :], x, k, n)
        profile = fit.max(axis=1)
        inside = np.nonzero(profile >= profile.max() - allowed)[0]
        open_low, open_high = inside[0] == 0, inside[-1] == _CENTRES - 1
        if open_low or open_high:
            break
        low, high = float(centres[inside[0] - 1]), float(centres[inside[-1] + 1])
    # a plateau, where a gap between loads holds the crossing, is taken in its middle
    best = np.nonzero(profile >= profile.max() - 1e-6)[0]
    return Capacity(
        float(centres[best].mean()),
        -np.inf if open_low else float(centres[inside[0]]),
        np.inf if open_high else float(centres[inside[-1]]),
        float(widths[fit[best[len(best) // 2]].argmax()]),
    )


def _log_likelihood(centre: Floats, width: Floats, x: Floats, k: Floats, n: Floats) -> Floats:
    z = (centre[..., None] - x) / width[..., None]
    terms = k * np.logaddexp(0.0, -z) + (n - k) * np.logaddexp(0.0, z)
    total: Floats = -terms.sum(axis=-1)
    return total
