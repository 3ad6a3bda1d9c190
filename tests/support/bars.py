"""Readouts held against the 50-digit reference, at the package's error bars.

The bars, with S = psp_peak max(1, sum of |w| over the pattern's spikes): potentials within 1e-12 S
in float64 and 2e-6 S in float32; well-conditioned times within 1e-10 and 2e-6 of the duration.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import cache

import numpy as np
from patterns import Batch, bar, place, time_bar, well_conditioned_crossing, well_conditioned_peak
from reference import ExactTrajectory, Trajectory

from tempotron_core import first_crossing, peak


class Worst:
    """Collects errors in units of their bar and fails once, naming the worst case."""

    def __init__(self) -> None:
        self.ratio, self.case, self.checked = 0.0, "nothing checked", Counter()

    def add(self, what: str, error: float, allowed: float, case: str) -> None:
        self.checked[what] += 1
        ratio = float(error) / float(allowed)
        if not ratio <= self.ratio:  # a NaN counts as the worst
            self.ratio, self.case = ratio, f"{what} of {case}: error {error}, allowed {allowed}"

    def check(self) -> None:
        assert self.ratio <= 1.0, f"{self.ratio:.3g} times the bar: {self.case}"


def describe(batch: Batch, pattern: int, output: int) -> str:
    return f"{batch.constants}, duration {batch.duration}, pattern {pattern}, output {output}"


def pairs(batch: Batch, kind: type[Trajectory]) -> Iterator[tuple[int, int, Trajectory]]:
    for pattern in range(batch.shape[0]):
        for output in range(batch.shape[1]):
            yield pattern, output, batch.trajectory(pattern, output, kind)


@cache
def kept_pairs(batch: Batch) -> tuple[tuple[int, int, Trajectory], ...]:
    """The 50-digit references of a batch, kept because every backend is compared with them."""
    return tuple(pairs(batch, ExactTrajectory))


def check_peak(worst, batch, dtype, v_max, t_max, references):
    for b, o, trajectory in references:
        found, case = trajectory.peak(), describe(batch, b, o)
        allowed = bar(trajectory.scale, dtype)
        value, time = float(v_max[b, o]), float(t_max[b, o])
        worst.add("v_max", abs(value - found.v_max), allowed, case)
        worst.add("missed peak", max(found.v_max - value, 0.0), allowed, case)
        assert 0.0 <= time <= batch.duration, case
        # The time must belong to the value even where two peaks compete for it.
        slack = abs(trajectory.slope(time)) * float(np.spacing(t_max[b, o])) / 2
        worst.add("V(t_max)", abs(trajectory.voltage(time) - value), allowed + slack, case)
        if well_conditioned_peak(found, trajectory, dtype):
            limit = time_bar(batch.duration, dtype)
            worst.add("t_max", abs(time - found.t_max), limit, case)
            worst.checked[found.maximum.kind] += 1


def check_crossing(worst, batch, dtype, t_spike, references):
    threshold = batch.constants.v_threshold
    for b, o, trajectory in references:
        found, case = trajectory.first_crossing(), describe(batch, b, o)
        allowed = bar(trajectory.scale, dtype)
        time = float(t_spike[b, o])
        decided = abs(trajectory.peak().v_max - threshold) > allowed
        if decided:
            assert math.isfinite(time) == found.fired, case
            worst.checked["fired" if found.fired else "silent"] += 1
        if not math.isfinite(time):
            assert time == math.inf, case
            continue
        assert 0.0 <= time <= batch.duration, case
        if dtype == "float32":
            # No float32 time can do better than the one nearest to the crossing: half the spacing
            # of the time itself moves V by |V'| spacing / 2, whatever computes it.
            allowed += abs(float(trajectory.slope(time))) * float(np.spacing(t_spike[b, o])) / 2
        worst.add("V(t_spike)", abs(trajectory.voltage(time) - threshold), allowed, case)
        if well_conditioned_crossing(found, trajectory, dtype):
            limit = time_bar(batch.duration, dtype)
            worst.add("t_spike", abs(time - found.time), limit, case)


def check_shunted(worst, batch, dtype, v_max, t_max, references):
    for b, o, trajectory in references:
        crossing, case = trajectory.first_crossing(), describe(batch, b, o)
        after = min((abs(t - crossing.time) for t in trajectory.group_times), default=math.inf)
        sharp = well_conditioned_crossing(crossing, trajectory, dtype)
        if crossing.fired and not (sharp and after > 2 * time_bar(batch.duration, dtype)):
            continue  # which inputs still count is undecided in finite precision
        if abs(trajectory.peak().v_max - batch.constants.v_threshold) <= bar(
            trajectory.scale, dtype
        ):
            continue
        shunted = trajectory.shunted()
        found = shunted.peak()
        allowed = bar(trajectory.scale, dtype)
        worst.add("shunted v_max", abs(float(v_max[b, o]) - found.v_max), allowed, case)
        if well_conditioned_peak(found, shunted, dtype):
            error = abs(float(t_max[b, o]) - found.t_max)
            worst.add("shunted t_max", error, time_bar(batch.duration, dtype), case)


def check_batch(worst, batch, backend, dtype, references, *, shunt=True, method="auto"):
    events, weight = batch.events(backend), place(backend, batch.weight)
    neuron = batch.neuron()
    found = peak(events, weight, neuron, method=method)
    v_max, t_max = backend.to_numpy(found.v_max), backend.to_numpy(found.t_max)
    assert v_max.shape == t_max.shape == batch.shape
    assert v_max.dtype == batch.weight.dtype
    check_peak(worst, batch, dtype, v_max, t_max, references)
    t_spike = backend.to_numpy(first_crossing(events, weight, neuron, method=method))
    check_crossing(worst, batch, dtype, t_spike, references)
    # One firing rule for every readout, on the numbers the library itself gives.
    np.testing.assert_array_equal(np.isfinite(t_spike), v_max > batch.constants.v_threshold)
    if shunt:
        found = peak(events, weight, batch.neuron(shunt=True), method=method)
        v_max, t_max = backend.to_numpy(found.v_max), backend.to_numpy(found.t_max)
        check_shunted(worst, batch, dtype, v_max, t_max, references)
