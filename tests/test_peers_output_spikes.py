"""Agreement with exact-event-adjoint, where it is installed (extra `peers`).

It is the same neuron, on one spike an afferent, and up to a number of output spikes.  It looks for
them at inputs and at the crests of their kernels only, so trains in which it has missed one are
told by a brute-force look at the potential, and left out.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from tempotron_core import Events, Neuron
from tempotron_core.spiking import output_spikes, output_spikes_vjp, voltage_with_resets

torch = pytest.importorskip("torch")
peer = pytest.importorskip("exact_event_adjoint.extended")

DURATION = 100.0
ORDERS = [(20.0, 5.0), (15.0, 4.0)]  # its tau must be larger than its tau_s


def neuron_of(tau: float, tau_s: float, threshold: float = 1.0) -> Neuron:
    """Its kernel rises with a slope of 1."""
    crest = tau * tau_s / (tau - tau_s) * math.log(tau / tau_s)
    peak = tau * tau_s / (tau - tau_s) * (math.exp(-crest / tau) - math.exp(-crest / tau_s))
    return Neuron(tau, tau_s, threshold, psp_peak=peak)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("most", [1, 4])
def test_output_spikes_and_their_gradient(order, most):
    rng = np.random.default_rng(most)
    latencies = rng.uniform(0.0, 0.8 * DURATION, (12, 30))
    weight = rng.normal(0.06, 0.12, (5, 30))
    events, neuron = Events.from_latencies(latencies, DURATION), neuron_of(*order)
    found = output_spikes(events, weight, neuron, max_spikes=most)
    ours = np.where(np.isfinite(found.times), found.times, DURATION)
    assert (found.counts > most).any()

    inputs = torch.tensor(latencies, requires_grad=True)
    weights = torch.tensor(weight, requires_grad=True)
    constants = most, *order, neuron.v_threshold, 0.0, DURATION
    times = peer.ExactSaltationMultiSpikeFunction.apply(inputs, weights, *constants)
    theirs = times.detach().numpy()
    alike = np.abs(ours - theirs).max(axis=2) < 1e-6
    assert alike.mean() > 0.95
    # where they are not, its potential rises above the threshold before its next spike
    grid = np.linspace(0.0, DURATION, 100_001)
    for b, o in np.argwhere(~alike):
        first = np.flatnonzero(np.abs(ours[b, o] - theirs[b, o]) > 1e-6)[0]
        spikes = np.where(theirs[b, o] < DURATION, theirs[b, o], np.inf)[:first, None]
        trains = np.full((1, 1, most), np.inf)
        trains[0, 0, :first] = spikes[:, 0]
        v = voltage_with_resets(events[b : b + 1], weight[o : o + 1], neuron, trains, grid)[0, 0]
        assert v[grid < theirs[b, o, first] - 1e-3].max() > neuron.v_threshold

    cotangent = rng.normal(size=theirs.shape) * alike[:, :, None] * np.isfinite(found.times)
    expected = torch.autograd.grad(times, (weights, inputs), torch.tensor(cotangent))
    gradient = output_spikes_vjp(events, weight, neuron, found.times, cotangent, times=True)
    for mine, other in zip(gradient[:2], expected, strict=True):
        np.testing.assert_allclose(mine, other.numpy(), rtol=0.0, atol=1e-6 * np.abs(mine).max())
