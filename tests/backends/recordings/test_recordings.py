"""Recordings, trials, and the patterns cut out of them, against plain loops."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tempotron_backends.interchange import from_lists, from_spike_list, to_spike_list
from tempotron_backends.recordings import LabelledEvents, Recording, RecordingWarning, Trials


def session(rng, n_units=7, n_trials=20):
    """Trains in no order, one unit silent, and trials that overlap and may lie past the end."""
    trains = [rng.uniform(0.0, 30.0, rng.integers(20, 60)) for _ in range(n_units)]
    trains[3] = np.zeros(0)
    align = rng.uniform(0.5, 29.0, n_trials)
    return trains, align


def by_loops(trains, align, start, stop):
    """Spikes (unit, time from the start of the window, in ms) of every trial."""
    found = []
    for moment in align:
        spikes = [
            ((t - moment) * 1e3 - start, unit)
            for unit, train in enumerate(trains)
            for t in train
            if moment + start / 1e3 <= t < moment + stop / 1e3
        ]
        found.append(sorted(spikes))
    return found


def as_lists(labelled):
    times, afferents, offsets = to_spike_list(labelled.events)
    pairs = list(zip(times.tolist(), afferents.tolist(), strict=True))
    return [sorted(pairs[a:b]) for a, b in pairwise(offsets)]


@pytest.mark.parametrize(("before", "after"), [(250.0, 900.0), (-100.0, 600.0), (500.0, -10.0)])
def test_windows_hold_what_loops_find(before, after):
    trains, align = session(np.random.default_rng(0))
    recording = Recording.from_trains(trains, time_unit="s")
    trials = Trials.from_arrays(align, np.arange(20) % 3, time_unit="s")
    found = recording.trials(trials, before, after)
    expected = by_loops(trains, align, -before, after)
    assert sum(map(len, expected)) > 50
    for mine, its in zip(as_lists(found), expected, strict=True):
        np.testing.assert_allclose(mine, its, rtol=0.0, atol=1e-9)
    assert (found.start, found.events.duration) == (-before, before + after)
    assert found.events.n_afferents == 7  # the silent one too
    np.testing.assert_array_equal(found.y, np.arange(20) % 3)


def test_units_of_time_agree():
    trains, align = session(np.random.default_rng(1))
    samples = [np.round(train * 30_000).astype(np.int64) for train in trains]
    in_samples = Recording.from_trains(samples, time_unit="samples", sampling_rate=30_000.0)
    in_us = Recording.from_trains([t / 30_000 * 1e6 for t in samples], time_unit="us")
    trials = [Trials.from_arrays(align * k, time_unit=u) for k, u in ((1.0, "s"), (1e3, "ms"))]
    a = in_samples.trials(trials[0], after=500.0)
    b = in_us.trials(trials[1], after=0.5, unit="s")
    for mine, its in zip(as_lists(a), as_lists(b), strict=True):
        np.testing.assert_allclose([t for t, _ in mine], [1e3 * t for t, _ in its], atol=1e-8)
        assert [unit for _, unit in mine] == [unit for _, unit in its]


def test_edges_of_a_window_keep_their_spikes():
    """The first moment belongs to it, the last does not, whatever rounding does."""
    starts = np.arange(1, 2000) * 0.1
    recording = Recording.from_trains([starts], time_unit="s")
    found = recording.trials(Trials.from_arrays(starts[:-1], time_unit="s"), after=100.0)
    assert (np.diff(to_spike_list(found.events).offsets) >= 1).all()
    first = Recording.from_trains([starts - 0.07], time_unit="s")
    found = first.trials(Trials.from_arrays(starts, time_unit="s"), before=70.0, after=20.0)
    assert np.diff(to_spike_list(found.events).offsets).tolist() == [1] * len(starts)
    early = recording.trials(Trials.from_arrays([0.3], time_unit="s"), before=200.0, after=1e-6)
    assert early.events.n_spikes == 3


def test_trials_end_with_their_own_length():
    recording = Recording.from_trains([np.arange(0.0, 10.0, 0.01) + 0.005], time_unit="s")
    trials = Trials.from_arrays([1.0, 4.0], time_unit="s", lengths=[0.5, 2.0])
    found = recording.trials(trials, before=100.0)
    assert found.events.duration == 2100.0
    assert np.diff(to_spike_list(found.events).offsets).tolist() == [60, 210]


def test_order_of_spikes_is_nothing_and_repeated_ones_are_said():
    trains = {"b": [3.0, 1.0, 2.0], "a": [1.0, 1.0], "c": []}
    with pytest.warns(RecordingWarning, match="1 spikes of 1 units .* first of unit 'a'"):
        recording = Recording.from_trains(trains, time_unit="ms")
    assert recording.unit_ids.tolist() == ["b", "a", "c"]
    assert recording.counts.tolist() == [3, 1, 0]
    np.testing.assert_allclose(recording.train("b"), [0.001, 0.002, 0.003])
    same = Recording.from_spikes(
        [3, 1, 2, 1], ["b", "b", "b", "a"], time_unit="ms", unit_ids=["b", "a", "c"]
    )
    np.testing.assert_array_equal(same.times, recording.times)
    np.testing.assert_array_equal(same.units, recording.units)


def test_units_are_selected_with_what_is_known_of_them():
    recording = Recording.from_trains(
        {4: [1.0], 7: [2.0, 3.0], 9: []},
        time_unit="s",
        properties={"group": ["good", "mua", "good"]},
        span=(0.0, 10.0),
    )
    good = recording.select(recording.properties["group"] == "good")
    assert good.unit_ids.tolist() == [4, 9]
    assert recording.select([9, 7]).train(7).tolist() == [2.0, 3.0]
    assert recording.select([9, 7]).rates.tolist() == [0.0, 0.2]
    assert good.properties["group"].tolist() == ["good", "good"]


def test_trials_beyond_the_recording_are_said():
    recording = Recording.from_trains([[1.0, 2.0]], time_unit="s", span=(0.5, 2.5))
    trials = Trials.from_arrays([1.0, 2.4, 7.0], time_unit="s")
    with pytest.warns(RecordingWarning, match=r"1 of 3 trials lie outside .* and 1 reach beyond"):
        found = recording.trials(trials, after=200.0)
    assert len(found) == 3


def test_patterns_are_chosen_and_joined():
    trains, align = session(np.random.default_rng(2))
    recording = Recording.from_trains(trains, time_unit="s")
    columns = {"block": np.arange(20) // 5}
    names = np.asarray(["up", "down"])[np.arange(20) % 2]
    trials = Trials.from_arrays(
        align, names, time_unit="s", ids=np.arange(100, 120), columns=columns
    )
    found = recording.trials(trials, after=300.0)
    assert found.class_names == ["down", "up"]
    part = found[[3, 1]]
    assert part.y.tolist() == ["down", "down"]
    assert part.trial_ids.tolist() == [103, 101]
    joined = LabelledEvents.concat([found[3], found[1]])
    assert as_lists(joined) == as_lists(part)
    assert joined.columns["block"].tolist() == [0, 0]
    with pytest.raises(ValueError, match="parts must agree in start, got"):
        LabelledEvents.concat([found, recording.trials(trials, 10.0, 290.0)])


def test_labels_that_are_missing_are_named():
    table = {"start_time": [1.0, 2.0, 3.0], "stimulus": np.asarray(["a", None, "b"], dtype=object)}
    trials = Trials.from_table(table, label="stimulus", time_unit="s")
    recording = Recording.from_trains([[1.1, 3.1]], time_unit="s")
    with pytest.raises(ValueError, match="got none in column 'stimulus' for 1 of 3 trials, first"):
        recording.trials(trials, after=500.0)
    found = recording.trials(trials[trials.has_label], after=500.0)
    assert found.y.tolist() == ["a", "b"]
    numbers = trials.labelled("start_time")
    assert recording.trials(numbers, after=500.0).class_names == ["1", "2", "3"]


BAD = {
    "unit": (lambda: Recording.from_trains([[1.0]], time_unit="min"), "time_unit must be one of s"),
    "rate": (
        lambda: Recording.from_trains([[1]], time_unit="samples"),
        "sampling_rate must be given",
    ),
    "nan": (
        lambda: Recording.from_trains({"x": [np.nan]}, time_unit="s"),
        r"trains\['x'\] must be finite",
    ),
    "unknown": (
        lambda: Recording.from_spikes([1.0], [5], time_unit="s", unit_ids=[1, 2]),
        "units must be among the units 1, 2, got 5",
    ),
    "twice": (
        lambda: Recording.from_trains([[], []], time_unit="s", unit_ids=[1, 1]),
        "unit_ids must hold every unit once, got 1",
    ),
    "properties": (
        lambda: Recording.from_trains([[1.0]], time_unit="s", properties={"depth": [1, 2]}),
        "properties must have one value for each of 1 units",
    ),
    "window": (
        lambda: Recording.from_trains([[1.0]], time_unit="s").trials(
            Trials.from_arrays([1.0], time_unit="s"), 10.0, -10.0
        ),
        "before and after must make a window of some length, got 10.0 and -10.0",
    ),
    "length": (
        lambda: Recording.from_trains([[1.0]], time_unit="s").trials(
            Trials.from_arrays([1.0], time_unit="s")
        ),
        "after must be given for trials without a length",
    ),
    "column": (
        lambda: Trials.from_table({"onset": [1.0]}, time_unit="s"),
        r"align must be a column of the trials \(onset\), got 'start_time'",
    ),
    "labels": (
        lambda: Trials.from_arrays([1.0, 2.0], ["a"], time_unit="s"),
        "labels must have one entry per trial",
    ),
    "none": (lambda: Trials.from_arrays([], time_unit="s"), "align must hold one trial or more"),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_name_what_is_wrong(case):
    make, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        make()


def test_lists_begin_where_they_are_told_to():
    """Negative windows keep their spikes, and patterns may be numbered from anywhere."""
    events = from_lists([[[-40.0, 3.0], []], [[], [-60.0, 0.0]]], duration=100.0, start=-50.0)
    np.testing.assert_allclose(events.to_trains()[0, 0], [10.0, 53.0])
    np.testing.assert_allclose(events.to_trains()[1, 1], [50.0, np.inf])
    listed = from_spike_list(
        [-40, 3, 0], [0, 0, 1], 2, 100.0, patterns=[7, 7, 9], first=7, start=-50
    )
    assert np.asarray(listed.counts).tolist() == [2, 0, 1]
    np.testing.assert_allclose(listed.to_trains()[2, 1, 0], 50.0)
    with pytest.raises(ValueError, match="patterns must be from 8 to 9, got 7 to 9"):
        from_spike_list([1.0, 1.0], [0, 0], 1, 9.0, patterns=[7, 9], first=8)
