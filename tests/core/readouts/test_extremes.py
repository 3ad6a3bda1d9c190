"""Extreme durations, sizes and values; tiles, batching and memory."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from patterns import ELSEWHERE, Batch, bar, batches, methods, place, random_batch, time_bar
from reference import Constants, ExactTrajectory, FloatTrajectory

import tempotron_backends
from tempotron_core import (
    Events,
    Neuron,
    Tempotron,
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
    soft_peak_time,
    soft_peak_time_vjp,
    voltage,
    voltage_vjp,
)

# What depends on the layout does not depend on the dtype: each is seen once with either.
LAYOUTS = [
    ("latencies", "float32"),
    pytest.param("trains", "float64", marks=ELSEWHERE),
    pytest.param("csr", "float32", marks=ELSEWHERE),
]


@pytest.fixture
def precision(backend, dtype):
    """Name of the dtype under test."""
    return next(name for name in ("float32", "float64") if backend.dtype(name) == dtype)


@pytest.fixture
def host():
    return tempotron_backends.select("numpy")


def everything(backend, batch, method="auto", n_samples=11, n_steps=9):
    """Each readout and each gradient of a batch, on the host, by name; on JAX the main ones.

    JAX compiles each operation anew for each shape, which takes seconds here.
    """
    events, rows, neuron = batch.events(backend), place(backend, batch.weight), batch.neuron()
    how = {"method": method}
    ones = place(backend, np.ones(batch.shape, dtype=batch.weight.dtype))
    top = peak(events, rows, neuron, **how)
    spike = first_crossing(events, rows, neuron, **how)
    found = {"v_max": top.v_max, "t_max": top.t_max, "t_spike": spike}
    gradients = {"peak": peak_vjp(events, rows, neuron, top, ones, ones, times=True, **how)}
    if backend.name != "jax":
        samples = np.linspace(0.0, batch.duration, n_samples).astype(batch.weight.dtype)
        samples = place(backend, samples)
        dense = np.ones((*batch.shape, n_samples), dtype=batch.weight.dtype)
        dense = place(backend, dense)
        grid, shunted = (n_steps, 1.0), batch.neuron(shunt=True)
        sampled = peak(events, rows, neuron, grid=grid, **how)
        cut = peak(events, rows, shunted, **how)
        found |= {
            "grid v_max": sampled.v_max,
            "grid t_max": sampled.t_max,
            "shunted v_max": cut.v_max,
            "shunted t_max": cut.t_max,
            "voltage": voltage(events, rows, neuron, samples, **how),
            "soft": soft_peak_time(events, rows, neuron, n_steps, **how),
        }
        how["times"] = True
        gradients |= {
            "grid": peak_vjp(events, rows, neuron, sampled, ones, grid=grid, **how),
            "shunted": peak_vjp(events, rows, shunted, cut, ones, ones, **how),
            "crossing": first_crossing_vjp(events, rows, neuron, spike, ones, **how),
            "sampled": voltage_vjp(events, rows, neuron, samples, dense, **how),
            "soft": soft_peak_time_vjp(events, rows, neuron, n_steps, ones, **how),
        }
    for name, (by_weight, by_time) in gradients.items():
        found[f"{name} by weight"], found[f"{name} by time"] = by_weight, by_time
    return {name: backend.to_numpy(array) for name, array in found.items()}


def check_against_reference(backend, batch, precision):
    """v_max and t_spike at their bars; returns the number of pairs that fire."""
    events, rows = batch.events(backend), place(backend, batch.weight)
    v_max = backend.to_numpy(peak(events, rows, batch.neuron()).v_max)
    t_spike = backend.to_numpy(first_crossing(events, rows, batch.neuron()))
    for b in range(batch.shape[0]):
        for o in range(batch.shape[1]):
            trajectory = batch.trajectory(b, o)
            allowed = bar(trajectory.scale, precision)
            assert abs(v_max[b, o] - trajectory.peak().v_max) <= allowed
            if np.isfinite(t_spike[b, o]):
                t = float(t_spike[b, o])
                # No time of this dtype can do better than the one nearest to the crossing: half
                # the spacing of times here moves V by |V'| spacing / 2, in float64 as well where
                # times reach millions.
                spacing = float(np.spacing(t_spike[b, o]))
                allowed += abs(float(trajectory.slope(t))) * spacing / 2
                error = abs(trajectory.voltage(t) - batch.constants.v_threshold)
                assert error <= allowed
    return int(np.isfinite(t_spike).sum())


def test_duration_500(backend, precision):
    """Where a dense float32 raster overflows: finite everywhere, and right."""
    rng = np.random.default_rng(0)
    times = rng.uniform(0.0, 500.0, (2, 60, 1)).astype(precision)
    weight = rng.normal(0.1, 0.5, (2, 60)).astype(precision)
    batch = Batch(Constants(15.0, 3.75), 500.0, times, weight)
    for method in methods(backend):
        for name, values in everything(backend, batch, method).items():
            if name == "t_spike":
                assert not np.isnan(values).any()
            else:
                assert np.isfinite(values).all(), name
    assert check_against_reference(backend, batch, precision) > 0
    if backend.name == "jax":
        return
    model = Tempotron(60, 2, 500, 15.0, 3.75, weight=place(backend, weight))
    for ret_type in ("v", "v_max", "spikes"):
        values = model(place(backend, times[:, :, 0]), ret_type)
        assert np.isfinite(backend.to_numpy(values)).all()


@pytest.mark.parametrize(
    "time_constants",
    [(15.0, 3.75), (4.0, 4.0), pytest.param((4.0, 4.0000001), marks=pytest.mark.slow)],
)
def test_a_million_time_constants(backend, precision, time_constants):
    """duration = 1e6 tau_s: volleys far apart, finite and at the bars."""
    rng = np.random.default_rng(1)
    duration = 1e6 * min(time_constants)
    # Times below 2^24 / 64 on a raster of 1/8 are exact in float32 too.
    starts = np.rint(rng.uniform(0.0, duration - 200.0, (3, 40)))
    times = np.minimum(starts + rng.integers(0, 8, (3, 40)) / 4.0, duration)
    times[:, 20:30] = starts[:, :10] + rng.integers(0, 80, (3, 10)) / 4.0
    times[0, 0], times[0, 1] = 0.0, duration
    weight = rng.normal(0.2, 0.7, (2, 40)).astype(precision)
    batch = Batch(Constants(*time_constants), duration, times[:, :, None].astype(precision), weight)
    assert check_against_reference(backend, batch, precision) > 0
    for method in methods(backend):
        for name, values in everything(backend, batch, method).items():
            if name != "t_spike":
                assert np.isfinite(values).all(), name


def test_a_long_silence_decays_to_zero(backend, precision):
    """V a million time constants after the last spike is zero, not NaN."""
    times = np.asarray([[[0.0]]], dtype=precision)
    weight = np.asarray([[2.0]], dtype=precision)
    batch = Batch(Constants(), 1e7, times, weight)
    samples = np.asarray([1e3, 1e5, 1e7], dtype=precision)
    found = voltage(
        batch.events(backend), place(backend, weight), batch.neuron(), place(backend, samples)
    )
    np.testing.assert_allclose(backend.to_numpy(found)[0, 0], 0.0, atol=1e-25)


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1, 1),
        pytest.param((1, 5, 3), marks=ELSEWHERE),
        pytest.param((5, 1, 1), marks=ELSEWHERE),
        (3, 2, 0),
        (3, 0, 2),
    ],
)
@pytest.mark.parametrize(("layout", "precision"), LAYOUTS)
def test_small_shapes_never_collapse(backend, layout, precision, shape):
    """B, O, N of 1, and no afferents or no outputs: every result keeps its axes."""
    n_patterns, n_outputs, n_afferents = shape
    rng = np.random.default_rng(2)
    times = rng.uniform(0.0, 30.0, (n_patterns, n_afferents, 1)).astype(precision)
    weight = rng.normal(size=(n_outputs, n_afferents)).astype(precision)
    batch = Batch(Constants(), 40.0, times, weight, layout)
    for method in methods(backend):
        check_shapes(everything(backend, batch, method), batch)


def check_shapes(found, batch):
    source = batch.source_layout(batch.times).shape
    for name, values in found.items():
        if name.endswith("by weight"):
            assert values.shape == batch.weight.shape, name
        elif name.endswith("by time"):
            assert values.shape == source, name
        elif name == "voltage":
            assert values.shape == (*batch.shape, 11), name
        else:
            assert values.shape == batch.shape, name
        assert not np.isnan(values).any(), name


@pytest.mark.parametrize(("layout", "precision"), LAYOUTS)
def test_empty_batch(backend, layout, precision):
    """No patterns: empty results, zero weight gradients."""
    times = np.zeros((0, 4, 1), dtype=precision)
    batch = Batch(Constants(), 40.0, times, np.ones((3, 4), dtype=precision), layout)
    assert len(batch.events(backend)) == 0
    for method in methods(backend):
        found = everything(backend, batch, method)
        check_shapes(found, batch)
        check_no_weight_gradient(found)


def check_no_weight_gradient(found):
    assert all(not v.any() for name, v in found.items() if name.endswith("by weight"))


@pytest.mark.parametrize(("layout", "precision"), LAYOUTS)
def test_empty_patterns(backend, layout, precision):
    """Silence in, rest out: 0 at time 0, no spike, no gradient; alone or among others."""
    times = np.full((3, 4, 1), np.inf, dtype=precision)
    times[1] = -1.0
    for some in (False, True):
        if some:
            times[2, :, 0] = [0.0, 3.0, 3.0, 39.0]
        batch = Batch(Constants(), 40.0, times, np.ones((2, 4), dtype=precision), layout)
        for method in methods(backend):
            found = everything(backend, batch, method)
            check_shapes(found, batch)
            check_two_silent_patterns(found, others=some)


def check_two_silent_patterns(found, others):
    for name, values in found.items():
        if name.endswith("by weight"):
            assert others or not values.any(), name
        elif name.endswith("by time"):
            assert not values.reshape(3, 4)[:2].any(), name
        elif name == "t_spike":
            assert np.isinf(values[:2]).all()
        elif name == "soft":
            # The clock's first sample: -0.0, or the -1 of the compatible class.
            assert ((values[:2] == 0.0) | (values[:2] == -1.0)).all()
        else:
            assert not values[:2].any(), name


@pytest.mark.parametrize("weights", [[0.0, 0.0], [-1.0, -0.5], [1.0, -1.0]])
def test_rest_is_the_peak(backend, precision, weights):
    """Zero, inhibitory and cancelling weights: the peak is 0 at t = 0, exactly."""
    times = np.asarray([[[2.0], [2.0]], [[0.0], [0.0]]], dtype=precision)
    batch = Batch(Constants(), 40.0, times, np.asarray([weights], dtype=precision))
    top = peak(batch.events(backend), place(backend, batch.weight), batch.neuron())
    np.testing.assert_array_equal(backend.to_numpy(top.v_max), 0.0)
    np.testing.assert_array_equal(backend.to_numpy(top.t_max), 0.0)


def test_spikes_at_the_ends(backend, precision):
    """A spike at 0 counts from the start; one at the duration changes nothing yet."""
    times = np.asarray([[[0.0], [40.0]], [[40.0], [40.0]], [[0.0], [0.0]]], dtype=precision)
    batch = Batch(Constants(), 40.0, times, np.asarray([[2.0, 3.0]], dtype=precision))
    assert check_against_reference(backend, batch, precision) == 2
    top = peak(batch.events(backend), place(backend, batch.weight), batch.neuron())
    t_peak = 20.0 / 3.0 * math.log(2.0) * 1.5  # ln 4 tau tau_s / (tau - tau_s), 15 to 3.75
    tolerance = time_bar(40.0, precision)
    expected = [[t_peak], [0.0], [t_peak]]
    np.testing.assert_allclose(backend.to_numpy(top.t_max), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    "time_constants",
    [
        (10.0, 10.0),
        (10.0, math.nextafter(10.0, 11.0)),
        pytest.param((10.0 - 1e-9, 10.0), marks=ELSEWHERE),
    ],
)
def test_alpha_kernel(backend, precision, time_constants):
    """Equal and next-to-equal constants: e x/tau exp(-x/tau), finite gradients."""
    rng = np.random.default_rng(3)
    times = rng.uniform(0.0, 80.0, (4, 9, 1)).astype(precision)
    weight = rng.normal(0.3, 1.0, (2, 9)).astype(precision)
    batch = Batch(Constants(*time_constants), 100.0, times, weight)
    found = everything(backend, batch)
    check_shapes(found, batch)
    assert check_against_reference(backend, batch, precision) > 0
    equal = everything(backend, replace(batch, constants=Constants(10.0, 10.0)))
    relative = {"float64": 1e-6, "float32": 1e-3}[precision]
    for name, values in found.items():
        finite = np.isfinite(values)
        np.testing.assert_array_equal(finite, np.isfinite(equal[name]), err_msg=name)
        size = np.abs(equal[name][finite]).max(initial=1.0)
        assert np.abs(values[finite] - equal[name][finite]).max(initial=0.0) <= relative * size


@pytest.mark.skip_backend("jax", reason="always static, unless asked for pruning op by op")
@pytest.mark.slow_backend("strict", reason="runs the portable forms, which NumPy has too")
def test_methods_agree(backend, precision):
    """'static', 'pruned' and 'auto' are one function."""
    for batch in batches(77, 8, 6, 3, precision, n_afferents=10):
        events, rows = batch.events(backend), place(backend, batch.weight)
        for shunt in (False, True):
            neuron = batch.neuron(shunt=shunt)
            results = []
            for method in ("auto", "static", "pruned"):
                top = peak(events, rows, neuron, method=method)
                spike = first_crossing(events, rows, neuron, method=method)
                results.append([backend.to_numpy(a) for a in (top.v_max, top.t_max, spike)])
            scale = max(
                batch.trajectory(b, o, FloatTrajectory).scale
                for b in range(batch.shape[0])
                for o in range(batch.shape[1])
            )
            allowed = bar(scale, precision) / 4
            for v_max, t_max, spike in results[1:]:
                np.testing.assert_allclose(v_max, results[0][0], rtol=0, atol=allowed)
                np.testing.assert_array_equal(np.isfinite(spike), np.isfinite(results[0][2]))
                # Times agree to rounding except where two peaks tie.
                apart = np.abs(t_max - results[0][1]) > time_bar(batch.duration, precision)
                assert apart.sum() <= 0.02 * apart.size + 1


def joined(pieces):
    """Results of consecutive parts of a batch as those of the whole."""
    whole = {}
    for name in pieces[0]:
        parts = [piece[name] for piece in pieces]
        whole[name] = sum(parts) if name.endswith("by weight") else np.concatenate(parts)
    return whole


@pytest.mark.skip_backend("jax", reason="compiles for the shape of every part")
@pytest.mark.parametrize(("layout", "precision"), LAYOUTS)
def test_results_do_not_depend_on_batching(backend, layout, precision):
    """Slices of the events, and patterns built one by one: the same numbers as the whole."""
    rng = np.random.default_rng(8)
    batch = random_batch(
        rng, 7, 2, max_spikes=12, n_afferents=6 if layout != "latencies" else 12,
        dtype=precision, layout=layout, constants=Constants(15.0, 3.75), duration=90.0,
    )  # fmt: skip
    whole = everything(backend, batch)
    events, rows, neuron = batch.events(backend), place(backend, batch.weight), batch.neuron()
    cotangent = np.ones(batch.shape, dtype=precision)
    sliced, built = [], []
    for part in (slice(0, 3), slice(3, 4), slice(4, 7)):
        top = peak(events[part], rows, neuron)
        ones = place(backend, cotangent[part])
        gradients = peak_vjp(events[part], rows, neuron, top, ones, ones, times=True)
        spike = first_crossing(events[part], rows, neuron)
        values = (*top, spike, *gradients)
        names = ("v_max", "t_max", "t_spike", "peak by weight", "peak by time")
        sliced.append({n: backend.to_numpy(v) for n, v in zip(names, values, strict=True)})
        built.append(everything(backend, replace(batch, times=batch.times[part])))
    small = {"float64": 1e-12, "float32": 1e-5}[precision]
    for pieces in (sliced, built):
        for name, values in joined(pieces).items():
            size = max(1.0, np.abs(whole[name][np.isfinite(whole[name])]).max(initial=0.0))
            np.testing.assert_allclose(values, whole[name], rtol=0, atol=small * size, err_msg=name)


def test_joined_events_give_the_joined_results(backend, precision):
    """Events.concat of slices, out of order, of different widths."""
    rng = np.random.default_rng(9)
    batch = random_batch(rng, 6, 2, max_spikes=12, dtype=precision, layout="trains")
    events, rows, neuron = batch.events(backend), place(backend, batch.weight), batch.neuron()
    again = Events.concat([events[4:], events[:2], events[2:4]])
    order = [4, 5, 0, 1, 2, 3]
    for shuffled in (again, events[order]):
        top, expected = peak(shuffled, rows, neuron), peak(events, rows, neuron)
        for ours, theirs in zip(top, expected, strict=True):
            np.testing.assert_array_equal(backend.to_numpy(ours), backend.to_numpy(theirs)[order])


def test_mixed_precision(backend):
    """float64 times with float32 weights: differences in float64, results in float32.

    Of the kernels, which are compiled for it once more, the peak alone.
    """
    rng = np.random.default_rng(10)
    times = (1e6 + rng.uniform(0.0, 60.0, (3, 8, 1))).astype("float64")
    weight = rng.normal(0.3, 1.0, (2, 8)).astype("float32")
    batch = Batch(Constants(), 1e6 + 100.0, times, weight)
    found = everything(backend, batch, "pruned")
    top = peak(batch.events(backend), place(backend, batch.weight), batch.neuron())
    np.testing.assert_allclose(backend.to_numpy(top.v_max), found["v_max"], rtol=0, atol=1e-5)
    assert found["v_max"].dtype == np.float32
    assert found["t_max"].dtype == found["t_spike"].dtype == np.float64
    assert found["peak by weight"].dtype == np.float32
    for b in range(3):
        for o in range(2):
            trajectory = batch.trajectory(b, o)
            error = abs(found["v_max"][b, o] - trajectory.peak().v_max)
            assert error <= bar(trajectory.scale, "float32")


@pytest.mark.parametrize("shunt", [False, True], ids=["free", "shunted"])
def test_weights_that_are_no_numbers_do_not_look_silent(backend, shunt):
    """NaN shows in every readout of the outputs and patterns that it reaches, and in no other."""
    times = place(backend, np.asarray([[1.0, 3.0, 2.0], [1.0, 3.0, np.inf]]))
    events = Events.from_latencies(times, 50.0)
    weight = place(backend, np.asarray([[0.5, 0.3, np.nan], [0.5, 0.3, 0.2]]))
    neuron = Neuron(shunt=shunt)
    expected = [[True, False], [False, False]]
    for method in methods(backend):
        v_max = peak(events, weight, neuron, method=method).v_max
        t_spike = first_crossing(events, weight, neuron, method=method)
        found = [v_max, t_spike]
        if not shunt:
            found.append(peak(events, weight, neuron, grid=(50, 1.0), method=method).v_max)
        for values in found:
            np.testing.assert_array_equal(np.isnan(backend.to_numpy(values)), expected)


@pytest.mark.parametrize("factor", [1e160, 1e-200])
def test_unit_of_potential(backend, factor):
    """Weights and threshold in another unit: the same peaks and spike times."""
    check_unit_of_potential(backend, "float64", factor)


@pytest.mark.parametrize("factor", [1e20, 1e-30])
def test_unit_of_potential_in_float32(backend, factor):
    """The same within the range of float32."""
    check_unit_of_potential(backend, "float32", factor)


def check_unit_of_potential(backend, dtype, factor):
    rng = np.random.default_rng(13)
    times = rng.uniform(0.0, 80.0, (4, 12, 1)).astype(dtype)
    weight = (rng.normal(0.3, 0.5, (3, 12)) * factor).astype(dtype)
    constants = Constants(20.0, 5.0, factor, 1.0)
    batch = Batch(constants, 100.0, times, weight)
    events, rows, neuron = batch.events(backend), place(backend, weight), batch.neuron()
    ones = place(backend, np.ones(batch.shape, dtype=dtype))
    n_spikes = 0
    for method in methods(backend):
        v_max = backend.to_numpy(peak(events, rows, neuron, method=method).v_max)
        spike = first_crossing(events, rows, neuron, method=method)
        gradient = first_crossing_vjp(events, rows, neuron, spike, ones, method=method)
        by_weight = backend.to_numpy(gradient.weight) * factor
        t_spike = backend.to_numpy(spike)
        per_time = np.zeros_like(weight, dtype=np.float64)
        for b, o in np.ndindex(batch.shape):
            trajectory = batch.trajectory(b, o)
            assert abs(float(v_max[b, o]) - trajectory.peak().v_max) <= bar(trajectory.scale, dtype)
            found = trajectory.first_crossing()
            assert np.isfinite(t_spike[b, o]) == found.fired
            if found.fired:
                n_spikes += 1
                assert abs(float(t_spike[b, o]) - found.time) <= time_bar(100.0, dtype)
                for i, t in enumerate(times[b, :, 0].tolist()):
                    if t < found.time:
                        unit = ExactTrajectory([t], [1.0], constants, 100.0).voltage(found.time)
                        per_time[o, i] -= unit / (found.slope / factor)
        size = np.abs(per_time).max()
        allowed = {"float64": 1e-9, "float32": 1e-3}[dtype]
        np.testing.assert_allclose(by_weight, per_time, rtol=0, atol=allowed * size)
    assert n_spikes > 0


def test_a_large_weight_is_forgotten_alike(backend):
    """Weights of 18 and 30 orders of magnitude, one long after the other."""
    times = np.asarray([[[0.0], [1000.0]], [[0.0], [750.0]]])
    for large in (-1e18, 1e18, -1e30):
        batch = Batch(Constants(), 2000.0, times, np.asarray([[large, 1.0]]))
        for method in methods(backend):
            top = peak(
                batch.events(backend), place(backend, batch.weight), batch.neuron(), method=method
            )
            v_max = backend.to_numpy(top.v_max)
            for b in range(2):
                # what is left of the large weight beside the small one
                expected = batch.trajectory(b, 0).peak().v_max
                assert abs(v_max[b, 0] - expected) <= 1e-12 * max(1.0, abs(expected)), (large, b)


@pytest.mark.parametrize("weights", [[math.inf, -math.inf], [math.inf, 1.0], [1.5, math.nan]])
def test_potentials_that_do_not_stay_finite(backend, weights):
    """NaN in the peak, its time, the crossing and their gradients; the next output is untouched."""
    times = np.asarray([[[0.0], [10.0]]])
    batch = Batch(Constants(), 200.0, times, np.asarray([weights, [1.5, 0.5]]))
    events, rows = batch.events(backend), place(backend, batch.weight)
    ones = place(backend, np.ones((1, 2)))
    for method in methods(backend):
        for neuron in (batch.neuron(), batch.neuron(shunt=True)):
            with np.errstate(invalid="ignore"):
                top = peak(events, rows, neuron, method=method)
                spike = first_crossing(events, rows, neuron, method=method)
                found = [top.v_max, top.t_max, spike]
                found = [backend.to_numpy(a)[0] for a in found]
                for gradient in (
                    peak_vjp(events, rows, neuron, top, ones, times=True, method=method),
                    peak_vjp(events, rows, neuron, top, ones, ones, times=True, method=method),
                    first_crossing_vjp(
                        events, rows, neuron, spike, ones, times=True, method=method
                    ),
                ):
                    by_weight = backend.to_numpy(gradient.weight)
                    assert np.isnan(backend.to_numpy(gradient.times)).all()
                    found += [by_weight[:, 0], by_weight[:, 1]]
            for values in found[:-1]:
                np.testing.assert_array_equal(np.isnan(values), [True, False])


def test_integer_times(backend):
    """Integer times are times."""
    times = np.asarray([[3, 9, -1], [0, 40, 41]])
    events = Events.from_latencies(backend.from_numpy(times), 40.0)
    whole = Events.from_latencies(place(backend, times.astype("float32")), 40.0)
    weight = place(backend, np.asarray([[1.0, 0.5, 2.0]], dtype="float32"))
    for ours, theirs in zip(
        peak(events, weight, Neuron()), peak(whole, weight, Neuron()), strict=True
    ):
        np.testing.assert_allclose(
            backend.to_numpy(ours), backend.to_numpy(theirs), rtol=1e-5, atol=1e-6
        )


@pytest.mark.skip_backend("jax", reason="its arrays cannot be written to")
def test_inputs_stay_as_they_are(backend, precision):
    """No function writes to its arguments."""
    batch = batches(78, 1, 4, 2, precision)[0]
    times, weight = batch.times.copy(), batch.weight.copy()
    everything(backend, batch)
    np.testing.assert_array_equal(batch.times, times)
    np.testing.assert_array_equal(batch.weight, weight)


# ----------------------------------------------------------------------- size and memory


def peak_memory(function) -> int:
    """Bytes of NumPy arrays alive at once, above those before the call."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def spread_batch(n_patterns, n_afferents=200, n_outputs=4, duration=500.0):
    rng = np.random.default_rng(11)
    times = rng.uniform(0.0, duration, (n_patterns, n_afferents, 1)).astype("float32")
    weight = rng.normal(0.0, 0.3, (n_outputs, n_afferents)).astype("float32")
    return Batch(Constants(15.0, 3.75), duration, times, weight, "latencies")


