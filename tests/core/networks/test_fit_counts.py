"""Counts learned from patterns with clues, decoys and noise; nothing says where the clues are."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Network, Neuron, fit_counts
from tempotron_core.events.changing import map_arrays
from tempotron_core.networks.activity_rule import activity_gradients
from tempotron_core.networks.count_step import count_step
from tempotron_core.spiking import critical_threshold, critical_threshold_vjp


def patterns(rng, n_patterns=50):
    """Noise, a decoy in each pattern, and 0 to 2 clues of the same afferents."""
    counts, (clue, decoy) = rng.integers(0, 3, n_patterns), rng.uniform(0.0, 40.0, (2, 40))
    trains = rng.uniform(0.0, 400.0, (n_patterns, 40, 3))
    trains[:, :, 0] = 300.0 + decoy
    trains[counts > 0, :, 1] = 50.0 + clue
    trains[counts > 1, :, 2] = 200.0 + clue
    return trains, counts


@pytest.mark.parametrize(("rule", "seed"), [("exact", 0), ("correlation", 2)])
def test_a_neuron_finds_the_clues(rule, seed):
    trains, counts = patterns(np.random.default_rng(seed))
    events = Events.from_trains(trains, 420.0)
    model = fit_counts(events[:30], counts[:30], rule=rule)
    assert model.history["accuracy"][-1] >= 0.95
    assert model.score(events[:30], counts[:30]) >= 0.95
    assert model.score(events[30:], counts[30:]) >= 0.8
    assert model.predict(events[:0]).shape == (0, 1)
    assert model.history["accuracy"][0] < 0.7  # it had something to learn


def test_every_neuron_has_counts_of_its_own():
    trains, counts = patterns(np.random.default_rng(2), 24)
    events, wanted = Events.from_trains(trains, 420.0), np.stack([counts, 0 * counts], axis=1)
    model = fit_counts(events, wanted, Neuron(15.0), rule="correlation")
    assert model.network.weights[0].shape == (2, 40)
    assert model.score(events, wanted) >= 0.9
    assert not model.predict(events)[:, 1].any()


@pytest.mark.on_jax
@pytest.mark.slow_backend("strict", reason="takes half a minute; the rules are tested alone")
@pytest.mark.usefixtures("dtype")
def test_backends(asarray, backend):
    trains, counts = patterns(np.random.default_rng(2), 12)
    events = Events.from_trains(asarray(trains), 420.0)
    model = fit_counts(events, backend.from_numpy(counts), rule="correlation", epochs=3)
    assert model.network.weights[0].dtype == events.times.dtype
    assert model.history["loss"][-1] < model.history["loss"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": [1.0, 0.5]}, "counts must be whole numbers, got 0.5"),
        ({"counts": ["one", "two"]}, "counts must be whole numbers, got <U3"),
        ({"counts": [1, -1]}, "counts must not be negative, got -1"),
        ({"counts": [1]}, r"counts must have shape \(B,\) or \(B, O\) with B = 2"),
        ({"events": np.zeros((2, 3))}, "events must be an Events, got ndarray"),
        ({"rule": "hebb"}, "rule must be"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"hidden": 5}, "hidden must be a sequence of integers, got 5"),
        ({"neuron": 3}, "neuron must be a sequence of Neurons, or one"),
        ({"neuron": [Neuron()] * 2}, "neuron must be one Neuron or one per layer, got 2 for 1"),
        ({"neuron": Neuron(shunt=True)}, "neuron must have shunt=False"),
    ],
)
def test_bad_arguments(change, message):
    given = {"events": Events.from_latencies(np.ones((2, 3)), 10.0), "counts": [1, 0]} | change
    with pytest.raises((TypeError, ValueError), match=message):
        fit_counts(**given)


def test_counts_of_a_table_are_floats():
    trains, counts = patterns(np.random.default_rng(2), 12)
    events = Events.from_trains(trains, 420.0)
    quick = {"epochs": 1, "rule": "correlation"}
    model, other = (fit_counts(events, of, **quick) for of in (counts, list(counts * 1.0)))
    np.testing.assert_array_equal(model.network.weights[0], other.network.weights[0])
    assert model.score(events, counts * 1.0) == model.score(events, counts)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_weights_that_overflow_are_told_of():
    """Counts alone would not say so: a neuron of no finite potential has none."""
    events = Events.from_latencies(np.random.default_rng(0).uniform(0.0, 100.0, (30, 5)), 100.0)
    with pytest.raises(ValueError, match="diverged in epoch 1: weights are not finite; learning_r"):
        fit_counts(events, np.ones(30, int), learning_rate=1e308)


def test_score_of_other_neurons():
    events = Events.from_latencies(np.ones((2, 3)), 10.0)
    model = fit_counts(events, [1, 0], epochs=0)
    with pytest.raises(ValueError, match="counts must be of 1 neurons, got 2"):
        model.score(events, [[1, 0], [0, 1]])


def test_counts_reach_through_a_hidden_layer():
    """No output sees the patterns themselves."""
    trains, counts = patterns(np.random.default_rng(1))
    events = Events.from_trains(trains, 420.0)
    model = fit_counts(events[:30], counts[:30], hidden=(30,), learning_rate=3.0)
    assert model.history["accuracy"][0] < 0.7
    assert model.score(events[:30], counts[:30]) >= 0.95
    assert model.score(events[30:], counts[30:]) >= 0.8
    hidden, output = model.network.weights
    assert (hidden.shape, output.shape) == ((30, 40), (1, 30))
    assert model.network.forward(events).hidden[0].counts.max() > 1


def deep(rng):
    """Four hidden neurons, of which one is silent, and one spikes often in some patterns."""
    trains = rng.uniform(0.0, 100.0, (6, 8, 3))
    hidden = rng.normal(0.0, 0.1, (4, 8)) + np.asarray([0.1, -2.0, 0.25, 0.1])[:, None]
    neurons = Neuron(25.0, 5.0), Neuron(30.0, 5.0)
    return Events.from_trains(trains, 110.0), Network(
        [hidden, rng.normal(0.3, 0.3, (1, 4))], neurons, "spikes", readout="counts"
    )


def test_hidden_neurons_are_kept_active():
    """One that is silent in the batch, and one in patterns in which it spikes too often."""
    events, network = deep(np.random.default_rng(6))
    activity = network.forward(events)
    (counts,) = (each.counts for each in activity.hidden)
    many = counts > 110.0 / 25.0
    assert (counts == 0).all(axis=0).tolist() == [False, True, False, False]
    assert (many.any(axis=0) & ~many.all(axis=0)).tolist() == [False, False, True, False]
    assert (counts[:, [0, 3]] == 0).any()
    (found,) = activity_gradients(network, activity)
    hidden, neuron = network.weights[0], network.neurons[0]
    expected = np.zeros((4, 8))
    for b in range(6):
        one = events[b : b + 1]
        for o, k, sign in ((1, 1, -1.0), (2, counts[b, 2], many[b, 2])):
            row = hidden[o : o + 1]
            critical = critical_threshold(one, row, neuron, int(k))
            owed = critical_threshold_vjp(one, row, neuron, critical, np.full((1, 1), sign / 6.0))
            expected[o] += owed.weight[0]
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-14)
    wanted = activity.spikes.counts + 1
    with_it, without = (
        count_step(network, keep_active=part)(events, wanted, network.weights).gradients
        for part in (0.3, 0.0)
    )
    np.testing.assert_allclose(with_it[0] - without[0], 0.3 * expected, rtol=0.0, atol=1e-14)
    np.testing.assert_array_equal(with_it[1], without[1])


@pytest.mark.slow_backend("strict", reason="takes seconds; counts in a network are tested alone")
def test_hidden_neurons_are_kept_active_on_any_library(backend, to_numpy):
    events, network = deep(np.random.default_rng(6))
    events, wanted = events[:4], np.ones((4, 1), dtype=int)  # 1/4 is exact in any precision
    expected = count_step(network)(events, wanted, network.weights)
    events = map_arrays(events, backend.from_numpy)
    network = network.with_weights([backend.from_numpy(w) for w in network.weights])
    found = count_step(network)(events, backend.from_numpy(wanted), network.weights)
    for ours, numpys in zip(found.gradients, expected.gradients, strict=True):
        np.testing.assert_allclose(to_numpy(ours), numpys, rtol=1e-11, atol=1e-11)


def test_neurons_at_rest_are_brought_back():
    """A start that is far too low, from which the rule alone has no gradient."""
    trains, counts = patterns(np.random.default_rng(2), 20)
    events = Events.from_trains(trains, 420.0)
    network = Network([-np.ones((1, 40))], Neuron(), readout="counts")
    counts = np.maximum(counts, 1)[:, None]
    for recovery, learns in (("none", False), ("eligibility", True), ("end", True)):
        found = count_step(network, recovery=recovery)(events, counts, network.weights)
        assert found.gradients[0].any() == learns
        assert found.awake[0].all() == learns


def test_what_each_step_says():
    trains, counts = patterns(np.random.default_rng(2), 20)
    events, counts = Events.from_trains(trains, 420.0), counts[:, None]
    weight = np.random.default_rng(0).normal(0.02, 0.1, (1, 40))
    network = Network([weight], Neuron(), readout="counts")
    own = network.forward(events).spikes.counts
    right = count_step(network)(events, own, (weight,))
    assert (right.loss, right.hits, right.gradients) == (0.0, 20.0, None)
    wrong = count_step(network, clip_norm=0.5)(events, own + 1, (weight,))
    assert (wrong.loss, wrong.hits) == (1.0, 0.0)
    assert np.linalg.norm(wrong.gradients[0]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "correlation", "hidden": (3,)}, "rule must be 'exact' with hidden layers"),
        ({"recovery": "all"}, "recovery must be one of"),
        ({"hidden": (0,)}, "hidden must be"),
        ({"fraction": 1.0, "hidden": (3,)}, "fraction must be from 0 to 1"),
        ({"spread": -1.0}, "spread must be positive"),
        ({"keep_active": -0.1}, "keep_active must be"),
    ],
)
def test_bad_options(change, message):
    given = {"events": Events.from_latencies(np.ones((2, 3)), 10.0), "counts": [1, 0]} | change
    with pytest.raises(ValueError, match=message):
        fit_counts(**given)
    with pytest.raises(ValueError, match="network must have readout='counts'"):
        count_step(Network([np.ones((1, 3))], Neuron()))
