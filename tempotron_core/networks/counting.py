"""Networks that count every output spike, on any array library."""

from __future__ import annotations

from collections.abc import Callable

from ..arrays.host import to_host
from ..events import Events
from ..events.changing import map_arrays
from ..readouts.arguments import is_static
from .network import Network

__all__ = ["counting"]


def counting(network: Network) -> tuple[Network, Callable[[Events], Events]]:
    """Return a network that counts every spike, and a function that moves events to where it is.

    It is the network itself, but on NumPy if its library, as JAX, has shapes that cannot depend on
    values and so counts no more spikes than it is asked for.
    """
    if not is_static("auto", network.weights[0]):
        return network, lambda events: events
    on_host = network.with_weights([to_host(weight) for weight in network.weights])
    return on_host, lambda events: map_arrays(events, to_host)