def workload(host, batch, which):
    events, rows = batch.events(host), batch.weight
    ones = np.ones(batch.shape, dtype=rows.dtype)
    if which == "shunted":
        neuron = batch.neuron(shunt=True)
        return lambda: peak(events, rows, neuron)
    neuron = batch.neuron()
    if which == "crossing":
        spike = first_crossing(events, rows, neuron)

        def crossing():
            first_crossing(events, rows, neuron)
            first_crossing_vjp(events, rows, neuron, spike, ones)

        return crossing
    if which == "grid":
        return lambda: peak(events, rows, neuron, grid=(int(batch.duration), 1.0))
    if which == "soft":
        return lambda: soft_peak_time_vjp(events, rows, neuron, int(batch.duration), ones)

    def exact():
        top = peak(events, rows, neuron)
        peak_vjp(events, rows, neuron, top, ones)

    return exact


@pytest.mark.parametrize("which", ["exact", "crossing", "shunted", "grid", "soft"])
def test_memory_is_bounded(host, which):
    """Four times the patterns need hardly more memory, and never a [B, N, T] array."""
    small, large = (
        peak_memory(workload(host, spread_batch(n_patterns), which)) for n_patterns in (256, 1024)
    )
    outputs = 1024 * 4 * 4 * 8
    assert large <= 1.5 * small + outputs, (small, large)
    assert large < 1024 * 200 * 500 * 4 / 8


