"""Clues are found, and what is said of them is what was measured."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tempotron_backends.data.clues import TASKS, ClueTask
from tempotron_backends.plotting.clues import trials_to_criterion
from tempotron_backends.plotting.style import new_figure
from tempotron_backends.reproduce import clue_learning, clues_2016
from tempotron_backends.reproduce.clue_learning import counts, learn, respond
from tempotron_core import Neuron
from tempotron_core.encoding import delete_spikes
from tempotron_core.metrics import Response


def test_a_clue_is_found_by_its_count_alone():
    rng = np.random.default_rng(0)
    task = ClueTask.draw(TASKS["1F1S"], rng)
    weight, trials, seconds, exact = learn(task, rng, trials=1000)
    assert trials in (250, 500, 750, 1000)
    assert exact >= 0.95
    assert seconds > 0.0
    fresh = [task.trial(rng) for _ in range(100)]
    wanted = [np.sum(trial.features == 0) for trial in fresh]
    assert np.mean(counts([trial.train for trial in fresh], weight) == wanted) > 0.9
    found = respond(task, weight, rng)
    np.testing.assert_allclose(found.mean, task.values, atol=0.15)
    # with all spikes lost on the way, there is no response
    np.testing.assert_array_equal(
        respond(task, weight, rng, lambda events: delete_spikes(events, 1.0, rng)).mean, 0.0
    )


def test_learning_gives_up_and_noise_is_met_by_the_criterion():
    rng = np.random.default_rng(1)
    task = ClueTask.draw((1,), rng, n_afferents=20)
    found = learn(task, np.random.default_rng(5), learning_rate=1e-12, trials=250)
    again = learn(task, np.random.default_rng(5), learning_rate=1e-12, trials=250)
    np.testing.assert_array_equal(found.weight, again.weight)
    assert found.trials is None
    assert 0.0 < found.exact < 0.95
    # with all spikes lost on the way, the trials without a clue are counted exactly
    eager = np.full((1, 20), 5.0)
    lost = clue_learning._criterion(
        task, eager, rng, lambda events: delete_spikes(events, 1.0, rng)
    )
    assert lost[1] == pytest.approx(np.exp(-0.5), abs=0.12)
    assert clue_learning._criterion(task, eager, rng, lambda events: events)[1] < 0.1


def test_first_weights_spike_five_times_a_second():
    rng = np.random.default_rng(6)
    task = ClueTask.draw((1,), rng)
    weight = clue_learning._start(task, rng)
    found = counts([task.noise(rng) for _ in range(100)], weight).mean()
    assert found == pytest.approx(0.005 * 500.0, rel=0.2)
    assert weight.std() == pytest.approx(0.01, rel=0.15)


@pytest.mark.parametrize("adam", [False, True])
def test_momentum_moves_weights_on_trials_without_an_error(adam, monkeypatch):
    task = ClueTask.draw((1,), np.random.default_rng(2), n_afferents=20)
    taught = iter([np.ones((1, 20))])
    monkeypatch.setattr(clue_learning, "_gradient", lambda *_: next(taught, None))
    start = clue_learning._start(task, np.random.default_rng(3))
    weight = learn(task, np.random.default_rng(3), adam=adam, learning_rate=0.1, trials=3).weight
    steps = 1.0 if adam else 1.0 + 0.99 + 0.99**2
    np.testing.assert_allclose(start - weight, 0.1 * steps, rtol=1e-6)


@pytest.mark.parametrize(
    ("off", "rate", "met"),
    [((0.05, 0.4), 0.0, True), ((0.2, 0.0), 0.0, False), ((0.0, -0.6), 0.0, False),
     ((0.0, 0.0), 2e-4, False)],
)  # fmt: skip
def test_the_criterion_asks_for_responses_and_silence(off, rate, met, monkeypatch):
    rng = np.random.default_rng(4)
    task = ClueTask.draw((1, 5), rng, n_afferents=20)
    answer = Response(task.values + np.asarray(off), np.zeros(2), rate)
    monkeypatch.setattr(clue_learning, "respond", lambda *_: answer)
    monkeypatch.setattr(clue_learning, "EXACT", 0.0)
    weight = np.zeros((1, 20))
    assert clue_learning._criterion(task, weight, rng, lambda events: events)[0] == met
    monkeypatch.setattr(clue_learning, "EXACT", 0.99)
    assert not clue_learning._criterion(task, weight, rng, lambda events: events)[0]


def test_a_job_has_all_that_the_table_needs():
    job = next(job for job in clues_2016.REPRODUCTION.jobs(True, 0) if job["noise"])
    result = clues_2016.REPRODUCTION.run(job)
    # what learned from noisy trials counts those better than clean ones
    assert result["exact"]["noisy"] > 0.9 * clues_2016.FRESH > result["exact"]["clean"]
    for precision, recall, *shifted in result["credit"].values():
        assert min(precision, recall) > 0.8 > 0.3 > max(shifted)


def drawn(trials=500, response=1.0, exact=190, credit=0.9):
    """A result, for each job of a whole run."""
    parts = [credit, credit, 0.1, 0.1]
    return [
        (
            job,
            {
                "trials": trials if job["seed"][-1] else None,
                "seconds": 1.0,
                "response": [response * value for value in TASKS[job["task"]]],
                "background_hz": 0.01,
                "exact": dict.fromkeys(clues_2016.MEASURED, exact),
                "credit": dict.fromkeys(clues_2016.WINDOWS, parts),
            },
        )
        for job in clues_2016.REPRODUCTION.jobs(False, 0)
    ]


def test_rows_and_verdicts():
    rows = {row.quantity: row for row in clues_2016.REPRODUCTION.rows(drawn())}
    assert rows["12345: trials to the criterion, exact"].here.startswith("9 of 10 seeds: 500 (")
    assert rows["12345: trials to the criterion, exact"].verdict == "reached by some"
    assert "1F5S: trials to the criterion, exact, rate 1e-5" in rows
    assert rows["5F5S: response to a clue over its value"].verdict == "within a tenth"
    assert rows["5F5S: fresh trials counted exactly"].verdict == "reached"
    recall = rows["5F1S: recall of spikes within 10 ms of a clue's end"]
    assert recall.here == "90.0%, shifted trains 10.0%"
    assert recall.verdict == "above chance"
    assert rows["1F1S: with both, learned from noisy trials"].here == "95.0%"
    poor = clues_2016.REPRODUCTION.rows(drawn(None, 0.8, 150, 0.1))
    verdicts = {row.verdict for row in poor}
    assert verdicts == {"not reached", "reached", "by chance", "–"}
    assert {row.quantity.partition(": ")[2] for row in poor if row.verdict == "reached"} == {
        "background rate (Hz)"
    }
    # the published numbers that there are say where they come from
    assert {row.source for row in poor if row.published == "–"} == {clues_2016.NO_NUMBER}


def test_figures_show_every_seed():
    with new_figure(6.0, 4.0) as figure:
        axes = figure.subplots()
        trials_to_criterion(axes, {("a", "r"): [250, 500, None], ("b", "r"): [750]})
        dots = [line.get_ydata() for line in axes.lines]
    assert [each.tolist() for each in dots] == [[250, 500], [1500], [750], []]
    with new_figure(*clues_2016.REPRODUCTION.size) as figure:
        clues_2016.REPRODUCTION.draw(figure, drawn())
        labels = [axes.get_ylabel() for axes in figure.axes]
        bars = [len(axes.patches) for axes in figure.axes]
    assert labels[2] == "trials counted exactly"
    assert bars == [0, 0, 20, 20]


def test_the_constants_are_those_of_the_paper():
    assert Neuron(20.0, 5.0, 1.0, psp_peak=1.0) == clues_2016.NEURON
    published = [j for j in clues_2016.REPRODUCTION.jobs(False, 0) if j["learning_rate"] == 1e-5]
    assert {job["task"] for job in published} == {"1F1S", "1F5S", "5F1S"}
    assert len(published) == 15
