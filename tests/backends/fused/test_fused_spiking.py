"""The compiled kernels of the multi-spike neuron, beside the Array API form that defines it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tempotron_core import Events, Neuron, first_crossing, peak
from tempotron_core.arrays.registry import fused
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

pytest.importorskip("numba")

ORDERS = [(20.0, 5.0), (5.0, 20.0), (10.0, 10.0), (15.0, 15.0 * (1 - 1e-9))]
NAMES = ("output_spikes", "output_spikes_vjp", "critical_threshold", "critical_threshold_vjp")


def problem(
    seed, *, n_patterns=4, n_afferents=30, n_outputs=3, duration=90.0, drive=1.0, dtype="float64"
):  # fmt: skip
    """Two spikes an afferent, some at the same whole numbers, one pattern silent."""
    rng = np.random.default_rng(seed)
    trains = rng.uniform(0.0, 1.1 * duration, (n_patterns, n_afferents, 2))
    whole = rng.random(trains.shape) < 0.3
    trains[whole] = np.rint(trains[whole])
    trains[-1] = np.inf
    weight = drive * rng.normal(0.2, 1.0, (n_outputs, n_afferents)) * n_afferents**-0.5 * 2.0
    return Events.from_trains(trains.astype(dtype), duration), weight.astype(dtype)


def scale_of(events, weight, neuron):
    """S of each pair [B, O]: psp_peak times the sum of what the pattern's spikes weigh."""
    sizes = np.concatenate([np.abs(weight), np.zeros((weight.shape[0], 1))], axis=1)
    total = sizes[:, events.afferents].sum(axis=2).T.astype(np.float64)
    return neuron.kernel.psp_peak * np.maximum(1.0, total)


def check(events, weight, neuron, most=4):
    """Everything, against the Array API form at the bars."""
    single = np.float32 in (events.times.dtype, weight.dtype)
    scale = scale_of(events, weight, neuron)
    found = output_spikes(events, weight, neuron)
    expected = output_spikes(events, weight, neuron, method="pruned")
    assert found.times.dtype == expected.times.dtype
    if not single:
        np.testing.assert_array_equal(found.counts, expected.counts)
        bar = 1e-10 * events.duration
        np.testing.assert_allclose(found.times, expected.times, rtol=0.0, atol=bar)
    rng = np.random.default_rng(0)
    cotangent = rng.normal(size=found.times.shape).astype(weight.dtype)
    given = events, weight, neuron, found.times, cotangent
    options = {"times": True, "min_slope": 1e-3 * neuron.v_threshold}
    ours = output_spikes_vjp(*given, **options)
    theirs = output_spikes_vjp(*given, **options, method="pruned")
    compare(ours, theirs, single)
    only = output_spikes_vjp(*given, min_slope=options["min_slope"])
    assert only.times is None
    np.testing.assert_array_equal(only.weight, ours.weight)

    k = rng.integers(1, most + 1, found.counts.shape)
    where = rng.random(k.shape) < 0.9
    found = critical_threshold(events, weight, neuron, k, where=where)
    expected = critical_threshold(events, weight, neuron, k, where=where, method="pruned")
    bar = 2e-6 if single else 1e-12
    assert (np.abs(found.theta - expected.theta) <= bar * scale).all()
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
    if not single:
        np.testing.assert_array_equal(found.n_before, expected.n_before)
        bar = 1e-10 * events.duration
        np.testing.assert_allclose(found.t, expected.t, rtol=0.0, atol=bar)
    given = events, weight, neuron, expected, cotangent[..., 0]
    ours = critical_threshold_vjp(*given, times=True)
    compare(ours, critical_threshold_vjp(*given, times=True, method="pruned"), single)
    np.testing.assert_array_equal(critical_threshold_vjp(*given).weight, ours.weight)


def compare(ours, theirs, single):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        allowed = (1e-3 if single else 1e-9) * max(1.0, np.abs(other).max(initial=0.0))
        np.testing.assert_allclose(mine, other, rtol=0.0, atol=allowed)


def test_they_are_used():
    for weight in (np.ones((1, 2)), pytest.importorskip("torch").ones((1, 2))):
        assert all(fused(name, "auto", weight) for name in NAMES)
        assert not any(fused(name, "pruned", weight) for name in NAMES)


