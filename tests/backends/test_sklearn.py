"""The classifier in scikit-learn's form: its contract, and that it does what its parts do."""

from __future__ import annotations

import importlib
import math
import pickle
import sys
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_moons
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tempotron_backends import Backend, select
from tempotron_backends.data.loader import InMemory
from tempotron_backends.recipes.recipe import Recipe
from tempotron_backends.sklearn import TempotronClassifier, fitting
from tempotron_backends.sklearn.drawing import Drawn
from tempotron_backends.sklearn.settings import NOT_OFFERED
from tempotron_core import Events, Neuron, peak
from tempotron_core.encoding import GaussianReceptiveFields, encode_latency
from tempotron_core.encoding.features import feature_range

IRIS, SPECIES = load_iris(return_X_y=True)
MOONS, SIDE = make_moons(200, noise=0.2, random_state=0)
QUICK: dict[str, Any] = {"epochs": 6, "neurons_per_class": 2, "random_state": 0}


def quick(**more: Any) -> TempotronClassifier:
    return TempotronClassifier(**(QUICK | more))


def weights(classifier: TempotronClassifier) -> list[Any]:
    return list(classifier.network_.weights)


def assert_same_weights(first: TempotronClassifier, second: TempotronClassifier) -> None:
    for one, other in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def iris() -> TempotronClassifier:
    return quick().fit(IRIS, SPECIES)


# -- scikit-learn's contract ------------------------------------------------------------------


def not_exact(estimator: Any) -> dict[str, str]:  # noqa: ARG001
    """Checks that no learner passes whose steps depend on the order of the patterns."""
    why = "weights say how often patterns are drawn, in batches of their own"
    kinds = ("dense_data", "sparse_data")
    return {f"check_sample_weight_equivalence_on_{kind}": why for kind in kinds}


# One of the checks all but forbids two of three classes, whose neurons then have to stay silent.
silent = pytest.mark.filterwarnings("ignore::tempotron_core.SilenceWarning")


@silent
@parametrize_with_checks(
    [TempotronClassifier(random_state=0, epochs=15)], expected_failed_checks=not_exact
)
def test_estimator_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@silent
@parametrize_with_checks(
    [
        TempotronClassifier(
            random_state=0, epochs=15, hidden=(20,), validation=0.25, patience=5, dtype="float64"
        ),
    ],
    expected_failed_checks=not_exact,
)
def test_estimator_checks_of_hidden_layers(estimator: Any, check: Any) -> None:
    check(estimator)


def test_settings_are_those_of_a_recipe() -> None:
    offered = TempotronClassifier().get_params()
    of_recipe = {
        field.name: field.default for field in fields(Recipe) if field.name not in NOT_OFFERED
    }
    # with few features more fields are better, see docs/sklearn.md
    own = {
        "n_fields": 8,
        "clock": "auto",
        "device": "numpy",
        "dtype": "float32",
        "random_state": None,
        "verbose": False,
    }
    assert offered == of_recipe | own | {"class_weight": None}


def test_settings_reach_the_run() -> None:
    chosen: dict[str, Any] = {
        "hidden": (7,), "output_tau": 9.0, "loss": "mse", "margin": 0.1, "n_fields": 4,
        "clock": (3.0, 9.0),
    }  # fmt: skip
    fitted = quick(**chosen, epochs=1).fit(IRIS, SPECIES)
    assert {name: getattr(fitted.recipe_, name) for name in chosen} == chosen
    assert [weight.shape for weight in weights(fitted)] == [(7, 16 + 2), (6, 7)]
    assert fitted.network_.clock == (3.0, 9.0)
    assert fitted.network_.neurons[-1].tau == 9.0


def test_clone_takes_the_settings_alone(iris: TempotronClassifier) -> None:
    copy = clone(iris)
    assert copy.get_params() == iris.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(IRIS)


