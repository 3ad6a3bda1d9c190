"""Spikes of one time are one spike of their summed weight, whatever a kernel reads."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import (
    Events,
    Neuron,
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
)
from tempotron_core.spiking import critical_threshold, output_spikes

pytest.importorskip("numba")

DURATION = 30.0


def problems(n_steps, n_afferents, n_outputs):
    """One pattern of times in steps, and the same with one afferent for each step."""
    draw = np.random.default_rng(n_steps + n_outputs)
    times = draw.integers(0, n_steps, n_afferents) * (20.0 / n_steps)
    times[draw.random(n_afferents) < 0.1] = np.inf
    weight = draw.normal(0.1, 0.5, (n_outputs, n_afferents))
    steps, of = np.unique(times, return_inverse=True)
    summed = np.zeros((n_outputs, len(steps)))
    np.add.at(summed.T, of, weight.T)
    one, other = (Events.from_latencies(each[None], DURATION) for each in (times, steps))
    return (one, weight), (other, summed), of


# a moment may go on in the next chunk of spikes, or through all of it
@pytest.mark.parametrize("n_outputs", [1, 10])
@pytest.mark.parametrize("n_steps", [1, 3, 40, 500])
def test_spikes_of_one_time_count_as_one(n_steps, n_outputs):
    given, merged, of = problems(n_steps, 300, n_outputs)
    for neuron in (Neuron(), Neuron(shunt=True)):
        one, other = (peak(*each, neuron) for each in (given, merged))
        scale = 1e-12 * np.abs(given[1]).sum(axis=1).max()
        np.testing.assert_allclose(one.v_max, other.v_max, rtol=0, atol=scale)
        np.testing.assert_allclose(one.t_max, other.t_max, rtol=0, atol=1e-10 * DURATION)
        bar = np.linspace(1.0, 2.0, n_outputs)[None]
        towards = [
            peak_vjp(*each, neuron, found, bar, times=True).weight
            for each, found in ((given, one), (merged, other))
        ]
        np.testing.assert_allclose(towards[0], towards[1][:, of], rtol=0, atol=1e-11)
    neuron = Neuron()
    spike, expected = (first_crossing(*each, neuron) for each in (given, merged))
    np.testing.assert_allclose(spike, expected, rtol=0, atol=1e-10 * DURATION)
    found = [
        first_crossing_vjp(*each, neuron, at, bar).weight
        for each, at in ((given, spike), (merged, expected))
    ]
    np.testing.assert_allclose(found[0], found[1][:, of], rtol=1e-9, atol=1e-9)
    (times, counts), (wanted, n_wanted) = (output_spikes(*each, neuron) for each in (given, merged))
    np.testing.assert_array_equal(counts, n_wanted)
    np.testing.assert_allclose(times, wanted, rtol=0, atol=1e-8 * DURATION)
    assert n_steps < 40 or counts.max() > 1
    second, other = (critical_threshold(*each, neuron, 2) for each in (given, merged))
    np.testing.assert_allclose(second.theta, other.theta, rtol=0, atol=1e-10)
