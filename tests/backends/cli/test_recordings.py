"""The command on recordings and event data: info, encode, train, eval and crossval."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tempotron_backends.cli.command import main
from tempotron_backends.data import EventFile
from tempotron_backends.interchange import to_spike_list
from tempotron_backends.recordings import Recording, Trials

for needed in ("sklearn", "matplotlib", "rich"):
    pytest.importorskip(needed)

ONSET = 1.0 + 0.5 * np.arange(40)
STIMULI = np.where(np.arange(40) % 2, "tone", "click")
TABLE = "start_time,stimulus\n" + "".join(f"{t},{s}\n" for t, s in zip(ONSET, STIMULI, strict=True))
WINDOW = ["--window", "-50", "250"]


def recording() -> Recording:
    """Twelve units that burst at 60 or at 120 ms."""
    rng = np.random.default_rng(0)
    late = np.arange(40) % 2
    return Recording.from_trains(
        [ONSET + 0.06 * (1 + late) + rng.normal(0.0, 0.004, 40) for _ in range(12)], time_unit="s"
    )


def as_nwb(folder: Path) -> list[str]:
    pynwb = pytest.importorskip("pynwb")
    from datetime import UTC, datetime

    file = pynwb.NWBFile("a session", "made up", datetime(2024, 1, 1, tzinfo=UTC))
    for unit in range(12):
        file.add_unit(spike_times=recording().train(unit))
    file.add_trial_column("stimulus", "what was played")
    for start, stimulus in zip(ONSET, STIMULI, strict=True):
        file.add_trial(start_time=start, stop_time=start + 0.3, stimulus=str(stimulus))
    with pynwb.NWBHDF5IO(str(folder / "session.nwb"), "w") as io:
        io.write(file)
    return [str(folder / "session.nwb"), "--label", "stimulus", *WINDOW]


def as_table(folder: Path) -> list[str]:
    spikes = recording()
    lines = [f"{t},{u}\n" for t, u in zip(spikes.times, spikes.units, strict=True)]
    (folder / "spikes.csv").write_text("time,unit\n" + "".join(lines))
    (folder / "trials.csv").write_text(TABLE)
    options = ["--trials", str(folder / "trials.csv"), "--time-unit", "s", "--label", "stimulus"]
    return [str(folder / "spikes.csv"), *options, *WINDOW]


def as_phy(folder: Path) -> list[str]:
    spikes = recording()
    (folder / "sorted").mkdir()
    np.save(folder / "sorted" / "spike_times.npy", np.round(spikes.times * 1e6).astype(int))
    np.save(folder / "sorted" / "spike_clusters.npy", spikes.units)
    (folder / "sorted" / "params.py").write_text("sample_rate = 1000000.\n")
    return [str(folder / "sorted"), *as_table(folder)[1:]]


def as_pynapple(folder: Path) -> list[str]:
    nap = pytest.importorskip("pynapple")
    trains = {unit: nap.Ts(recording().train(unit)) for unit in range(12)}
    group = nap.TsGroup(trains, time_support=nap.IntervalSet(0.0, 30.0))
    group.save(str(folder / "units.npz"))
    return [str(folder / "units.npz"), *as_table(folder)[1:]]


def as_matlab(folder: Path) -> list[str]:
    io = pytest.importorskip("scipy.io")
    labels = np.empty(40, dtype=object)
    labels[:] = STIMULI.tolist()
    patterns = recording().trials(Trials.from_arrays(ONSET, time_unit="s"), 0.0, 250.0)
    cells = np.empty((40, 12), dtype=object)
    trains = patterns.events.to_trains()
    for place in np.ndindex(cells.shape):
        cells[place] = trains[place][np.isfinite(trains[place])]
    io.savemat(folder / "session.mat", {"spikes": cells, "stimulus": labels})
    return [str(folder / "session.mat"), "--time-unit", "ms", "--label", "stimulus", *WINDOW]


@pytest.mark.parametrize("write", [as_nwb, as_table, as_phy, as_pynapple, as_matlab])
def test_every_format_becomes_the_same_patterns(write: Any, tmp_path: Path, capsys: Any) -> None:
    path, *options = write(tmp_path)
    assert main(["info", path, *options[:-3]]) == 0
    said = capsys.readouterr().out
    assert "units" in said
    assert "12, 0 of them silent" in said
    assert "click (20), tone (20)" in said
    assert main(["encode", path, *options, "--out", str(tmp_path / "a.events")]) == 0
    assert "40 trials from -50 to 250 ms, classes click, tone" in capsys.readouterr().out
    file = EventFile.open(tmp_path / "a.events")
    assert file.labels.tolist() == (np.arange(40) % 2).tolist()
    trials = Trials.from_arrays(ONSET, STIMULI, time_unit="s")
    expected = to_spike_list(recording().trials(trials, 50.0, 250.0).events)
    np.testing.assert_allclose(file.times, expected.times, atol=2e-3)
    np.testing.assert_array_equal(file.offsets, expected.offsets)


def test_a_decoder_from_the_file_to_the_table(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained on the recording, scored on its event file, cross-validated beside chance."""
    path, *options = as_table(tmp_path)
    out = ["--out", str(tmp_path / "run")]
    quick = ["--epochs", "6", "--neurons-per-class", "2"]
    assert main(["train", "--data", path, *options, *quick, *out]) == 0
    said = capsys.readouterr().out
    assert "12 + 20 of the clock" in said
    assert "spikes as they are" in said
    assert main(["encode", path, *options, "--out", str(tmp_path / "a.events")]) == 0
    capsys.readouterr()
    model = str(tmp_path / "run" / "model.npz")
    figure = pytest.importorskip("matplotlib.figure")
    drawn: dict[str, Any] = {}

    def note(*_: Any, **given: Any) -> Any:
        drawn.update(given)
        return figure.Figure()

    monkeypatch.setattr("tempotron_backends.plotting.evaluation_figure", note)
    picture = tmp_path / "eval.png"
    again = ["--data", str(tmp_path / "a.events"), "--figure", str(picture)]
    assert main(["eval", model, *again]) == 0
    assert capsys.readouterr().out.startswith("held-out accuracy")  # it knows them again
    assert drawn["names"] == ["click", "tone"]
    folds = ["--folds", "2", "--repeats", "2", "--permutations", "2", "--out", str(tmp_path / "cv")]
    assert main(["crossval", "--data", str(tmp_path / "a.events"), *quick, *folds]) == 0
    said = capsys.readouterr().out
    assert "20 reference spikes, from 0 to 285 ms" in said
    assert "shuffles  " in said
    assert "chance" in said
    with open(tmp_path / "cv" / "crossval.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["label"] for row in rows] == STIMULI.tolist() * 2
    assert [row["shuffle"] for row in rows] == ["0"] * 40 + ["1"] * 40
    folds = np.reshape([int(row["fold"]) for row in rows], (2, 40))
    assert (folds[0] != folds[1]).any()
    assert np.mean([row["label"] == row["predicted"] for row in rows]) > 0.8
    assert sorted(each.name for each in (tmp_path / "cv").iterdir()) == [
        "confusion.png",
        "crossval.csv",
    ]
    picture = tmp_path / "info.png"
    assert main(["info", str(tmp_path / "a.events"), "--figure", str(picture)]) == 0
    assert "of a recording, from -50.0 ms" in capsys.readouterr().out
    assert picture.stat().st_size > 5000


def test_a_cross_validation_that_fails_leaves_no_folder(tmp_path: Path, capsys: Any) -> None:
    path, *options = as_table(tmp_path)
    out = tmp_path / "new" / "cv"
    command = ["crossval", "--data", path, *options, "--out", str(out)]
    assert main([*command, "--folds", "30"]) == 2
    assert "--folds must be at most the patterns of the smallest" in capsys.readouterr().err
    assert not out.parent.exists()
    assert main([*command, "--repeats", "0"]) == 2
    assert "--repeats must be from 1 to" in capsys.readouterr().err
    out.mkdir(parents=True)
    assert main([*command, "--folds", "30"]) == 2
    assert out.exists()  # it was there


def test_event_data_are_streamed_into_a_file(tmp_path: Path, capsys: Any) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "shd.h5", "w") as file:
        for name, kind in (("times", "f2"), ("units", "u2")):
            ragged = file.create_dataset(f"spikes/{name}", 150, h5py.vlen_dtype(kind))
            for pattern in range(150):
                ragged[pattern] = [0.25, 0.5] if name == "times" else [pattern, 600]
        file["labels"] = np.arange(150) % 3
    path = str(tmp_path / "shd.h5")
    assert main(["info", path]) == 0
    assert "0 (50), 1 (50), 2 (50)" in capsys.readouterr().out
    assert main(["encode", path, "--out", str(tmp_path / "a.events")]) == 0
    file = EventFile.open(tmp_path / "a.events")
    assert (len(file), file.n_afferents, file.n_classes, file.duration) == (150, 700, 3, 500.0)
    assert file.read([149])[1].tolist() == [149, 600]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label", "stim"], "--label must be a column of the trials (start_time, stimulus), got"),
        ([], "--label must be a column of the trials (start_time, stimulus), got None"),
        (["--label", "stimulus"], "--window must be given for trials without an end"),
        (["--label", "stimulus", "--window", "3"], "--window must be left out for spikes, or have"),
        (["--label", "stimulus", "--window", "3", "1"], "must end after it starts, got 3.0 1.0"),
        (["--align", "cue"], "--align must be a column of the trials"),
        (["--data", "x"], "--data must be left out beside a recording, got 'x'"),
    ],
)
def test_errors_name_the_option(
    options: list[str], message: str, tmp_path: Path, capsys: Any
) -> None:
    path, *given = as_table(tmp_path)
    assert main(["encode", path, *given[:4], *options, "--out", str(tmp_path / "a")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_files_that_cannot_be_read(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "a.xyz").write_text("")
    (tmp_path / "a.csv").write_text("time,unit\n1.0\n")
    for arguments, message in (
        ([str(tmp_path / "none.nwb")], "FILE must be there to read, got"),
        ([str(tmp_path / "a.xyz")], "FILE must be a recording (.nwb"),
        ([str(tmp_path / "a.csv")], "--time-unit must be given for"),
        ([str(tmp_path / "a.csv"), "--time-unit", "s"], "line 2 of"),
    ):
        assert main(["info", *arguments]) == 2
        assert message in capsys.readouterr().err
