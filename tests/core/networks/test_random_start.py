"""Random weights that fire before any pattern is seen."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from tempotron_core import Events, Neuron, firing_deviation, peak, random_weight
from tempotron_core.kernel import Kernel

NEURONS = {
    "default": Neuron(),
    "alpha": Neuron(15.0, 15.0, 2.0),
    "slow": Neuron(40.0, 20.0),
    "reversed": Neuron(3.0, 12.0, 0.5, psp_peak=1.5),
}


def kernel(neuron: Neuron) -> Any:
    """K as written in the literature, in 30 digits."""
    tau, tau_s = mpmath.mpf(neuron.tau), mpmath.mpf(neuron.tau_s)
    peak_of = mpmath.mpf(neuron.kernel.psp_peak)
    if tau == tau_s:
        return lambda x: peak_of * x / tau * mpmath.exp(1 - x / tau)
    at = mpmath.log(tau / tau_s) * tau * tau_s / (tau - tau_s)
    v0 = peak_of / (mpmath.exp(-at / tau) - mpmath.exp(-at / tau_s))
    return lambda x: v0 * (mpmath.exp(-x / tau) - mpmath.exp(-x / tau_s))


@pytest.mark.parametrize("x", [2.0, 7.0, 60.0, 2000.0])
@pytest.mark.parametrize("name", NEURONS)
def test_integrals_are_those_of_quadrature(name: str, x: float) -> None:
    with mpmath.workdps(30):
        k = kernel(NEURONS[name])
        breaks = [0, *(b for b in (1, 10, 50, 200) if b < x), x]
        expected = mpmath.quad(k, breaks), mpmath.quad(lambda t: k(t) ** 2, breaks)
    found = NEURONS[name].kernel.integrals(x)
    np.testing.assert_allclose(found, [float(each) for each in expected], rtol=1e-11)


def test_integrals_up_to_very_little() -> None:
    """A straight line there, without a jump where the form changes."""
    k = Kernel(10.0, 8.0, 1.0)
    below, above = k.integrals(7.999e-3), k.integrals(8.001e-3)
    np.testing.assert_allclose(below, above, rtol=2e-3)
    np.testing.assert_allclose(k.integrals(1e-6), (k.rise * 5e-13, k.rise**2 / 3e18), rtol=1e-12)


@pytest.mark.parametrize("n_inputs", [10, 50, 400])
@pytest.mark.parametrize(
    ("name", "duration"), [("default", 60.0), ("default", 300.0), ("alpha", 100.0), ("slow", 60.0)]
)
def test_neurons_fire_on_typical_input(name: str, duration: float, n_inputs: int) -> None:
    neuron = NEURONS[name]
    rng = np.random.default_rng(7)
    events = Events.from_latencies(rng.uniform(0.0, duration, (60, n_inputs)), duration)
    weight = random_weight(150, n_inputs, duration, neuron, rng, dtype=np.float64)
    fires = peak(events, weight, neuron).v_max > neuron.v_threshold
    assert 0.15 < fires.mean() < 0.75
    assert fires.any(axis=0).mean() > 0.4


def test_weights_have_the_moments_they_are_said_to_have() -> None:
    deviation = firing_deviation(400, 50.0, Neuron())
    weight = random_weight(1000, 400, 50.0, Neuron(), np.random.default_rng(0))
    assert weight.dtype == np.float32
    assert weight.std() == pytest.approx(deviation, rel=0.01)
    assert weight.mean() == pytest.approx(deviation / 20.0, rel=0.13)  # 4 standard errors


def test_only_ratios_matter() -> None:
    """Units of time and of potential."""
    usual = firing_deviation(30, 50.0, Neuron())
    assert firing_deviation(30, 0.05, Neuron(0.015, 0.00375)) == pytest.approx(usual, rel=1e-9)
    # a psp_peak that follows the threshold needs the same weights
    assert firing_deviation(30, 50.0, Neuron(v_threshold=3.0)) == pytest.approx(usual, rel=1e-12)
    scaled = firing_deviation(30, 50.0, Neuron(v_threshold=3.0, psp_peak=1.0))
    assert scaled == pytest.approx(3.0 * usual, rel=1e-12)
    assert math.isfinite(firing_deviation(30, 1e-9, Neuron()))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 50.0, Neuron()), ValueError, "n_inputs must be from 1"),
        ((3, -1.0, Neuron()), ValueError, "duration must be positive"),
        ((3, 50.0, 15.0), TypeError, "neuron must be a Neuron, got float"),
    ],
)
def test_bad_starts(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        firing_deviation(*arguments)


def test_bad_draws() -> None:
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator, got int"):
        random_weight(2, 3, 50.0, Neuron(), 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_outputs must be from 1"):
        random_weight(0, 3, 50.0, Neuron(), np.random.default_rng(0))
