"""Critical thresholds: against many digits, counts on both sides, difference quotients."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from spiking_reference import SpikingReference

import tempotron_backends
from tempotron_core import Events, Neuron, peak, peak_vjp
from tempotron_core.events.changing import map_arrays
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
)

CASES = json.loads((Path(__file__).parents[2] / "support" / "multispike_cases.json").read_text())
CRITICAL = [
    pytest.param(case, one, id=f"{case['name']}-{one['k']}")
    for case in CASES
    for one in case["critical"]
]
ORDERS = [(20.0, 5.0), (5.0, 20.0), (10.0, 10.0)]


def setting(seed: int, order: tuple[float, float] = (20.0, 5.0)):
    rng = np.random.default_rng(seed)
    trains = rng.uniform(0.0, 105.0, (3, 10, 2))
    weight = rng.normal(0.2, 0.5, (2, 10))
    return trains, Events.from_trains(trains, 100.0), weight, Neuron(*order, psp_peak=0.8)


def events_of(case, backend):
    times = case["times"]
    trains = np.full((1, len(times), max(map(len, times))), np.inf)
    for afferent, train in enumerate(times):
        trains[0, afferent, : len(train)] = train
    return Events.from_trains(backend.from_numpy(trains), case["duration"])


@pytest.mark.parametrize(("case", "expected"), CRITICAL)
def test_cases_solved_in_many_digits(case, expected):
    check_case(tempotron_backends.select("numpy"), case, expected)


@pytest.mark.skip_backend("numpy", reason="it sees every case above")
@pytest.mark.skip_backend("jax", reason="NumPy runs JAX's static path, in less time")
@pytest.mark.parametrize(("case", "expected"), CRITICAL[5:18:12])
def test_backends(backend, case, expected):
    check_case(backend, case, expected)


def check_case(backend, case, expected):
    neuron = Neuron(case["tau"], case["tau_s"], case["theta"], psp_peak=1.0)
    events, k = events_of(case, backend), expected["k"]
    weight = backend.from_numpy(np.asarray([case["weights"]]))
    found = critical_threshold(events, weight, neuron, k)
    scale = max(1.0, np.abs(case["weights"]).sum())
    theta, t, n_before = (backend.to_numpy(a)[0, 0] for a in found)
    assert abs(theta - float(expected["theta_star"])) <= 1e-12 * scale
    assert abs(t - float(expected["t_star"])) <= 1e-10 * case["duration"]
    assert n_before == expected["spikes_before"]
    one = backend.from_numpy(np.ones((1, 1)))
    gradient = critical_threshold_vjp(events, weight, neuron, found, one, times=True)
    by_weight = np.asarray(list(map(float, expected["grad_w"])))
    np.testing.assert_allclose(backend.to_numpy(gradient.weight)[0], by_weight, atol=1e-11)
    by_time = backend.to_numpy(gradient.times)[0]
    for row, exact in zip(by_time, expected["grad_t"], strict=True):
        for value, number in zip(row, exact, strict=False):
            if number is not None:  # one-sided where a group of inputs makes the cusp
                assert abs(value - float(number)) <= 1e-11


@pytest.mark.parametrize(("case", "expected"), CRITICAL[::3])
def test_static_form(case, expected):
    neuron = Neuron(case["tau"], case["tau_s"], case["theta"], psp_peak=1.0)
    events = events_of(case, tempotron_backends.select("numpy"))
    weight, k = np.asarray([case["weights"]]), expected["k"]
    pruned = critical_threshold(events, weight, neuron, k)
    found = critical_threshold(events, weight, neuron, k, method="static")
    np.testing.assert_allclose(found.theta, pruned.theta, rtol=1e-13)
    np.testing.assert_array_equal(found.n_before, pruned.n_before)
    one = np.ones((1, 1))
    ours = critical_threshold_vjp(
        events, weight, neuron, found, one, times=True, most=k - 1, method="static"
    )
    theirs = critical_threshold_vjp(events, weight, neuron, pruned, one, times=True)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0.0, atol=1e-11)


@pytest.mark.parametrize("order", ORDERS[:2])
def test_random_patterns_against_brute_force(order):
    rng = np.random.default_rng(1)
    times, row = rng.uniform(0.0, 90.0, 8), rng.normal(0.5, 0.7, 8)
    events = Events.from_latencies(times[None, :], 100.0)
    reference = SpikingReference(tuple(times), tuple(row), *order, 1.0, 100.0)
    found = critical_threshold(events, row[None, :], Neuron(*order), 3).theta[0, 0]
    exact = reference.critical(3, found * (1.0 - 1e-9), found * (1.0 + 1e-9))
    assert abs(found - float(exact)) <= 1e-12 * max(1.0, np.abs(row).sum())


def test_one_spike_is_the_peak_to_the_last_bit():
    _, events, weight, neuron = setting(2)
    found, expected = critical_threshold(events, weight, neuron, 1), peak(events, weight, neuron)
    np.testing.assert_array_equal(found.theta, np.maximum(expected.v_max, 0.0))
    np.testing.assert_array_equal(found.t, expected.t_max)
    assert not found.n_before.any()
    one = np.ones_like(found.theta)
    ours = critical_threshold_vjp(events, weight, neuron, found, one, times=True)
    theirs = peak_vjp(events, weight, neuron, expected, one, times=True)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_counts_on_both_sides(order):
    """theta* is where the k-th spike is lost, and falls strictly with k."""
    _, events, weight, neuron = setting(3, order)
    before = None
    for k in (1, 2, 4):
        theta = critical_threshold(events, weight, neuron, k).theta
        for b, o in np.ndindex(*theta.shape):
            for part, reached in ((1.0 - 1e-9, True), (1.0 + 1e-9, False)):
                at = Neuron(*order, theta[b, o] * part, psp_peak=0.8)
                counts = output_spikes(events[b : b + 1], weight[o : o + 1], at).counts
                assert (counts[0, 0] >= k) == reached, (k, b, o)
        assert before is None or (theta < before).all()
        before = theta


def test_a_graze_before_other_spikes_is_among_the_cases():
    assert any(c["spikes_before"] < c["k"] - 1 for case in CASES for c in case["critical"])


@pytest.mark.parametrize("order", ORDERS)
def test_gradient_against_difference_quotients(order):
    trains, events, weight, neuron = setting(5, order)
    k = np.asarray([[2, 3], [1, 4], [3, 2]])
    found = critical_threshold(events, weight, neuron, k)
    cotangent = np.random.default_rng(0).normal(size=k.shape)
    gradient = critical_threshold_vjp(events, weight, neuron, found, cotangent, times=True)
    step = 1e-6

    def loss(trains, weight):
        events = Events.from_trains(trains, 100.0)
        return (critical_threshold(events, weight, neuron, k).theta * cotangent).sum()

    rng = np.random.default_rng(1)
    for analytic, place in ((gradient.weight, 1), (gradient.times, 0)):
        flat = rng.permutation(analytic.size)[:2]
        for index in (np.unravel_index(i, analytic.shape) for i in flat):
            ends = []
            for sign in (step, -step):
                given = [trains.copy(), weight.copy()]
                given[place][index] += sign
                ends.append(loss(*given))
            quotient = (ends[0] - ends[1]) / (2 * step)
            assert abs(analytic[index] - quotient) <= 1e-7 * np.abs(analytic).max()


@pytest.mark.parametrize("order", ORDERS)
def test_gradient_is_homogeneous_and_bounded(order):
    """Euler: the sum of w dtheta*/dw is theta*."""
    _, events, weight, neuron = setting(6, order)
    found = critical_threshold(events, weight, neuron, 3)
    for b, o in np.ndindex(*found.theta.shape):
        one = np.zeros_like(found.theta)
        one[b, o] = 1.0
        gradient = critical_threshold_vjp(events, weight, neuron, found, one).weight
        np.testing.assert_allclose((gradient * weight).sum(), found.theta[b, o], rtol=1e-11)
        assert np.abs(gradient).max() <= 0.8 * 2  # two spikes an afferent, of psp_peak each


@pytest.mark.parametrize("k", [np.int64(2), np.asarray(2)])
def test_a_scalar_of_an_array_library_is_a_number(k):
    events = Events.from_latencies(np.asarray([[1.0, 2.0], [3.0, 3.0]]), 40.0)
    found, expected = (critical_threshold(events, np.ones((1, 2)), Neuron(), n) for n in (k, 2))
    for each, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(each, other)


def test_pairs_that_are_not_looked_at():
    _, events, weight, neuron = setting(7)
    everything = critical_threshold(events, weight, neuron, 2)
    where = np.asarray([[True, False], [False, False], [True, True]])
    found = critical_threshold(events, weight, neuron, 2, where=where)
    for ours, theirs in zip(found, everything, strict=True):
        np.testing.assert_array_equal(ours, np.where(where, theirs, 0))
    gradient = critical_threshold_vjp(events, weight, neuron, found, np.ones((3, 2)))
    assert np.isfinite(gradient.weight).all()
    nowhere = critical_threshold(events, weight, neuron, 2, where=np.zeros_like(where))
    gradient = critical_threshold_vjp(events, weight, neuron, nowhere, np.ones((3, 2)))
    assert not gradient.weight.any()


def test_a_neuron_that_never_rises():
    events = Events.from_latencies(np.asarray([[1.0, 2.0]]), 50.0)
    found = critical_threshold(events, np.asarray([[-1.0, -0.5]]), Neuron(), 2)
    assert [a.item() for a in found] == [0.0, 0.0, 0]


def test_float32():
    _, events, weight, neuron = setting(8)
    exact = critical_threshold(events, weight, neuron, 3)
    narrow = map_arrays(events, lambda a: a.astype("float32") if a.dtype == "float64" else a)
    found = critical_threshold(narrow, weight.astype("float32"), neuron, 3)
    assert found.theta.dtype == found.t.dtype == np.float32
    scale = 0.8 * np.abs(weight).sum(axis=1).max() * 2
    np.testing.assert_allclose(found.theta, exact.theta, rtol=0.0, atol=2e-6 * scale)


@pytest.mark.parametrize(
    ("k", "message"),
    [
        (0, "k must be from 1"),
        (np.zeros((1, 1), dtype=int), "k must be at least 1, got 0"),
        (np.ones((2, 1), dtype=int), "k must be an integer or an integer array of shape"),
        (np.ones((1, 1)), "k must be an integer or an integer array of shape"),
    ],
)
def test_bad_numbers_of_spikes(k, message):
    events = Events.from_latencies(np.ones((1, 2)), 10.0)
    with pytest.raises(ValueError, match=message):
        critical_threshold(events, np.ones((1, 2)), Neuron(), k)


def test_bad_arguments():
    events, weight = Events.from_latencies(np.ones((1, 2)), 10.0), np.ones((1, 2))
    with pytest.raises(ValueError, match="neuron must have shunt=False"):
        critical_threshold(events, weight, Neuron(shunt=True), 1)
    with pytest.raises(ValueError, match="where must be a boolean array"):
        critical_threshold(events, weight, Neuron(), 1, where=np.ones((1, 1)))
    with pytest.raises(TypeError, match="critical must be a CriticalThreshold"):
        critical_threshold_vjp(events, weight, Neuron(), (1, 2, 3), np.ones((1, 1)))
