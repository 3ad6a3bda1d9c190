"""Random spike patterns that hold every case the mathematics has, and their references.

A `Batch` is one set of constants and one duration with B patterns on N afferents and O weight
rows, because that is what one call of the library takes. Times and weights are NumPy arrays already
rounded to the dtype under test, so that the reference works on the very numbers the library gets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from reference import Constants, ExactTrajectory, Trajectory

from tempotron_core import Events, Neuron

# Ratio 4, 2, swapped, equal, nearly equal (both sides), and far apart.
TIME_CONSTANTS = (
    (15.0, 3.75),
    (10.0, 5.0),
    (3.75, 15.0),
    (10.0, 10.0),
    (10.0 * (1.0 + 1e-10), 10.0),
    (10.0, 10.0 * (1.0 + 1e-6)),
    (10.5, 10.0),
    (100.0, 1.0),
)
# JAX compiles anew for each shape and each neuron, so it sees three of the pairs; NumPy, with
# method="static", runs the same operations for all of them.
ELSEWHERE = pytest.mark.skip_backend("jax", reason="compiles for each case; NumPy has all")
EVERY_TIME_CONSTANTS = [
    pytest.param(
        pair, id=f"{index}-{pair[0]:g}:{pair[1]:g}", marks=[] if index in (0, 3, 4) else ELSEWHERE
    )
    for index, pair in enumerate(TIME_CONSTANTS)
]
# (v_threshold, psp_peak)
HEIGHTS = ((1.0, 1.0), (1.0, 1.0), (2.5, 2.5), (2.0, 1.0), (0.02, 0.05))


@dataclass(frozen=True, eq=False)
class Batch:
    """B patterns under one set of constants, with the layout they are handed over in."""

    constants: Constants
    duration: float
    times: np.ndarray  # [B, N, S]
    weight: np.ndarray  # [O, N]
    layout: str = "trains"

    @property
    def shape(self) -> tuple[int, int]:
        """Patterns and outputs."""
        return self.times.shape[0], self.weight.shape[0]

    def neuron(self, *, shunt: bool = False) -> Neuron:
        """The constants as the library's own."""
        c = self.constants
        return Neuron(c.tau, c.tau_s, c.v_threshold, psp_peak=c.psp_peak, shunt=shunt)

    def events(self, backend: Any) -> Events:
        """The patterns as events on `backend`, through the constructor that `layout` names."""
        if self.layout == "latencies":
            return Events.from_latencies(place(backend, self.times[:, :, 0]), self.duration)
        if self.layout == "trains":
            return Events.from_trains(place(backend, self.times), self.duration)
        times, afferents, offsets = (place(backend, array) for array in self.csr())
        return Events.from_csr(times, afferents, offsets, self.times.shape[1], self.duration)

    def csr(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every entry of `times`, silent ones too, as one list of spikes."""
        b, n, s = self.times.shape
        afferents = np.tile(np.repeat(np.arange(n, dtype=np.int64), s), b)
        return self.times.reshape(-1), afferents, np.arange(b + 1, dtype=np.int64) * (n * s)

    def source_layout(self, values: np.ndarray) -> np.ndarray:
        """Bring [B, N, S] into the layout that gradients by time come back in."""
        if self.layout == "latencies":
            return values[:, :, 0]
        return values if self.layout == "trains" else values.reshape(-1)

    def spikes(self, pattern: int, output: int) -> tuple[list[float], list[float]]:
        """Times and weights, as Python floats, of all N * S entries of one pattern."""
        n_slots = self.times.shape[2]
        weights = np.repeat(self.weight[output].astype(np.float64), n_slots)
        return self.times[pattern].reshape(-1).astype(np.float64).tolist(), weights.tolist()

    def trajectory(
        self, pattern: int, output: int, kind: type[Trajectory] = ExactTrajectory
    ) -> Trajectory:
        """The reference for one pattern and output."""
        return kind(*self.spikes(pattern, output), self.constants, self.duration)


def place(backend: Any, array: np.ndarray) -> Any:
    """Copy to the backend in the array's own dtype, whatever the backend's default is."""
    return backend.from_numpy(array, array.dtype)


def methods(backend: Any) -> tuple[str, ...]:
    """Compiled kernels where there are any, the form they stand for, and that of tracing libraries.

    NumPy runs all three, torch the first two; elsewhere 'auto' is one of the others.
    """
    return {"numpy": ("auto", "pruned", "static"), "torch": ("auto", "pruned")}.get(
        backend.name, ("auto",)
    )


def random_batch(
    rng: np.random.Generator,
    n_patterns: int,
    n_outputs: int = 1,
    *,
    max_spikes: int = 30,
    n_afferents: int | None = None,
    dtype: str = "float64",
    constants: Constants | None = None,
    duration: float | None = None,
    layout: str | None = None,
) -> Batch:
    """Draw a batch of patterns of 0 to `max_spikes` spikes; everything not given is drawn too.

    The first pattern has all `max_spikes`, so that batches drawn alike have events of one shape
    (JAX compiles anew for each).
    """
    if constants is None:
        tau, tau_s = TIME_CONSTANTS[rng.integers(len(TIME_CONSTANTS))]
        v_threshold, psp_peak = HEIGHTS[rng.integers(len(HEIGHTS))]
        constants = Constants(tau, tau_s, v_threshold, psp_peak)
    if duration is None:
        longest = max(constants.tau, constants.tau_s)
        duration = float(np.rint(longest * rng.choice([2.0, 6.0, 20.0])))
    if layout is None:
        layout = str(rng.choice(["latencies", "trains", "csr"]))
    if layout == "latencies":
        n_afferents = max_spikes
    elif n_afferents is None:
        n_afferents = int(rng.integers(2, 10))
    n_slots = 1 if layout == "latencies" else -(-max_spikes // n_afferents)
    times = np.full((n_patterns, n_afferents * n_slots), np.inf)
    for index, row in enumerate(times):
        n_spikes = max_spikes if index == 0 else int(rng.integers(0, max_spikes + 1))
        places = rng.permutation(row.size)
        drawn = _random_times(rng, n_spikes, duration, constants)
        if index == 0:
            drawn[drawn > duration] *= 0.5
        row[places[:n_spikes]] = drawn
        # What is no spike is spelled in every allowed way: +inf, -1 or any other negative number.
        silent = places[n_spikes:]
        spelling = rng.integers(3, size=silent.size)
        row[silent[spelling == 1]] = -1.0
        row[silent[spelling == 2]] = -rng.uniform(1e-3, 2.0, (spelling == 2).sum()) * duration
    weight = _random_weights(rng, n_outputs, n_afferents, constants)
    return Batch(
        constants,
        duration,
        times.reshape(n_patterns, n_afferents, n_slots).astype(dtype),
        weight.astype(dtype),
        layout,
    )


def _random_times(
    rng: np.random.Generator, n_spikes: int, duration: float, constants: Constants
) -> np.ndarray:
    """Spread out, on a coarse raster (many ties), or in one volley; some at or past the ends."""
    style = rng.integers(3)
    times = rng.uniform(0.0, duration, n_spikes)
    if style == 1:
        times = np.rint(times * 12.0 / duration) * (duration / 12.0)
    elif style == 2:
        width = rng.choice([0.3, 2.0]) * min(constants.tau, constants.tau_s)
        times = (times[:1] * 0.7 if n_spikes else 0.0) + rng.uniform(0.0, width, n_spikes)
    fate = rng.uniform(size=n_spikes)
    times[fate < 0.04] = 0.0
    times[(fate >= 0.04) & (fate < 0.07)] = duration
    times[(fate >= 0.07) & (fate < 0.10)] = duration * 1.25  # after the duration: ignored
    if n_spikes > 1:
        tied = (fate >= 0.10) & (fate < 0.20)
        times[tied] = times[rng.integers(n_spikes, size=tied.sum())]
    return times


def _random_weights(
    rng: np.random.Generator, n_outputs: int, n_afferents: int, constants: Constants
) -> np.ndarray:
    """Excitation and inhibition around the threshold, single zeros, and one-signed rows."""
    unit = constants.v_threshold / constants.psp_peak
    weight = rng.normal(rng.choice([0.0, 0.3]), 1.0, (n_outputs, n_afferents))
    weight = weight * rng.choice([0.2, 0.7, 2.0], (n_outputs, 1)) * unit
    weight[rng.uniform(size=weight.shape) < 0.05] = 0.0
    for row in weight:
        if rng.uniform() < 0.05:
            row[:] = -np.abs(row)
    return weight


@lru_cache
def batches(
    seed: int,
    n_batches: int,
    n_patterns: int,
    n_outputs: int = 1,
    dtype: str = "float64",
    max_spikes: int = 30,
    n_afferents: int | None = None,
) -> tuple[Batch, ...]:
    """Batches that go through all time constants in turn."""
    rng = np.random.default_rng(seed)
    result = []
    for index in range(n_batches):
        tau, tau_s = TIME_CONSTANTS[index % len(TIME_CONSTANTS)]
        v_threshold, psp_peak = HEIGHTS[rng.integers(len(HEIGHTS))]
        constants = Constants(tau, tau_s, v_threshold, psp_peak)
        drawn = random_batch(
            rng,
            n_patterns,
            n_outputs,
            max_spikes=max_spikes,
            n_afferents=n_afferents,
            dtype=dtype,
            constants=constants,
        )
        result.append(drawn)
    return tuple(result)


def bar(scale: float, dtype: str) -> float:
    """Largest allowed error of a potential of scale S."""
    return {"float64": 1e-12, "float32": 2e-6}[dtype] * scale


def time_bar(duration: float, dtype: str) -> float:
    """Largest allowed error of a well-conditioned time."""
    return {"float64": 1e-10, "float32": 2e-6}[dtype] * duration


def clear_gap(scale: float, dtype: str) -> float:
    """By how much a peak must lead for its time to be decided."""
    return {"float64": 1e-9, "float32": 1e-5}[dtype] * scale


def well_conditioned_peak(found: Any, trajectory: Trajectory, dtype: str) -> bool:
    """Whether the peak's time is decided: a clear lead, and curved or steep enough."""
    if found.gap <= clear_gap(trajectory.scale, dtype):
        return False
    maximum, constants = found.maximum, trajectory.constants
    unit = trajectory.scale / constants.psp_peak
    steep = 1e-3 * unit * constants.slope_scale
    if maximum.kind == "smooth":
        return bool(abs(maximum.curvature) >= 1e-3 * unit * constants.curvature_scale)
    if maximum.kind == "kink":
        return bool(maximum.slope_left >= steep and -maximum.slope_right >= steep)
    if maximum.kind == "end":
        return bool(maximum.slope_left >= steep)
    return True  # at rest: the time is 0, and the lead decides


def well_conditioned_crossing(found: Any, trajectory: Trajectory, dtype: str) -> bool:
    """Whether the crossing's time is decided: steep enough, no maximum grazing the threshold."""
    unit = trajectory.scale / trajectory.constants.psp_peak
    if found.margin <= clear_gap(trajectory.scale, dtype) or math.isinf(found.time):
        return False
    return bool(found.slope >= 1e-3 * unit * trajectory.constants.slope_scale)


def grouped_kinks(time_constants: tuple[float, float]) -> Batch:
    """Peaks at groups of two to four simultaneous spikes, some of them excitatory."""
    off = math.inf
    times = np.asarray(
        [
            [[0.0, 12.0], [2.0, 14.0], [5.0, 30.0], [5.0, 31.0]],
            [[0.0, 5.0], [2.0, off], [5.0, 5.0], [5.0, off]],
            [[1.0, off], [2.0, off], [4.5, off], [off, 4.5]],
            [[0.5, 3.0], [3.0, off], [3.0, off], [-1.0, off]],
            [[0.0, 3.5], [3.5, off], [3.5, 50.0], [3.5, off]],
        ]
    )
    weight = np.asarray([[0.9, 0.5, -3.0, -1.0], [1.4, 0.4, -2.5, -4.0]])
    unit = min(time_constants) / 3.75
    return Batch(Constants(*time_constants), 60.0 * unit, times * unit, weight)
