"""Potential, peak and crossing against the brute-force reference, at the package's error bars.

The bars, with S = psp_peak max(1, sum of |w| over the pattern's spikes): potentials within 1e-12 S
in float64 and 2e-6 S in float32; well-conditioned times within 1e-10 and 2e-6 of the duration.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from bars import Worst, check_batch, describe, kept_pairs, pairs
from patterns import (
    EVERY_TIME_CONSTANTS,
    TIME_CONSTANTS,
    Batch,
    bar,
    batches,
    methods,
    place,
    random_batch,
    time_bar,
)
from reference import Constants, ExactTrajectory, FloatTrajectory

import tempotron_backends
from tempotron_core import first_crossing, peak, voltage

SEED = 20240607


@pytest.fixture
def precision(backend, dtype):
    """Name of the dtype under test."""
    return next(name for name in ("float32", "float64") if backend.dtype(name) == dtype)


@pytest.fixture
def numpy_backend():
    return tempotron_backends.select("numpy")


def test_patterns_hold_every_case():
    """The random patterns are worth their name: each kind of peak, ties, silence, both fates."""
    seen = Counter()
    for batch in batches(SEED, 16, 12, 1, "float64"):
        for _, _, trajectory in kept_pairs(batch):
            seen[trajectory.peak().maximum.kind] += 1
            seen["fired" if trajectory.first_crossing().fired else "quiet"] += 1
            n_spikes = len(trajectory.spikes)
            seen["empty"] += n_spikes == 0
            seen["tied"] += len(trajectory.group_times) < n_spikes
            seen["at 0"] += 0.0 in trajectory.group_times
            seen["at the end"] += batch.duration in trajectory.group_times
        seen["late"] += int((batch.times > batch.duration).sum())
        seen["silent"] += int((batch.times < 0).sum())
        seen[batch.layout] += 1
    cases = "rest kink smooth end fired quiet empty tied late silent latencies trains csr".split()
    for case in [*cases, "at 0", "at the end"]:
        assert seen[case] >= 3, (case, seen)


def test_reference_agrees_with_a_fine_raster():
    """The reference itself: nothing on a fine raster of the definition lies above its peak."""
    for batch in batches(SEED, 8, 1, 1, "float64"):
        for b, o, trajectory in kept_pairs(batch):
            quick = batch.trajectory(b, o, FloatTrajectory)
            raster = np.linspace(0.0, batch.duration, 2001)
            values = np.asarray([quick.voltage(t) for t in raster])
            found = trajectory.peak()
            step = batch.duration / 2000
            slope = batch.constants.slope_scale * trajectory.scale / batch.constants.psp_peak
            assert values.max() <= found.v_max + 1e-13 * trajectory.scale
            assert values.max() >= found.v_max - slope * step
            assert abs(quick.peak().v_max - found.v_max) <= 1e-13 * trajectory.scale
            crossing = trajectory.first_crossing()
            above = np.flatnonzero(values > batch.constants.v_threshold)
            if above.size:
                assert crossing.time <= raster[above[0]]
            if crossing.fired:
                before = raster < float(crossing.time)
                assert (values[before] <= batch.constants.v_threshold + 1e-12).all()


@pytest.mark.on_jax
def test_peak_and_crossing(backend, precision):
    """The bars of potentials and times: every backend, 200 patterns on NumPy."""
    worst = Worst()
    host = backend.name == "numpy"
    drawn = (16, 12, 1, precision) if host else (8, 4, 1, precision, 30, 10)
    # JAX compiles for every shape and every neuron: two batches there, and one in float32.
    step = {"float64": 4, "float32": 8}[precision] if backend.name == "jax" else 1
    for batch in batches(SEED, *drawn)[::step]:
        check_batch(worst, batch, backend, precision, kept_pairs(batch))
    worst.check()
    if backend.name == "numpy":
        for kind in ("rest", "kink", "smooth", "end", "fired", "silent"):
            assert worst.checked[kind] >= 10, worst.checked
        # Conditions leave out what no arithmetic decides, not the bulk of the patterns.
        assert worst.checked["t_max"] > 0.6 * worst.checked["v_max"], worst.checked
        assert worst.checked["t_spike"] > 0.6 * worst.checked["fired"], worst.checked


@pytest.mark.parametrize("number_type", ["float64", "float32"])
def test_static_path(numpy_backend, number_type):
    """What tracing libraries run, at the same bars."""
    worst = Worst()
    for batch in batches(SEED, 16, 12, 1, number_type):
        references = kept_pairs(batch)
        check_batch(worst, batch, numpy_backend, number_type, references, method="static")
    worst.check()


@pytest.mark.parametrize("time_constants", EVERY_TIME_CONSTANTS)
def test_voltage(backend, precision, time_constants):
    """V at unsorted times: on and between spikes, at 0 and at the duration."""
    rng = np.random.default_rng(3)
    constants = Constants(*time_constants, 1.0, 0.7)
    batch = random_batch(
        rng, 5, 2, max_spikes=15, n_afferents=5, dtype=precision, constants=constants,
        layout="trains",
    )  # fmt: skip
    spike_times = batch.times[(batch.times >= 0) & (batch.times <= batch.duration)]
    samples = np.concatenate([rng.uniform(0.0, batch.duration, 9), [0.0, batch.duration]])
    samples = np.concatenate([samples.astype(precision), spike_times[:6].astype(precision)])
    rng.shuffle(samples)
    arguments = (
        batch.events(backend),
        place(backend, batch.weight),
        batch.neuron(),
        place(backend, samples),
    )
    worst = Worst()
    for method in methods(backend):
        found = backend.to_numpy(voltage(*arguments, method=method))
        assert found.shape == (5, 2, samples.size)
        for b, o, trajectory in pairs(batch, ExactTrajectory):
            for value, t in zip(found[b, o], samples, strict=True):
                error = abs(float(value) - trajectory.voltage(float(t)))
                worst.add("V", error, bar(trajectory.scale, precision), describe(batch, b, o))
    worst.check()


@pytest.mark.parametrize("dt", [1.0, pytest.param(0.25, marks=pytest.mark.slow)])
def test_grid_peak(backend, precision, dt):
    """The peak on a raster, spikes on raster points included."""
    worst = Worst()
    rng = np.random.default_rng(4)
    for time_constants in TIME_CONSTANTS[:: 4 if backend.name == "jax" else 2]:
        constants = Constants(*time_constants)
        batch = random_batch(
            rng, 6, 2, max_spikes=10, dtype=precision, constants=constants, duration=40.0,
            layout="latencies",
        )  # fmt: skip
        batch.times[:3] = np.rint(batch.times[:3])
        n_steps = int(40.0 / dt)
        events, rows = batch.events(backend), place(backend, batch.weight)
        for method in methods(backend):
            found = peak(events, rows, batch.neuron(), grid=(n_steps, dt), method=method)
            v_max, t_max = backend.to_numpy(found.v_max), backend.to_numpy(found.t_max)
            for b, o, trajectory in pairs(batch, FloatTrajectory):
                value, time, lead = trajectory.grid_peak(n_steps, dt)
                allowed = bar(trajectory.scale, precision)
                worst.add("v_max", abs(v_max[b, o] - value), allowed, describe(batch, b, o))
                if lead > 2 * allowed:
                    assert t_max[b, o] == time, describe(batch, b, o)
    worst.check()


@pytest.mark.skip_backend("jax", reason="NumPy runs JAX's static path")
def test_exact_peak_bounds_grid_peak(backend, precision):
    """No sample of V lies above the exact peak."""
    for batch in batches(SEED + 1, 8, 8, 2, precision, n_afferents=10):
        events, weight = batch.events(backend), place(backend, batch.weight)
        found = backend.to_numpy(peak(events, weight, batch.neuron()).v_max)
        samples = np.linspace(0.0, batch.duration, 201).astype(precision)
        values = voltage(events, weight, batch.neuron(), place(backend, samples))
        scale = max(t.scale for *_, t in pairs(batch, FloatTrajectory))
        highest = backend.to_numpy(values).max(axis=2)
        assert (highest <= found + 2 * bar(scale, precision)).all()


@pytest.mark.parametrize("time_constants", EVERY_TIME_CONSTANTS)
def test_one_firing_rule_on_the_threshold(backend, precision, time_constants):
    """One spike through weight 1 just reaches threshold: peak and crossing decide alike."""
    rng = np.random.default_rng(5)
    batch = Batch(
        Constants(*time_constants),
        200.0,
        rng.uniform(0.0, 150.0, (64, 1, 1)).astype(precision),
        np.asarray([[1.0]], dtype=precision),
    )
    events, weight = batch.events(backend), place(backend, batch.weight)
    v_max = backend.to_numpy(peak(events, weight, batch.neuron()).v_max)
    t_spike = backend.to_numpy(first_crossing(events, weight, batch.neuron()))
    np.testing.assert_allclose(v_max, 1.0, rtol=0.0, atol=bar(1.0, precision))
    np.testing.assert_array_equal(np.isfinite(t_spike), v_max > 1.0)


def test_quadratic_crossing_in_closed_form(backend, precision):
    """tau = 2 tau_s: exp(-x/tau) solves a quadratic, so one spike's crossing is known."""
    constants = Constants(10.0, 5.0, 1.0, 1.0)
    weights = np.asarray([1.01, 1.5, 3.0, 40.0])
    times = np.full((1, 1, 1), 2.0, dtype=precision)
    batch = Batch(constants, 60.0, times, weights[:, None].astype(precision))
    t_spike = first_crossing(batch.events(backend), place(backend, batch.weight), batch.neuron())
    # v0 = 4: 4 w (y - y^2) = 1 with y = exp(-x/10), the larger root being the earlier time.
    y = 0.5 + np.sqrt(0.25 - 0.25 / batch.weight[:, 0].astype(np.float64))
    expected = 2.0 - 10.0 * np.log(y)
    tolerance = time_bar(60.0, precision)
    np.testing.assert_allclose(backend.to_numpy(t_spike)[0], expected, rtol=0.0, atol=tolerance)


