"""Thousands of random patterns against brute force, which shares no formula with the package.

A sample is always run; all of it is marked slow and comes in pieces.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from spiking_reference import SpikingReference

from tempotron_core import Events, Neuron
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_gradient,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

EPS = np.finfo(float).eps
PIECES = [pytest.param(100 + i, 1000, marks=pytest.mark.slow) for i in range(20)]
STEP = 1e-5


def setting(rng, *, apart=False):
    """A neuron, two patterns of up to 12 inputs, one weight for each, and a duration."""
    order = rng.uniform(5.0, 30.0) * np.asarray([1.0, rng.uniform(0.1, 0.8)])
    neuron = Neuron(*(order if rng.random() < 0.6 else order[::-1]), psp_peak=1.0)
    duration = rng.choice([30.0, 60.0, 120.0])
    trains = rng.uniform(0.0, duration, (2, rng.integers(3, 13), 1))
    if not apart:
        whole = rng.random(trains.shape) < 0.2
        trains[whole] = np.rint(trains[whole])
    weight = rng.choice([1.0, 1.0, 3.0]) * rng.normal(0.35, 0.7, (2, trains.shape[1]))
    return neuron, trains, weight, float(duration)


def reference_of(neuron, times, row, duration):
    return SpikingReference(
        tuple(times.ravel()), tuple(row), neuron.tau, neuron.tau_s, 1.0, duration
    )


def count(reference, threshold, most):
    return len(reference.spikes(threshold, most)) if threshold > 0.0 else most


def shares(reference, spikes, which):
    """Sum of the sizes of the cotangents of one spike's time."""
    tau, total, later = reference.tau, 0.0, 0.0
    for j in range(which, -1, -1):
        slope = reference.potential(spikes[j], 1.0, spikes[:j])[1]
        if j < which:
            later *= np.exp(-(spikes[j + 1] - spikes[j]) / tau)
        part = (1.0 if j == which else later) / slope
        total += abs(part)
        later += part / tau
    return total


@pytest.mark.parametrize(("seed", "n_pairs"), [(1, 12), *PIECES])
def test_counts_times_and_critical_thresholds(seed, n_pairs):
    rng, checked = np.random.default_rng(seed), 0
    while checked < n_pairs:
        neuron, trains, weight, duration = setting(rng)
        events = Events.from_trains(trains, duration)
        found = output_spikes(events, weight, neuron)
        k = rng.integers(1, 4, (2, 2))
        critical = critical_threshold(events, weight, neuron, k)
        for b, o in np.ndindex(2, 2):
            reference = reference_of(neuron, trains[b], weight[o], duration)
            scale = max(1.0, np.abs(weight[o]).sum())
            spikes, bar = reference.spikes(1.0), 1e-12 * scale
            checked += 1
            if len(spikes) != found.counts[b, o]:  # only within the bar of a critical value
                ends = [len(reference.spikes(1.0 + sign * bar)) for sign in (-1, 1)]
                assert ends[0] != ends[1], (seed, checked)
                continue
            for j, spike in enumerate(spikes):
                allowed = max(1e-10 * duration, 16 * EPS * scale * shares(reference, spikes, j))
                assert abs(found.times[b, o, j] - spike) <= allowed, (seed, checked, j)
            theta, wanted = critical.theta[b, o], int(k[b, o])
            if theta == 0.0:
                assert count(reference, bar, 1) == 0
            else:
                assert count(reference, theta - bar, wanted) == wanted, (seed, checked)
                assert count(reference, theta + bar, wanted) < wanted, (seed, checked)


@pytest.mark.parametrize(("seed", "n_each"), [(2, 3), pytest.param(3, 300, marks=pytest.mark.slow)])
def test_gradients_of_spike_times(seed, n_each):
    """Along random directions of weights and input times, through all resets, tau < tau_s too."""
    rng, checked = np.random.default_rng(seed), {False: 0, True: 0}
    while min(checked.values()) < n_each:
        neuron, trains, weight, duration = setting(rng, apart=True)
        trains, weight = trains[:1], weight[:1]
        events = Events.from_trains(trains, duration)
        times, counts = output_spikes(events, weight, neuron)
        spikes = times[0, 0]
        reference = reference_of(neuron, trains, weight[0], duration)
        if counts[0, 0] == 0 or not away(reference, spikes, 1.0):
            continue
        which = rng.integers(counts[0, 0])
        cotangent = np.zeros_like(times)
        cotangent[0, 0, which] = 1.0
        gradient = output_spikes_vjp(events, weight, neuron, times, cotangent, times=True)
        to_weight, to_times = rng.normal(size=weight.shape), rng.normal(size=trains.shape)

        def time_at(reference, _step, which=which):
            return reference.spikes(1.0, which + 1)[which]

        moved = neuron, trains, weight, duration, to_weight, to_times
        check(gradient, to_weight, to_times, derivative(*moved, time_at))
        checked[neuron.tau < neuron.tau_s] += 1


def derivative(neuron, trains, weight, duration, to_weight, to_times, value):
    """Along a direction: central differences, and what falls with the square of the step off."""
    ends = [
        value(
            reference_of(
                neuron, trains + step * to_times, weight[0] + step * to_weight[0], duration
            ),
            step,
        )
        for step in (STEP, -STEP, 2.0 * STEP, -2.0 * STEP)
    ]
    return (8.0 * (ends[0] - ends[1]) - (ends[2] - ends[3])) / (12.0 * STEP)


