"""`fit`: it learns, on every backend the same, from labels of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tempotron_core import Events, Fitted, Network, Neuron, SilenceWarning, fit, peak
from tempotron_core.learning import pool

N_CLASSES, N_INPUTS, DURATION = 3, 20, 60.0
RNG = np.random.default_rng(11)
PROTOTYPES = RNG.uniform(0.0, 50.0, (N_CLASSES, 2, N_INPUTS))
LABELS = RNG.integers(0, N_CLASSES, 150)
TIMES = np.abs(PROTOTYPES[LABELS, RNG.integers(0, 2, 150)] + RNG.normal(0.0, 3.0, (150, N_INPUTS)))
NAMES = np.asarray(["ant", "bee", "cicada"])
SMALL: dict[str, Any] = {"neurons_per_class": 2, "epochs": 4}


def events_of(asarray: Any) -> Events:
    return Events.from_latencies(asarray(TIMES), DURATION)


EVENTS = events_of(np.asarray)


def test_it_learns_what_one_neuron_per_class_cannot() -> None:
    model = fit(EVENTS[:100], LABELS[:100], Neuron(), epochs=10)
    assert isinstance(model, Fitted)
    assert model.score(EVENTS[100:], LABELS[100:]) > 0.95
    assert model.network.weights[0].shape == (3 * 6, N_INPUTS)
    assert set(model.history) == {"loss", "accuracy"}
    assert len(model.history["loss"]) == 10
    assert model.history["loss"][-1] < 0.5 * model.history["loss"][0]


def test_class_weights_favour_a_rare_class() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat(["often", "rare"], [200, 20])
    times = np.abs(rng.normal(np.where(labels == "rare", 22.0, 25.0)[:, None] * [1, 0] + 20.0, 3.0))
    events = Events.from_latencies(times, DURATION)
    found = {
        name: fit(events, labels, **SMALL, class_weight=weight).predict(events)[200:] == "rare"
        for name, weight in (
            ("alike", None),
            ("balanced", "balanced"),
            ("given", {np.str_("rare"): 10.0}),
        )
    }
    assert found["alike"].mean() + 0.2 < min(found["balanced"].mean(), found["given"].mean())


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("even", "class_weight must be None, 'balanced' or a dict, got 'even'"),
        ({3: 1.0}, r"class_weight must name classes among \[0, 1, 2\], got \[3\]"),
        ({1: -1.0}, "class_weight must hold finite weights, zero or more"),
        ({1: "much"}, "class_weight must hold finite weights, zero or more"),
    ],
)
def test_bad_class_weights(weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(EVENTS, LABELS, **SMALL, class_weight=weight)


def test_backends_agree(asarray: Any, to_numpy: Any, dtype: Any) -> None:
    model = fit(events_of(asarray), LABELS, Neuron(), **SMALL)
    assert model.network.weights[0].dtype == dtype
    assert model.network.weights[0].device == events_of(asarray).device
    expected = fit(EVENTS, LABELS, Neuron(), **SMALL)
    exact = to_numpy(model.network.weights[0]).dtype == np.float64
    np.testing.assert_allclose(
        to_numpy(model.network.weights[0]),
        expected.network.weights[0],
        rtol=0.0,
        atol=1e-10 if exact else 1e-3,
    )
    values = to_numpy(model.values(events_of(asarray)))
    pooled = pool(
        peak(EVENTS, expected.network.weights[0], Neuron()).v_max,
        N_CLASSES,
        how="logsumexp",
        temperature=0.2,
    )
    np.testing.assert_allclose(values, pooled, rtol=0.0, atol=1e-10 if exact else 1e-3)
    assert (model.predict(events_of(asarray)) == values.argmax(axis=1)).all()


@pytest.mark.parametrize(
    "kind", ["bool", "str", "list", "object", "bytes", "uint8", "negative", "array"]
)
def test_labels_of_every_kind(kind: str) -> None:
    labels: Any = {
        "bool": LABELS == 1,
        "str": NAMES[LABELS],
        "list": NAMES[LABELS].tolist(),
        "object": NAMES[LABELS].astype(object),
        "bytes": NAMES.astype(bytes)[LABELS],
        "uint8": LABELS.astype(np.uint8) + 250,
        "negative": 7 * (LABELS - 1),
        "array": LABELS,
    }[kind]
    if kind == "array":
        strict = pytest.importorskip("array_api_strict")
        labels = strict.asarray(LABELS, device=strict.Device("device1"))
    model = fit(EVENTS, labels, **SMALL | {"epochs": 8})
    plain = LABELS if kind == "array" else np.asarray(labels)
    np.testing.assert_array_equal(model.classes, np.unique(plain))
    found = model.predict(EVENTS)
    assert (found == plain).mean() > 0.9
    assert model.score(EVENTS, labels) == (found == plain).mean()
    if kind not in ("object", "list"):
        assert found.dtype == plain.dtype


def test_torch_labels() -> None:
    torch = pytest.importorskip("torch")
    events = Events.from_latencies(torch.asarray(TIMES), DURATION)
    model = fit(events, torch.asarray(LABELS == 1), **SMALL)
    assert model.classes.tolist() == [False, True]


def test_the_generator_decides() -> None:
    first = fit(EVENTS, LABELS, rng=1, **SMALL)
    again = fit(EVENTS, LABELS, rng=np.random.default_rng(1), **SMALL)
    other = fit(EVENTS, LABELS, rng=2, **SMALL)
    np.testing.assert_array_equal(first.network.weights[0], again.network.weights[0])
    assert (first.network.weights[0] != other.network.weights[0]).any()


def test_the_best_epoch_on_watched_patterns_is_kept() -> None:
    watched = EVENTS[100:], NAMES[LABELS[100:]]
    given = EVENTS[:100], NAMES[LABELS[:100]]
    model = fit(*given, validation=watched, **SMALL | {"epochs": 6})
    curve = model.history["validation_accuracy"]
    assert len(curve) == 6
    assert model.score(*watched) == max(curve)
    # it only watches: the steps are those of a run without
    plain = fit(*given, **SMALL | {"epochs": 6})
    assert model.history["loss"] == plain.history["loss"]
    assert plain.score(*watched) == curve[-1]


def test_hidden_layers_and_constants_of_their_own() -> None:
    neurons = [Neuron(15.0, 3.75, 2.0), Neuron(10.0, 2.5, 0.5)]
    model = fit(EVENTS, LABELS, neurons, hidden=[12], reference_times=[5.0], **SMALL)
    network = model.network
    assert [weight.shape for weight in network.weights] == [(12, N_INPUTS), (6, 13)]
    assert network.neurons == tuple(neurons)
    assert network.reference_times == (5.0,)
    assert network.min_slope == pytest.approx(0.05)
    assert model.objective.v_threshold == 0.5
    assert model.score(EVENTS, LABELS) > 0.5


def test_thresholds_are_a_unit() -> None:
    """All that has the unit of a potential follows the threshold."""
    usual = fit(EVENTS, LABELS, Neuron(), **SMALL)
    scaled = fit(EVENTS, LABELS, Neuron(v_threshold=8.0), **SMALL)
    np.testing.assert_allclose(
        scaled.network.weights[0], usual.network.weights[0], rtol=0.0, atol=1e-6
    )


def test_no_epochs_and_no_deletion() -> None:
    start = fit(EVENTS, LABELS, epochs=0, neurons_per_class=2)
    assert start.history == {"loss": [], "accuracy": []}
    assert peak(EVENTS, start.network.weights[0], Neuron()).v_max.max() == pytest.approx(0.5)
    assert isinstance(fit(EVENTS, LABELS, deletion=0.0, **SMALL).network, Network)


def test_predictions_of_many_and_of_no_patterns() -> None:
    model = fit(EVENTS, LABELS, **SMALL)
    many = EVENTS[np.arange(600) % 150]
    np.testing.assert_array_equal(model.predict(many), np.tile(model.predict(EVENTS), 4))
    assert model.predict(EVENTS[:0]).shape == (0,)


def test_neurons_that_answer_to_nothing_are_told_of_once() -> None:
    nothing = Events.from_latencies(np.full((150, N_INPUTS), np.inf), DURATION)
    with pytest.warns(SilenceWarning, match="6 of 6 neurons answered to no pattern of ep") as told:
        fit(nothing, LABELS, **SMALL)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"events": TIMES}, TypeError, "events must be an Events, got ndarray"),
        ({"labels": LABELS[:-1]}, ValueError, r"labels must have shape \(150,\)"),
        ({"labels": LABELS * 1.0}, TypeError, "labels must be integers, booleans or strings"),
        ({"labels": [None] * 150}, TypeError, "labels must be integers, booleans or strings"),
        ({"labels": LABELS * 0}, ValueError, r"labels must be of two classes or more, got \[0\]"),
        ({"neuron": 15.0}, TypeError, "neuron must be a Neuron"),
        ({"neuron": []}, ValueError, "neuron must be one Neuron or one per layer, got 0 for 1"),
        ({"neuron": Neuron(shunt=True)}, ValueError, "neuron must have shunt=False"),
        ({"neurons_per_class": 0}, ValueError, "neurons_per_class must be from 1"),
        ({"epochs": 1.5}, TypeError, "epochs must be an integer"),
        ({"batch_size": 0}, ValueError, "batch_size must be from 1"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be positive"),
        ({"temperature": -1.0}, ValueError, "temperature must be positive"),
        ({"deletion": 1.0}, ValueError, "deletion must be from 0 to 1"),
        ({"rng": "0"}, TypeError, r"rng must be a numpy\.random\.Generator or an integer"),
        ({"rng": -1}, ValueError, "rng must be from 0"),
        ({"validation": EVENTS}, TypeError, "validation must be a pair of Events and labels"),
        ({"validation": (EVENTS, LABELS + 1)}, ValueError, r"must occur in training.*got \[3\]"),
        ({"validation": (EVENTS, LABELS[:2])}, ValueError, r"validation's labels must have shape"),
        ({"seed": 3}, TypeError, "seed"),
    ],
)
def test_bad_arguments(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"events": EVENTS, "labels": LABELS, "neuron": Neuron()} | changes
    with pytest.raises(error, match=message):
        fit(**arguments)
