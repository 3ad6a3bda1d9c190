"""Spikes are matched one to one with ends of clues, as well as any matching could."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from tempotron_core.metrics import temporal_credit

INF = np.inf


def trains(rng, *shape):
    """Times in 0 to 100, some missing."""
    return np.where(rng.random(shape) < 0.3, INF, rng.uniform(0.0, 100.0, shape))


def best(spikes, ends, before, after):
    """The largest number of pairs, by an assignment."""
    late = spikes[np.isfinite(spikes)][:, None] - ends[np.isfinite(ends)][None, :]
    allowed = (late >= -before) & (late <= after)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    return allowed[rows, columns].sum()


@pytest.mark.parametrize("window", [10.0, (30.0, 4.0)])
def test_pairs_are_as_many_as_an_assignment_finds(window):
    rng = np.random.default_rng(0)
    times, ends = trains(rng, 60, 2, 7), trains(rng, 60, 5)
    lengths = rng.uniform(60.0, 120.0, 60)
    found = temporal_credit(times, ends, lengths, window=window, shifts=3)
    before, after = window if isinstance(window, tuple) else (window, window)
    assert found.precision.shape == (2,)
    assert found.shifted_recall.shape == (3, 2)
    rows = [(found.precision, found.recall)]
    rows += zip(found.shifted_precision, found.shifted_recall, strict=True)
    for number, (precision, recall) in enumerate(rows):
        # one spike after the other is moved, around the end of its own pattern
        moved = times.copy()
        for index in np.argwhere(np.isfinite(times)) if number else ():
            at = tuple(index)
            moved[at] = np.fmod(times[at] + number / 4.0 * lengths[index[0]], lengths[index[0]])
        for output in range(2):
            pairs = sum(
                best(spikes, clues, before, after)
                for spikes, clues in zip(moved[:, output], ends, strict=True)
            )
            spikes = np.isfinite(times[:, output]).sum()
            assert precision[output] == pytest.approx(pairs / spikes)
            assert recall[output] == pytest.approx(pairs / np.isfinite(ends).sum())


def test_trains_of_any_library_and_neurons_without_a_spike(backend):
    times = backend.from_numpy(np.asarray([[[50.0, INF], [INF, INF]]]))
    found = temporal_credit(times, backend.from_numpy(np.asarray([[60.0, 70.0]])), 100.0)
    np.testing.assert_array_equal(found.precision, [1.0, 0.0])
    np.testing.assert_array_equal(found.recall, [0.5, 0.0])
    # of 19 shifts by 5, those to 50 up to 80 but for the unmoved one match
    assert found.shifted_precision[:, 0].sum() == 6
    alone = temporal_credit(times[:, 0, :], [[60.0, 70.0]], 100.0)
    assert alone.precision.shape == ()
    assert alone.precision == 1.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (([[1.0]], [[INF]], 9.0), "ends must hold at least one clue, got none"),
        (([1.0], [[1.0]], 9.0), r"got \(1,\) and \(1, 1\)"),
        (([[1.0]], [[1.0], [2.0]], 9.0), r"got \(1, 1\) and \(2, 1\)"),
        (([[np.nan]], [[1.0]], 9.0), "times must be finite, or [+]inf for none"),
        (([[1.0]], [[-INF]], 9.0), "ends must be finite, or [+]inf for none"),
        (([[1.0]], [[1.0]], 0.0), "duration must be positive and finite"),
        (([[1.0]], [[1.0]], [1.0, 2.0]), r"duration must be a number or have shape \(B,\)"),
        (([[1.0]], [[1.0]], 9.0, {"window": (1.0, -1.0)}), "window must be finite and not neg"),
        (([[1.0]], [[1.0]], 9.0, {"window": (1.0, 1.0, 1.0)}), "window must be one number or two"),
        (([[1.0]], [[1.0]], 9.0, {"shifts": 0}), "shifts must be from 1"),
    ],
)
def test_what_is_wrong_is_named(given, words):
    options = given[3] if len(given) == 4 else {}
    with pytest.raises(ValueError, match=words):
        temporal_credit(*given[:3], **options)


def test_types_that_are_wrong_are_named():
    with pytest.raises(TypeError, match="times must be times, got dtype bool"):
        temporal_credit([[True]], [[1.0]], 9.0)
    with pytest.raises(TypeError, match="ends must be times"):
        temporal_credit([[1.0]], [["late"]], 9.0)
