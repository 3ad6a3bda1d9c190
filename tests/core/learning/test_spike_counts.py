"""Rules that know the number of spikes wanted: by hand, and a task they have to learn."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Neuron
from tempotron_core.learning import Momentum, aggregate_labels, correlation_rule
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    eligibility,
    output_spikes,
)

NEURON = Neuron(20.0, 5.0)


@pytest.mark.parametrize("narrow", ["int64", "uint8"])
def test_errors_move_the_next_or_the_last_threshold(backend, to_numpy, narrow):
    counts = np.asarray([[0, 3], [2, 2]])
    wanted = np.asarray([[1, 1], [2, 200]]).astype(narrow)
    found = aggregate_labels(backend.from_numpy(counts), backend.from_numpy(wanted))
    loss, k, cotangent, where = (to_numpy(a) for a in found)
    assert loss == (1 + 2 + 198) / 2
    np.testing.assert_array_equal(k, [[1, 3], [1, 3]])
    np.testing.assert_array_equal(cotangent, [[-0.5, 0.5], [0.0, -0.5]])
    np.testing.assert_array_equal(where, [[True, True], [False, True]])


def test_the_cotangent_is_as_exact_as_the_weights(backend, to_numpy):
    counts = backend.from_numpy(np.zeros((3, 1), dtype=np.int64))
    like = backend.from_numpy(np.ones((3, 1)))
    found = aggregate_labels(counts, counts + 1, dtype=like.dtype)
    np.testing.assert_array_equal(to_numpy(found.cotangent), -to_numpy(like) / 3)
    with pytest.raises(TypeError, match="dtype must be float32 or float64 of the counts' library"):
        aggregate_labels(counts, counts, dtype=counts.dtype)


def test_correlation_changes_the_largest(backend, to_numpy):
    of = np.asarray([[[3.0, 1.0, 2.0, -1.0]], [[0.0, 0.0, 5.0, 1.0]], [[9.0, 9.0, 9.0, 9.0]]])
    counts, wanted = np.asarray([[0], [4], [2]]), np.asarray([[1], [2], [2]])
    arrays = (backend.from_numpy(a) for a in (of, counts, wanted))
    found = to_numpy(correlation_rule(*arrays, share=0.5))
    np.testing.assert_allclose(found, np.asarray([[-1.0, 0.0, -1.0 + 1.0, 1.0]]) / 3, rtol=1e-6)


@pytest.mark.parametrize("rule", ["aggregate", "correlation"])
def test_a_neuron_learns_to_count(rule):
    """Eight patterns of noise with 0 to 3 copies of one burst, counted to the last."""
    rng = np.random.default_rng(3)
    clue = rng.uniform(0.0, 20.0, (40, 1))
    silent = rng.random((40, 1)) > 0.5
    wanted = np.asarray([[n] for n in range(4) for _ in range(2)])
    trains = np.full((8, 40, 5), np.inf)
    trains[..., :2] = rng.uniform(0.0, 420.0, (8, 40, 2))
    for b, (n,) in enumerate(wanted):
        for copy in range(n):
            at = clue[:, 0] + 20.0 + 130.0 * copy
            trains[b, :, 2 + copy] = np.where(silent[:, 0], np.inf, at)
    events = Events.from_trains(trains, 500.0)
    weight = rng.normal(0.0, 0.02, (1, 40))
    rate = 0.02 if rule == "aggregate" else 0.01
    optimiser = Momentum(rate, momentum=0.5)
    for _ in range(100):
        spikes = output_spikes(events, weight, NEURON)
        loss, k, cotangent, where = aggregate_labels(spikes.counts, wanted)
        if loss == 0.0:
            return
        if rule == "aggregate":
            critical = critical_threshold(events, weight, NEURON, k, where=where)
            gradient = critical_threshold_vjp(events, weight, NEURON, critical, cotangent).weight
        else:
            owed = eligibility(events, weight, NEURON, spikes)
            gradient = correlation_rule(owed, spikes.counts, wanted)
        weight = optimiser.step(weight, gradient)
    pytest.fail(f"{float(loss)} spikes wrong in every pattern at the end")


@pytest.mark.parametrize(
    ("counts", "wanted", "message"),
    [
        ([[1]], [[0.5]], "wanted must be whole numbers, got 0.5"),
        ([[1]], [[np.nan]], "wanted must be whole numbers, got nan"),
        ([[1]], [[np.inf]], "wanted must be whole numbers, got inf"),
        ([[1]], [[-1.0]], "wanted must not be negative, got -1"),
        ([[1]], [[True]], "wanted must be whole numbers, got bool"),
        ([[1]], [[-1]], "wanted must not be negative, got -1"),
        ([[1]], [[1, 2]], r"wanted must have shape \(1, 1\), got \(1, 2\)"),
        ([1], [1], r"counts must have shape \(patterns, neurons\), got \(1,\)"),
    ],
)
def test_bad_counts(counts, wanted, message):
    with pytest.raises((TypeError, ValueError), match=message):
        aggregate_labels(np.asarray(counts), np.asarray(wanted))


def test_whole_numbers_may_be_floats(asarray, to_numpy):
    counts = np.asarray([[1, 2]])
    for kind in (np.float32, np.float64):
        wanted = np.asarray([[2.0, 2.0]], dtype=kind)
        found = aggregate_labels(asarray(counts), asarray(wanted))
        assert to_numpy(found.k).tolist() == [[2, 1]]
        assert to_numpy(found.where).tolist() == [[True, False]]


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_bad_share(share):
    of, one = np.zeros((1, 1, 3)), np.ones((1, 1), dtype=int)
    with pytest.raises(ValueError, match="share must be above 0 and at most 1"):
        correlation_rule(of, one, one, share=share)


def test_eligibility_of_another_shape():
    one = np.ones((1, 1), dtype=int)
    with pytest.raises(ValueError, match=r"eligibility must have shape \(B, O, N\)"):
        correlation_rule(np.zeros((2, 1, 3)), one, one)
