"""Output spikes of a network of multi-spike neurons in the patterns of an event file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Network, load
from tempotron_core.arrays.host import to_host
from tempotron_core.networks.counting import counting
from tempotron_core.spiking import output_spikes

from .._backend import Backend, dtype_name
from ..data.event_files import EventFile
from ..data.loader import FromEventFile

__all__ = ["Detections", "detections"]

PathLike = str | os.PathLike[str]

EVENTS_AT_ONCE = 1_000_000
"""Events of a batch, or those of one pattern if that has more."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Output spikes of some patterns, by pattern and time.

    Attributes
    ----------
    pattern, output : integer array, shape (D,)
        Numbers from 0.
    time : array, shape (D,)
        In the unit of the events and the dtype of the weights.
    """

    pattern: NDArray[np.int64]
    output: NDArray[np.int64]
    time: NDArray[Any]


def detections(path: PathLike, events: PathLike, backend: Backend) -> Iterator[Detections]:
    """Yield the output spikes of the last layer, a batch of patterns after the other.

    Parameters
    ----------
    path : path
        Checkpoint of a network with ``readout='counts'``.
    events : path
        An event file.
    backend : Backend
        One whose shapes cannot depend on values leaves the work to NumPy.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If one is damaged, they do not fit each other, or the network is of another kind.
    """
    network = load(path, xp=backend.xp, device=backend.native_device)
    if not isinstance(network, Network) or network.readout != "counts":
        kind = type(network).__name__
        what = f"a {kind}" if not isinstance(network, Network) else "one read by its peaks"
        raise ValueError(
            f"checkpoint must hold a network of multi-spike outputs (readout='counts'), got {what} "
            f"in {os.fspath(path)!r}"
        )
    if not os.path.isfile(os.path.join(events, "header.json")):
        raise FileNotFoundError(
            f"events must be an event file, got {os.fspath(events)!r} without header.json"
        )
    file = EventFile.open(events)
    if file.n_afferents != network.n_afferents:
        raise ValueError(
            f"events must be of the {network.n_afferents} afferents of the model, got "
            f"{file.n_afferents} in {os.fspath(events)!r}"
        )
    source = FromEventFile(file, backend, dtype_name(network.weights[0].dtype))
    return _of_batches(network, source)


def _of_batches(network: Network, source: FromEventFile) -> Iterator[Detections]:
    network, moved = counting(network)
    size = max(1, EVENTS_AT_ONCE // source.width)
    for begin in range(0, len(source), size):
        events = source.events(np.arange(begin, min(begin + size, len(source))))
        activity = network.forward(moved(events))
        times, counts = map(to_host, activity.spikes)
        if counts.max(initial=0) > times.shape[2]:  # a network that was told to keep fewer
            last = activity.inputs[-1], network.weights[-1], network.neurons[-1]
            times = to_host(output_spikes(*last).times)
        pattern, output, place = np.nonzero(np.isfinite(times))
        time = times[pattern, output, place]
        order = np.lexsort((output, time, pattern))
        yield Detections(pattern[order] + begin, output[order], time[order])
