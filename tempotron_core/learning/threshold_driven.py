r"""Threshold-driven plasticity: the critical threshold moved along its gradient, or part of it.

Both rules take what `aggregate_labels` says of an error, and return a direction of ascent of it, as
a loss's gradient is: weights go against it.
"""

from __future__ import annotations

from typing import Any

from ..events import Events
from ..neuron import Neuron
from ..spiking import CriticalThreshold, critical_threshold_vjp

__all__ = ["tdp1", "tdp2", "without_history"]

Array = Any


def tdp1(
    events: Events, weight: Array, neuron: Neuron, critical: CriticalThreshold, cotangent: Array
) -> Array:
    r"""The exact gradient of critical thresholds [1]_.

    .. math:: \Delta w = \pm\lambda\, \frac{d\vartheta^*}{dw}

    with all that earlier output spikes do to the potential at the graze (docs/multispike.md).

    Parameters
    ----------
    events, weight, neuron
        As given to :func:`tempotron_core.spiking.critical_threshold`.
    critical : CriticalThreshold
        What it returned for the ``k`` of `aggregate_labels`.
    cotangent : array, shape (B, O)
        Of `aggregate_labels`.

    Returns
    -------
    array, shape (O, N)
        To be used as a gradient towards the weights.

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype, or arrays come from different libraries.
    ValueError
        If shapes or devices do not fit, or the neuron shunts its input.

    References
    ----------
    .. [1] Q. Yu, H. Li & K. C. Tan, "Spike timing or rate? Neurons learn to make decisions for both
       through threshold-driven plasticity", IEEE Transactions on Cybernetics (2018), TDP1.  Its
       text was not at hand: this is the gradient that it takes, derived anew.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron
    >>> from tempotron_core.learning import aggregate_labels, tdp1, tdp2
    >>> from tempotron_core.spiking import critical_threshold, output_spikes
    >>> events = Events.from_latencies(np.asarray([[10.0, 22.0]]), duration=200.0)
    >>> weight, neuron = np.asarray([[1.4, 1.6]]), Neuron(20.0, 5.0)
    >>> counts = output_spikes(events, weight, neuron).counts
    >>> _, k, cotangent, where = aggregate_labels(counts, np.asarray([[1]]))
    >>> critical = critical_threshold(events, weight, neuron, k, where=where)
    >>> print(counts, tdp1(events, weight, neuron, critical, cotangent).round(3))
    [[3]] [[0.402 0.412]]
    >>> print(tdp2(events, weight, neuron, critical, cotangent).round(3))
    [[0.65  0.987]]
    """
    return critical_threshold_vjp(events, weight, neuron, critical, cotangent).weight


def tdp2(
    events: Events, weight: Array, neuron: Neuron, critical: CriticalThreshold, cotangent: Array
) -> Array:
    r"""The gradient of critical thresholds as if no output spike came before them [1]_.

    .. math:: \Delta w_i = \pm\lambda \sum_{f: i_f = i,\, t_f < t^*} K(t^* - t_f)

    An input that drove an earlier spike, and with it a reset, is credited for its PSP all the same.

    Parameters
    ----------
    events, weight, neuron, critical, cotangent
        As for `tdp1`.

    Returns
    -------
    array, shape (O, N)
        To be used as a gradient towards the weights.

    Raises
    ------
    TypeError, ValueError
        As of `tdp1`, which has an example.

    References
    ----------
    .. [1] Q. Yu, H. Li & K. C. Tan, IEEE Transactions on Cybernetics (2018), TDP2.  Its text was
       not at hand: whether it divides by the gain of earlier spikes is not known here.
    """
    without = without_history(critical)
    return critical_threshold_vjp(events, weight, neuron, without, cotangent).weight


def without_history(critical: CriticalThreshold) -> CriticalThreshold:
    """Return the same grazes, as if no output spike came before them."""
    return CriticalThreshold(critical.theta, critical.t, critical.n_before * 0)