@pytest.mark.parametrize("order", ORDERS)
def test_time_constants(order):
    check(*problem(1), Neuron(*order, 0.9, psp_peak=1.1))


def test_single_precision():
    check(*problem(2, dtype="float32"), Neuron())


@pytest.mark.parametrize("n_outputs", [1, 9, 16, 17])
def test_outputs_at_the_ends_of_lanes(n_outputs):
    check(*problem(3, n_outputs=n_outputs, n_patterns=2), Neuron())


@pytest.mark.parametrize("duration", [20.0, 90.0, 1e4])
def test_narrow_lanes_change_no_bit(duration, monkeypatch):
    from tempotron_backends.fused.cpu import batch, lanes, layout

    events, weight = problem(6, n_outputs=6, n_afferents=100, duration=duration, drive=3.0)

    def found():
        spikes = output_spikes(events, weight, Neuron())
        peaks = critical_threshold(events, weight, Neuron(), 1)
        return *spikes, *peaks

    monkeypatch.setattr(batch, "scan_lanes", lambda _: lanes.NARROW)
    narrow = found()
    for module in (batch, layout):
        for name in ("lanes_for", "scan_lanes"):
            monkeypatch.setattr(module, name, lambda _: lanes.WIDE)
    for ours, wide in zip(narrow, found(), strict=True):
        np.testing.assert_array_equal(ours, wide)


@pytest.mark.parametrize("n_afferents", [63, 64, 65])
def test_inputs_at_the_ends_of_chunks(n_afferents):
    check(*problem(n_afferents, n_afferents=n_afferents, n_patterns=2, n_outputs=1), Neuron())


@pytest.mark.parametrize("duration", [1e3, 4e6])
def test_sparse_inputs(duration):
    check(*problem(5, duration=duration, drive=3.0), Neuron())


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 3, 0), (3, 0, 2)])
def test_nothing_to_do(shape):
    n_patterns, n_afferents, n_outputs = shape
    events = Events.from_latencies(np.ones((n_patterns, n_afferents)), 50.0)
    check(events, np.ones((n_outputs, n_afferents)), Neuron())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("order", ORDERS)
def test_one_decision(order, dtype):
    """Counts, crossings, peaks and critical thresholds say the same, at thresholds in between."""
    events, weight = problem(7, n_patterns=12, n_outputs=5, dtype=dtype)
    neuron = Neuron(*order, psp_peak=1.0)
    top = peak(events, weight, neuron)
    first = critical_threshold(events, weight, neuron, 1)
    np.testing.assert_array_equal(first.theta, top.v_max)
    np.testing.assert_array_equal(first.t, top.t_max)
    second = critical_threshold(events, weight, neuron, 2)
    third = critical_threshold(events, weight, neuron, 3)
    assert (second.theta[top.v_max > 0.0] < top.v_max[top.v_max > 0.0]).all()
    away = 1e-12 if dtype == "float64" else 2e-6
    away = away * scale_of(events, weight, neuron)
    values = [v for v in np.concatenate([top.v_max, second.theta]).ravel() if v > 0.0]
    for value in values[::4]:
        for threshold in (np.nextafter(value, value.dtype.type(0)), value):
            other = replace(neuron, v_threshold=float(threshold))
            times, counts = output_spikes(events, weight, other)
            np.testing.assert_array_equal(counts >= 1, top.v_max > threshold)
            np.testing.assert_array_equal(times[..., 0], first_crossing(events, weight, other))
            for k, found in ((2, second), (3, third)):
                told = np.abs(found.theta - threshold) > away
                same = (counts >= k) == (found.theta > threshold)
                assert (same | ~told).all()


@pytest.mark.parametrize("k", [2, 3, 6])
def test_thresholds_are_where_counts_change(k):
    """Dense inputs, where critical values that change no count lie close to those that do."""
    rng = np.random.default_rng(k)
    events = Events.from_trains(rng.uniform(0.0, 300.0, (60, 200, 2)), 300.0)
    weight, neuron = rng.normal(0.02, 0.06, (1, 200)), Neuron(20.0, 5.0, psp_peak=1.0)
    found = critical_threshold(events, weight, neuron, k)
    assert (found.theta > 0.0).all()
    for part, reached in ((1.0 - 1e-9, True), (1.0 + 1e-9, False)):
        # to count at another threshold is to count with weights that are scaled
        rows = weight / (found.theta * part)
        counts = output_spikes(events, rows, neuron).counts
        np.testing.assert_array_equal(np.diag(counts) >= k, reached)


