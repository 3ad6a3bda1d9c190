"""Numbers of spikes on the command line: train, eval, predict and detect."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tempotron_backends.cli.command import main
from tempotron_backends.data import EventWriter
from tempotron_core import Events, Network, Neuron, load, read_metadata, save

for needed in ("matplotlib", "rich"):
    pytest.importorskip(needed)


def patterns():
    """Noise, a decoy in each pattern, and 0 to 2 clues of the same afferents."""
    rng = np.random.default_rng(0)
    counts, (clue, decoy) = rng.integers(0, 3, 80), rng.uniform(0.0, 40.0, (2, 40))
    trains = rng.uniform(0.0, 400.0, (80, 40, 3))
    trains[:, :, 0] = 300.0 + decoy
    trains[counts > 0, :, 1] = 50.0 + clue
    trains[counts > 1, :, 2] = 200.0 + clue
    return Events.from_trains(trains, 420.0), counts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Event file, counts, and a run on them."""
    made = tmp_path_factory.mktemp("counts")
    events, counts = patterns()
    with EventWriter(made / "clues.events", 40, 420.0) as writer:
        writer.append(events, np.zeros(80, dtype=int))  # of one class, which plays no part
    np.save(made / "counts.npy", counts)
    (made / "counts.csv").write_text("spikes\n" + "\n".join(map(str, counts)) + "\n")
    assert main(train(made, "--epochs", "25")) == 0
    return made


def train(folder, *more, counts="counts.npy", out="run"):
    given = ["train", "--data", str(folder / "clues.events"), "--out", str(folder / out)]
    given += ["--rule", "aggregate"] if "--rule" not in more else []
    given += [] if counts is None else ["--counts", str(folder / counts)]
    return [*given, "--tau", "20", "--tau-s", "5", *more]


def test_a_run_is_scored_on_counts(folder, capsys):
    model = str(folder / "run" / "model.npz")
    network, metadata = load(model), read_metadata(model)
    assert (network.readout, network.pass_on) == ("counts", "spikes")
    assert metadata["held_out"]["correct"] >= 18  # of 20
    assert metadata["held_out"]["mean_absolute_error"] <= 0.1
    assert metadata["history"]["accuracy"][0] < 0.8
    assert (folder / "run" / "model.png").stat().st_size > 10_000
    data = ["--data", str(folder / "clues.events"), "--counts", str(folder / "counts.csv")]
    assert main(["eval", model, *data]) == 0
    correct = metadata["held_out"]["correct"]
    error = metadata["held_out"]["mean_absolute_error"]
    said = f"exact counts {correct / 20:.2%} ({correct} of 20), mean absolute error {error:.4f}\n"
    assert capsys.readouterr().out == f"held-out {said}"
    assert main(["eval", model, *data, "--split", "train"]) == 0
    assert capsys.readouterr().out.startswith("training exact counts 100.00% (60 of 60), mean")


def test_a_resumed_run_is_the_same(folder):
    for out, parts in (("one", ["4"]), ("two", ["2", "4"])):
        for number, epochs in enumerate(parts):
            more = ["--resume"] * (number > 0)
            # a run of other length has other steps but for a constant schedule
            options = ["--epochs", epochs, "--schedule", "constant", *more]
            assert main(train(folder, *options, out=out)) == 0
    one, two = (load(folder / out / "model.npz").weights[0] for out in ("one", "two"))
    np.testing.assert_array_equal(one, two)


