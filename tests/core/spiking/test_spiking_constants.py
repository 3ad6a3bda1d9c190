"""Gradients of spike times and critical thresholds towards the constants of the neuron.

Against central differences of the plain reference, and each other where a constant only scales.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from spiking_reference import SpikingReference

from tempotron_core import Events, Neuron
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

NAMES = ("tau", "tau_s", "psp_peak", "v_threshold")
DURATION, STEP = 80.0, 1e-5
ORDERS = [(14.0, 4.0), (4.0, 14.0), (9.0, 8.5)]


def pattern(seed: int):
    """One output and one pattern that spikes a few times: some smooth, some ends, some cusps."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, 50.0 if seed % 2 else DURATION, 12))
    weight = rng.normal(0.45, 0.5, 12)
    if seed % 3 == 0:
        weight[-1] = -0.8
        times[-1] = times[-2] + 0.5
    return times, weight


def reference(neuron: Neuron, times, weight) -> SpikingReference:
    of_neuron = neuron.tau, neuron.tau_s, neuron.psp_peak
    return SpikingReference(tuple(times.tolist()), tuple(weight.tolist()), *of_neuron, DURATION)


def difference(read, neuron: Neuron, name: str):
    """Central differences, and what falls with the square of the step off."""
    value = getattr(neuron, name)
    h = STEP * value
    ends = [read(replace(neuron, **{name: value + n * h})) for n in (1, -1, 2, -2)]
    return (8.0 * (ends[0] - ends[1]) - (ends[2] - ends[3])) / (12.0 * h)


def close(constants, expected, scale):
    found = np.asarray([getattr(constants, name) for name in NAMES])
    assert np.abs(found - np.asarray(expected)).max() <= 1e-7 * max(scale, np.abs(expected).max())


@pytest.mark.parametrize(
    ("order", "n_patterns"),
    [*((o, 2) for o in ORDERS), *(pytest.param(o, 70, marks=pytest.mark.slow) for o in ORDERS)],
)
def test_spike_times(order, n_patterns):
    """Through all resets; without their terms dt/dtheta would be off by most of itself."""
    neuron, found, seed = Neuron(*order, 0.5, psp_peak=0.6), [], 0
    while len(found) < n_patterns:
        seed += 1
        n = compare_spike_times(neuron, seed)
        found += [n] if n > 0 else []
    assert max(found) >= 3


def compare_spike_times(neuron, seed):
    """Compare the gradient of a mix of spike times; return how many, 0 where there are none."""
    times, weight = pattern(seed)
    events = Events.from_latencies(times[None, :], DURATION)
    found = output_spikes(events, weight[None, :], neuron)
    exact = reference(neuron, times, weight)
    n = int(found.counts[0, 0])
    spikes = exact.spikes(0.5, n)
    steep = [exact.potential(t, 0.5, spikes[:k])[1] > 0.05 for k, t in enumerate(spikes)]
    # those after a spike that barely crosses have its pole as well
    n = steep.index(False) if False in steep else n
    if n == 0:
        return 0
    cotangent = np.zeros(found.times.shape)
    cotangent[0, 0, :n] = np.random.default_rng(seed).normal(size=n)

    def read(moved):
        spikes = reference(moved, times, weight).spikes(moved.v_threshold, n)
        return cotangent[0, 0, :n] @ np.asarray(spikes)

    gradient = output_spikes_vjp(
        events, weight[None, :], neuron, found.times, cotangent, constants=True
    )
    close(gradient.constants, [difference(read, neuron, name) for name in NAMES], 1.0)
    return n


def excess(exact: SpikingReference, theta: float, n_before: int, begin, at, end) -> float:
    """Height of the graze over a threshold; it lies between two inputs, or at one or the end."""
    spikes = exact.spikes(theta, n_before)
    assert len(spikes) == n_before
    if begin < at < end:
        at = exact._bisect(lambda t: exact.potential(t, theta, spikes)[1] > 0.0, begin, end)
    return exact.potential(at, theta, spikes)[0] - theta


@pytest.mark.parametrize(
    ("order", "n_patterns"),
    [*((o, 4) for o in ORDERS[:2]), *(pytest.param(o, 70, marks=pytest.mark.slow) for o in ORDERS)],
)
def test_critical_thresholds(order, n_patterns):
    neuron, kinds, seed = Neuron(*order, 0.5, psp_peak=0.6), [], 0
    while len(kinds) < n_patterns:
        kind = compare_critical_threshold(neuron, seed)
        kinds += [kind] if kind else []
        seed += 1
    assert len(set(kinds)) >= (3 if n_patterns > 50 else 2), kinds