def test_peak_at_an_inhibitory_spike(backend, precision):
    """A strong inhibitory spike cuts the rise short: the peak is a kink, at that very time."""
    times = np.asarray([[[0.0], [3.0]], [[1.0], [4.0]]], dtype=precision)
    weight = np.asarray([[1.0, -5.0]], dtype=precision)
    batch = Batch(Constants(), 100.0, times, weight)
    found = peak(batch.events(backend), place(backend, weight), batch.neuron())
    np.testing.assert_array_equal(backend.to_numpy(found.t_max), [[3.0], [4.0]])
    v0 = 4.0 ** (1 / 3) / 0.75  # tau = 4 tau_s
    expected = v0 * (math.exp(-0.2) - math.exp(-0.8))
    np.testing.assert_allclose(
        backend.to_numpy(found.v_max), expected, rtol=0.0, atol=bar(1.0, precision)
    )


@pytest.mark.slow
@pytest.mark.parametrize("number_type", ["float64", "float32"])
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_patterns(numpy_backend, number_type, part):
    """10,000 patterns of up to 30 spikes against 50 digits."""
    worst = Worst()
    for batch in batches(SEED + 100 + part, 8, 125, 1, number_type):
        references = list(pairs(batch, ExactTrajectory))
        for method in methods(numpy_backend):
            check_batch(worst, batch, numpy_backend, number_type, references, method=method)
    assert worst.checked["v_max"] == 1000 * len(methods(numpy_backend))
    worst.check()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_two_hundred_long_patterns(numpy_backend, part):
    """200 patterns of up to 1,000 spikes against correctly rounded float64 sums."""
    worst = Worst()
    for batch in batches(SEED + 200 + part, 8, 5, 1, "float64", max_spikes=1000):
        references = list(pairs(batch, FloatTrajectory))
        for method in methods(numpy_backend):
            check_batch(
                worst, batch, numpy_backend, "float64", references, shunt=False, method=method
            )
    assert worst.checked["v_max"] == 40 * len(methods(numpy_backend))
    worst.check()