def test_thresholds_are_zero_where_nothing_rises():
    """Also where what two inputs leave cancels, so that counts see the rounding alone."""
    rng = np.random.default_rng(0)
    second = rng.uniform(0.5, 20.0, 40)
    third = second + rng.uniform(5.0, 60.0, 40)
    latencies = np.stack([np.zeros(40), second, third], axis=1)
    weight = np.stack([-np.ones(40), np.exp(-second / 20.0), np.zeros(40)], axis=1)
    events, neuron = Events.from_latencies(latencies, 300.0), Neuron(20.0, 5.0, psp_peak=1.0)
    silent = peak(events, weight, neuron).v_max == 0.0
    assert np.diagonal(silent).any()
    for each in critical_threshold(events, weight, neuron, 2):
        np.testing.assert_array_equal(each[silent], 0)


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    from tempotron_backends.fused.cpu import batch

    monkeypatch.setattr(batch, "WORTH_THREADS", 0)
    events, weight = problem(8, n_patterns=40, n_outputs=2)
    results = []
    for n_threads in ("1", "2", "7"):
        monkeypatch.setenv("TEMPOTRON_NUM_THREADS", n_threads)
        spikes = output_spikes(events, weight, Neuron())
        ones = np.ones_like(spikes.times)
        critical = critical_threshold(events, weight, Neuron(), 2)
        results.append(
            [
                *spikes,
                *output_spikes(events, weight, Neuron(), layout="csr", max_spikes=2),
                *output_spikes_vjp(events, weight, Neuron(), spikes.times, ones, times=True),
                *critical,
                *critical_threshold_vjp(
                    events, weight, Neuron(), critical, ones[..., 0], times=True
                ),
            ]
        )
    for other in results[1:]:
        for one, another in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, another)


@np.errstate(invalid="ignore", over="ignore")
def test_potentials_that_do_not_stay_finite():
    """NaN, as the peak is: never a neuron that is silent, or at rest."""
    events = Events.from_latencies(np.asarray([[1.0, 2.0], [np.inf, 1.0]]), 50.0)
    weight = np.asarray([[np.inf, 3.0], [1.0, 3.0]])
    for method in ("auto", "pruned"):
        times, counts = output_spikes(events, weight, Neuron(), method=method)
        assert np.isnan(times[0, 0, 0])
        assert np.isinf(times[0, 0, 1:]).all()
        assert np.isfinite(times[1, 0, 0])
        assert counts[0, 0] == 0
        trains = output_spikes(events, weight, Neuron(), layout="csr", method=method)
        assert np.isnan(trains.times).sum() == 1
        gradient = output_spikes_vjp(
            events, weight, Neuron(), times, np.ones_like(times), method=method
        )
        assert np.isnan(gradient.weight[0]).all()
        assert np.isfinite(gradient.weight[1]).all()
        for k in (1, 2):
            found = critical_threshold(events, weight, Neuron(), k, method=method)
            assert np.isnan(found.theta).tolist() == [[True, False], [False, False]]
            gradient = critical_threshold_vjp(
                events, weight, Neuron(), found, np.ones((2, 2)), method=method
            )
            assert np.isnan(gradient.weight[0]).all()
            assert np.isfinite(gradient.weight[1]).all()


@pytest.mark.parametrize("order", ORDERS)
def test_a_state_above_the_threshold_by_rounding(order):
    """It spikes at once if it rises, and not at all if it falls: never with a falling slope."""
    from tempotron_backends.fused.cpu.membrane.steps import free_state
    from tempotron_backends.fused.cpu.spiking.resets import crossing_after

    constants, threshold, gap = Neuron(*order).kernel.constants, 1.0, 2.0
    above = float(np.nextafter(threshold, 2.0))
    for d, expected in ((0.3, 0.0), (1e-9, 0.0), (0.0, -1.0), (-0.3, -1.0)):
        end = free_state(above, d, gap, constants)
        reached, slope = crossing_after(above, d, gap, *end, threshold, constants)
        assert reached == expected
        assert slope == pytest.approx(d, rel=1e-15)
