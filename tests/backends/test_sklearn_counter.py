"""The regressor of spike counts: what scikit-learn does with it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from tempotron_backends.sklearn import TempotronCounter
from tempotron_core import Events


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 2, 30)
    trains = rng.uniform(0.0, 200.0, (30, 20, 2))
    trains[counts > 0, :, 0] = 90.0 + rng.uniform(0.0, 10.0, 20)
    return Events.from_trains(trains, 200.0), counts


def counter(**more):
    return TempotronCounter(rule="correlation", random_state=0, **more)


def test_grid_search_splits_events(data):
    events, counts = data
    grid = {"learning_rate": [1e-3, 4.0]}
    search = GridSearchCV(counter(epochs=5), grid, cv=2, error_score="raise").fit(events, counts)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(events).shape == (30,)


def test_same_seed_same_weights_and_a_pickle_predicts(data):
    events, counts = data
    first, second = counter().fit(events, counts), clone(counter()).fit(events, counts)
    np.testing.assert_array_equal(first.weight_, second.weight_)
    again = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(again.predict(events), first.predict(events))
    assert first.predict(events).shape == (30,)
    assert first.n_features_in_ == 20
    assert first.n_iter_ == len(first.history_["loss"])
    assert counter(epochs=1).fit(events, counts[:, None]).predict(events).shape == (30, 1)


def test_errors(data):
    events, _ = data
    with pytest.raises(NotFittedError):
        counter().predict(events)
    with pytest.raises(TypeError, match=r"X must be an Events or LabelledEvents, .*, got ndarray"):
        counter(epochs=0).fit(events, [0] * 30).predict(np.zeros((2, 20)))
    with pytest.raises(ValueError, match=r"y must be whole numbers, got 0\.5"):
        counter(epochs=0).fit(events, np.full(30, 0.5))
    with pytest.raises(ValueError, match=r"y must have shape \(B,\) or \(B, O\) with B = 30"):
        counter(epochs=0).fit(events, [0])