def away(reference, spikes, threshold):
    """Whether no spike is close to a graze or to an input, where a quotient says nothing."""
    spikes = [float(t) for t in spikes]
    for j, spike in enumerate(spikes):
        slope = reference.potential(spike, threshold, spikes[:j])[1]
        if slope < 0.02 or min(abs(spike - t) for t in reference.times) < 2e-3:
            return False
    return True


def check(gradient, to_weight, to_times, exact):
    parts = gradient.weight * to_weight, gradient.times * to_times
    largest = max(np.abs(gradient.weight).max(), np.abs(gradient.times).max())
    size = np.sqrt(gradient.weight.size + gradient.times.size)
    assert abs(parts[0].sum() + parts[1].sum() - exact) <= 1e-7 * size * largest


KINDS = [pytest.param(50 + i, 30, marks=pytest.mark.slow) for i in range(7)]


@pytest.mark.parametrize(("seed", "n_each"), [(4, 2), *KINDS])
def test_gradients_of_critical_thresholds(seed, n_each):
    """At smooth maxima, at cusps and at the ends of patterns."""
    rng = np.random.default_rng(seed)
    checked = dict.fromkeys(itertools.product(("smooth", "cusp", "end"), (False, True)), 0)
    while min(checked.values()) < n_each // 2:
        neuron, trains, weight, duration = setting(rng, apart=True)
        trains, weight = trains[:1], weight[:1]
        if rng.random() < 0.4:  # more that ends where it rises
            duration = float(np.sort(trains.ravel())[-1] + rng.uniform(0.5, 3.0))
        events, k = Events.from_trains(trains, duration), int(rng.integers(1, 5))
        found = critical_threshold(events, weight, neuron, k)
        theta, t = found.theta[0, 0], found.t[0, 0]
        if theta < 0.05:
            continue
        gap = np.abs(trains - t).min()
        kind = "end" if t == duration else "cusp" if gap == 0.0 else "smooth"
        key = kind, bool(neuron.tau < neuron.tau_s)
        reference = reference_of(neuron, trains, weight[0], duration)
        history = reference.spikes(theta * (1.0 + 1e-13), int(found.n_before[0, 0]))
        if checked[key] >= n_each // 2 or 0.0 < gap < 2e-3 or not away(reference, history, theta):
            continue
        slope = reference.potential(t, theta, history)[1]
        if (kind != "smooth" and slope < 1e-3) or (
            kind == "cusp" and turns(trains, weight, t, slope)
        ):
            continue
        gradient = critical_threshold_vjp(
            events, weight, neuron, found, np.ones((1, 1)), times=True
        )
        to_weight, to_times = rng.normal(size=weight.shape), rng.normal(size=trains.shape)
        along = (gradient.weight * to_weight).sum() + (gradient.times * to_times).sum()

        def theta_at(reference, step, k=k, theta=theta, along=along):
            near = theta + step * along
            return reference.critical(k, near - 1e-7, near + 1e-7, halvings=20)

        moved = neuron, trains, weight, duration, to_weight, to_times
        check(gradient, to_weight, to_times, derivative(*moved, theta_at))
        checked[key] += 1


def turns(trains, weight, t, slope):
    """Whether the input at a cusp hardly turns the potential, so that a step leaves it smooth."""
    return slope + 0.3 * weight[0, np.abs(trains.ravel() - t).argmin()] > -1e-2


@pytest.mark.parametrize("n_neurons", [1, pytest.param(50, marks=pytest.mark.slow)])
def test_counts_never_grow_with_the_threshold(n_neurons):
    """2,000 counts for each neuron, thresholds below 0.1 of the largest potential left out."""
    rng = np.random.default_rng(6)
    for _ in range(n_neurons):
        neuron, _, _, _ = setting(rng)
        events = Events.from_trains(rng.uniform(0.0, 100.0, (20, 15, 2)), 100.0)
        row, thresholds = rng.normal(0.3, 0.7, 15), np.sort(rng.uniform(0.3, 4.0, 100))
        counts = output_spikes(events, row / thresholds[:, None], neuron).counts
        assert (np.diff(counts, axis=1) <= 0).all()


@pytest.mark.parametrize("n_pairs", [20, pytest.param(20_000, marks=pytest.mark.slow)])
def test_cotangents_of_a_critical_threshold_add_up_to_no_more_than_one(n_pairs, monkeypatch):
    seen = []

    def pull_back(events, weight, neuron, at, cotangent, *given, **options):
        seen.append(cotangent)
        return original(events, weight, neuron, at, cotangent, *given, **options)

    original = critical_threshold_gradient.pull_back
    monkeypatch.setattr(critical_threshold_gradient, "pull_back", pull_back)
    rng, ones = np.random.default_rng(7), np.ones((2, 2))
    for _ in range(n_pairs // 4):
        neuron, trains, weight, duration = setting(rng)
        events = Events.from_trains(trains, duration)
        found = critical_threshold(events, weight, neuron, rng.integers(1, 4, (2, 2)))
        critical_threshold_vjp(events, weight, neuron, found, ones, method="pruned")
        assert (seen[-1] >= 0.0).all()
        assert (seen[-1].sum(axis=2) <= 1.0 + 1e-14).all()
