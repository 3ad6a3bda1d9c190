"""Trials of clues: what is in them, where, and what they are worth."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_backends.data.clues import TASKS, ClueTask, join, pad


def drawn(rng, **options):
    return ClueTask.draw((1, 3, 0), rng, n_afferents=40, rate=0.02, **options)


def test_a_trial_is_its_background_pushed_apart_by_its_features():
    rng = np.random.default_rng(0)
    task = drawn(rng, feature_length=30.0, background=200.0, occurrences=1.5)
    numbers, labels = [], []
    for _ in range(300):
        trial = task.trial(rng)
        times, afferents = trial.train.times, trial.train.afferents
        assert trial.train.length == 200.0 + 30.0 * len(trial.features)
        assert np.all(np.diff(trial.starts) >= 30.0)  # none lies in another
        rest = np.ones(len(times), bool)
        for which, start in zip(trial.features, trial.starts, strict=True):
            inside = (times >= start) & (times < start + 30.0)
            feature = task.features[which]
            order = np.argsort(feature.times)
            found = np.argsort(times[inside])
            np.testing.assert_allclose(times[inside][found] - start, feature.times[order])
            np.testing.assert_array_equal(afferents[inside][found], feature.afferents[order])
            rest &= ~inside
        assert times[rest].max() <= trial.train.length
        numbers.append(rest.sum())
        occurred = np.bincount(trial.features, minlength=3)
        labels.append(occurred)
        assert task.label(trial) == occurred @ [1, 3, 0]
    # Poisson: mean and variance of spikes in 200 ms and of occurrences
    assert np.mean(numbers) == pytest.approx(40 * 0.02 * 200.0, rel=0.02)
    assert np.var(numbers) == pytest.approx(40 * 0.02 * 200.0, rel=0.25)
    np.testing.assert_allclose(np.mean(labels, axis=0), 1.5, atol=0.25)


def test_features_come_in_any_order_and_anywhere():
    rng = np.random.default_rng(1)
    task = drawn(rng, background=100.0)
    trials = [task.insert(rng.permutation(3), rng) for _ in range(400)]
    first = np.bincount([trial.features[0] for trial in trials], minlength=3)
    assert first.min() > 100
    places = np.concatenate([trial.starts - 50.0 * np.arange(3) for trial in trials])
    np.testing.assert_allclose(np.quantile(places, (0.25, 0.5, 0.75)), (25, 50, 75), atol=5.0)


def test_ends_and_times_that_are_due():
    rng = np.random.default_rng(2)
    task = drawn(rng)
    trial = task.insert([2, 1, 0, 1], rng)
    start = trial.starts
    np.testing.assert_allclose(task.ends(trial), np.repeat(start[[1, 2, 3]] + 50.0, [3, 1, 3]))
    third = 25.0 / 3.0
    expected = [start[1] + 25.0 + third * k for k in (1, 2, 3)] + [start[2] + 50.0]
    expected += [start[3] + 25.0 + third * k for k in (1, 2, 3)]
    np.testing.assert_allclose(task.due(trial), expected)
    assert len(task.due(task.insert([], rng))) == 0
    np.testing.assert_array_equal(pad([[1.0, 2.0], []]), [[1.0, 2.0], [np.inf, np.inf]])


def test_trains_are_joined_as_they_are():
    rng = np.random.default_rng(3)
    task = drawn(rng)
    trains = [task.trial(rng).train for _ in range(5)]
    events = join(trains, 40)
    assert events.duration == max(train.length for train in trains)
    for row, train in enumerate(trains):
        here = slice(int(events.counts[row]))
        order = np.argsort(train.times)
        np.testing.assert_array_equal(events.times[row][here], train.times[order])
        np.testing.assert_array_equal(events.afferents[row][here], train.afferents[order])


def test_the_tasks_are_those_of_their_names():
    assert {name: sum(values) for name, values in TASKS.items()} == {
        "1F1S": 1, "1F5S": 5, "5F1S": 5, "12345": 15, "5F5S": 25,
    }  # fmt: skip
    assert all(len(values) == 10 for values in TASKS.values())


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"values": ()}, ValueError, "values must have one for each feature, got none"),
        ({"values": (1, -1)}, ValueError, "values must be from 0"),
        ({"values": (1.5,)}, TypeError, "values must be an integer, got 1.5"),
        ({"rate": 0.0}, ValueError, "rate must be positive and finite, got 0.0"),
        ({"feature_length": -1.0}, ValueError, "feature_length must be positive"),
        ({"background": float("nan")}, ValueError, "background must be positive"),
        ({"occurrences": -0.5}, ValueError, "occurrences must be finite and not negative"),
        ({"n_afferents": 0}, ValueError, "n_afferents must be from 1"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator"),
    ],
)
def test_what_is_wrong_is_named(given, error, words):
    settings = {"values": (1,), "rng": np.random.default_rng(0), **given}
    with pytest.raises(error, match=words):
        ClueTask.draw(settings.pop("values"), settings.pop("rng"), **settings)
    with pytest.raises(ValueError, match="trains must have at least one"):
        join([], 3)