def test_jax_learns_to_count(folder, capsys):
    """What NumPy does, which counts for it; the rest is its own, to the last bit or nearly so."""
    pytest.importorskip("jax")
    backend, data = ["--backend", "jax"], str(folder / "clues.events")
    assert main(train(folder, "--epochs", "1", *backend, out="jax")) == 0
    assert main(train(folder, "--epochs", "2", "--resume", *backend, out="jax")) == 0
    assert main(train(folder, "--epochs", "1", out="numpy")) == 0
    assert main(train(folder, "--epochs", "2", "--resume", out="numpy")) == 0
    models = [str(folder / out / "model.npz") for out in ("jax", "numpy")]
    ours, theirs = (load(model).weights[0] for model in models)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    assert read_metadata(models[0])["history"] == read_metadata(models[1])["history"]
    said = []
    for model, options in zip(models, (backend, []), strict=True):
        capsys.readouterr()
        assert main(["predict", model, data, *options]) == 0
        counts = ["--counts", str(folder / "counts.npy")]
        assert main(["eval", model, "--data", data, *counts, *options]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


def test_counts_are_predicted_and_detected(folder, capsys, tmp_path):
    given = [str(folder / "run" / "model.npz"), str(folder / "clues.events")]

    def printed(*command):
        assert main([*command]) == 0
        return capsys.readouterr().out

    counts = [int(line) for line in printed("predict", *given).splitlines()]
    network, (events, _) = load(given[0]), patterns()
    spikes = network.forward(Events.from_trains(events.to_trains().astype("f4"), 420.0)).spikes
    assert counts == spikes.counts[:, 0].tolist()
    assert printed("predict", *given, "--format", "csv").split() == ["spikes", *map(str, counts)]
    objects = json.loads(printed("predict", *given, "--format", "json"))
    assert [each["spikes"] for each in objects] == [[count] for count in counts]

    heading, *rows = printed("detect", *given).splitlines()
    assert heading == "pattern,output,time"
    found = np.asarray([list(map(float, row.split(","))) for row in rows])
    np.testing.assert_array_equal(np.bincount(found[:, 0].astype(int), minlength=80), counts)
    expected = spikes.times[np.isfinite(spikes.times)]
    np.testing.assert_array_equal(found[:, 2].astype("f4"), expected)
    files = [tmp_path / "d.csv", tmp_path / "d.npz"]
    for path in files:
        assert printed("detect", *given, "--out", str(path)).endswith(f"{len(rows)} detections\n")
    assert files[0].read_text().splitlines() == [heading, *rows]
    with np.load(files[1]) as archive:
        np.testing.assert_array_equal(archive["time"], expected)
        np.testing.assert_array_equal(archive["pattern"], found[:, 0])
        assert not archive["output"].any()


def test_hidden_layers_and_features(folder, capsys, tmp_path):
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(1)
    wanted = rng.integers(0, 2, (569, 2))
    np.save(tmp_path / "two.npy", wanted)
    command = ["train", "--data", "breast-cancer", "--rule", "aggregate", "--hidden", "5"]
    command += ["--counts", str(tmp_path / "two.npy"), "--epochs", "1", "--out", str(tmp_path)]
    assert main([*command, "--hold-out", "60", "--validation", "40"]) == 0
    assert "of 120), mean absolute error" in capsys.readouterr().out
    model = str(tmp_path / "model.npz")
    assert [w.shape[0] for w in load(model).weights] == [5, 2]
    np.save(tmp_path / "rows.npy", np.ones((3, 30)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert main(["predict", model, "rows.npy"]) == 0
    assert [len(line.split()) for line in capsys.readouterr().out.splitlines()] == [2, 2, 2]
    assert main(["eval", model, "--data", "breast-cancer"]) == 2
    assert "--counts must be the file of the counts" in capsys.readouterr().err
    given = ["--data", "breast-cancer", "--counts", str(folder / "counts.npy")]
    assert main(["eval", model, *given]) == 2
    assert "--counts must hold one row for each of the 569 patterns" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("-1", "--counts must be whole numbers, 0 or more, got -1.0 in row 79 of"),
        ("0.5", "--counts must be whole numbers, 0 or more, got 0.5 in row 79 of"),
        ("nan", "--counts must be whole numbers, 0 or more, got nan in row 79 of"),
        ("", "--counts must hold one row for each of the 80 patterns, got"),
        ("many", "--counts must be a .npy or .csv file of one count per pattern, got"),
        (None, "--counts must be a file, got"),
    ],
)
def test_bad_counts(folder, tmp_path, capsys, content, message):
    if content is not None:
        (tmp_path / "bad.csv").write_text("1\n" * 79 + content)
    assert main(train(folder, counts=str(tmp_path / "bad.csv"), out="bad")) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"tempotron: error: {message}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"counts": None}, "--counts must be given to learn by rule='aggregate'"),
        (["--rule", "labels"], "--rule must be 'aggregate' or 'correlation' to learn counts"),
        (["--loss", "mse"], "--loss must be left out with rule='aggregate', which learns counts"),
        (["--rule", "correlation", "--hidden", "3"], "--rule must be 'aggregate' with hidden"),
    ],
)
def test_bad_options(folder, capsys, more, message):
    given = train(folder, **more) if isinstance(more, dict) else train(folder, *more, out="bad")
    if isinstance(more, dict):
        given[given.index("--out") + 1] = str(folder / "bad")
    assert main(given) == 2
    assert message in capsys.readouterr().err


def test_what_cannot_be_done_with_a_model_of_counts(folder, capsys, tmp_path):
    model, data = str(folder / "run" / "model.npz"), str(folder / "clues.events")
    by_peaks = tmp_path / "peaks.npz"
    save(Network([np.ones((1, 40))], Neuron()), by_peaks)
    others = tmp_path / "others.npz"
    save(Network([np.ones((1, 4))], Neuron(), readout="counts"), others)
    for command, message in (
        (["predict", model, data, "--probabilities"], "--probabilities must be left out"),
        (["detect", str(by_peaks), data], "CHECKPOINT must hold a network of multi-spike outputs"),
        (["detect", str(others), data], "EVENTS must be of the 4 afferents of the model, got 40"),
        (["detect", model, "no-such"], "EVENTS must be an event file, got 'no-such'"),
        (["detect", model, data, "--out", "a.txt"], "--out must end in .csv or .npz, got 'a.txt'"),
        (
            ["detect", model, data, "--out", str(tmp_path / "no" / "a.csv")],
            "No such file or directory",
        ),
    ):
        assert main(command) == 2
        assert message in capsys.readouterr().err
