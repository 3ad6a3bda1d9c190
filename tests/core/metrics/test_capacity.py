"""Intervals hold what they should as often as they say, and half crossings are found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from tempotron_core.metrics import bootstrap_interval, half_crossing, proportion_interval


@pytest.mark.parametrize(("k", "n"), [(0, 16), (3, 16), (95, 100), (16, 16)])
def test_proportions_are_wilsons(k, n):
    expected = binomtest(k, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(proportion_interval(k, n), (expected.low, expected.high))


def test_bootstrap_of_a_mean_is_that_of_its_error():
    rng = np.random.default_rng(1)
    values = rng.exponential(2.0, 400)
    low, high = bootstrap_interval(values, np.mean, rng)
    half = 1.96 * values.std(ddof=1) / 20.0
    np.testing.assert_allclose((low, high), values.mean() + np.asarray([-half, half]), atol=0.04)


def test_half_crossing_holds_the_truth_as_often_as_it_says():
    rng, loads = np.random.default_rng(2), np.linspace(2.0, 4.0, 6)
    trials = np.full(6, 30)
    found = [
        half_crossing(
            loads, rng.binomial(trials, 1.0 / (1.0 + np.exp((loads - 3.1) / 0.3))), trials
        )
        for _ in range(60)
    ]
    held = sum(each.low <= 3.1 <= each.high for each in found)
    assert binomtest(held, 60, 0.95).pvalue > 0.01
    assert np.mean([each.load for each in found]) == pytest.approx(3.1, abs=0.03)
    assert np.median([each.width for each in found]) == pytest.approx(0.3, rel=0.15)


def test_a_gap_between_loads_holds_the_crossing():
    found = half_crossing([2.0, 2.5, 3.0, 3.5], [16, 16, 0, 0], [16] * 4)
    assert found.load == pytest.approx(2.75, abs=0.01)
    assert 2.5 <= found.low < 2.6
    assert 2.9 < found.high <= 3.0
    assert half_crossing([1.0, 2.0], [9, 8], [9, 9]).high == np.inf


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: half_crossing([1.0, 2.0], [3, 3], [3, 3]), "trials must not all have the same"),
        (lambda: half_crossing([1.0], [1], [3]), r"must have one shape \(L,\) with L > 1"),
        (lambda: half_crossing([1.0, 1.0], [1, 2], [3, 3]), "loads must differ"),
        (lambda: half_crossing([1.0, 2.0], [4, 2], [3, 3]), "solved from 0 to trials"),
        (lambda: proportion_interval(4, 3), "successes must be at most trials=3, got 4"),
        (lambda: proportion_interval(1, 3, level=1.0), "level must be between 0 and 1"),
        (
            lambda: bootstrap_interval([1.0], np.mean, np.random.default_rng(0)),
            "samples must hold at least two",
        ),
    ],
)
def test_what_is_wrong_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
