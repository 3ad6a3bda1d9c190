"""The classifier on spike patterns: what scikit-learn does with it, its clock, its explanations."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedKFold,
    cross_val_score,
    permutation_test_score,
)

from tempotron_backends.interchange import to_spike_list
from tempotron_backends.recordings import Recording, Trials, latency_session
from tempotron_backends.sklearn import TempotronClassifier, TempotronCounter
from tempotron_backends.sklearn.explaining import (
    importance_map,
    importance_table,
    spike_gradient,
    time_importance,
    unit_importance,
)
from tempotron_core import Events, load, save


def bursts(rng, n_trials=80, n_units=20, jitter=5.0, times=(100.0, 160.0)):
    """Every unit spikes once, early or late, among one spike at any time; one unit is silent."""
    late = np.arange(n_trials) % 2
    align = 1.0 + np.arange(n_trials) * 0.5
    at = np.asarray(times)[late][:, None] + rng.normal(0.0, jitter, (n_trials, n_units))
    noise = rng.uniform(0.0, 250.0, (n_trials, n_units))
    trains = [
        np.concatenate([align + at[:, i] / 1e3, align + noise[:, i] / 1e3]) for i in range(n_units)
    ]
    trains[-1] = np.zeros(0)
    recording = Recording.from_trains(trains, time_unit="s")
    names = np.asarray(["early", "late"])[late]
    columns = {"block": np.arange(n_trials) // 20}
    trials = Trials.from_arrays(align, names, time_unit="s", columns=columns)
    return recording.trials(trials, after=250.0)


@pytest.fixture(scope="module")
def trials():
    return bursts(np.random.default_rng(0))


def quick(**more):
    return TempotronClassifier(**{"epochs": 8, "neurons_per_class": 2, "random_state": 0} | more)


def test_absolute_latency_is_seen_by_the_clock_of_trials(trials):
    """The task that a tempotron is blind to: it is solved by default, and not without a clock."""
    later = bursts(np.random.default_rng(1), 200)
    sees = quick(epochs=15).fit(trials)
    assert sees.score(later, later.y) > 0.97
    assert sees.clock_ == tuple(np.arange(0.0, 250.0, 15.0))
    assert sees.n_features_in_ == 20
    assert sees.unit_ids_.tolist() == list(range(20))
    assert len(unit_importance(sees, later)) == 20
    blind = quick(epochs=15, clock=None).fit(trials)
    assert blind.score(later, later.y) < 0.7
    assert quick(epochs=1).fit(trials.events, trials.y).clock_ == ()  # no trials, no clock


def test_the_clock_is_saved_with_the_model(trials, tmp_path):
    fitted = quick(epochs=2).fit(trials)
    save(fitted.network_, tmp_path / "model.npz")
    assert load(tmp_path / "model.npz").clock == fitted.clock_
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(trials), fitted.predict(trials))


def test_scikit_learn_splits_searches_and_permutes(trials):
    y = trials.y
    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    scores = cross_val_score(quick(), trials, y, cv=folds, error_score="raise")
    assert scores.mean() > 0.9
    groups = trials.columns["block"]
    by_block = cross_val_score(
        quick(), trials.events, y, cv=GroupKFold(4), groups=groups, error_score="raise"
    )
    assert by_block.shape == (4,)
    search = GridSearchCV(quick(), {"epochs": [0, 8]}, cv=2, error_score="raise").fit(trials, y)
    assert search.best_params_ == {"epochs": 8}
    score, permuted, p = permutation_test_score(
        quick(epochs=4), trials, y, cv=2, n_permutations=5, random_state=0
    )
    assert score > permuted.max()
    assert p == pytest.approx(1 / 6)


def test_lists_and_arrays_of_patterns_agree(trials):
    whole = quick(epochs=2).fit(trials, trials.y)
    listed = quick(epochs=2).fit([trials[i] for i in range(len(trials))], trials.y)
    np.testing.assert_array_equal(whole.network_.weights[0], listed.network_.weights[0])
    np.testing.assert_array_equal(whole.predict(trials), listed.predict(list(trials)))


def test_weights_and_parts_of_patterns(trials):
    weight = (trials.labels == 0).astype(float) + 1e-3
    favoured = quick(epochs=4).fit(trials, sample_weight=weight)
    assert np.mean(favoured.predict(trials) == "early") > 0.6
    part = quick().partial_fit(trials[:40], classes=["early", "late"]).partial_fit(trials[40:])
    assert part.n_iter_ == 2
    counter = TempotronCounter(epochs=2, random_state=0).fit(trials, trials.labels)
    assert counter.predict(trials).shape == (80,)


def test_what_does_not_fit_is_named(trials):
    fitted = quick(epochs=0).fit(trials)
    with pytest.raises(ValueError, match="X must be spike patterns, as in training, got a table"):
        fitted.predict(np.zeros((2, 20)))
    with pytest.raises(ValueError, match="X must have afferents of 20, as in training, got 3"):
        fitted.predict(Events.from_latencies(np.zeros((1, 3)), 250.0))
    with pytest.raises(ValueError, match=r"X must have a duration of 250\.0, .*, got 9\.0"):
        fitted.predict(Events.from_latencies(np.zeros((1, 20)), 9.0))
    with pytest.raises(ValueError, match="y must be given for Events, which have no labels"):
        quick().fit(trials.events)
    with pytest.raises(ValueError, match="y must have one class for each of 80 patterns"):
        quick().fit(trials, trials.y[1:])
    with pytest.raises(ValueError, match="how must be 'drive' or 'leave_out', got 'x'"):
        unit_importance(fitted, trials, how="x")
    with pytest.raises(ValueError, match="y must hold classes among"):
        unit_importance(fitted, trials.events, ["never"] * 80)


# -- explanations -------------------------------------------------------------------------------


def margins(classifier, events, labels):
    """Straight from decision values: how far the right one of two classes is ahead."""
    values = classifier.decision_function(events)
    return np.where(labels == 1, values, -values)


@pytest.fixture(scope="module")
def explained(trials):
    return quick(epochs=10, dtype="float64", pooling="max").fit(trials)


def test_drives_add_up_to_the_margin(trials, explained):
    """Those of the units and the clock's: potentials are sums."""
    edges, found = importance_map(explained, trials, width=50.0)
    assert (edges.tolist(), found.shape) == ([0.0, 50.0, 100.0, 150.0, 200.0, 250.0], (20, 5))
    drive = unit_importance(explained, trials)
    np.testing.assert_allclose(found.sum(axis=1), drive, atol=1e-12)
    assert drive[-1] == 0.0  # it is silent
    # the clock has names of its own, is no unit, and is what is left of the margin
    names, is_clock, importance = importance_table(explained, trials)
    assert (np.diff(importance) <= 0.0).all()
    assert set(names[is_clock]) == {f"clock {t:g}" for t in explained.clock_}
    by_name = dict(zip(names.tolist(), importance, strict=True))
    expected = dict(zip(map(str, trials.unit_ids.tolist()), drive, strict=True))
    assert {name: by_name[name] for name in expected} == expected
    np.testing.assert_allclose(
        importance.sum(), margins(explained, trials, trials.labels).mean(), atol=1e-9
    )
    # with a network without a clock, nothing is left over
    plain = quick(epochs=4, dtype="float64", pooling="max", clock=None).fit(trials)
    whole = margins(plain, trials, trials.labels).mean()
    np.testing.assert_allclose(unit_importance(plain, trials).sum(), whole, atol=1e-9)