def test_grid_search_over_margin() -> None:
    grid = {"margin": np.asarray([0.0, 0.4, 3.0])}
    rule = quick(loss="tempotron", optimiser="momentum", learning_rate=0.5)
    found = GridSearchCV(rule, grid, cv=3).fit(IRIS, SPECIES)
    tried = found.cv_results_["mean_test_score"]
    assert found.best_params_["margin"] == grid["margin"][np.argmax(tried)]
    assert len(set(tried)) > 1  # it makes a difference
    assert found.best_estimator_.recipe_.margin == found.best_params_["margin"]
    assert found.score(IRIS, SPECIES) > 0.85


def test_a_pipeline_with_other_units_gives_the_same(iris: TempotronClassifier) -> None:
    piped = make_pipeline(StandardScaler(), quick()).fit(IRIS, SPECIES)
    np.testing.assert_allclose(
        piped.decision_function(IRIS), iris.decision_function(IRIS), rtol=0.0, atol=1e-3
    )
    assert np.mean(piped.predict(IRIS) == iris.predict(IRIS)) > 0.99


# -- what it computes -------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", ["gaussian", "latency"])
def test_values_are_the_largest_potentials(encoder: str) -> None:
    fitted = quick(encoder=encoder, neurons_per_class=1, pooling="max", n_fields=4)
    fitted.fit(IRIS, SPECIES)
    low, high = feature_range(IRIS)
    np.testing.assert_array_equal(fitted.x_min_, low)
    np.testing.assert_array_equal(fitted.x_max_, high)
    if encoder == "gaussian":
        times = GaussianReceptiveFields(4, low, high).encode(IRIS, 15.0)
    else:
        times = encode_latency(IRIS, 15.0, x_min=low, x_max=high)
    weight = weights(fitted)[0].astype(np.float64)
    expected = peak(Events.from_latencies(times, 30.0), weight, Neuron()).v_max
    found = fitted.decision_function(IRIS)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-5)
    np.testing.assert_array_equal(fitted.predict(IRIS), np.argmax(expected, axis=1))


def test_probabilities_are_a_softmax_over_the_temperature() -> None:
    fitted = quick(temperature=0.4, v_threshold=2.0).fit(IRIS, SPECIES)
    values, found = fitted.decision_function(IRIS), fitted.predict_proba(IRIS)
    for row, probabilities in zip(values, found, strict=True):
        odds = [math.exp(value / 0.8) for value in row]
        np.testing.assert_allclose(probabilities, [each / sum(odds) for each in odds], rtol=1e-10)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


def test_two_classes_have_one_column() -> None:
    fitted = quick(temperature=0.3).fit(MOONS, SIDE)
    difference = fitted.decision_function(MOONS)
    assert difference.shape == (200,)
    np.testing.assert_allclose(
        fitted.predict_proba(MOONS)[:, 1], 1.0 / (1.0 + np.exp(-difference / 0.3)), rtol=1e-9
    )
    np.testing.assert_array_equal(fitted.predict(MOONS), (difference > 0.0).astype(int))
    assert 0 < fitted.predict(MOONS).sum() < 200


@pytest.mark.parametrize("encoder", ["gaussian", "latency"])
def test_values_beyond_the_range_count_as_its_end(encoder: str) -> None:
    fitted = quick(encoder=encoder).fit(IRIS, SPECIES)
    rng = np.random.default_rng(0)
    inside = np.where(rng.random((30, 4)) < 0.5, fitted.x_min_, fitted.x_max_)
    centre = 0.5 * (fitted.x_min_ + fitted.x_max_)
    beyond = inside + (inside - centre) * rng.choice([0.0, 0.1, 10.0, 1e200], (30, 4))
    np.testing.assert_array_equal(
        fitted.decision_function(beyond), fitted.decision_function(inside)
    )
    assert len(np.unique(fitted.decision_function(inside), axis=0)) > 5


