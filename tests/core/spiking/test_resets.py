"""The potential with its resets, and neurons that never rise above rest."""

from __future__ import annotations

import numpy as np
import pytest
from spiking_reference import SpikingReference

from tempotron_core import Events, Neuron, peak, peak_vjp, revive, voltage
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    revive_threshold,
    voltage_with_resets,
)


@pytest.mark.parametrize("order", [(20.0, 5.0), (5.0, 20.0)])
def test_potential_against_brute_force(order):
    rng = np.random.default_rng(0)
    times, row = rng.uniform(0.0, 90.0, 9), rng.normal(1.8, 0.7, 9)
    events, neuron = Events.from_latencies(times[None, :], 100.0), Neuron(*order)
    spikes = output_spikes(events, row[None, :], neuron)
    train = spikes.times[0, 0]
    assert spikes.counts[0, 0] > 3
    reference = SpikingReference(tuple(times), tuple(row), *order, 1.0, 100.0)
    at = np.concatenate([rng.uniform(-5.0, 120.0, 40), train])
    found = voltage_with_resets(events, row[None, :], neuron, spikes.times, at)[0, 0]
    expected = [reference.potential(t, 1.0, list(train))[0] for t in at]
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-11)
    np.testing.assert_allclose(found[-len(train) :], 1.0, rtol=0.0, atol=1e-11)


def test_backends(backend):
    """Padding resets nothing, and every library has the same potential."""
    trains = np.random.default_rng(1).uniform(0.0, 90.0, (2, 5))
    weight = np.asarray([[0.9] * 5, [-0.9] * 5])
    given = np.asarray([[[20.0, 30.5], [np.inf, np.inf]], [[15.0, np.inf], [np.inf, np.inf]]])
    at = np.linspace(0.0, 100.0, 9)
    expected = voltage_with_resets(
        Events.from_latencies(trains, 100.0), weight, Neuron(), given, at
    )
    events, put = Events.from_latencies(backend.from_numpy(trains), 100.0), backend.from_numpy
    found = voltage_with_resets(events, put(weight), Neuron(), put(given), put(at))
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=0.0, atol=1e-12)
    free = voltage(Events.from_latencies(trains, 100.0), weight, Neuron(), at)
    np.testing.assert_array_equal(expected[:, 1], free[:, 1])
    assert (expected[:, 0] < free[:, 0]).any()


@pytest.mark.parametrize("method", ["auto", "pruned"])
@pytest.mark.parametrize("at", ["eligibility", "end"])
def test_neurons_at_rest_learn_as_from_the_peak(at, method):
    rng = np.random.default_rng(2)
    events = Events.from_latencies(rng.uniform(0.0, 90.0, (3, 6)), 100.0)
    weight = np.stack([-rng.uniform(0.1, 1.0, 6), rng.uniform(0.5, 1.0, 6)])
    neuron = Neuron()
    where = np.asarray([[True, True], [False, True], [True, False]])
    found = critical_threshold(events, weight, neuron, 2, where=where, method=method)
    assert (found.theta[:, 0] == 0.0).all()
    revived = revive_threshold(events, weight, neuron, found, where=where, at=at)
    for before, after in zip(found, revived, strict=True):
        np.testing.assert_array_equal(after[~where], before[~where])
        np.testing.assert_array_equal(after[:, 1], before[:, 1])
    bar = np.where(where, 1.0, 0.0) * np.asarray([1.0, 0.0])
    ours = critical_threshold_vjp(events, weight, neuron, revived, bar, times=True, method=method)
    top = revive(events, weight, neuron, peak(events, weight, neuron), at=at)
    theirs = peak_vjp(events, weight, neuron, top, bar, times=True)
    assert np.abs(ours.weight[0]).max() > 0.0
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0.0, atol=1e-12)
    with pytest.raises(TypeError, match="found must be a CriticalThreshold"):
        revive_threshold(events, weight, neuron, top)
