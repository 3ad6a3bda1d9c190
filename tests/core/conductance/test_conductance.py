"""The conductance-based neuron: by an ODE solver, by difference quotients, on every library."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tempotron_core import Events
from tempotron_core.conductance import ConductanceNeuron, peak, peak_vjp, voltage

LENGTH = 60.0
# one panel; strong gains; many panels in an interval; synapses slower than the membrane
CASES = {
    "plain": (ConductanceNeuron(), 0.3, LENGTH),
    "strong": (ConductanceNeuron(), 6.0, LENGTH),
    "sparse": (ConductanceNeuron(leak=0.02), 0.4, 20.0 * LENGTH),
    "slow": (ConductanceNeuron(leak=0.5, tau_s=8.0), 0.1, LENGTH),
}


def problem(case):
    neuron, scale, length = CASES[case]
    rng = np.random.default_rng(4)
    times = rng.uniform(0.0, 1.1 * length, (3, 10))
    times[2, :2] = times[2, 2]  # at once
    excitatory = np.arange(10) % 3 > 0
    return times, length, rng.exponential(scale, (2, 10)), excitatory, neuron


def solved(times, length, gain, excitatory, neuron, at):
    """The potential at times, from the differential equation, spike by spike."""
    found, v = np.zeros(len(at)), 0.0
    knots = np.unique(np.concatenate([[0.0], times[times <= length], [length]]))
    for low, high in pairwise(knots):
        age = np.maximum(low - times, 0.0)
        held = np.where(times <= low, gain * np.exp(-age / neuron.tau_s), 0.0)
        g_e, g_i = held[excitatory].sum(), held[~excitatory].sum()
        current = neuron.e_excitatory * g_e + neuron.e_inhibitory * g_i

        def slope(t, v, g=g_e + g_i, current=current, low=low):
            left = np.exp(-(t - low) / neuron.tau_s)
            return current * left - (neuron.leak + g * left) * v

        inside = (at > low) & (at <= high)
        ends = np.unique(np.append(at[inside], high))
        run = solve_ivp(slope, (low, high), [v], "DOP853", ends, rtol=1e-13, atol=1e-14)
        found[inside], v = run.y[0][np.searchsorted(ends, at[inside])], run.y[0][-1]
    return found


@pytest.mark.parametrize("case", CASES)
def test_voltage_and_peak_are_those_of_the_differential_equation(case):
    times, length, gain, excitatory, neuron = problem(case)
    events = Events.from_latencies(times, length)
    at = np.sort(np.random.default_rng(5).uniform(0.0, length, 30))
    found = voltage(events, gain, excitatory, neuron, at)
    v_max, t_max = peak(events, gain, excitatory, neuron)
    fine = np.linspace(0.0, length, 2001)
    sampled = voltage(events, gain, excitatory, neuron, fine)
    for b, o in ((0, 0), (1, 1), (2, 0)):
        given = times[b], length, gain[o], excitatory, neuron
        expected = solved(*given, np.append(at, t_max[b, o]))
        np.testing.assert_allclose(found[b, o], expected[:-1], rtol=0.0, atol=1e-10)
        assert v_max[b, o] == pytest.approx(expected[-1], abs=1e-10)
        assert v_max[b, o] >= sampled[b, o].max() - 1e-12
    assert (v_max > 0.1).all()


def test_peaks_are_the_largest_of_many_patterns():
    rng, neuron = np.random.default_rng(7), ConductanceNeuron(leak=0.05, tau_s=4.0)
    events = Events.from_latencies(rng.uniform(0.0, LENGTH, (150, 12)), LENGTH)
    given = events, rng.exponential(0.05, (2, 12)), np.arange(12) % 3 > 0, neuron
    v_max, t_max = peak(*given)
    sampled = voltage(*given, np.linspace(0.0, LENGTH, 601))
    assert (v_max >= sampled.max(axis=2) - 1e-14).all()
    for b in range(10):
        beside = np.minimum(t_max[b, :, None] + np.asarray([-1e-5, 1e-5]), LENGTH)
        around = voltage(events[b], *given[1:], np.sort(beside.ravel()))
        assert (v_max[b] >= around[0].max(axis=1) - 1e-14).all()


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_that_of_difference_quotients(case):
    times, length, gain, excitatory, neuron = problem(case)
    events, rng = Events.from_latencies(times, length), np.random.default_rng(6)
    v_bar = rng.normal(size=(3, 2))
    v_bar[0, 1] = 0.0
    found = peak(events, gain, excitatory, neuron)
    gradient = peak_vjp(events, gain, excitatory, neuron, found, v_bar)
    expected = np.zeros_like(gain)
    for o in range(2):
        step = np.diag(3e-3 * gain[o])
        moved = np.concatenate([gain[o] + times * step for times in (-2, -1, 1, 2)])
        lower, low, high, higher = np.split(
            peak(events, moved, excitatory, neuron).v_max, 4, axis=1
        )
        # of fourth order
        expected[o] = v_bar[:, o] @ (8.0 * (high - low) - (higher - lower)) / (36e-3 * gain[o])
    np.testing.assert_allclose(gradient, expected, rtol=0.0, atol=1e-8 * abs(expected).max())


@pytest.mark.parametrize("gain", [1e2, 1e5, 1e12, 1e20])
def test_gains_that_overwhelm(gain):
    """One excitatory spike, whose potential is one of incomplete gamma functions."""
    mpmath = pytest.importorskip("mpmath")
    neuron = ConductanceNeuron(leak=0.01, tau_s=2.0)
    few = neuron.leak * neuron.tau_s
    events = Events.from_latencies(np.asarray([[0.0]]), 200.0)

    def potential(t, g):
        strength = g * neuron.tau_s
        left = strength * mpmath.exp(-t / neuron.tau_s)
        share = mpmath.gammainc(1 - few, left) - mpmath.gammainc(1 - few, strength)
        return neuron.e_excitatory * mpmath.exp(left - neuron.leak * t) * strength**few * share

    given = events, np.asarray([[gain]]), np.asarray([True]), neuron
    found = peak(*given)
    slope = peak_vjp(*given, found, np.ones((1, 1)))
    at = np.asarray([1e-3 / gain, 1.0 / gain, 1e-3, 0.1, 4.0, 40.0, 90.0, 120.0, 200.0])
    with mpmath.workdps(60):
        g = mpmath.mpf(gain)
        expected = [float(potential(mpmath.mpf(t), g)) for t in at]
        t_max = mpmath.mpf(found.t_max.item())
        by_gain = mpmath.diff(lambda g: potential(t_max, g), g, h=g * mpmath.mpf(10) ** -20)
        v_max = float(potential(t_max, g))
    np.testing.assert_allclose(voltage(*given, at)[0, 0], expected, rtol=0.0, atol=5e-12)
    assert found.v_max.item() == pytest.approx(v_max, abs=5e-12)
    # where rounding hides the slope of a plateau, its first end is not found
    assert found.v_max.item() >= max(expected) - (1e-6 if gain > 1e5 else 5e-12)
    assert slope.item() * gain == pytest.approx(float(by_gain) * gain, abs=5e-12)


def test_every_library_finds_the_same(backend, to_numpy):
    times, length, gain, excitatory, neuron = problem("plain")
    at, v_bar = np.linspace(0.0, length, 7), np.ones((3, 2))

    def everything(put):
        events = Events.from_latencies(put(times), length)
        given = events, put(gain), put(excitatory), neuron
        found = peak(*given)
        return voltage(*given, put(at)), *found, peak_vjp(*given, found, put(v_bar))

    bar = 1e-4 if backend.name == "jax" else 1e-11
    for one, other in zip(everything(backend.from_numpy), everything(np.asarray), strict=True):
        np.testing.assert_allclose(to_numpy(one), other, rtol=bar, atol=bar)


def test_silent_and_inhibited_neurons_stay_at_rest():
    events = Events.from_latencies(np.asarray([[np.inf, np.inf], [5.0, 9.0]]), LENGTH)
    inhibitory, neuron = np.zeros(2, bool), ConductanceNeuron()
    given = events, np.asarray([[0.5, 0.5]]), inhibitory, neuron
    v_max, t_max = peak(*given)
    assert not v_max.any()
    assert not t_max.any()
    assert not peak_vjp(*given, peak(*given), np.ones((2, 1))).any()
    low = voltage(*given, np.asarray([0.0, 4.9, 12.0]))
    assert not low[0].any()
    assert low[1, 0, 1] == 0.0
    assert -1.0 < low[1, 0, 2] < -0.3


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("gain", np.full((1, 2), -0.1), ValueError, "gain must not be negative"),
        ("gain", np.full((1, 2), np.nan), ValueError, "gain must not be negative"),
        ("gain", np.full((1, 2), np.inf), ValueError, "gain must not be negative or infinite"),
        ("gain", np.ones((1, 3)), ValueError, r"gain must have shape \(O, 2\)"),
        ("excitatory", np.ones(2), ValueError, "excitatory must be booleans"),
        ("neuron", None, TypeError, "neuron must be a ConductanceNeuron"),
        ("events", None, TypeError, "events must be an Events"),
    ],
)
def test_what_is_wrong_is_named(name, value, error, words):
    events = Events.from_latencies(np.ones((1, 2)), LENGTH)
    given = {
        "events": events, "gain": np.ones((1, 2)), "excitatory": np.ones(2, bool),
        "neuron": ConductanceNeuron(),
    }  # fmt: skip
    with pytest.raises(error, match=words):
        peak(**{**given, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("leak", 0.0), ("tau_s", -1.0), ("e_excitatory", 1.0), ("e_inhibitory", 0.5)],
)
def test_constants_out_of_range_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        ConductanceNeuron(**{name: value})