def test_digits() -> None:
    features, digits = load_digits(return_X_y=True)
    halves = StratifiedKFold(2, shuffle=True, random_state=0)
    scores = cross_val_score(quick(epochs=12), features, digits, cv=halves)
    assert scores.min() > 0.94  # 0.1 by chance


@pytest.mark.parametrize("loss", ["tempotron", "mse", "cross_entropy"])
def test_every_loss_learns_iris(loss: str) -> None:
    rate = {"tempotron": 1.0}.get(loss, 0.3)
    fitted = quick(loss=loss, epochs=10, learning_rate=rate, deletion=0.0).fit(IRIS, SPECIES)
    assert fitted.score(IRIS, SPECIES) > 0.93


def test_backends_agree(backend: Backend) -> None:
    settings: dict[str, Any] = {"dtype": "float64", "epochs": 2, "jitter": 0.2}
    host = quick(**settings).fit(MOONS, SIDE)
    other = quick(**settings, device=str(backend)).fit(MOONS, SIDE)
    assert all(isinstance(weight, np.ndarray) for weight in weights(other))
    assert all(weight.dtype == np.float64 for weight in weights(other))
    np.testing.assert_allclose(
        other.decision_function(MOONS), host.decision_function(MOONS), rtol=0.0, atol=1e-7
    )
    np.testing.assert_array_equal(other.predict(MOONS), host.predict(MOONS))


def test_augmentation_takes_part() -> None:
    plain, *varied = (
        quick(**({"deletion": 0.0} | more)).fit(IRIS, SPECIES)
        for more in ({}, {"jitter": 1.0}, {"deletion": 0.3})
    )
    for each in varied:
        assert not np.array_equal(weights(each)[0], weights(plain)[0])
        assert each.score(IRIS, SPECIES) > 0.9


# -- labels and classes -----------------------------------------------------------------------


def test_labels_may_be_strings(iris: TempotronClassifier) -> None:
    names = np.asarray(["setosa", "versicolor", "virginica"])
    named = quick().fit(IRIS, names[SPECIES])
    np.testing.assert_array_equal(named.classes_, names)
    assert_same_weights(named, iris)
    np.testing.assert_array_equal(named.predict(IRIS), names[iris.predict(IRIS)])


def rare() -> tuple[Any, Any]:
    """Two overlapping classes, the second a tenth as frequent."""
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(0.0, 1.0, (300, 2)), rng.normal(1.2, 1.0, (30, 2))])
    return features, np.repeat(["often", "rare"], [300, 30])


@pytest.mark.parametrize("weight", ["balanced", {"rare": 10.0}, {"often": 0.1, "rare": 1}])
def test_class_weight_favours_a_rare_class(weight: Any) -> None:
    features, labels = rare()
    plain = quick().fit(features, labels).predict(features)
    weighted = quick(class_weight=weight).fit(features, labels).predict(features)
    assert np.mean(plain[300:] == "rare") < 0.4
    assert np.mean(weighted[300:] == "rare") > 0.6
    assert np.mean(weighted[:300] == "often") > 0.6


@pytest.mark.parametrize("weight", [[1.0] * 6, [1.0, 2.0, 0.0, 0.5, 2.5, 0.1]])
def test_patterns_are_drawn_in_proportion_to_their_weight(weight: list[float]) -> None:
    times = np.arange(6.0)[:, None]
    source = InMemory(Events.from_latencies(times, 10.0), np.arange(6), select("numpy"))
    drawn = Drawn(source, np.asarray(weight), np.random.default_rng(0))
    expected, counts = 6.0 * np.asarray(weight) / sum(weight), np.zeros(6)
    for _ in range(500):
        now = np.bincount(drawn.labels, minlength=6)
        assert np.all(np.abs(now - expected) < 1.0)
        found = drawn.events(np.arange(len(drawn))).times[:, 0]
        np.testing.assert_array_equal(found, drawn.labels)  # labels are those of the patterns
        counts += now
        drawn.on_epoch(None, None)  # type: ignore[arg-type]
    np.testing.assert_allclose(counts / 500.0, expected, atol=0.08)


