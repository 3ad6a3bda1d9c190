"""Poisson trains against the law they should follow, and every backend against NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tempotron_core import Events
from tempotron_core.encoding.poisson import encode_poisson, poisson_trains

stats = pytest.importorskip("scipy.stats")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def chance_of(counts: np.ndarray, mean: float) -> float:
    """Probability of numbers this far from a Poisson distribution, by a chi-square test."""
    edges = np.arange(max(0, math.floor(mean - 2 * mean**0.5)), math.ceil(mean + 2 * mean**0.5))
    found = np.histogram(counts, np.concatenate([[-1.0], edges + 0.5, [np.inf]]))[0]
    share = np.diff(np.concatenate([[0.0], stats.poisson.cdf(edges, mean), [1.0]]))
    return float(stats.chisquare(found, share * len(counts)).pvalue)


@pytest.mark.parametrize("value", [0.25, 0.8, 1.0])
def test_counts_and_times_follow_a_poisson_process(value: float) -> None:
    x = np.full((50, 80), value)
    times = encode_poisson(x, 30.0, max_rate=0.4, rng=rng(1))
    spikes = np.isfinite(times)
    assert chance_of(spikes.sum(axis=2).reshape(-1), 12.0 * value) > 1e-3
    assert stats.kstest(times[spikes] / 30.0, "uniform").pvalue > 1e-3


def test_lists_follow_a_poisson_process() -> None:
    rates = np.tile([0.0, 0.1, 0.5], (3000, 1))
    times, afferents, offsets = poisson_trains(rates, 20.0, rng(2))
    pattern = np.repeat(np.arange(3000), np.diff(offsets))
    counts = np.zeros((3000, 3), dtype=int)
    np.add.at(counts, (pattern, afferents), 1)
    assert counts[:, 0].sum() == 0
    assert chance_of(counts[:, 1], 2.0) > 1e-3
    assert chance_of(counts[:, 2], 10.0) > 1e-3
    assert stats.kstest(times / 20.0, "uniform").pvalue > 1e-3
    events = Events.from_csr(times, afferents, offsets, 3, 20.0)
    assert events.n_spikes == len(times) == offsets[-1]


def test_the_rate_follows_the_range_and_stops_at_its_ends() -> None:
    x = np.tile([-7.0, 2.0, 3.0, 4.0, 6.0, 99.0], (400, 1))
    times = encode_poisson(x, 50.0, max_rate=0.2, rng=rng(3), x_min=2.0, x_max=6.0)
    mean = np.isfinite(times).sum(axis=2).mean(axis=0)
    np.testing.assert_allclose(mean, [0.0, 0.0, 2.5, 5.0, 10.0, 10.0], atol=0.6)
    assert mean[0] == mean[1] == 0.0
    # the largest value keeps every candidate, so the two have what was drawn
    again = encode_poisson(np.ones((400, 6)), 50.0, max_rate=0.2, rng=rng(3))
    np.testing.assert_array_equal(times[:, 4:], again[:, 4:])


@pytest.mark.on_jax
def test_every_backend_gets_the_same_trains(asarray: Any, to_numpy: Any, dtype: Any) -> None:
    x = rng(4).integers(0, 9, (3, 5)) / 8.0
    given = asarray(x)
    times = encode_poisson(given, 30.0, max_rate=0.2, rng=rng(5), n_slots=20)
    assert times.dtype == dtype
    assert times.device == given.device
    wide = encode_poisson(to_numpy(given), 30.0, max_rate=0.2, rng=rng(5), n_slots=20)
    np.testing.assert_array_equal(to_numpy(times), wide)
    events = Events.from_trains(times, 30.0)
    assert events.n_spikes == np.isfinite(wide).sum()


def test_ranges_may_differ_per_feature(asarray: Any, to_numpy: Any) -> None:
    x = asarray([[0.0, 10.0], [4.0, 30.0]])
    low, high = asarray([0.0, 10.0]), asarray([4.0, 30.0])
    found = encode_poisson(x, 40.0, max_rate=0.5, rng=rng(), x_min=low, x_max=high, n_slots=60)
    counts = np.isfinite(to_numpy(found)).sum(axis=2)
    assert (counts[0] == 0).all()
    assert (counts[1] > 5).all()


def test_slots() -> None:
    x = np.ones((4, 3))
    free = encode_poisson(x, 10.0, max_rate=2.0, rng=rng(6))
    assert np.isfinite(free).sum(axis=2).max() == free.shape[2]
    few = encode_poisson(x, 10.0, max_rate=2.0, rng=rng(6), n_slots=3)
    assert few.shape == (4, 3, 3)
    assert np.isfinite(few).all()
    assert encode_poisson(x, 1e-9, max_rate=1e-9, rng=rng()).shape == (4, 3, 1)
    assert encode_poisson(np.ones((0, 3)), 1.0, max_rate=1.0, rng=rng()).shape == (0, 3, 1)
    integers = encode_poisson(np.asarray([[0, 255]], dtype=np.uint8), 9.0, max_rate=3.0, rng=rng(),
                              x_max=255.0)  # fmt: skip
    assert integers.dtype == np.float64
    assert np.isinf(integers[0, 0]).all()


ONE = np.ones((1, 2))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": ONE[0]}, ValueError, r"x must have shape \(patterns, features\), got \(2,\)"),
        ({"x": ONE * math.nan}, ValueError, "x must be finite"),
        ({"x": [[1.0]]}, TypeError, "x must be an array"),
        ({"duration": 0.0}, ValueError, "duration must be positive"),
        ({"max_rate": -1.0}, ValueError, "max_rate must be positive"),
        ({"max_rate": 1e30}, ValueError, "rates times duration .* got 1e"),
        ({"x_max": 0.0}, ValueError, "x_max must be greater than x_min"),
        ({"n_slots": 0}, ValueError, "n_slots must be from 1"),
        ({"n_slots": 2.5}, TypeError, "n_slots must be an integer"),
        ({"rng": 3}, TypeError, "rng must be a numpy.random.Generator, got int"),
    ],
)
def test_bad_input(change: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"x": ONE, "duration": 10.0, "max_rate": 1.0, "rng": rng()} | change
    with pytest.raises(error, match=message):
        encode_poisson(given.pop("x"), given.pop("duration"), **given)


@pytest.mark.parametrize(
    ("rates", "error", "message"),
    [
        (ONE[0], ValueError, r"rates must have shape \(patterns, afferents\), got \(2,\)"),
        (-ONE, ValueError, "rates must be finite and 0 or more"),
        (ONE * math.nan, ValueError, "rates must be finite and 0 or more"),
        ([["a"]], TypeError, "rates must be real numbers"),
    ],
)
def test_bad_rates(rates: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        poisson_trains(rates, 10.0, rng())
    with pytest.raises(TypeError, match="rng must be"):
        poisson_trains(ONE, 10.0, None)  # type: ignore[arg-type]
