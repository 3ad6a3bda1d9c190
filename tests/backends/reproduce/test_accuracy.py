"""Accuracies are of patterns that were held out, and stand beside what was published."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("rich")
pytest.importorskip("sklearn")

from idx import write_folder
from sklearn.datasets import load_wine

from tempotron_backends.cli.command import main
from tempotron_backends.data import Dataset
from tempotron_backends.plotting.accuracies import accuracy_dots
from tempotron_backends.plotting.style import new_figure
from tempotron_backends.recipes import Recipe
from tempotron_backends.reproduce import accuracy, digits, mnist, uci
from tempotron_backends.reproduce.accuracy import LOGISTIC, Published


@pytest.mark.parametrize("model", [LOGISTIC, "tempotrons"])
def test_it_is_the_held_out_patterns_that_are_scored(model):
    rng = np.random.default_rng(0)
    features, labels = rng.uniform(0.0, 1.0, (160, 120)), rng.permutation(np.arange(160) % 2)
    settings = {
        "hold_out": 0.5,
        "epochs": 15,
        "encoder": "latency",
        "neurons_per_class": 1,
        "deletion": 0.0,
        "seed": 3,
    }
    # labels at random: what was trained on would be known by heart
    chance = accuracy.run(
        {"model": model, "recipe": settings}, Dataset("random", features, labels, (0.0, 1.0))
    )
    assert chance["held_out"] == 80
    assert 20 < chance["correct"] < 60
    features[:, :16] = labels[:, None]
    told = accuracy.run(
        {"model": model, "recipe": settings}, Dataset("told", features, labels, (0.0, 1.0))
    )
    assert told["correct"] > 72


def test_a_table_is_scaled_by_what_is_trained_on():
    recipe = Recipe(**uci.SETTINGS, seed=4)
    data, given = uci.load("wine", recipe), load_wine().data
    low, high = data.features.min(axis=0), data.features.max(axis=0)
    np.testing.assert_array_equal([low, high], [np.zeros(13), np.ones(13)])
    inside = (data.features > 0.0) & (data.features < 1.0)
    slope = np.ptp(data.features, axis=0) / np.ptp(given, axis=0)
    # steeper than by the range of all patterns, whose ends are held out for some features
    found = [
        np.polyfit(given[inside[:, f], f], data.features[inside[:, f], f], 1)[0] for f in range(13)
    ]
    assert np.all(found >= slope * (1.0 - 1e-9))
    assert np.sum(found > slope * 1.01) >= 3


def of(model, parts, held_out=100):
    return [
        ({"model": model}, {"correct": round(held_out * part), "held_out": held_out})
        for part in parts
    ]


def test_rows_and_verdicts():
    published = {
        name: Published("x", low, high, "cited")
        for name, low, high in (("a", 0.9, 0.9), ("b", 0.6, 0.7), ("c", 0.97, 0.99))
    }
    done = of("a", (0.85, 0.9, 0.95)) + of("b", (0.8, 0.82)) + of("c", (0.5,)) + of("d", (0.5,))
    rows = accuracy.rows(done, published)
    assert [row.verdict for row in rows] == ["agrees", "higher here", "lower here", "–"]
    assert rows[0].here == "90.0% ± 5.0%, 3 seeds"
    assert rows[2].interval == "40.4% to 59.6%"  # Wilson's
    assert rows[3].published == "–"
    with new_figure(5.0, 3.0) as figure:
        axes = figure.subplots()
        accuracy_dots(axes, accuracy.accuracies(done), {"a": (0.9, 0.9), "c": (0.97, 0.99)})
        dots = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
        bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    np.testing.assert_allclose(dots[0], [85.0, 90.0, 95.0])
    np.testing.assert_allclose(bars[1], (97.0, 2.0))
    assert bars[0][0] < 90.0 < sum(bars[0])


def test_mnist_is_read_from_a_folder(tmp_path, monkeypatch, capsys):
    write_folder(tmp_path)
    job = {"model": mnist.ONE, "recipe": {"epochs": 5, "hold_out": 15}, "cost": 1.0}
    whole = {**vars(mnist.REPRODUCTION), "jobs": lambda *_: [job]}
    monkeypatch.setattr(mnist, "REPRODUCTION", type(mnist.REPRODUCTION)(**whole))
    out = tmp_path / "out"
    command = ["reproduce", "mnist", "--quick", "--jobs", "1", "--out", str(out)]
    assert main([*command, "--data", str(tmp_path)]) == 0
    assert "84.2 %" in capsys.readouterr().out
    record = json.loads((out / "reproduction.json").read_text())["jobs"][0]
    assert record["job"] == job  # without the path
    assert record["result"]["held_out"] == 15
    assert record["result"]["correct"] >= 14
    assert main(command) == 2
    assert "--data must be the folder of MNIST's files" in capsys.readouterr().err
    assert main(["reproduce", "digits", "--data", "x", "--out", str(out)]) == 2
    assert "--data must be left out for digits" in capsys.readouterr().err


def test_published_numbers_name_models_that_are_run():
    for module in (mnist, uci):
        models = {job["model"] for job in module.REPRODUCTION.jobs(False, 0)}
        assert set(module.PUBLISHED) <= models
    assert {job["recipe"]["seed"] for job in digits.REPRODUCTION.jobs(False, 7)} == set(
        range(7, 17)
    )
