"""Gradients towards the constants of the neuron, against difference quotients in 50 digits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from gradient_batches import gradient_batches, relative_error
from patterns import Batch, place, well_conditioned_crossing, well_conditioned_peak
from reference import Constants, ExactTrajectory, difference_quotient

import tempotron_backends
from tempotron_core import (
    Events,
    Neuron,
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
    soft_peak_time_vjp,
    voltage_vjp,
)

QUOTIENT = 1e-7
# Apart in either order, equal, near one another, and groups of kinks.
BATCHES = [gradient_batches()[index] for index in (1, 2, 3, 6, 8)]
NAMES = ("tau", "tau_s", "psp_peak", "v_threshold")


def quotients(batch: Batch, b: int, o: int, readout) -> np.ndarray:
    """Derivatives [4, R] of R readouts of a trajectory by the constants."""
    times, weights = batch.spikes(b, o)

    def by(name):
        def moved(value):
            constants = replace(batch.constants, **{name: value})
            return readout(ExactTrajectory(times, weights, constants, batch.duration))

        value = getattr(batch.constants, name)
        return difference_quotient(moved, value, low=0.0, high=float("inf"))

    return np.asarray([by(name) for name in NAMES])


@lru_cache
def peak_quotients(batch: Batch, shunt: bool) -> tuple[dict, Counter]:
    """Those of v_max and t_max, of every pair where both are decided."""
    found, seen = {}, Counter()
    for b, o in np.ndindex(batch.shape):
        trajectory = batch.trajectory(b, o)
        crossing = trajectory.first_crossing()
        if shunt and crossing.fired:
            if not well_conditioned_crossing(crossing, trajectory, "float64"):
                continue
            trajectory = trajectory.shunted()
        top = trajectory.peak()
        if not well_conditioned_peak(top, trajectory, "float64"):
            continue

        def readout(moved):
            p = (moved.shunted() if shunt else moved).peak()
            return p.v_max, p.t_max

        seen[top.maximum.kind] += 1
        found[b, o] = quotients(batch, b, o, readout)
    return found, seen


@lru_cache
def crossing_quotients(batch: Batch) -> dict:
    """Those of every first crossing that is decided."""
    found = {}
    for b, o in np.ndindex(batch.shape):
        trajectory = batch.trajectory(b, o)
        if well_conditioned_crossing(trajectory.first_crossing(), trajectory, "float64"):
            readout = lambda moved: (moved.first_crossing().time,)  # noqa: E731
            found[b, o] = quotients(batch, b, o, readout)
    return found


def check(gradient, quotients_of_pairs: dict, cotangent: np.ndarray, to_numpy=np.asarray):
    """Compare with the sum over pairs of cotangents [B, O, R] times quotients."""
    expected = sum(by @ cotangent[pair] for pair, by in quotients_of_pairs.items())
    found = np.stack([to_numpy(getattr(gradient.constants, name)) for name in NAMES])
    assert relative_error(found, expected) <= QUOTIENT


def random_cotangent(batch: Batch, pairs: dict, n: int, seed: int) -> np.ndarray:
    cotangent = np.zeros((*batch.shape, n))
    for pair in pairs:
        cotangent[pair] = np.random.default_rng([seed, *pair]).normal(size=n)
    return cotangent


@pytest.mark.parametrize("shunt", [False, True], ids=["plain", "shunted"])
def test_peak(shunt):
    """v_max alone, and with t_max: smooth peaks, kinks and ends, at equal constants as well."""
    host = tempotron_backends.select("numpy")
    kinds = Counter()
    for index, batch in enumerate(BATCHES):
        pairs, seen = peak_quotients(batch, shunt)
        kinds += seen
        cotangent = random_cotangent(batch, pairs, 2, index)
        events, neuron = batch.events(host), batch.neuron(shunt=shunt)
        found = peak(events, batch.weight, neuron)
        for times_too in (False, True):
            cotangent[..., 1] *= times_too
            v_bar, t_bar = cotangent[..., 0], cotangent[..., 1] if times_too else None
            gradient = peak_vjp(events, batch.weight, neuron, found, v_bar, t_bar, constants=True)
            check(gradient, pairs, cotangent)
            cotangent = random_cotangent(batch, pairs, 2, index)
    assert all(kinds[kind] >= 3 for kind in ("smooth", "kink", "end")), kinds


def test_first_crossing():
    host = tempotron_backends.select("numpy")
    for index, batch in enumerate(BATCHES):
        pairs = crossing_quotients(batch)
        cotangent = random_cotangent(batch, pairs, 1, index)
        given = batch.events(host), batch.weight, batch.neuron()
        t_spike = first_crossing(*given)
        gradient = first_crossing_vjp(*given, t_spike, cotangent[..., 0], constants=True)
        if pairs:
            check(gradient, pairs, cotangent)


def test_voltage():
    host = tempotron_backends.select("numpy")
    for index, batch in enumerate(gradient_batches()[::3]):
        samples = np.random.default_rng(index).uniform(0.0, batch.duration, 5)
        every = {
            pair: quotients(batch, *pair, lambda m, s=samples: [m.voltage(t) for t in s])
            for pair in np.ndindex(batch.shape)
        }
        cotangent = random_cotangent(batch, every, 5, index)
        given = batch.events(host), batch.weight, batch.neuron(), samples
        check(voltage_vjp(*given, cotangent, constants=True), every, cotangent)


def test_soft_peak_time():
    host = tempotron_backends.select("numpy")
    for index, batch in enumerate(gradient_batches()[1:4:2]):
        batch = replace(batch, weight=0.05 * batch.weight)

        def readout(moved):
            _, soft, sign = moved.soft_peak_time(12)
            return (sign * soft,)

        every = {pair: quotients(batch, *pair, readout) for pair in np.ndindex(batch.shape)}
        cotangent = random_cotangent(batch, every, 1, index)
        given = batch.events(host), batch.weight, batch.neuron(), 12
        check(soft_peak_time_vjp(*given, cotangent[..., 0], constants=True), every, cotangent)


@pytest.mark.parametrize("apart", [0.0, 1e-15, 1e-11, 1e-7, 1e-3, 0.03, 0.06, 0.5, 300.0])
def test_constants_that_are_nearly_equal(apart):
    """One long interval and a volley, in either order of the constants."""
    times = np.asarray([[[1.0, 40.0], [1.5, 40.1], [2.0, 41.0]]])
    samples = np.asarray([0.9, 1.2, 5.0, 39.0, 40.05, 60.0, 150.0])
    for order in (1.0, -1.0):
        pair = (10.0, 10.0 / (1.0 + apart))[:: int(order)]
        batch = Batch(Constants(*pair, 0.3, 0.7), 200.0, times, np.asarray([[0.7, 0.5, -0.2]]))
        by = quotients(batch, 0, 0, lambda m: [m.voltage(t) for t in samples])
        events = batch.events(tempotron_backends.select("numpy"))
        for n in range(len(samples)):
            cotangent = np.eye(len(samples))[n][None, None, :]
            gradient = voltage_vjp(
                events, batch.weight, batch.neuron(), samples, cotangent, constants=True
            )
            found = [getattr(gradient.constants, name) for name in NAMES]
            np.testing.assert_allclose(found, by[:, n], rtol=1e-10, atol=1e-12)


def test_psp_peak_that_follows_the_threshold():
    """Everything scales with the threshold then: crossings and peak times stay, potentials grow."""
    batch = gradient_batches()[0]
    events = batch.events(tempotron_backends.select("numpy"))
    neuron = Neuron(batch.constants.tau, batch.constants.tau_s, 0.8)
    weight = 1.5 * batch.weight
    found, t_spike = peak(events, weight, neuron), first_crossing(events, weight, neuron)
    assert np.isfinite(t_spike).any()
    ones = np.ones(batch.shape)
    of_peak = peak_vjp(events, weight, neuron, found, ones, constants=True).constants
    assert of_peak.psp_peak is None
    np.testing.assert_allclose(of_peak.v_threshold, found.v_max.sum() / 0.8, rtol=1e-12)
    of_time = first_crossing_vjp(events, weight, neuron, t_spike, ones, constants=True).constants
    assert abs(of_time.v_threshold) < 1e-10


def test_what_does_not_count(backend):
    """Pairs without a cotangent, also where their potential is not known; NaN where one has."""
    batch = gradient_batches()[0]
    events, neuron = batch.events(backend), batch.neuron()
    wrong = batch.weight.copy()
    wrong[1] = np.nan
    weight = place(backend, wrong)
    found = peak(events, weight, neuron)
    cotangent = np.zeros(batch.shape)
    cotangent[:, 0] = 1.0
    gradient = peak_vjp(events, weight, neuron, found, place(backend, cotangent), constants=True)
    assert all(np.isfinite(backend.to_numpy(a)) for a in gradient.constants)
    cotangent[0, 1] = 1.0
    gradient = peak_vjp(events, weight, neuron, found, place(backend, cotangent), constants=True)
    assert np.isnan(backend.to_numpy(gradient.constants.tau))


@pytest.mark.parametrize("order", [(12.0, 3.0), (3.0, 12.0), (7.0, 7.0)])
def test_a_change_of_the_unit_of_time(order):
    """tau d/dtau + tau_s d/dtau_s + sum of t d/dt: 0 for a potential, the time itself for one."""
    rng = np.random.default_rng(5)
    trains = rng.uniform(0.0, 60.0, (50, 10, 2))
    events, weight = Events.from_trains(trains, 200.0), rng.normal(0.3, 0.6, (3, 10))
    neuron = Neuron(*order)
    found, t_spike = peak(events, weight, neuron), first_crossing(events, weight, neuron)
    fires, ones = np.isfinite(t_spike), np.ones(t_spike.shape)
    for gradient, value in (
        (peak_vjp(events, weight, neuron, found, ones, times=True, constants=True), 0.0),
        (
            first_crossing_vjp(
                events, weight, neuron, t_spike, 1.0 * fires, times=True, constants=True
            ),
            t_spike[fires].sum(),
        ),
    ):
        of = gradient.constants
        total = neuron.tau * of.tau + neuron.tau_s * of.tau_s + (trains * gradient.times).sum()
        assert abs(total - value) <= 1e-9 * np.abs(trains * gradient.times).sum()


@pytest.mark.parametrize("method", ["static", "pruned"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_patterns(method, dtype):
    """In parts that are cumulative sums, and by steps."""
    rng = np.random.default_rng(2)
    times = rng.uniform(0.0, 4000.0, (2, 5, 100)).astype(dtype)
    weight = rng.normal(0.1, 0.3, (2, 5))
    samples = np.linspace(1.0, 3999.0, 30)
    cotangent = rng.normal(size=(2, 2, 30))

    def constants(kind, method):
        events = Events.from_trains(times.astype(kind), 4000.0)
        given = events, weight.astype(kind), Neuron(9.0, 2.0), samples.astype(kind)
        return voltage_vjp(*given, cotangent.astype(kind), constants=True, method=method).constants

    exact = constants("float64", "auto")
    found = constants(dtype, method)
    limit = 1e-11 if dtype == "float64" else 1e-4
    limit = limit * max(abs(each) for each in exact if each is not None)
    for ours, theirs in zip(found, exact, strict=True):
        assert ours is theirs is None or (ours.dtype == dtype and np.isfinite(ours))
        if ours is not None:
            assert abs(ours - theirs) <= limit * max(
                abs(each) for each in exact if each is not None
            )