def compare_critical_threshold(neuron, seed):
    """Compare the gradient of the second threshold; return its kind, None where it is ill."""
    times, weight = pattern(seed)
    events = Events.from_latencies(times[None, :], DURATION)
    found = critical_threshold(events, weight[None, :], neuron, 2)
    theta, at, n_before = (float(each[0, 0]) for each in found)
    kind = "end" if at == DURATION else "cusp" if at in times else "smooth"
    n_before = int(n_before)
    knots = [0.0, *times[times < DURATION].tolist(), DURATION]
    begin = max(t for t in knots if t < at) + 1e-9
    end = min(t for t in knots if t > at) if kind == "smooth" else at
    if theta < 0.05 or not conditioned(reference(neuron, times, weight), theta, at, n_before, kind):
        return None

    def read(moved):
        """The threshold at which the graze is as high as it: by the secant."""
        exact = reference(moved, times, weight)
        one, two = theta * (1.0 - 1e-5), theta * (1.0 - 2e-5)
        for _ in range(4):
            of_one, of_two = (excess(exact, each, n_before, begin, at, end) for each in (one, two))
            if of_one == of_two:
                break
            one, two = one - of_one * (one - two) / (of_one - of_two), one
        return one

    gradient = critical_threshold_vjp(
        events, weight[None, :], neuron, found, np.ones((1, 1)), constants=True
    )
    expected = [difference(read, neuron, name) for name in NAMES[:3]]
    close(gradient.constants, [*expected, 0.0], 0.01)
    assert gradient.constants.psp_peak == pytest.approx(theta / 0.6, rel=1e-12)
    return kind


def conditioned(exact, theta, at, n_before, kind):
    """Whether no spike before the graze barely crosses, and the graze stays what it is."""
    spikes = exact.spikes(theta * (1.0 - 1e-5), n_before)
    slopes = [exact.potential(t, theta, spikes[:k])[1] for k, t in enumerate(spikes)]
    if any(slope < 0.02 for slope in slopes) or any(at - t < 0.1 for t in spikes):
        return False
    if kind == "smooth":
        return min(abs(at - t) for t in (*exact.times, exact.duration)) > 1e-2
    return exact.potential(at, theta, spikes)[1] > 1e-2


def test_psp_peak_that_follows_the_threshold():
    """Everything scales: spikes stay where they are, critical thresholds grow."""
    times, weight = pattern(1)
    events, weight = Events.from_latencies(times[None, :], DURATION), 2.0 * weight[None, :]
    neuron = Neuron(14.0, 4.0, 0.5)
    found = output_spikes(events, weight, neuron)
    assert found.counts[0, 0] >= 3
    ones = np.ones(found.times.shape)
    of_times = output_spikes_vjp(events, weight, neuron, found.times, ones, constants=True)
    assert of_times.constants.psp_peak is None
    assert abs(of_times.constants.v_threshold) <= 1e-9 * abs(of_times.constants.tau)
    critical = critical_threshold(events, weight, neuron, 3)
    one = np.ones((1, 1))
    of_theta = critical_threshold_vjp(events, weight, neuron, critical, one, constants=True)
    np.testing.assert_allclose(of_theta.constants.v_threshold, critical.theta.sum() / 0.5)


@pytest.mark.parametrize("apart", [1e-9, -1e-9])
def test_equal_constants(apart):
    """What is found there is the limit from either side, though the resets change theirs."""
    found = []
    times, weight = pattern(3)
    events, weight = Events.from_latencies(times[None, :], DURATION), weight[None, :]
    for tau_s in (9.0, 9.0 * (1.0 + apart)):
        neuron = Neuron(9.0, tau_s, 0.3, psp_peak=0.6)
        spikes = output_spikes(events, weight, neuron)
        critical = critical_threshold(events, weight, neuron, 2)
        ones = np.ones(spikes.times.shape)
        given = events, weight, neuron
        of_times = output_spikes_vjp(*given, spikes.times, ones, constants=True).constants
        of_theta = critical_threshold_vjp(*given, critical, ones[..., 0], constants=True).constants
        found.append([*of_times, *of_theta])
        assert of_times.tau != pytest.approx(of_times.tau_s, rel=1e-3)
    np.testing.assert_allclose(*found, rtol=1e-6)