def test_every_epoch_draws_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    original = Drawn._draw

    def record(self: Any) -> None:
        original(self)
        drawn.append(self._index)

    monkeypatch.setattr(Drawn, "_draw", record)
    quick(epochs=3, class_weight={"rare": 1.3}).fit(*rare())
    assert len(drawn) == 4  # before the first, and after each
    assert len(np.unique(drawn, axis=0)) == 4


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("even", "class_weight must be None, 'balanced' or a dict, got 'even'"),
        ([1.0, 2.0], "class_weight must be None"),
        ({"seldom": 1.0}, r"class_weight must name classes among .*'rare'\], got \['seldom'\]"),
        ({"rare": -1.0}, "class_weight must hold finite weights, zero or more"),
        ({"rare": math.nan}, "class_weight must hold finite weights, zero or more"),
        ({"rare": 0.0, "often": 0.0}, "must leave patterns to learn from, got 0 for all 330"),
    ],
)
def test_bad_class_weights(weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quick(class_weight=weight).fit(*rare())


# -- weights of patterns, sparse tables, weights of features ----------------------------------


def test_weighted_patterns_count_more() -> None:
    features, labels = rare()
    weight = np.where(labels == "rare", 10.0, 1.0)
    weighted = quick().fit(features, labels, sample_weight=weight)
    same = quick(class_weight={"rare": 10.0}).fit(features, labels)
    assert_same_weights(weighted, same)
    alike = quick().fit(features, labels, sample_weight=np.full(330, 0.3))
    assert_same_weights(alike, quick().fit(features, labels))
    part = quick().partial_fit(features, labels, ["often", "rare"], sample_weight=weight)
    assert_same_weights(
        part, quick(class_weight={"rare": 10.0}).partial_fit(features, labels, ["often", "rare"])
    )


def test_patterns_of_no_weight_are_left_out() -> None:
    features, labels = rare()
    weight = np.where(np.arange(330) % 3 == 0, 0.0, 1.0 + np.arange(330) % 2)
    features[weight == 0.0] = 1e6  # not even the ranges of the features see them
    kept = weight > 0.0
    found = quick(validation=0.2).fit(features, labels, sample_weight=weight)
    only = quick(validation=0.2).fit(features[kept], labels[kept], sample_weight=weight[kept])
    assert_same_weights(found, only)
    np.testing.assert_array_equal(found.x_max_, only.x_max_)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(3), "sample_weight.shape"),
        (np.full(330, -1.0), "[Nn]egative"),
        (np.full(330, math.nan), "NaN"),
        (np.zeros(330), "[Ss]ample.weights? must"),
    ],
)
def test_bad_weights_of_patterns(weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quick().fit(*rare(), sample_weight=weight)


def test_sparse_tables_are_as_their_dense_form() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    table = np.where(IRIS > 2.0, IRIS, 0.0)
    dense = quick().fit(table, SPECIES)
    for kind in (sparse.csr_array, sparse.coo_matrix):
        found = quick().fit(kind(table), SPECIES)
        assert_same_weights(found, dense)
        np.testing.assert_array_equal(
            found.decision_function(kind(table)), dense.decision_function(table)
        )


@pytest.mark.parametrize("settings", [{"encoder": "latency"}, {}, {"clock": "tau"}])
def test_weights_by_feature(settings: dict[str, Any]) -> None:
    """A feature that is left out of the input is one whose weights are zero."""
    fitted = quick(**settings).fit(IRIS, SPECIES)
    found = fitted.feature_weights_
    fields = 1 if settings.get("encoder") == "latency" else 8
    assert found.shape == (len(weights(fitted)[0]), 4, fields)
    changed = IRIS.copy()
    changed[:, 2] = IRIS[::-1, 2]
    assert (fitted.decision_function(changed) != fitted.decision_function(IRIS)).any()
    silenced = weights(fitted)[0].copy()
    silenced[:, : 4 * fields].reshape(-1, 4, fields)[:, 2] = 0.0
    fitted.network_ = fitted.network_.with_weights([silenced])
    assert (fitted.feature_weights_[:, 2] == 0.0).all()
    np.testing.assert_array_equal(fitted.decision_function(changed), fitted.decision_function(IRIS))


# -- repetition, pickles, devices -------------------------------------------------------------


def test_random_state() -> None:
    def fitted(random_state: Any) -> TempotronClassifier:
        return quick(epochs=2, random_state=random_state).fit(IRIS, SPECIES)

    first = fitted(3)
    assert_same_weights(first, fitted(3))
    assert_same_weights(first, first.fit(IRIS, SPECIES))
    assert_same_weights(first, fitted(np.random.RandomState(3)))
    for other in (4, None):
        assert not np.array_equal(weights(fitted(other))[0], weights(first)[0])


@pytest.mark.parametrize("device", ["numpy", "torch"])
def test_pickles_hold_numpy_alone(device: str) -> None:
    if device == "torch":
        pytest.importorskip("torch")
    fitted = quick(device=device, epochs=2, hidden=(5,)).fit(MOONS, SIDE)
    content = pickle.dumps(fitted)
    # the name of the device is all that is left of a framework
    assert content.count(b"torch") == (1 if device == "torch" else 0)
    read = pickle.loads(content)
    expected = fitted.decision_function(MOONS)
    np.testing.assert_array_equal(read.decision_function(MOONS), expected)
    elsewhere = read.set_params(device="numpy")
    np.testing.assert_allclose(elsewhere.decision_function(MOONS), expected, atol=1e-5)
    # and it goes on learning where it was
    fitted.set_params(device="numpy")
    assert_same_weights(read.partial_fit(MOONS, SIDE), fitted.partial_fit(MOONS, SIDE))


def test_settings_changed_later_wait_for_the_next_fit(iris: TempotronClassifier) -> None:
    expected = iris.predict_proba(IRIS)
    changed = pickle.loads(pickle.dumps(iris))
    changed.set_params(n_fields=7, temperature=5.0, dtype="float64", class_weight="balanced")
    np.testing.assert_array_equal(changed.predict_proba(IRIS), expected)
    more = pickle.loads(pickle.dumps(iris)).partial_fit(IRIS, SPECIES)
    changed.set_params(class_weight={0: 9.0})
    assert_same_weights(changed.partial_fit(IRIS, SPECIES), more)
    assert weights(changed)[0].dtype == np.float32
    changed.set_params(epochs=1).fit(IRIS, SPECIES)
    assert weights(changed)[0].shape == (6, 28)
    assert weights(changed)[0].dtype == np.float64


# -- epochs -----------------------------------------------------------------------------------


def test_partial_fit_repeated_is_a_fit_of_constant_steps() -> None:
    settings = {"schedule": "constant", "warm_up": 0.0, "epochs": 4}
    whole = quick(**settings).fit(IRIS, SPECIES)
    parts = quick(epochs=99, validation=0.5)
    for _ in range(4):
        parts.partial_fit(IRIS, SPECIES, classes=[2, 1, 0])
    assert_same_weights(parts, whole)
    assert parts.history_ == whole.history_
    assert parts.n_iter_ == whole.n_iter_ == 4


@pytest.mark.parametrize("optimiser", ["adam", "momentum"])
def test_partial_fit_learns_over_calls(optimiser: str) -> None:
    shuffled = np.random.default_rng(0).permutation(150)
    learner = quick(optimiser=optimiser, learning_rate=0.2)
    for part in np.array_split(shuffled, 3):  # the first has all the classes but not all values
        learner.partial_fit(IRIS[part], SPECIES[part], np.unique(SPECIES))
    early = learner.decision_function(IRIS)
    for _ in range(10):
        for part in np.array_split(shuffled, 3):
            learner.partial_fit(IRIS[part], SPECIES[part])
    assert not np.array_equal(learner.decision_function(IRIS), early)
    assert learner.score(IRIS, SPECIES) > 0.93
    assert learner.n_iter_ == len(learner.history_["loss"]) == 33
    assert np.mean(learner.history_["loss"][-3:]) < 0.5 * np.mean(learner.history_["loss"][:3])


def test_partial_fit_may_meet_a_class_later_and_follow_a_fit() -> None:
    # neurons of a class that does not come up learn to be silent, and no gradient wakes them
    learner = quick(epochs=20, recovery="eligibility")
    for _ in range(6):
        learner.partial_fit(IRIS[:100], SPECIES[:100], classes=[0, 1, 2])
    assert learner.score(IRIS[:100], SPECIES[:100]) > 0.9
    for _ in range(6):
        learner.partial_fit(IRIS[100:], SPECIES[100:])
    assert learner.predict_proba(IRIS).shape == (150, 3)
    assert learner.score(IRIS[100:], SPECIES[100:]) > 0.9
    learner.fit(IRIS, SPECIES)
    assert learner.n_iter_ == 20
    before = learner.score(IRIS, SPECIES)
    learner.partial_fit(IRIS, SPECIES)
    assert learner.n_iter_ == 21
    assert learner.score(IRIS, SPECIES) > before - 0.05


def test_bad_classes_for_partial_fit(iris: TempotronClassifier) -> None:
    with pytest.raises(ValueError, match="classes must be given at the first call"):
        quick().partial_fit(IRIS, SPECIES)
    with pytest.raises(ValueError, match="only one class is present"):
        quick().partial_fit(IRIS[:9], SPECIES[:9], classes=[0])
    with pytest.raises(ValueError, match=r"y must hold classes among \[0 1\], got \[2\]"):
        quick().partial_fit(IRIS, SPECIES, classes=[0, 1])
    learner = pickle.loads(pickle.dumps(iris))
    with pytest.raises(ValueError, match=r"classes must stay \[0 1 2\], got \[0 1 2 3\]"):
        learner.partial_fit(IRIS, SPECIES, classes=range(4))
    np.testing.assert_array_equal(learner.predict(IRIS), iris.predict(IRIS))


def test_validation_keeps_the_best_epoch_and_patience_stops() -> None:
    # half of the labels are noise: with more epochs validation gets worse
    noisy = np.where(np.random.default_rng(0).random(200) < 0.5, 1 - SIDE, SIDE)
    fitted = quick(epochs=60, validation=0.4, patience=4).fit(MOONS, noisy)
    seen = fitted.history_["validation_accuracy"]
    assert len(seen) == fitted.n_iter_ == len(fitted.history_["loss"])
    best = int(np.argmax(seen)) + 1
    assert fitted.n_iter_ == best + 4 < 60
    # the same run, stopped by hand after the best epoch
    again = quick(epochs=60, validation=0.4)
    stop = Interrupt(again, after=best)
    with pytest.warns(ConvergenceWarning, match=rf"interrupted after {best} of 60 epochs"):
        stop.fit(MOONS, noisy)
    assert_same_weights(fitted, again)
    counted = quick(epochs=1, validation=30).fit(MOONS, SIDE)
    assert len(counted.history_["validation_accuracy"]) == 1


class Interrupt:
    """Fits, and presses Ctrl-C after an epoch."""

    def __init__(self, classifier: TempotronClassifier, after: int) -> None:
        self.classifier, self.after = classifier, after

    def on_batch(self, done: int, of: int) -> None:
        pass

    def on_epoch(self, epoch: Any, state: Any) -> None:  # noqa: ARG002
        if epoch.number == self.after:
            raise KeyboardInterrupt

    def fit(self, features: Any, labels: Any) -> None:
        original = fitting.train
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                fitting,
                "train",
                lambda *args, **more: original(*args, **more | {"callbacks": [self]}),
            )
            self.classifier.fit(features, labels)


