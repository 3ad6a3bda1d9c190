"""A warning where spike times and time constants seem to be in different units."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np

from ..arrays.host import to_host
from ..arrays.namespace import device_of
from ..arrays.registry import implementation
from ..neuron import Neuron

__all__ = ["UnitsWarning", "UnitsWatch", "check_units"]

Array = Any

SHORT_DURATION = 0.2
"""Of the shorter time constant: in so little time no potential gets far above rest."""

EARLY_SPIKES = 0.01
"""Of the shorter time constant: to a neuron, spikes before that are all at one time."""

PACKAGES = ("tempotron_core", "tempotron_backends")


def check_units(events: Any, neuron: Neuron) -> None:
    """Look at Events whose watch has not looked yet."""
    if not events._units.seen:
        events._units.look(events._to_look_at(), events.duration, neuron, events.counts)


class UnitsWarning(UserWarning):
    """Spike times and time constants seem to be in different units, as seconds and milliseconds."""


class UnitsWatch:
    """Looks once at the times of patterns beside the constants of the neuron that receives them.

    Batches that are made of one another share a watch.  It looks at spikes only where that costs no
    waiting: at arrays on the processor, with values that are there.  Traced arrays (``jit``,
    ``vmap``, graphs) have none, and are not looked at at all.

    Attributes
    ----------
    seen : bool
        Whether it has looked.
    """

    __slots__ = ("seen",)

    def __init__(self, seen: bool = False) -> None:
        self.seen = seen

    def look(
        self, times: Array, duration: float, neuron: Neuron, counts: Array | None = None
    ) -> None:
        """Look at spike times.

        Parameters
        ----------
        times : array
            Of any shape; those in [0, duration] count.  With ``counts`` those of Events, (B, K).
        duration : float
        neuron : Neuron
        counts : integer array, shape (B,), optional
            Spikes of each pattern.

        Warns
        -----
        UnitsWarning
            If the duration is less than a fifth of the shorter time constant; or if all spikes
            come before a hundredth of it, and not all at one time.
        """
        host = _on_processor(times)
        if host is None:
            return
        if counts is not None and host.size:
            host = host[:, :: max(1, host.shape[1] - 1)]  # rows ascend: their ends tell
        self.seen = True
        constant, name = min((neuron.tau_s, "tau_s"), (neuron.tau, "tau"))
        if duration < SHORT_DURATION * constant:
            _warn(
                f"duration is far below {name}: got {duration:g} and {constant:g}, so that no "
                f"potential has the time to rise"
            )
        elif host.size and _early(host, counts, duration, EARLY_SPIKES * constant):
            _warn(
                f"all spikes come before {EARLY_SPIKES * constant:g}, a hundredth of {name} "
                f"({constant:g}), and nearly at once to the neuron; duration is {duration:g}"
            )


def _on_processor(times: Array) -> Any:
    """Return times on the processor in NumPy, none of those elsewhere; None for traced ones."""
    if type(times) is np.ndarray:
        return times
    in_transform = implementation("in_transform", times)
    if in_transform is not None and in_transform(times):
        return None
    device = device_of(times)
    if device is None:
        return None
    if "cpu" not in str(device).lower():
        return np.empty((0, 0))
    try:
        return to_host(times)
    except Exception:  # noqa: BLE001 - traced after all, and every library says so in its own way
        return None


def _early(times: Any, counts: Array | None, duration: float, limit: float) -> bool:
    """Whether all spikes come before the limit, at two or more times."""
    if limit <= times.max() <= duration:  # nearly always
        return False
    if counts is not None:
        times = times[to_host(counts) > 0]
    spikes = times[(times >= 0.0) & (times <= duration)]
    return bool(spikes.size and spikes.min() < spikes.max() < limit)


def _warn(what: str) -> None:
    """Warn, at the line outside of these packages that led here."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith(PACKAGES):
        frame, level = frame.f_back, level + 1
    warnings.warn(
        f"{what}. Are they in one unit? Spike times, duration, tau and tau_s have to be in the "
        "same, such as milliseconds",
        UnitsWarning,
        stacklevel=level + 1 if level else 2,
    )
