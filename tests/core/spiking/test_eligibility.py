"""Eligibilities against quadrature of a potential summed spike by spike."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from spiking_reference import SpikingReference

from tempotron_core import Events, Neuron
from tempotron_core.spiking import OutputSpikes, eligibility, output_spikes

ORDERS = [(20.0, 5.0), (5.0, 20.0)]


def integral(reference, weightless, t, spikes, end):
    """Of V(t) K(t - t_f) from an input on, piece by piece between all knots."""
    knots = {*reference.times, *spikes, reference.duration, *np.geomspace(101.0, 1500.0, 12), end}
    points = [t, *sorted(x for x in knots if t < x <= end)]

    def product(x):
        v, _ = reference.potential(x, 1.0, spikes)
        return v * weightless.potential(x - t, 1.0, [])[0]

    pieces = pairwise(points)
    return sum(quad(product, a, b, epsabs=1e-13, epsrel=1e-12)[0] for a, b in pieces)


@pytest.mark.parametrize("until", ["rest", "duration"])
@pytest.mark.parametrize("order", ORDERS)
def test_quadrature(order, until):
    rng = np.random.default_rng(1)
    times, row = rng.uniform(0.0, 90.0, 7), rng.normal(1.0, 0.8, 7)
    times[3], times[4] = times[2], 0.0  # at once, and at the very start
    reference = SpikingReference(tuple(times), tuple(row), *order, 1.0, 100.0)
    weightless = SpikingReference((0.0,), (1.0,), *order, 1.0, 100.0)
    # the first three inputs are one afferent's, and the last row is another pattern
    trains = np.full((2, 5, 3), np.inf)
    trains[0, 0], trains[0, 1:, 0] = times[:3], times[3:]
    trains[1, 1, 0] = 5.0
    row[:3] = row[0]
    reference = SpikingReference(tuple(times), tuple(row), *order, 1.0, 100.0)
    events, weight = Events.from_trains(trains, 100.0), np.stack([row[2:], 0.0 * row[2:]])
    neuron = Neuron(*order)
    spikes = output_spikes(events, weight, neuron)
    own = list(spikes.times[0, 0][np.isfinite(spikes.times[0, 0])])
    assert len(own) >= 3
    end = 100.0 if until == "duration" else 1500.0
    owed = [integral(reference, weightless, t, own, end) for t in times]
    found = eligibility(events, weight, neuron, spikes, until=until)
    expected = [sum(owed[:3]), *owed[3:]]
    np.testing.assert_allclose(found[0, 0], expected, rtol=0.0, atol=1e-10)
    assert not found[:, 1].any()
    assert (found[1, 0] != 0.0).tolist() == [False, True, False, False, False]


def test_alpha_kernel_is_the_limit():
    rng = np.random.default_rng(2)
    events = Events.from_latencies(rng.uniform(0.0, 90.0, (2, 9)), 100.0)
    weight = rng.normal(0.8, 0.5, (1, 9))
    found = []
    for tau_s in (10.0, 10.0 * (1.0 + 1e-9)):
        neuron = Neuron(10.0, tau_s)
        spikes = output_spikes(events, weight, neuron)
        found.append(eligibility(events, weight, neuron, spikes))
    np.testing.assert_allclose(*found, rtol=0.0, atol=1e-6)


@pytest.mark.usefixtures("dtype")
def test_backends_agree(asarray, to_numpy):
    rng = np.random.default_rng(4)
    trains, weight = rng.uniform(0.0, 120.0, (3, 6, 2)), rng.normal(0.5, 0.4, (2, 6))
    neuron = Neuron(20.0, 5.0)
    times, counts = output_spikes(Events.from_trains(trains, 100.0), weight, neuron)

    def of(convert):
        events, spikes = (
            Events.from_trains(convert(trains), 100.0),
            OutputSpikes(convert(times), counts),
        )
        return eligibility(events, convert(weight), neuron, spikes)

    found, expected = to_numpy(of(asarray)), of(np.asarray)
    atol = (1e-11 if found.dtype == np.float64 else 2e-5) * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=atol)


def test_bad_arguments():
    events = Events.from_latencies(np.asarray([[1.0]]), 10.0)
    weight, neuron = np.asarray([[1.0]]), Neuron(20.0, 5.0)
    spikes = output_spikes(events, weight, neuron)
    with pytest.raises(ValueError, match="until must be 'rest' or 'duration', got 'end'"):
        eligibility(events, weight, neuron, spikes, until="end")
    with pytest.raises(TypeError, match="spikes must be OutputSpikes"):
        eligibility(events, weight, neuron, spikes.times)
    wrong = OutputSpikes(np.zeros((2, 1, 1)), np.zeros((2, 1), dtype=int))
    with pytest.raises(ValueError, match=r"spikes.times must have shape \(B, O, S\)"):
        eligibility(events, weight, neuron, wrong)
