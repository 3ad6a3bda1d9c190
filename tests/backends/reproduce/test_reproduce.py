"""`tempotron reproduce`: what it writes, that it goes on where it stopped, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import ndtr

pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from tempotron_backends.cli.command import main
from tempotron_backends.reproduce import gumbel_2010, running
from tempotron_backends.reproduce.names import NAMES, find


@pytest.fixture
def tiny(monkeypatch):
    """A quick run that is over at once."""
    whole = gumbel_2010.REPRODUCTION
    jobs = [{"k": 67, "patterns": 1, "seed": [5, part], "cost": 1.0} for part in range(3)]
    monkeypatch.setattr(gumbel_2010, "SPIKES_PER_MS", 1.0)
    made = {**vars(whole), "jobs": lambda *_: jobs}
    monkeypatch.setattr(gumbel_2010, "REPRODUCTION", type(whole)(**made))


@pytest.mark.usefixtures("tiny")
def test_a_run_that_was_stopped_goes_on_with_the_same_numbers(tmp_path, monkeypatch, capsys):
    command = ["reproduce", "gumbel-2010", "--quick", "--jobs", "1", "--out"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    printed = capsys.readouterr()
    assert "Kolmogorov-Smirnov distance, K = 67, Rice" in printed.out
    assert "A quick run:" in printed.out
    assert "gumbel-2010: 3 of 3 jobs, 100%" in printed.err
    whole = json.loads((tmp_path / "whole" / running.FILE).read_text())
    assert [each["job"]["seed"] for each in whole["jobs"]] == [[5, 0], [5, 1], [5, 2]]
    assert (tmp_path / "whole" / "gumbel-2010.png").read_bytes().startswith(b"\x89PNG")
    assert "| verdict |" in (tmp_path / "whole" / "gumbel-2010.md").read_text()

    run_job, calls = running.run_job, []

    def stopped_at_the_second(name, job):
        calls.append(job)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run_job(name, job)

    monkeypatch.setattr(running, "run_job", stopped_at_the_second)
    assert main([*command, str(tmp_path / "parts")]) == 130
    assert main([*command, str(tmp_path / "parts")]) == 0
    assert len(calls) == 4  # the first is not run again
    parts = json.loads((tmp_path / "parts" / running.FILE).read_text())
    assert [each["result"] for each in parts["jobs"]] == [each["result"] for each in whole["jobs"]]

    assert main([*command, str(tmp_path / "parts"), "--seed", "7"]) == 2
    error = capsys.readouterr().err
    assert "--out must be empty or hold this very run, gumbel-2010 quick seed 7" in error
    assert "got a folder with gumbel-2010 quick seed 0" in error


@pytest.mark.usefixtures("tiny")
def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "model.npz").touch()  # of `tempotron train`
    command = ["reproduce", "gumbel-2010", "--quick", "--jobs", "1", "--out", str(tmp_path)]
    assert main(command) == 2
    assert "--out must be empty or hold this very run, gumbel-2010" in (
        error := capsys.readouterr().err
    )
    assert "got a folder with 'model.npz'" in error
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_workers_of_a_cluster_find_the_same_numbers(tmp_path):
    distributed = pytest.importorskip("distributed")
    command = ["reproduce", "gumbel-2010", "--quick", "--out"]
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp://",
        dashboard_address=None,
    ) as cluster:
        address = cluster.scheduler_address
        assert main([*command, str(tmp_path / "cluster"), "--cluster", address]) == 0
    assert main([*command, str(tmp_path / "here"), "--jobs", "1"]) == 0
    runs = [json.loads((tmp_path / at / running.FILE).read_text()) for at in ("cluster", "here")]
    results = [[each["result"] for each in run["jobs"]] for run in runs]
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["gumbel"], "NAME must be one of capacity-2006, robustness-2006, synchrony-2006"),
        ([], "NAME must be one of capacity-2006"),
        (["gumbel-2010", "--jobs", "0"], "--jobs must be at least 1, got 0"),
        (["gumbel-2010", "--seed", "-1"], "--seed must not be negative, got -1"),
    ],
)
def test_what_is_wrong_is_named(given, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", *given]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_list_names_all(capsys):
    assert main(["reproduce", "--list"]) == 0
    printed = capsys.readouterr().out
    for name in NAMES:
        assert name in printed
        found = find(name)
        assert found.name == name
        quick, whole = found.jobs(True, 0), found.jobs(False, 0)
        assert sum(job["cost"] for job in quick) < sum(job["cost"] for job in whole)
        assert len({json.dumps(job) for job in whole}) == len(whole)


def test_the_laws_of_extremes_are_those_of_simulated_processes():
    # the largest of K independent Gaussian numbers, of which Gumbel's law is the limit
    u = np.linspace(0.0, 8.0, 801)
    off = [abs(ndtr(u) ** k - gumbel_2010.gumbel(u, k)).max() for k in (1e2, 1e4, 1e8)]
    assert off[0] > off[1] > off[2]
    assert off[2] < 0.03
    rng = np.random.default_rng(0)
    # Rice: sums of random cosines cross levels at the rate that he gave
    t, n = np.linspace(0.0, 100.0, 1001), 40
    waves = rng.normal(size=(400, n, 1)), rng.uniform(0.0, 2.0 * np.pi, (400, n, 1))
    top = (2.0 / n) ** 0.5 * np.asarray(
        [np.cos(w * t + phase).sum(axis=0).max() for w, phase in zip(*waves, strict=True)]
    )
    assert gumbel_2010.distance(top, 100.0, "Rice") < 0.1


def test_the_variance_of_potentials_is_the_integral_of_the_kernel_squared():
    t = np.linspace(0.0, 300.0, 300_001)
    shape = np.exp(-t / 15.0) - np.exp(-t / 3.75)
    expected = ((shape / shape.max()) ** 2).sum() * (t[1] - t[0])
    assert gumbel_2010._energy() == pytest.approx(expected, rel=1e-5)