def test_cost_does_not_grow_with_the_duration(host):
    """The same spikes in a pattern a thousand times longer take no more memory."""
    short = spread_batch(64)
    long = replace(short, duration=5e5)
    used = [peak_memory(workload(host, batch, "exact")) for batch in (short, long)]
    assert used[1] <= 1.5 * used[0]


@pytest.mark.slow_backend("jax", reason="its compiled form has neither blocks nor tiles")
@pytest.mark.slow_backend("torch", reason="its kernels are those of NumPy")
@pytest.mark.slow_backend("strict", reason="its form is one of NumPy's, which takes longer there")
def test_many_spikes_in_one_pattern(backend, precision):
    """20,000 spikes in one pattern: more than a block, more than a tile."""
    rng = np.random.default_rng(12)
    times = rng.uniform(0.0, 4000.0, (1, 4, 5000)).astype(precision)
    weight = rng.normal(0.0, 0.4, (1, 4)).astype(precision)
    batch = Batch(Constants(), 4000.0, times, weight)
    top = peak(batch.events(backend), place(backend, weight), batch.neuron())
    trajectory = batch.trajectory(0, 0, FloatTrajectory)
    time = float(backend.to_numpy(top.t_max)[0, 0])
    value = float(backend.to_numpy(top.v_max)[0, 0])
    allowed = bar(trajectory.scale, precision)
    assert abs(trajectory.voltage(time) - value) <= allowed
    raster = np.sort(rng.choice(times.reshape(-1), 100))
    assert max(trajectory.voltage(float(t)) for t in raster) <= value + allowed


def test_reference_types_agree():
    """Both references say the same, so that either may stand for the other."""
    for batch in batches(79, 8, 4, 1):
        for b in range(batch.shape[0]):
            exact, quick = (
                batch.trajectory(b, 0, kind) for kind in (ExactTrajectory, FloatTrajectory)
            )
            difference = abs(exact.peak().v_max - quick.peak().v_max)
            assert difference <= 1e-13 * exact.scale
