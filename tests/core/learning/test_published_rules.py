"""TDP1, TDP2, ReSuMe, E-learning: by loops over spikes, and a task that each of them learns."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tempotron_core import Events, Neuron, fit_counts
from tempotron_core.learning import aggregate_labels, e_learning_rule, resume_rule, tdp1, tdp2
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


def cheapest(times, wanted, tau_q):
    """Pairs (spike, wanted spike) of the cheapest way from one train to the other, of all ways."""
    ways = []
    for n in range(min(len(times), len(wanted)) + 1):
        for some in itertools.combinations(range(len(times)), n):
            for others in itertools.combinations(range(len(wanted)), n):
                pairs = list(zip(some, others, strict=True))
                moves = sum((times[i] - wanted[j]) ** 2 / (2.0 * tau_q**2) for i, j in pairs)
                ways.append((len(times) + len(wanted) - 2 * n + moves, pairs))
    return min(ways)[1]


@pytest.mark.parametrize(("tau_q", "gamma_r"), [(None, None), (6.0, 3.0)])
def test_e_learning_by_all_ways_from_train_to_train(backend, to_numpy, tau_q, gamma_r):
    trains, events, weight = problem()
    weight = 1.5 * weight
    times = output_spikes(events, weight, NEURON).times
    wanted = np.sort(np.random.default_rng(3).uniform(0.0, 100.0, (3, 2, 4)), axis=2)
    wanted[0, :, 2:] = wanted[1, 0] = np.inf
    expected, kinds = np.zeros_like(weight), set()
    q, r = (NEURON.tau, NEURON.tau) if tau_q is None else (tau_q, gamma_r)
    for b, o in np.ndindex(3, 2):
        came, due = (each[b, o][np.isfinite(each[b, o])].tolist() for each in (times, wanted))
        moved = dict(cheapest(came, due, q))
        kinds |= {("moved", len(moved) > 0), ("removed", len(came) > len(moved))}
        terms = [(t, 1.0) for j, t in enumerate(came) if j not in moved]
        terms += [(t, -1.0) for j, t in enumerate(due) if j not in moved.values()]
        terms += [(came[j], r / q**2 * (due[k] - came[j])) for j, k in moved.items()]
        for (t, c), i in itertools.product(terms, range(8)):
            psp = sum(NEURON.kernel.psp_peak * shape(t - s) for s in trains[b, i] if s < t)
            expected[o, i] += c * psp / 3
    assert {("moved", True), ("removed", True)} <= kinds
    own = Events.from_trains(backend.from_numpy(trains), 100.0)
    times, wanted, weight = (backend.from_numpy(a) for a in (times, wanted, weight))
    options = {"tau_q": tau_q, "gamma_r": gamma_r}
    found = e_learning_rule(own, weight, NEURON, times, wanted, **options)
    bar = 1e-5 if backend.name == "jax" else 1e-12
    np.testing.assert_allclose(to_numpy(found), expected, atol=bar)
    assert not to_numpy(e_learning_rule(own, weight, NEURON, wanted, wanted, **options)).any()


def test_spikes_are_moved_as_far_as_two_tau_q():
    """Then only the inputs before the spike that came are changed, not those before the other."""
    events = Events.from_latencies(np.asarray([[10.0, 31.0]]), 60.0)
    weight, times = np.ones((1, 2)), np.asarray([[[30.0]]])
    for apart, is_moved in ((9.9, True), (10.1, False)):
        found = e_learning_rule(events, weight, NEURON, times, times + apart, tau_q=5.0)
        assert (found[0, 1] == 0.0) == is_moved


@pytest.mark.parametrize("rule", ["resume", "e_learning"])
def test_spikes_are_brought_to_their_times(rule):
    rng = np.random.default_rng(1)
    events = Events.from_latencies(rng.uniform(0.0, 200.0, (1, 200)), 200.0)
    weight, wanted = rng.normal(0.05, 0.05, (1, 200)), np.asarray([[[60.0, 140.0]]])
    for _ in range(200):
        times, counts = output_spikes(events, weight, NEURON)
        if counts[0, 0] == 2 and np.abs(times - wanted).max() < 1.0:
            break
        if rule == "resume":
            gradient = resume_rule(events, times, wanted, tau=10.0)
        else:
            gradient = e_learning_rule(events, weight, NEURON, times, wanted)
        weight = weight - 0.02 * gradient
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
        ({"wanted": np.full((3, 2, 1), np.nan)}, ValueError, "wanted must not hold NaN"),
        ({"tau": 0.0}, ValueError, "tau must be"),
    ],
)
def test_bad_arguments(change, error, message):
    given = {"times": np.ones((3, 2, 1)), "wanted": np.ones((3, 2, 1)), "tau": 10.0}
    given = {"events": problem()[1], **given, **change}
    with pytest.raises(error, match=message):
        resume_rule(**given)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"neuron": Neuron(shunt=True)}, ValueError, "neuron must have shunt=False"),
        ({"times": np.ones((3, 2))}, ValueError, r"times must have shape \(B, O, S\)"),
        ({"wanted": np.ones((3, 1, 1))}, ValueError, r"wanted must have shape \(B, O, S\)"),
        ({"wanted": np.full((3, 2, 1), np.nan)}, ValueError, "wanted must not hold NaN"),
        ({"tau_q": 0.0}, ValueError, "tau_q must be"),
        ({"gamma_r": -1.0}, ValueError, "gamma_r must be"),
    ],
)
def test_bad_arguments_of_e_learning(change, error, message):
    _, events, weight = problem()
    given = {"events": events, "weight": weight, "neuron": NEURON}
    with pytest.raises(error, match=message):
        e_learning_rule(
            **{**given, "times": np.ones((3, 2, 1)), "wanted": np.ones((3, 2, 1)), **change}
        )
