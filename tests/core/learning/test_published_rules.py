"""TDP1, TDP2 and ReSuMe: by loops over spikes, and a task that each of them learns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tempotron_core import Events, Neuron, fit_counts
from tempotron_core.learning import aggregate_labels, resume_rule, tdp1, tdp2
from tempotron_core.spiking import critical_threshold, critical_threshold_vjp, output_spikes

NEURON = Neuron(20.0, 5.0)


def problem():
    rng = np.random.default_rng(0)
    trains = rng.uniform(0.0, 110.0, (3, 8, 2))
    trains[0, 2] = np.inf
    return trains, Events.from_trains(trains, 100.0), rng.normal(0.5, 0.4, (2, 8))


def test_tdp_is_the_gradient_and_what_is_left_of_it_at_the_graze(backend, to_numpy):
    trains, events, weight = problem()
    counts = output_spikes(events, weight, NEURON).counts
    wanted = np.asarray([[0, 5], [2, 0], [1, 1]])
    assert (counts > 1).any()
    _, k, cotangent, where = aggregate_labels(counts, wanted)
    critical = critical_threshold(events, weight, NEURON, k, where=where)
    assert critical.n_before.any()
    whole = critical_threshold_vjp(events, weight, NEURON, critical, cotangent).weight
    expected = np.zeros_like(weight)
    for b, o, i in np.ndindex(3, 2, 8):
        for t_f in trains[b, i]:
            if t_f < critical.t[b, o]:
                psp = NEURON.kernel.psp_peak * shape(critical.t[b, o] - t_f)
                expected[o, i] += cotangent[b, o] * psp
    own = Events.from_trains(backend.from_numpy(trains), 100.0)
    given = own, backend.from_numpy(weight), NEURON
    critical = type(critical)(*(backend.from_numpy(a) for a in critical))
    cotangent = backend.from_numpy(cotangent)
    bar = 1e-5 if backend.name == "jax" else 1e-12
    np.testing.assert_allclose(to_numpy(tdp1(*given, critical, cotangent)), whole, atol=bar)
    np.testing.assert_allclose(to_numpy(tdp2(*given, critical, cotangent)), expected, atol=bar)


def shape(x):
    """K for 20 and 5, which peaks at 20 ln(4)/3."""
    return (math.exp(-x / 20.0) - math.exp(-x / 5.0)) / (4.0 ** (-1 / 3) - 4.0 ** (-4 / 3))


@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_resume_by_loops(backend, to_numpy, bias):
    trains, events, weight = problem()
    times = output_spikes(events, weight, NEURON).times
    wanted = np.asarray([[[20.0, np.inf], [30.0, 60.0]]] * 3)
    expected = np.zeros_like(weight)
    for b, o, i in np.ndindex(3, 2, 8):
        for train, sign in ((times, 1.0), (wanted, -1.0)):
            for t in train[b, o][np.isfinite(train[b, o])]:
                window = sum(math.exp(-(t - s) / 15.0) for s in trains[b, i] if s < t)
                expected[o, i] += sign * (bias + window) / 3
    own = Events.from_trains(backend.from_numpy(trains), 100.0)
    found = resume_rule(
        own, backend.from_numpy(times), backend.from_numpy(wanted), tau=15.0, bias=bias
    )
    np.testing.assert_allclose(to_numpy(found), expected, atol=1e-5)
    same = backend.from_numpy(wanted)
    assert not to_numpy(resume_rule(own, same, same, tau=15.0, bias=bias)).any()


def test_resume_brings_spikes_to_their_times():
    rng = np.random.default_rng(1)
    events = Events.from_latencies(rng.uniform(0.0, 200.0, (1, 200)), 200.0)
    weight, wanted = rng.normal(0.05, 0.05, (1, 200)), np.asarray([[[60.0, 140.0]]])
    for _ in range(200):
        times, counts = output_spikes(events, weight, NEURON)
        if counts[0, 0] == 2 and np.abs(times - wanted).max() < 1.0:
            break
        weight = weight - 0.02 * resume_rule(events, times, wanted, tau=10.0)
    assert counts.tolist() == [[2]]
    np.testing.assert_allclose(times, wanted, atol=1.0)


def test_the_truncated_rule_learns_counts():
    rng = np.random.default_rng(2)
    events = Events.from_trains(rng.uniform(0.0, 200.0, (8, 60, 2)), 200.0)
    wanted = rng.integers(0, 4, (8, 1))
    model = fit_counts(events, wanted, rule="truncated", epochs=100)
    assert model.score(events, wanted) > 0.9


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"events": 1}, TypeError, "events must be an Events"),
        ({"times": np.ones((3, 2))}, ValueError, "times must have shape"),
        ({"wanted": np.ones((3, 1, 1))}, ValueError, "wanted must have shape"),
        ({"wanted": np.ones((3, 2, 1), int)}, TypeError, "wanted must"),
        ({"tau": 0.0}, ValueError, "tau must be"),
    ],
)
def test_bad_arguments(change, error, message):
    given = {"times": np.ones((3, 2, 1)), "wanted": np.ones((3, 2, 1)), "tau": 10.0}
    given = {"events": problem()[1], **given, **change}
    with pytest.raises(error, match=message):
        resume_rule(**given)
