"""A step of learning: its compiled pieces against the passes over arrays that define them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tempotron_core import Events, Network, Neuron
from tempotron_core.arrays.registry import fused
from tempotron_core.learning import Adam, Momentum
from tempotron_core.learning.optimisers.update_rule import UpdateRule
from tempotron_core.networks import learning_step as steps
from tempotron_core.networks.learning_step import Objective, learning_step

RNG = np.random.default_rng(11)
DTYPES = [np.float32, np.float64]
CLASSES, PATTERNS = 4, 7
LABELS = RNG.integers(0, CLASSES, PATTERNS)
FORM = fused("class_cost", "auto", np.zeros(1))
compiled = pytest.mark.skipif(FORM is None, reason="Numba is not installed")


def potentials(size: int, dtype: type) -> np.ndarray:
    return RNG.uniform(-1.0, 2.0, (PATTERNS, CLASSES * size)).astype(dtype)


@compiled
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", ["cross_entropy", "tempotron", "mse"])
def test_cost_of_classes(loss, dtype):
    bar = 2e-6 if dtype == np.float32 else 1e-13
    for pooling, size, weighted in product(("max", "mean", "logsumexp"), (1, 3), (False, True)):
        objective = Objective(neurons_per_class=size, pooling=pooling, loss=loss)
        v_max = potentials(size, dtype)
        weight = RNG.uniform(0.0, 2.0, CLASSES).astype(dtype) if weighted else None
        assert FORM(v_max, LABELS, objective, weight) is not None
        cost = objective.cost(v_max, LABELS, weight)
        for found, expected in zip(cost, objective._cost(v_max, LABELS, weight), strict=True):
            assert found.dtype == expected.dtype
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=bar, atol=bar)


@compiled
@pytest.mark.parametrize("pooling", ["max", "mean", "logsumexp"])
def test_what_is_not_known_shows(pooling):
    objective = Objective(neurons_per_class=3, pooling=pooling)
    v_max = potentials(3, np.float64)
    v_max[2, 4] = np.nan
    loss, cotangent, _ = objective.cost(v_max, LABELS)
    assert np.isnan(loss)
    assert np.isnan(cotangent[2]).any()
    assert np.isfinite(np.delete(cotangent, 2, axis=0)).all()


@compiled
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("value", [-np.inf, np.inf, np.nan])
def test_what_is_not_finite_is_that_of_the_passes(value):
    kinds = product(
        ("cross_entropy", "tempotron", "mse"), ("max", "mean", "logsumexp"), (1, 3), (0, 1, 2)
    )
    for loss, pooling, size, at in kinds:
        objective = Objective(neurons_per_class=size, pooling=pooling, loss=loss)
        v_max = potentials(size, np.float64)
        v_max[at, :size] = value
        labels = np.arange(PATTERNS) % 2  # of class 0, and not
        found, expected = objective.cost(v_max, labels), objective._cost(v_max, labels, None)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-13)


@compiled
def test_ties_go_to_the_first():
    objective = Objective(neurons_per_class=2, pooling="max", loss="mse")
    v_max = np.full((1, 4), 0.5)
    labels = np.asarray([1])
    for found, expected in zip(
        objective.cost(v_max, labels), objective._cost(v_max, labels, None), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


WRONG = {
    "late": ({}, LABELS + CLASSES, None),
    "early": ({}, LABELS - CLASSES, None),
    "shape": ({}, LABELS[:3], None),
    "floats": ({}, LABELS * 1.0, None),
    "temperature": ({"temperature": 0.0}, LABELS, None),
    "pooling": ({"pooling": "median"}, LABELS, None),
    "weight": ({}, LABELS, -np.ones(CLASSES)),
    "weights": ({}, LABELS, np.ones(CLASSES + 1)),
}


@pytest.mark.parametrize(("options", "labels", "weight"), WRONG.values(), ids=WRONG)
def test_errors_are_those_of_the_passes(options, labels, weight):
    objective, v_max = Objective(neurons_per_class=3, **options), potentials(3, np.float64)
    with pytest.raises((TypeError, ValueError)) as expected:
        objective._cost(v_max, labels, weight)
    with pytest.raises(expected.type) as found:
        objective.cost(v_max, labels, weight)
    assert str(found.value) == str(expected.value)


def layer(dtype=np.float64, **constants):
    """Events and a network of one layer: one output is silent, one pattern has no spike."""
    times = RNG.uniform(0.0, 50.0, (PATTERNS, 20)).astype(dtype)
    times[1] = np.inf
    weight = RNG.normal(0.1, 0.5, (2 * CLASSES, 20)).astype(dtype)
    weight[3] = -1.0
    return Events.from_latencies(times, 50.0), Network([weight], Neuron(**constants))


SIMPLE = {
    "plain": ({}, {}),
    "tempotron rule": ({"loss": "tempotron"}, {}),
    "limited": ({"clip_norm": 1e-3}, {}),
    "shunted": ({}, {"shunt": True, "v_threshold": 0.5}),
}


@compiled
@pytest.mark.parametrize(("options", "constants"), SIMPLE.values(), ids=SIMPLE)
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_a_step_at_once_to_the_last_bit(options, constants, weighted, monkeypatch):
    events, network = layer(np.float32, **constants)
    by_class = np.arange(1.0, 1.0 + CLASSES) if weighted else None
    objective = Objective(neurons_per_class=2, **options)
    step = learning_step(network, objective, by_class)
    at_once, taken = steps._at_once, []
    monkeypatch.setattr(
        steps, "_at_once", lambda *given: taken.append(at_once(*given)) or taken[-1]
    )
    found = step(events, LABELS, network.weights)
    assert taken[0] is not None
    monkeypatch.setattr(steps, "_at_once", lambda *_: None)
    expected = step(events, LABELS, network.weights)
    assert found.awake[0].tolist() == [o != 3 for o in range(2 * CLASSES)]
    for ours, theirs in zip(
        (found.loss, found.hits, *found.gradients, *found.awake),
        (expected.loss, expected.hits, *expected.gradients, *expected.awake),
        strict=True,
    ):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@compiled
@pytest.mark.parametrize("wrong", ["late", "shape", "floats"])
def test_errors_of_a_step_at_once(wrong):
    events, network = layer()
    step = learning_step(network, Objective(neurons_per_class=2))
    with pytest.raises((TypeError, ValueError), match="labels"):
        step(events, WRONG[wrong][1], network.weights)
    other = Events.from_latencies(np.ones((PATTERNS, 3)), 50.0)
    with pytest.raises(ValueError, match="one column per afferent"):
        step(other, LABELS, network.weights)


@compiled
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_to_the_last_bit(dtype, decay):
    fast, slow = Adam(0.1, weight_decay=decay), Adam(0.1, weight_decay=decay)
    weight = expected = RNG.normal(size=(5, 9)).astype(dtype)
    for _ in range(4):
        gradient = RNG.normal(size=(5, 9)).astype(dtype)
        before = weight.copy(), weight
        weight = fast.step(weight, gradient)
        np.testing.assert_array_equal(*before)
        expected = UpdateRule._updated(slow, expected, gradient)
        np.testing.assert_array_equal(weight, expected)
        np.testing.assert_array_equal(fast.mean, slow.mean)
        np.testing.assert_array_equal(fast.square, slow.square)
        assert fast.n_steps == slow.n_steps
        assert weight.dtype == dtype


@pytest.mark.parametrize("rule", [Adam(0.1), Momentum(0.1, momentum=0.5)], ids=repr)
def test_states_that_are_kept_do_not_change(rule):
    weight = np.ones((2, 3))
    rule.step(weight, weight)
    state = {name: np.copy(value) for name, value in rule.state().items()}
    kept = rule.state()
    rule.step(weight, -weight)
    for name, value in state.items():
        np.testing.assert_array_equal(kept[name], value)


def test_weights_that_fit_are_taken_as_they_are():
    hidden, output = RNG.normal(size=(3, 5)), RNG.normal(size=(2, 4))
    network = Network([hidden, output], Neuron(), reference_times=(1.0,))
    other = network.with_weights([2.0 * hidden, output])
    assert type(other) is Network
    assert other.weights[0] is not hidden
    assert other.weights[1] is output
    assert other.reference_times == (1.0,)
    assert other._silence is network._silence
    np.testing.assert_array_equal(network.weights[0], hidden)
    wider = network.with_weights([np.ones((3, 6)), output])
    assert wider.n_afferents == 6
    for wrong in ([hidden], [hidden, output[:, :2]], [hidden, output.astype(int)], [hidden, None]):
        with pytest.raises((TypeError, ValueError), match=r"weights|neuron"):
            network.with_weights(wrong)
