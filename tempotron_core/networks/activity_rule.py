"""Hidden neurons that are kept active by their own critical thresholds.

The gradient of a hidden layer is that of the spikes it has: none comes into being by it, and none
goes.  So a neuron that has fallen silent stays silent, and one that bursts goes on.  Both are an
error of counting that the neuron can learn from by itself.
"""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import array_namespace
from ..spiking import critical_threshold, critical_threshold_vjp
from .activity import Activity
from .network import Network

__all__ = ["activity_gradients"]

Array = Any


def activity_gradients(network: Network, activity: Activity) -> tuple[Array, ...]:
    """Return the gradients by which every hidden neuron spikes, and none too often.

    That of the first critical threshold of a neuron that is silent in the whole batch, to be
    raised, and of the last one of a neuron that spikes more than once per ``tau`` in a pattern, to
    be lowered there; averaged over the patterns.

    Parameters
    ----------
    network : Network
        With ``pass_on='spikes'``.
    activity : Activity
        What its ``forward`` returned.

    Returns
    -------
    tuple of array
        One per hidden layer, in the shape of its weights.
    """
    layers = zip(activity.inputs, network.weights, network.neurons, activity.hidden, strict=False)
    gradients = []
    for events, weight, neuron, (_, counts) in layers:
        xp = array_namespace(counts=counts)
        many = counts > max(1, int(events.duration / neuron.tau))
        where = many | ~xp.any(counts > 0, axis=0)
        k = xp.where(many, counts, 1)
        critical = critical_threshold(
            events, weight, neuron, k, where=where, most=network.max_spikes
        )
        direction = xp.astype(many, weight.dtype) - xp.astype(where & ~many, weight.dtype)
        found = critical_threshold_vjp(
            events, weight, neuron, critical, direction / len(events), most=network.max_spikes
        )
        gradients.append(found.weight)
    return tuple(gradients)
