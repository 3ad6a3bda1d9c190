"""One decision: a neuron has an output spike if and only if its peak exceeds the threshold.

To the last bit, in every form, for potentials that the threshold is a unit in the last place from.
The answer itself is undecided there, but two readouts must not give two answers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from patterns import methods, place

from tempotron_core import Events, Neuron, first_crossing, peak


def check_one_decision(backend, events, weight, neuron):
    """Free and shunted, whatever is asked for; returns v_max of each form."""
    found = []
    for method in methods(backend):
        for shunt in (False, True):
            kind = replace(neuron, shunt=shunt)
            top = peak(events, weight, kind, method=method)
            v_max, t_max = (backend.to_numpy(array) for array in top)
            t_spike = backend.to_numpy(first_crossing(events, weight, kind, method=method))
            fires = v_max > v_max.dtype.type(kind.v_threshold)
            np.testing.assert_array_equal(np.isfinite(t_spike), fires, err_msg=f"{method} {shunt}")
            assert (t_max <= t_max.dtype.type(events.duration)).all()
            assert (t_spike[fires] <= t_spike.dtype.type(events.duration)).all()
        found.append(v_max)
    return found


@pytest.mark.parametrize(
    ("time_constants", "first"),
    [((20.0, 5.0), 18.5), ((10.0, 2.5), 4.6), ((0.001, 0.0005), 0.0007)],
)
def test_a_unit_spike_beside_dense_ones(backend, time_constants, first):
    """It just reaches the threshold, so that rounding alone says whether it is exceeded."""
    neuron = Neuron(*time_constants)
    step = time_constants[0] / 200.0
    rows = [[0.0, *(first + j * step + i * step for i in range(7))] for j in range(32)]
    events = Events.from_latencies(place(backend, np.asarray(rows)), 10.0 * time_constants[0])
    weight = np.zeros((1, 8))
    weight[0, 0] = 1.0
    for v_max in check_one_decision(backend, events, place(backend, weight), neuron):
        np.testing.assert_allclose(v_max, 1.0, rtol=0, atol=1e-12)


def adversarial(rng, neuron, dtype):
    """Patterns [B, N] and weights [O, N] that repeat one peak up to rounding, and the duration."""
    tau, crest = max(neuron.tau, neuron.tau_s), neuron.kernel.t_peak
    kind, n_spikes = rng.integers(5), int(rng.integers(3, 12))
    duration = 10.0 * tau
    if kind == 0:  # one spike that counts, beside dense ones that hardly do
        times = np.r_[0.0, rng.uniform(0.0, 1.2) * crest + rng.uniform(0.0, 0.1 * tau, n_spikes)]
        weight = np.r_[1.0, rng.choice([0.0, -0.3, 1e-9], n_spikes)]
    elif kind == 1:  # far apart
        times = np.arange(n_spikes) * 40.0 * tau
        weight, duration = np.ones(n_spikes), n_spikes * 40.0 * tau
    elif kind == 2:  # a kink
        times = np.r_[rng.uniform(0.0, 0.5 * crest, n_spikes), 0.6 * crest, 0.6 * crest]
        weight = np.r_[rng.uniform(0.2, 1.0, n_spikes), -2.0, -1.0]
    elif kind == 3:  # still rising at the end
        times, duration = rng.uniform(0.0, 0.6 * crest, n_spikes), 0.8 * crest
        weight = rng.uniform(0.2, 1.5, n_spikes)
    else:  # simultaneous spikes
        times = np.repeat(rng.uniform(0.0, 3.0 * tau, n_spikes), 3)
        weight = rng.normal(0.2, 0.7, times.size)
    ulp = float(np.finfo(dtype).eps)
    times = times * (1.0 + rng.integers(-3, 4, (8, times.size)) * ulp)
    weight = weight * (1.0 + rng.integers(-4, 5, (16, weight.size)) * ulp)
    return times.astype(dtype), weight.astype(dtype), float(duration)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_thresholds_next_to_the_peak(backend, precision):
    """Every threshold is the v_max of a pair that nearly all others share, or next to it."""
    rng = np.random.default_rng(5)
    constants = [(20.0, 5.0), (0.001, 0.0005), (10.0, 10.0), (3.75, 15.0), (100.0, 1.0)]
    n_patterns = {"jax": 2, "strict": 3, "torch": 5}.get(backend.name, 25)
    number = np.dtype(precision).type
    for index in range(n_patterns):
        neuron = Neuron(*constants[index % len(constants)], psp_peak=1.0)
        times, weight, duration = adversarial(rng, neuron, precision)
        events = Events.from_latencies(place(backend, times), duration)
        weight = place(backend, weight)
        v_max = backend.to_numpy(peak(events, weight, neuron).v_max)
        if not (v_max > 0.0).any():
            continue
        drawn = number(rng.choice(v_max[v_max > 0.0]))
        for threshold in (drawn, np.nextafter(drawn, number(0.0))):
            near = replace(neuron, v_threshold=float(threshold))
            check_one_decision(backend, events, weight, near)
