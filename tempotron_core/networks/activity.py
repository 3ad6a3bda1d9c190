"""What a network's layers did on a batch of patterns, and the gradient of what came of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..events import Events

__all__ = ["Activity", "NetworkGradient"]

Array = Any


class Activity(NamedTuple):
    """What every layer received and did, as the backward pass needs it.

    Attributes
    ----------
    inputs : tuple of Events
        Input of each layer, that of the first with the spikes of the clock.
    hidden : tuple of array, Peak or OutputSpikes
        Readout of each layer but the last: spike times, or with ``pass_on='peak'`` a `Peak`, with
        ``'spikes'`` `OutputSpikes`.
    peak : Peak
        ``v_max`` and ``t_max`` of the last layer, each of shape (B, O); None with
        ``readout='counts'``.
    spikes : OutputSpikes
        ``times``, shape (B, O, S), and ``counts``, shape (B, O), of the last layer with
        ``readout='counts'``, otherwise None.
    """

    inputs: tuple[Events, ...]
    hidden: tuple[Any, ...]
    peak: Any = None
    spikes: Any = None


class NetworkGradient(NamedTuple):
    """Gradient of a loss.

    Attributes
    ----------
    weights : tuple of array
        One per layer, in the shape of its weights.
    times : array or None
        Towards the spike times the network was given, in the layout of its events.
    """

    weights: tuple[Array, ...]
    times: Array | None
