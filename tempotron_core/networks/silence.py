"""A warning where a layer learns nothing because none of its neurons fires."""

from __future__ import annotations

import warnings
from typing import Any

from ..arrays.namespace import array_namespace, device_of, known_true

__all__ = ["SilenceWarning", "SilenceWatch"]

Array = Any

BATCHES = 10
"""Batches of a layer that are looked at: a start that does not fire shows in the first."""

LEAST_PAIRS = 32
"""Pairs of pattern and neuron, below which silence may be chance, or what was asked for."""


class SilenceWarning(UserWarning):
    """Nothing can be learned or told: no pattern has a spike, or few neurons answer to any."""


class SilenceWatch:
    """Looks at the first batches of each layer, and warns once of one that is silent throughout.

    It looks only where that costs no waiting: at arrays on the processor, and at values that are
    there.  Traced arrays (``jit``, ``vmap``, graphs) have none.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def wants(self, layer: str, spikes: Array) -> bool:
        """Whether to look at a batch of a layer: its output spikes, shape (B, O); counts it."""
        seen, pairs = self._seen.get(layer, 0), spikes.shape[0] * spikes.shape[1]
        if seen >= BATCHES or pairs < LEAST_PAIRS or "cpu" not in str(device_of(spikes)).lower():
            return False
        self._seen[layer] = seen + 1
        return True

    def look(self, layer: str, spikes: Array, received: Array, remedy: str) -> None:
        """Look at one batch that was wanted.

        Parameters
        ----------
        layer : str
            Names the layer in the warning; each name is counted for itself.
        spikes : array, shape (B, O)
            Output spikes, inf where there is none.
        received : bool array, shape (B,)
            Whether a pattern had spikes at all: a layer that received none is not to blame.
        remedy : str
            What to do about it.

        Warns
        -----
        SilenceWarning
            If no neuron fired in any pattern, though some pattern had spikes.
        """
        xp = array_namespace(spikes=spikes, received=received)
        if known_true(xp.all(xp.isinf(spikes))) and known_true(xp.any(received)):
            self._seen[layer] = BATCHES
            warnings.warn(
                f"{layer} is silent: none of its {spikes.shape[1]} neurons fires in any of "
                f"{spikes.shape[0]} patterns, so it passes nothing on and learns nothing; {remedy}",
                SilenceWarning,
                stacklevel=4,
            )
