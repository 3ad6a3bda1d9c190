"""Counts learned from patterns with clues, decoys and noise; nothing says where the clues are."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Neuron, fit_counts


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
    assert model.weight.shape == (2, 40)
    assert model.score(events, wanted) >= 0.9
    assert not model.predict(events)[:, 1].any()


@pytest.mark.skip_backend("jax", reason="numbers of spikes are not known under tracing")
@pytest.mark.slow_backend("strict", reason="takes half a minute; the rules are tested alone")
@pytest.mark.usefixtures("dtype")
def test_backends(asarray, backend):
    trains, counts = patterns(np.random.default_rng(2), 12)
    events = Events.from_trains(asarray(trains), 420.0)
    model = fit_counts(events, backend.from_numpy(counts), rule="correlation", epochs=3)
    assert model.weight.dtype == events.times.dtype
    assert model.history["loss"][-1] < model.history["loss"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": [0.5, 1.0]}, "counts must be integers, got float64"),
        ({"counts": [1, -1]}, "counts must not be negative, got -1"),
        ({"counts": [1]}, r"counts must have shape \(B,\) or \(B, O\) with B = 2"),
        ({"events": np.zeros((2, 3))}, "events must be an Events, got ndarray"),
        ({"rule": "hebb"}, "rule must be"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"neuron": Neuron(shunt=True)}, "neuron must have shunt=False"),
    ],
)
def test_bad_arguments(change, message):
    given = {"events": Events.from_latencies(np.ones((2, 3)), 10.0), "counts": [1, 0]} | change
    with pytest.raises((TypeError, ValueError), match=message):
        fit_counts(**given)


def test_score_of_other_neurons():
    events = Events.from_latencies(np.ones((2, 3)), 10.0)
    model = fit_counts(events, [1, 0], epochs=0)
    with pytest.raises(ValueError, match="counts must be of 1 neurons, got 2"):
        model.score(events, [[1, 0], [0, 1]])
