"""The patterns and weights that everything is measured on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Neuron, peak

__all__ = [
    "DEFAULT_SHAPES",
    "NEURON",
    "ONLINE_SHAPES",
    "QUICK_SHAPES",
    "SMALL_SHAPE",
    "STEP_SHAPES",
    "Shape",
    "Workload",
]

Floats = NDArray[np.floating[Any]]

NEURON = Neuron()
"""The neuron of every measurement: the library's defaults, which are also the peers'."""

LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Shape:
    """Sizes of a batch of patterns, one spike or none per afferent.

    Attributes
    ----------
    batch, afferents, outputs : int
    duration : float
        Length of a pattern; spike times are uniform on it.
    active : float
        Chance of an afferent to spike, in (0, 1].
    """

    batch: int = 64
    afferents: int = 500
    outputs: int = 10
    duration: float = 500.0
    active: float = 0.5

    def __post_init__(self) -> None:
        for name in ("batch", "afferents", "outputs"):
            value = getattr(self, name)
            if not 1 <= value <= LARGEST:
                raise ValueError(f"--{name} must be from 1 to {LARGEST}, got {value}")
        if not (math.isfinite(self.duration) and self.duration > 0.0):
            raise ValueError(f"--duration must be positive and finite, got {self.duration}")
        if not 0.0 < self.active <= 1.0:
            raise ValueError(f"--active must be above 0 and at most 1, got {self.active}")

    def __str__(self) -> str:
        return (
            f"batch {self.batch:,}, {self.afferents:,} afferents ({self.active:.0%} active), "
            f"{self.outputs:,} output{'s' if self.outputs > 1 else ''}, "
            f"duration {self.duration:,g}"
        )

    def with_(self, **sizes: Any) -> Shape:
        """Return this shape with some sizes replaced."""
        return replace(self, **sizes)


DEFAULT_SHAPES = (
    Shape(batch=64, afferents=12_544, outputs=10, duration=100.0),  # MNIST in 16 receptive fields
    Shape(batch=256, afferents=500, outputs=10, duration=500.0),
)

QUICK_SHAPES = (Shape(batch=3, afferents=40, outputs=4, duration=50.0),)

# Batches as recipes have them: the pixels of MNIST as latencies, and sparser, longer patterns.
STEP_SHAPES = (
    Shape(batch=64, afferents=784, outputs=10, duration=30.0, active=0.2),
    Shape(batch=256, afferents=500, outputs=10, duration=500.0),
)

# One neuron and sixteen, which learn half of the patterns that they can hold at most.
ONLINE_SHAPES = tuple(Shape(batch=500, outputs=outputs, active=1.0) for outputs in (1, 16))

SMALL_SHAPE = Shape(batch=1, afferents=100, outputs=1, duration=100.0, active=1.0)


@dataclass(frozen=True)
class Workload:
    """Patterns and weights of one shape, drawn from a seed.

    Times are drawn as parts of the duration, so that two shapes that differ in their duration
    alone have the same spikes, stretched.
    """

    shape: Shape
    dtype: str
    seed: int = 0

    @cached_property
    def _drawn(self) -> tuple[Floats, Floats]:
        rng = np.random.default_rng(self.seed)
        size = (self.shape.batch, self.shape.afferents)
        times = rng.uniform(0.0, self.shape.duration, size)
        times[rng.random(size) >= self.shape.active] = -1.0
        # As the peers' own initialisation for the dense form.  The potential of uniform spikes
        # then stays below the threshold, so that shunting, which SpikingJelly 2.0.0 cannot do
        # without, cuts no work short.
        bound = self.shape.afferents**-0.5
        weight = rng.uniform(-bound, bound, (self.shape.outputs, self.shape.afferents))
        return times.astype(self.dtype), weight.astype(self.dtype)

    @property
    def times(self) -> Floats:
        """Spike times [B, N]; -1 where there is no spike."""
        return self._drawn[0]

    @property
    def weight(self) -> Floats:
        """Weights [O, N]."""
        return self._drawn[1]

    @cached_property
    def n_spikes(self) -> int:
        """Spikes in all patterns together."""
        return int((self.times >= 0.0).sum())

    @cached_property
    def scale(self) -> float:
        """Largest sum of weights' magnitudes over a pattern's spikes, at least 1.

        Errors of potentials are measured in it.
        """
        active = (self.times >= 0.0).astype(np.float64)
        reach = active @ np.abs(self.weight.astype(np.float64)).T
        return max(1.0, float(reach.max()))

    def exact(self, neuron: Neuron = NEURON, grid: tuple[int, float] | None = None) -> Floats:
        """Return v_max [B, O] of the rounded inputs, by the Array API form in float64."""
        events = Events.from_latencies(self.times.astype(np.float64), self.shape.duration)
        weight = self.weight.astype(np.float64)
        v_max: Floats = peak(events, weight, neuron, grid=grid, method="pruned").v_max
        return v_max

    def save(self, folder: Path) -> Path:
        """Write the arrays for another process to read, and return the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "times.npy", self.times)
        np.save(folder / "weight.npy", self.weight)
        return folder