def test_verbose_tells_of_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    quick(epochs=2).fit(IRIS, SPECIES)
    assert capsys.readouterr().out == ""
    learner = quick(epochs=2, verbose=True).fit(IRIS, SPECIES)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    learner.partial_fit(IRIS, SPECIES)
    assert capsys.readouterr().out.startswith("epoch 3/3")


# -- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_features_must_be_finite(value: float, iris: TempotronClassifier) -> None:
    bad = IRIS.copy()
    bad[3, 2] = value
    for call in (
        lambda: quick().fit(bad, SPECIES),
        lambda: quick().partial_fit(bad, SPECIES, classes=[0, 1, 2]),
        lambda: iris.predict(bad),
        lambda: iris.predict_proba(bad),
        lambda: iris.decision_function(bad),
    ):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            call()


def test_the_number_of_features_must_stay(iris: TempotronClassifier) -> None:
    for call in (iris.predict, iris.predict_proba, iris.decision_function):
        with pytest.raises(ValueError, match="X has 3 features, but TempotronClassifier is expect"):
            call(IRIS[:, :3])
    with pytest.raises(ValueError, match="X has 3 features"):
        iris.partial_fit(IRIS[:, :3], SPECIES)


def test_one_class_cannot_be_learned() -> None:
    with pytest.raises(ValueError, match="can't train when only one class is present"):
        quick().fit(IRIS[:50], SPECIES[:50])


