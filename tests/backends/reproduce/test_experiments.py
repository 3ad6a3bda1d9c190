"""What single reproductions are made of: learning at a falling rate, pairs, warps, lines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import linregress

from tempotron_backends.reproduce import capacity_2006, capacity_2010, synchrony_2006
from tempotron_backends.reproduce import time_warp_2009 as time_warp
from tempotron_backends.reproduce.annealing import STAGE, falling, learn_annealed
from tempotron_core import Events, Neuron, peak
from tempotron_core.learning import learn_online
from tempotron_core.metrics import Capacity


def test_a_rate_falls_by_a_constant_factor():
    rates = falling(0.6, 0.03, 5 * STAGE + 3)
    assert len(rates) == 5
    assert (rates[0], rates[-1]) == pytest.approx((0.6, 0.03))
    np.testing.assert_allclose(np.diff(np.log(rates)), math.log(0.05) / 4)


def test_neurons_that_have_learned_drop_out_and_keep_their_weights():
    rng = np.random.default_rng(0)
    n, neuron = 40, Neuron(15.0, 3.75, psp_peak=1.0)
    events = Events.from_latencies(rng.uniform(0.0, 300.0, (60, n)), 300.0)
    labels = rng.random((60, 4)) < 0.5
    labels[30:, 0] = labels[:30, 0] = False  # learned at once
    start = rng.normal(0.0, 0.01, (4, n))
    rates = [0.02, 0.01, 0.005, 0.0025]

    def learn(rates):
        draws = np.random.default_rng(1)
        return learn_annealed(events, labels, start, neuron, rates=rates, momentum=0.9, rng=draws)

    found, once = learn(rates), learn(rates[:1])
    assert 0 < found.epochs[0] <= STAGE < found.epochs.max()
    np.testing.assert_array_equal(found.weight[0], once.weight[0])
    fires = peak(events, found.weight, neuron).v_max > 1.0
    wrong = (fires != labels).sum(axis=0)
    np.testing.assert_array_equal(wrong[found.epochs > 0], 0)
    np.testing.assert_array_equal(found.errors == 0, found.epochs > 0)
    # a stage is a call of the published rule, in which the change goes on
    draws, weight, change = np.random.default_rng(1), start, None
    for rate in rates[:2]:
        weight, change, _ = learn_online(
            events, labels, weight, neuron,
            learning_rate=rate, momentum=0.9, epochs=STAGE, rng=draws, change=change,
        )  # fmt: skip
    np.testing.assert_allclose(learn(rates[:2]).weight, weight, rtol=0.0, atol=1e-12)


def test_an_epoch_without_an_error_is_counted_among_those_needed():
    job = next(iter(capacity_2006.REPRODUCTION.jobs(True, 0)))
    easy = {**job, "load": 0.3, "trials": 3}
    result = capacity_2006.REPRODUCTION.run(easy)
    assert result["errors"] == [0, 0, 0]
    assert all(1 < epochs <= 2 * STAGE for epochs in result["epochs"])
    done = [
        ({**job, "n": 500, "load": load}, {"epochs": epochs, "errors": []})
        for load, epochs in ((2.5, [9] * 95 + [0] * 5), (3.5, [0] * 100))
    ]
    crossing, many = capacity_2006.REPRODUCTION.rows(done)
    assert many.here == "95 of 100"
    assert many.verdict == "reached"
    assert 2.5 < float(crossing.here) < 3.5


def test_only_the_pairing_tells_classes_apart():
    rng = np.random.default_rng(0)
    pairings = [rng.permutation(8).reshape(-1, 2) for _ in range(2)]
    times, fires = synchrony_2006.patterns(pairings, False, 10, rng)
    assert fires.sum() == 5
    for row, of_first in zip(times, fires, strict=True):
        kept, other = pairings if of_first else pairings[::-1]
        assert (row[kept[:, 0]] == row[kept[:, 1]]).all()
        assert (row[other[:, 0]] == row[other[:, 1]]).mean() < 1.0
        assert len(np.unique(row)) == 4
    alone, _ = synchrony_2006.patterns(pairings, True, 10, rng)
    assert all(len(np.unique(row)) == 8 for row in alone)


def test_a_line_is_fitted_and_bounded():
    k = np.asarray([10, 30, 90, 300])
    x = np.log(np.log(k))
    off = np.asarray([0.03, -0.04, 0.02, 0.01])

    def line(off, half):
        loads = 0.7 * x + 2.0 + off
        ends = {n: Capacity(y, y - half, y + half, 0.1) for n, y in zip(k, loads, strict=True)}
        return capacity_2010.fit_line(ends, 1.0)

    exact = line(0.0 * off, 0.05)
    assert (exact.slope, exact.level) == pytest.approx((0.7, 2.0))
    assert exact.above == pytest.approx(np.mean(0.7 * x + 2.0 - x / (2.0 * math.log(2.0))))
    error = 0.05 / 1.959964 / math.sqrt(((x - x.mean()) ** 2).sum())
    assert exact.high - exact.slope == pytest.approx(1.959964 * error, rel=1e-5)
    # capacities that scatter by more than their intervals say widen it
    expected, found = linregress(x, 0.7 * x + 2.0 + off), line(off, 1e-2)
    assert found.slope == pytest.approx(expected.slope)
    assert found.high - found.slope == pytest.approx(1.959964 * expected.stderr, rel=1e-5)
    assert capacity_2010.fit_line({10: Capacity(2.0, 1.9, 2.1, 0.1)}, 1.0) is None


@pytest.mark.parametrize("kind", time_warp.EPOCHS)
def test_neurons_learn_patterns_whose_time_is_warped(kind, monkeypatch):
    monkeypatch.setattr(time_warp, "TRIALS", 2)
    monkeypatch.setattr(time_warp, "EPOCHS", {"conductances": 25, "currents": 60})
    job = {"kind": kind, "trained_with": 1.0, "n": 100, "patterns": 8, "seed": [1]}
    result = time_warp.REPRODUCTION.run(job)
    wrong = np.asarray(result["wrong"])
    assert wrong.shape == (len(time_warp.LARGEST), 2)
    assert wrong[0].mean() < 0.1
    assert wrong[0].mean() <= wrong[-1].mean()
    assert result == time_warp.REPRODUCTION.run(job)


def test_conductances_never_fall_below_nothing():
    rng = np.random.default_rng(0)
    learner = time_warp._Conductances(20, rng)
    events = Events.from_latencies(rng.uniform(0.0, 100.0, (10, 20)), 100.0)
    learner.rate *= 1e3
    learner.learn(events, np.zeros((10, time_warp.TRIALS), bool), 1.0, rng)
    learner.learn(events, np.ones((10, time_warp.TRIALS), bool), 1.0, rng)
    assert (learner.gain >= 0.0).all()
    assert (learner.gain == 0.0).any()


def test_capacities_are_counted_and_long_patterns_have_more_spikes():
    learned = {(k, load): 16 * (load < 3.0) for k in (10, 67, 320) for load in (2.5, 3.5)}
    done = [
        ({"k": k, "load": load}, {"epochs": [9] * n + [0] * (16 - n)})
        for (k, load), n in learned.items()
    ]
    rows = {row.quantity: row for row in capacity_2010.REPRODUCTION.rows(done)}
    assert 2.5 < float(rows["load half learned, K = 67"].here) < 3.5
    assert rows["slope against ln ln K"].published == "0.7213"
    spikes = {
        job["k"]: job["cost"] / (job["load"] * job["n"] ** 2)
        for job in capacity_2010.REPRODUCTION.jobs(False, 0)
    }
    assert spikes == pytest.approx({10: 1.0, 24: 1.0, 67: 1.0, 160: 2.0, 320: 5.0})
