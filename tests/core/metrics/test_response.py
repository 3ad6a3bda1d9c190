"""The response to a feature is what it adds to the background."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Neuron
from tempotron_core.metrics import response_per_feature
from tempotron_core.spiking import output_spikes


def test_means_and_errors_are_those_of_drawn_counts():
    rng = np.random.default_rng(0)
    rates, rest = np.asarray([3.0, 0.5, 0.0]), 0.4
    found = [
        response_per_feature(
            rng.poisson(rest + rates[:, None, None], (3, 50, 2)), rng.poisson(rest, (80, 2)), 500.0
        )
        for _ in range(400)
    ]
    means = np.stack([each.mean for each in found])
    errors = np.stack([each.error for each in found])
    np.testing.assert_allclose(means.mean(axis=0), np.stack([rates, rates], 1), atol=0.04)
    np.testing.assert_allclose(errors.mean(axis=0), means.std(axis=0), rtol=0.1)
    rate = np.mean([each.background_rate for each in found], axis=0)
    np.testing.assert_allclose(rate, rest / 500.0, rtol=0.05)


def test_a_feature_alone(backend):
    # a spike of weight 3 makes three output spikes in this neuron, one of 0.5 none
    times = backend.from_numpy(np.where(np.eye(2, dtype=bool), 5.0, np.inf))
    weight = backend.from_numpy(np.asarray([[3.0, 0.5]]))
    neuron = Neuron(20.0, 5.0, psp_peak=1.0)
    counts = output_spikes(Events.from_latencies(times, 300.0), weight, neuron).counts
    evoked = int(counts[0, 0])
    assert evoked > 1
    assert int(counts[1, 0]) == 0
    probes = backend.xp.stack([counts, counts], axis=1)
    silence = backend.from_numpy(np.zeros((2, 1), np.int64))
    found = response_per_feature(probes, silence, 300.0)
    np.testing.assert_array_equal(found.mean, [[evoked], [0]])
    np.testing.assert_array_equal(found.error, [[0.0], [0.0]])
    np.testing.assert_array_equal(found.background_rate, [0.0])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (([1, 2], [1, 2], 1.0), r"got \(2,\) and \(2,\)"),
        (([[1, 2]], [[1], [2]], 1.0), r"got \(1, 2\) and \(2, 1\)"),
        (([[1]], [1, 2], 1.0), "two probes or more, got 1 and 2"),
        (([[1, 2]], [1], 1.0), "two probes or more, got 2 and 1"),
        (([[1, -2]], [1, 1], 1.0), "counts must be finite and not negative"),
        (([[1, 2]], [1, np.nan], 1.0), "background must be finite and not negative"),
        (([[1, 2]], [1, 1], -1.0), "duration must be positive"),
    ],
)
def test_what_is_wrong_is_named(given, words):
    with pytest.raises(ValueError, match=words):
        response_per_feature(*given)


def test_types_that_are_wrong_are_named():
    with pytest.raises(TypeError, match="counts must be numbers of spikes, got dtype bool"):
        response_per_feature([[True, False]], [0, 0], 1.0)
