"""Decisions that go wrong are counted, for each neuron and level."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Neuron
from tempotron_core.metrics import robustness_curve


def test_wrong_decisions_are_counted_by_level_and_neuron(backend):
    # one spike of weight 2 fires the neuron; `level` takes it from that part of the patterns
    def disturbed(level):
        times = np.where(np.arange(8) < 8 * level, np.inf, 5.0)[:, None]
        return Events.from_latencies(backend.from_numpy(times), 50.0)

    weight = backend.from_numpy(np.asarray([[2.0], [0.5]]))
    labels = backend.from_numpy(np.ones((8, 2), bool))
    found = robustness_curve(disturbed, labels, weight, Neuron(), (0.0, 0.25, 1.0), repeats=2)
    np.testing.assert_array_equal(found, [[0.0, 1.0], [0.25, 1.0], [1.0, 1.0]])


def test_repeats_are_a_number():
    with pytest.raises(ValueError, match="repeats must be from 1"):
        robustness_curve(lambda _: None, None, np.ones((1, 1)), Neuron(), (0.0,), repeats=0)
