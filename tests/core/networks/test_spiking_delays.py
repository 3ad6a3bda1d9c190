"""The multi-spike neuron with delays: one output at a time, and difference quotients."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import (
    Events,
    Neuron,
    critical_threshold_with_delays,
    critical_threshold_with_delays_vjp,
    output_spikes_with_delays,
    output_spikes_with_delays_vjp,
)
from tempotron_core.spiking import critical_threshold, output_spikes

NEURON, DURATION = Neuron(15.0, 4.0), 90.0
ASKED = np.asarray([[1, 2], [3, 1], [2, 2]])


def setting():
    rng = np.random.default_rng(4)
    times = rng.uniform(0.0, 60.0, (3, 8, 2))
    return times, rng.normal(0.4, 0.3, (2, 8)), rng.uniform(0.0, 12.0, (2, 8))


@pytest.mark.skip_backend("jax", reason="compiles for each output")
@pytest.mark.slow_backend("strict", reason="bisects for half a minute")
def test_each_output_sees_trains_of_its_own(asarray, to_numpy, backend):
    times, weight, delay = setting()
    given = Events.from_trains(asarray(times), DURATION), asarray(weight), asarray(delay)
    found = output_spikes_with_delays(*given, NEURON)
    k = backend.from_numpy(ASKED)
    critical = critical_threshold_with_delays(*given, NEURON, k, where=k < 3)
    for o in range(2):
        own = Events.from_trains(asarray(times + delay[o][None, :, None]), DURATION)
        alone = output_spikes(own, given[1][o : o + 1, :], NEURON)
        np.testing.assert_array_equal(to_numpy(found.counts)[:, o], to_numpy(alone.counts)[:, 0])
        width = alone.times.shape[2]
        expected = to_numpy(alone.times)[:, 0]
        np.testing.assert_allclose(to_numpy(found.times)[:, o, :width], expected, rtol=1e-5)
        one = critical_threshold(own, given[1][o : o + 1, :], NEURON, k[:, o : o + 1])
        expected = np.where(ASKED[:, o] < 3, to_numpy(one.theta)[:, 0], 0.0)
        np.testing.assert_allclose(to_numpy(critical.theta)[:, o], expected, rtol=1e-5)


@pytest.mark.parametrize("of", ["spikes", "thresholds"])
def test_gradients_are_difference_quotients(of):
    times, weight, delay = setting()
    events = Events.from_trains(times, DURATION)
    found = output_spikes_with_delays(events, weight, delay, NEURON)
    rng = np.random.default_rng(1)
    if of == "spikes":
        cotangent = np.where(np.isfinite(found.times), rng.normal(size=found.times.shape), 0.0)
        gradient = output_spikes_with_delays_vjp(
            events, weight, delay, NEURON, found.times, cotangent
        )
    else:
        cotangent = rng.normal(size=ASKED.shape)
        critical = critical_threshold_with_delays(events, weight, delay, NEURON, ASKED)
        gradient = critical_threshold_with_delays_vjp(
            events, weight, delay, NEURON, critical, cotangent
        )

    def loss(weight, delay):
        if of == "spikes":
            now = output_spikes_with_delays(events, weight, delay, NEURON).times
            return (np.where(cotangent, now, 0.0) * cotangent).sum()
        return (
            critical_threshold_with_delays(events, weight, delay, NEURON, ASKED).theta * cotangent
        ).sum()

    step = 1e-5
    for which, analytic in enumerate(gradient):
        scale = np.abs(analytic).max()
        for place in np.ndindex(*weight.shape):
            total = 0.0
            for steps, factor in ((1, 8.0), (-1, -8.0), (2, -1.0), (-2, 1.0)):
                changed = [weight.copy(), delay.copy()]
                changed[which][place] += steps * step
                total += factor * loss(*changed)
            assert abs(analytic[place] - total / (12.0 * step)) < 1e-7 * max(scale, 1.0)


def test_no_outputs():
    times, weight, delay = setting()
    given = Events.from_trains(times, DURATION), weight[:0], delay[:0]
    found = output_spikes_with_delays(*given, NEURON)
    assert found.counts.shape == (3, 0)
    cotangent = np.zeros(found.times.shape)
    gradient = output_spikes_with_delays_vjp(*given, NEURON, found.times, cotangent)
    assert gradient.delay.shape == (0, 8)
    assert critical_threshold_with_delays(*given, NEURON, 1).theta.shape == (3, 0)


def test_bad_arguments():
    times, weight, delay = setting()
    events = Events.from_trains(times, DURATION)
    with pytest.raises(ValueError, match=r"delay must have shape \(2, 8\), got \(2, 7\)"):
        output_spikes_with_delays(events, weight, delay[:, 1:], NEURON)
    with pytest.raises(ValueError, match="neuron must have shunt=False"):
        output_spikes_with_delays(events, weight, delay, Neuron(shunt=True))
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        critical_threshold_with_delays(events, weight, delay, NEURON, ASKED - 1)
    with pytest.raises(TypeError, match="critical must be a CriticalThreshold"):
        critical_threshold_with_delays_vjp(events, weight, delay, NEURON, times, ASKED)