def test_constant_and_extreme_features() -> None:
    whole = np.concatenate([MOONS, np.zeros((200, 1)), np.full((200, 1), 1.7e18)], axis=1)
    assert quick(epochs=20).fit(whole, SIDE).score(whole, SIDE) > 0.85
    for scale in (1e-200, 1e200):
        plain, scaled = quick().fit(MOONS, SIDE), quick().fit(MOONS * scale, SIDE)
        np.testing.assert_allclose(
            scaled.decision_function(MOONS * scale), plain.decision_function(MOONS), atol=1e-3
        )
    whole[0, 2], whole[1, 2] = -1.7e308, 1.7e308
    with pytest.raises(ValueError, match=r"finite range, got \[2\] without"):
        quick().fit(whole, SIDE)


def test_few_patterns() -> None:
    two = quick(epochs=20).fit([[0.0], [1.0]], ["a", "b"])
    np.testing.assert_array_equal(two.predict([[0.0], [1.0], [-5.0], [7.0]]), ["a", "b", "a", "b"])
    with pytest.raises(ValueError, match="The least populated class"):
        quick(validation=0.5).fit([[0.0], [1.0], [2.0]], ["a", "b", "b"])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("encoder", "poisson"),
        ("n_fields", 2.5),
        ("epochs", -1),
        ("learning_rate", 0.0),
        ("hidden", 10),
        ("tau", -1.0),
        ("clock", "often"),
        ("clock", [1.0, 99.0]),
        ("patience", 3),
        ("dtype", "int32"),
        ("device", "abacus"),
    ],
)
def test_bad_settings_are_named(setting: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{setting} "):
        quick(**{setting: value}).fit(IRIS, SPECIES)


def test_settings_may_be_numpy_numbers() -> None:
    settings = {"epochs": np.int64(2), "hidden": [np.int32(4)], "margin": np.float32(0.5)}
    fitted = quick(**settings).fit(IRIS, SPECIES)
    assert fitted.recipe_.hidden == (4,)
    assert fitted.n_iter_ == 2
    assert quick(clock=np.asarray([3.0, 9.0]), epochs=1).fit(IRIS, SPECIES).network_.clock
    assert fitted.get_params()["hidden"] is settings["hidden"]


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    for name in [each for each in sys.modules if each.startswith("tempotron_backends.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"1\.6 or newer: pip install 'tempotron-core\[train\]'"):
        importlib.import_module("tempotron_backends.sklearn")
