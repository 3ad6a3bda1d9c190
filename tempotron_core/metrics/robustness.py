"""How many decisions go wrong as patterns are disturbed more and more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.host import to_host
from ..arrays.numbers import whole_number
from ..events import Events
from ..learning.labels import should_fire
from ..neuron import Neuron
from ..readouts.peak import peak

__all__ = ["robustness_curve"]


def robustness_curve(
    disturbed: Callable[[float], Events],
    labels: Any,
    weight: Any,
    neuron: Neuron,
    levels: Sequence[float],
    *,
    repeats: int = 1,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Part of the patterns that each neuron decides wrongly at each level of disturbance.

    Parameters
    ----------
    disturbed : callable
        ``disturbed(level)`` returns the B patterns, disturbed anew at every call; see
        `tempotron_core.encoding.jitter_spikes` and `delete_spikes`.
    labels : array
        Whether a neuron should fire, as for `tempotron_core.learning.learn_online`.
    weight : array, shape (O, N)
    neuron : Neuron
    levels : sequence of float, length L
    repeats : int, default 1
        How often each level is drawn.

    Returns
    -------
    NumPy array, shape (L, O)

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron
    >>> from tempotron_core.encoding import jitter_spikes
    >>> from tempotron_core.metrics import robustness_curve
    >>> rng = np.random.default_rng(0)
    >>> events = Events.from_latencies(rng.uniform(0.0, 50.0, (200, 20)), 50.0)
    >>> weight, neuron = rng.normal(0.1, 0.3, (1, 20)), Neuron()
    >>> from tempotron_core import peak
    >>> fires = peak(events, weight, neuron).v_max > 1.0
    >>> def moved(sigma):
    ...     return jitter_spikes(events, sigma, rng)
    >>> print(robustness_curve(moved, fires, weight, neuron, [0.0, 5.0])[0])
    [0.]
    """
    repeats = whole_number("repeats", repeats)
    found = np.zeros((len(levels), weight.shape[0]))
    for number, level in enumerate(levels):
        for _ in range(repeats):
            v_max = peak(disturbed(level), weight, neuron).v_max
            wrong = (v_max > neuron.v_threshold) != should_fire(labels, v_max)
            found[number] += to_host(wrong).mean(axis=0) / repeats
    return found
