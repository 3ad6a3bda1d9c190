"""Clues are found, and what is said of them is what was measured."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tempotron_backends.data.clues import TASKS, ClueTask
from tempotron_backends.plotting.clues import trials_to_criterion
from tempotron_backends.plotting.style import new_figure
from tempotron_backends.reproduce import clues_2016
from tempotron_backends.reproduce.clue_learning import counts, learn, respond
from tempotron_core import Neuron
from tempotron_core.encoding import delete_spikes


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


@pytest.mark.parametrize("adam", [False, True])
def test_learning_gives_up_and_momentum_goes_on(adam):
    rng = np.random.default_rng(1)
    task = ClueTask.draw((1,), rng, n_afferents=20)
    found = learn(task, rng, adam=adam, learning_rate=1e-12, trials=500)
    assert found.trials is None
    assert 0.0 < found.exact < 0.95
    with_all_lost = learn(
        task, rng, trials=250, disturb=lambda events: delete_spikes(events, 1.0, rng)
    )
    assert with_all_lost.trials is None


def test_a_job_has_all_that_the_table_needs():
    job = next(job for job in clues_2016.REPRODUCTION.jobs(True, 0) if job["noise"])
    result = clues_2016.REPRODUCTION.run(job)
    again = clues_2016.REPRODUCTION.run(job)
    assert {**result, "seconds": 0} == {**again, "seconds": 0}
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
