"""The published rule, pattern by pattern: by brute force, on every backend, and by the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from reference import Constants, FloatTrajectory, kernel

from tempotron_core import Events, Neuron
from tempotron_core.learning import learn_online

NEURON = Neuron(15.0, 3.75, psp_peak=1.0)
RULE = {"learning_rate": 0.02, "momentum": 0.5}


def problem(n_patterns=12, n_afferents=8, n_outputs=2):
    rng = np.random.default_rng(3)
    times = rng.uniform(0.0, 110.0, (n_patterns, n_afferents))
    times[times > 100.0] = np.inf
    labels = rng.random((n_patterns, n_outputs)) < 0.5
    return times, labels, rng.normal(0.3, 0.3, (n_outputs, n_afferents))


def by_brute_force(times, labels, weight, orders):
    """The rule in words, on one weight after another, and a maximum that is looked for."""
    weight, errors = weight.copy(), np.zeros((len(orders), len(weight)), int)
    for o, w in enumerate(weight):
        change = np.zeros_like(w)
        for epoch, order in enumerate(orders):
            for b in order:
                spikes = [(t, i) for i, t in enumerate(times[b]) if t <= 100.0]
                given = [t for t, _ in spikes], [w[i] for _, i in spikes]
                top = FloatTrajectory(*given, Constants(), 100.0).peak()
                if (float(top.v_max) > 1.0) == labels[b, o]:
                    continue
                errors[epoch, o] += 1
                change *= RULE["momentum"]
                for t, i in spikes:
                    if t < top.t_max:
                        psp = float(kernel(float(top.t_max) - t, Constants())[0])
                        change[i] += (RULE["learning_rate"] if labels[b, o] else -0.02) * psp
                w += change
    return weight, errors


def test_the_rule_by_brute_force():
    times, labels, weight = problem(8)
    orders = np.random.default_rng(7).permuted(np.tile(np.arange(8), (3, 1)), axis=1)
    expected, errors = by_brute_force(times, labels, weight, orders)
    assert errors.all()
    events = Events.from_latencies(times, 100.0)
    for method in ("auto", "pruned"):
        rng = np.random.default_rng(7)
        found = learn_online(
            events, labels, weight, NEURON, **RULE, epochs=3, rng=rng, method=method
        )
        np.testing.assert_array_equal(found.errors, errors)
        np.testing.assert_allclose(found.weight, expected, rtol=0.0, atol=1e-12)


def test_every_library_learns_the_same(backend, to_numpy):
    times, labels, weight = problem()
    expected = learn_online(
        Events.from_latencies(times, 100.0), labels, weight, NEURON, **RULE, epochs=3
    )
    events = Events.from_latencies(backend.from_numpy(times), 100.0)
    given = events, backend.from_numpy(labels), backend.from_numpy(weight)
    found = learn_online(*given, NEURON, **RULE, epochs=3)
    np.testing.assert_array_equal(found.errors, expected.errors)
    bar = 1e-5 if backend.name == "jax" else 1e-12
    for array, other in zip(found[:2], expected[:2], strict=True):
        np.testing.assert_allclose(to_numpy(array), other, rtol=0.0, atol=bar)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_more_neurons_than_lanes_learn_as_in_the_loop(dtype):
    times, labels, weight = (array.astype(dtype) for array in problem(30, 40, 19))
    labels = labels.astype(bool)
    events = Events.from_latencies(times, 100.0)
    found, expected = (
        learn_online(events, labels, weight, NEURON, **RULE, epochs=2, method=method)
        for method in ("auto", "pruned")
    )
    np.testing.assert_array_equal(found.errors, expected.errors)
    bar = 1e-12 if dtype == "float64" else 1e-5
    assert found.weight.dtype == dtype
    np.testing.assert_allclose(found.weight, expected.weight, rtol=0.0, atol=bar)
    np.testing.assert_allclose(found.change, expected.change, rtol=0.0, atol=bar)


@pytest.mark.parametrize("momentum", [0.0, 1e-60, 0.9])
def test_any_part_of_the_last_change_is_repeated(momentum):
    times, labels, weight = problem(30)
    events = Events.from_latencies(times, 100.0)
    rule = {"learning_rate": 0.02, "momentum": momentum, "epochs": 3}
    found, expected = (
        learn_online(events, labels, weight, NEURON, **rule, method=method)
        for method in ("auto", "pruned")
    )
    assert (expected.errors.sum(axis=0) > 5).all()
    for array, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(array, other, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("method", ["auto", "pruned"])
def test_a_neuron_without_errors_stays_and_learning_ends(method):
    times, labels, weight = problem(8, 20)
    events = Events.from_latencies(times, 100.0)
    found = learn_online(events, labels, weight, NEURON, **RULE, epochs=200, method=method)
    first = np.argmin(found.errors > 0, axis=0)  # the first epoch without an error
    assert len(found.errors) == first.max() + 1 < 100
    assert first.min() < first.max()
    assert not found.errors[-1].any()
    until = learn_online(
        events, labels, weight, NEURON, **RULE, epochs=int(first.min()) + 1, method=method
    )
    solved = np.argmin(first)
    np.testing.assert_array_equal(found.weight[solved], until.weight[solved])


@pytest.mark.parametrize("method", ["auto", "pruned"])
def test_learning_goes_on_where_it_stopped(method):
    times, labels, weight = problem(20, 8)
    events = Events.from_latencies(times, 100.0)
    whole = learn_online(events, labels, weight, NEURON, **RULE, epochs=5, method=method)
    part = learn_online(events, labels, weight, NEURON, **RULE, epochs=2, method=method)
    rest = learn_online(
        events, labels, part.weight, NEURON, **RULE, epochs=3, change=part.change, method=method
    )
    np.testing.assert_array_equal(rest.weight, whole.weight)


def test_a_shunted_neuron_learns_from_what_counts_for_it():
    times, labels, weight = problem()
    events, shunted = Events.from_latencies(times, 100.0), Neuron(15.0, 3.75, shunt=True)
    found, expected = (
        learn_online(events, labels, weight, shunted, **RULE, epochs=3, method=method)
        for method in ("auto", "pruned")
    )
    np.testing.assert_allclose(found.weight, expected.weight, rtol=0.0, atol=1e-12)
    free = learn_online(events, labels, weight, NEURON, **RULE, epochs=3)
    assert abs(free.weight - found.weight).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("learning_rate", 0.0, "learning_rate must be positive and finite, got 0.0"),
        ("momentum", 1.0, r"momentum must be a number in \[0, 1\), got 1.0"),
        ("epochs", 0, "epochs must be from 1 to"),
        ("method", "fast", "method must be one of auto, static, pruned, got 'fast'"),
        ("change", np.zeros((2, 7)), r"change must be like weight, .* shape \(2, 7\)"),
        ("weight", np.full((2, 8), np.nan), "weight must be finite"),
        ("labels", np.ones(5, bool), "boolean labels must have the shape"),
    ],
)
def test_what_is_wrong_is_named(name, value, words):
    times, labels, weight = problem()
    given = {"labels": labels, "weight": weight, **RULE, "epochs": 1, name: value}
    events = Events.from_latencies(times, 100.0)
    with pytest.raises(ValueError, match=words):
        learn_online(events, neuron=NEURON, **given)
    with pytest.raises(TypeError, match="rng must be a numpy"):
        learn_online(events, labels, weight, NEURON, **RULE, epochs=1, rng=3)