def without(trials, spikes_kept):
    times, afferents, offsets = to_spike_list(trials.events)
    kept = spikes_kept(times, afferents)
    counts = [kept[a:b].sum() for a, b in pairwise(offsets)]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Events.from_csr(times[kept], afferents[kept], offsets, 20, 250.0)


def test_units_and_windows_are_left_out(trials, explained):
    whole = margins(explained, trials, trials.labels).mean()
    left_out = unit_importance(explained, trials, how="leave_out")
    for unit in (0, 7, 19):
        rest = without(trials, lambda _, i, unit=unit: i != unit)
        expected = whole - margins(explained, rest, trials.labels).mean()
        np.testing.assert_allclose(left_out[unit], expected, atol=1e-12)
    starts, found = time_importance(explained, trials, width=50.0, step=25.0)
    assert starts.tolist() == np.arange(0.0, 250.0, 25.0).tolist()
    rest = without(trials, lambda t, _: (t < 75.0) | (t >= 125.0))
    expected = whole - margins(explained, rest, trials.labels).mean()
    np.testing.assert_allclose(found[3], expected, atol=1e-12)


def test_gradients_are_differences(trials, explained):
    few = trials[:3]
    spikes, gradient = spike_gradient(explained, few)
    assert gradient.shape == spikes.times.shape
    step, checked = 1e-6, 0
    for entry in np.flatnonzero(np.abs(gradient) > 1e-3)[::3]:
        moved = []
        for sign in (1, -1):
            times = spikes.times.copy()
            times[entry] += sign * step
            events = Events.from_csr(times, spikes.afferents, spikes.offsets, 20, 250.0)
            moved.append(margins(explained, events, few.labels).sum())
        slope = (moved[0] - moved[1]) / (2.0 * step)
        np.testing.assert_allclose(gradient[entry], slope, atol=1e-6)
        checked += 1
    assert checked > 5


def test_what_was_planted_is_found():
    """Rates say nothing, latencies do: of a hundred units the one that tells most ranks first."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    session, informative = latency_session(np.random.default_rng(3))
    patterns = session.cut(after=300.0)
    train, test = patterns[:300], patterns[300:]
    decoder = TempotronClassifier(epochs=20, random_state=0).fit(train)
    counts = np.isfinite(patterns.events.to_trains()).sum(axis=2)
    by_rate = make_pipeline(StandardScaler(), LogisticRegression()).fit(counts[:300], train.y)
    assert decoder.score(test, test.y) > by_rate.score(counts[300:], test.y) + 0.2
    for how in ("drive", "leave_out"):
        order = np.argsort(-unit_importance(decoder, test, how=how))
        assert order[0] == informative[0]
    assert len(set(order[:10]) & set(informative)) > 6
    starts, matters = time_importance(decoder, test, width=20.0)
    assert 80.0 <= starts[np.argmax(matters)] < 200.0
