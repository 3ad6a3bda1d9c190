"""Patterns that are played faster or slower."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Neuron, RaggedEvents, peak
from tempotron_core.encoding import warp_time

TIMES = np.asarray([[10.0, 40.0, np.inf], [30.0, 20.0, 5.0]])


def test_a_warped_neuron_sees_the_same_in_warped_patterns(backend, to_numpy):
    put, length = backend.from_numpy, 50.0
    weight = put(np.asarray([[0.5, -0.3, 0.8]]))
    events = Events.from_latencies(put(TIMES), length)
    slow = warp_time(events, 2.0)
    assert slow.duration == 100.0
    before = peak(events, weight, Neuron(15.0, 5.0, psp_peak=1.0))
    after = peak(slow, weight, Neuron(30.0, 10.0, psp_peak=1.0))
    np.testing.assert_allclose(to_numpy(after.v_max), to_numpy(before.v_max), rtol=1e-6)
    np.testing.assert_allclose(to_numpy(after.t_max), 2.0 * to_numpy(before.t_max), rtol=1e-6)


def test_each_pattern_has_its_factor():
    events = Events.from_latencies(TIMES, 50.0)
    warped = warp_time(events, [0.5, 3.0], duration=200.0)
    np.testing.assert_array_equal(warped.times, [[5.0, 20.0, 20.0], [15.0, 60.0, 90.0]])
    assert warped.duration == 200.0
    ragged = RaggedEvents.of(events)
    weight, neuron = np.ones((1, 3)), Neuron()
    one, other = (peak(each, weight, neuron) for each in (warped, warp_time(ragged, [0.5, 3.0])))
    np.testing.assert_array_equal(one.t_max, other.t_max)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"factor": 0.0}, ValueError, "factor must be positive and finite, got 0"),
        ({"factor": [1.0, -2.0]}, ValueError, "factor must be positive and finite, got -2"),
        ({"factor": np.nan}, ValueError, "factor must be positive and finite, got nan"),
        ({"factor": np.inf}, ValueError, "factor must be positive and finite, got inf"),
        ({"factor": "fast"}, TypeError, "factor must be a number or numbers, got 'fast'"),
        ({"factor": [1.0]}, ValueError, r"factor must be a number or of shape \(2,\)"),
        ({"factor": 2.0, "duration": 99.0}, ValueError, "duration must be finite and at least 100"),
        ({"factor": 2.0, "duration": "long"}, TypeError, "duration must be a real number"),
        ({"factor": 1.0, "events": None}, TypeError, "events must be an Events"),
    ],
)
def test_what_is_wrong_is_named(change, error, words):
    events = Events.from_latencies(TIMES, 50.0)
    with pytest.raises(error, match=words):
        warp_time(**{"events": events, **change})
