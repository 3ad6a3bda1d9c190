"""Batches on which gradients are checked, and how far two gradients are apart."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from patterns import TIME_CONSTANTS, Batch, grouped_kinks, random_batch
from reference import Constants


@lru_cache
def gradient_batches() -> tuple[Batch, ...]:
    """One small batch for each pair of time constants, in turn in each layout."""
    layouts = ("latencies", "trains", "csr")
    found = []
    for index, time_constants in enumerate(TIME_CONSTANTS):
        rng = np.random.default_rng(740 + index)
        height = (1.0, 0.6)[index % 2]
        constants = Constants(*time_constants, 0.8, height)
        batch = random_batch(
            rng,
            4,
            2,
            max_spikes=6,
            n_afferents=3,
            constants=constants,
            duration=4.0 * max(time_constants),
            layout=layouts[index % 3],
        )
        # Two patterns on a coarse raster, for groups of simultaneous spikes; one late volley, for
        # potentials that still rise at the end.
        raster, times = batch.duration / 8.0, batch.times.copy()
        counts = (times >= 0) & (times < batch.duration)
        counts[2:] = False
        times[counts] = np.rint(times[counts] / raster) * raster
        late = times[2]
        counts = (late >= 0) & (late < batch.duration)
        late[counts] = batch.duration - min(time_constants) * (0.1 + 0.5 * rng.random(counts.sum()))
        # Enough drive that about half of the pairs fire.
        weight = batch.weight * (1.5 * rng.uniform(1, 2))
        found.append(replace(batch, times=times, weight=weight))
    return *found, *(grouped_kinks(c) for c in (TIME_CONSTANTS[0], TIME_CONSTANTS[3]))


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    largest = np.abs(expected).max(initial=0.0)
    difference = np.abs(found - expected).max(initial=0.0)
    # A gradient that is zero but for the quotients' rounding has no size to compare with.
    return float(difference / largest) if largest > 1e-15 else float(difference)
