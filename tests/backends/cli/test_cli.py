"""The ``tempotron`` command, end to end: in this process, in another, and on a terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idx import idx_bytes, write_folder

from tempotron_backends.cli.command import main
from tempotron_backends.data.built_in import load_breast_cancer, load_digits
from tempotron_backends.recipes.recipe import Recipe
from tempotron_core import Tempotron, __version__, load, read_metadata, save

for needed in ("sklearn", "matplotlib", "rich"):
    pytest.importorskip(needed)

COMMAND = [sys.executable, "-m", "tempotron_backends"]
QUICK = ["--epochs", "2"]
MNIST = os.environ.get("TEMPOTRON_MNIST", "")
WRITTEN = ["last.npz", "log.csv", "model.npz", "model.png"]


def accuracy_in(text: str) -> float:
    found = re.search(r"accuracy ([\d.]+)% \((\d+) of (\d+)\)", text)
    assert found, text
    percent, hits, total = float(found[1]), int(found[2]), int(found[3])
    assert percent == pytest.approx(100.0 * hits / total, abs=0.006)
    return percent


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a short run on the digits."""
    out = tmp_path_factory.mktemp("run") / "out"
    assert main(["train", *QUICK, "--out", str(out)]) == 0
    return out


@pytest.fixture
def failing(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command, see it fail, and return its one line of complaint."""

    def failing(*args: Any) -> str:
        assert main([*map(str, args)]) == 2
        error = capsys.readouterr().err
        assert "Traceback" not in error
        assert error.startswith("tempotron")
        return error

    return failing


def one_line(error: str) -> str:
    assert error.count("\n") == 1, error
    return error


def test_train_on_digits_reaches_the_accuracy_it_should(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A third of the epochs; without options it is trained by .ci/run."""
    epochs = Recipe.epochs // 3
    assert main(["train", f"--epochs={epochs}", "--out", str(tmp_path / "out")]) == 0
    output = capsys.readouterr().out
    assert accuracy_in(output) > 93.0
    assert output.count("\nepoch ") == epochs
    assert main(["eval", str(tmp_path / "out" / "model.npz")]) == 0
    assert accuracy_in(capsys.readouterr().out) == accuracy_in(output)


@pytest.mark.slow_backend("jax", reason="compiles for minutes; test_training.py compares runs")
@pytest.mark.slow_backend("strict", reason="as slow as it is strict; test_training.py has it")
@pytest.mark.slow_backend("numpy", reason="it is what the others are compared with")
def test_backends_reach_the_same_accuracy(
    tmp_path: Path, backend: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracies = []
    for name, device in (("numpy", "cpu"), (backend.name, backend.device)):
        where = ["--backend", name, "--device", device, "--out", str(tmp_path / name)]
        assert main(["train", "--epochs=3", "--neurons-per-class=1", *where]) == 0
        output = capsys.readouterr().out
        assert f"{name}:{device} float32" in output
        accuracies.append(accuracy_in(output))
    assert abs(accuracies[0] - accuracies[1]) <= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_backends_reach_the_same_accuracy_with_all_epochs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    accuracies = []
    for name in ("numpy", "torch", "jax"):
        pytest.importorskip(name)
        assert main(["train", f"--backend={name}", f"--seed={seed}", f"--out={tmp_path}"]) == 0
        accuracies.append(accuracy_in(capsys.readouterr().out))
    assert min(accuracies) > 93.0
    assert max(accuracies) - min(accuracies) <= 1.0  # two patterns of 450 and rounding


@pytest.mark.slow
@pytest.mark.skipif(not MNIST, reason="TEMPOTRON_MNIST must name a folder with MNIST's files")
def test_mnist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = ["--recipe", "mnist", "--epochs", "5"]
    assert main(["train", "--data", MNIST, *recipe, "--out", str(tmp_path)]) == 0
    assert accuracy_in(capsys.readouterr().out) > 91.0
    assert main(["eval", str(tmp_path / "model.npz"), "--data", MNIST]) == 0


def test_train_writes_a_checkpoint_and_a_picture(trained: Path) -> None:
    assert sorted(os.listdir(trained)) == WRITTEN
    assert (trained / "model.png").read_bytes().startswith(b"\x89PNG")
    model, metadata = load(trained / "model.npz"), read_metadata(trained / "model.npz")
    (weight,) = model.weights
    assert weight.shape == (10 * Recipe.neurons_per_class, 64 * Recipe.n_fields)
    assert weight.dtype == np.float32
    assert metadata["recipe"]["seed"] == 0
    assert metadata["backend"] == "numpy:cpu"
    assert len(metadata["history"]["loss"]) == 2
    assert not metadata["interrupted"]
    assert str(trained) not in str(metadata)


def test_a_clock_is_recorded_and_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], failing: Any
) -> None:
    where = ["--out", str(tmp_path)]
    assert main(["train", "--epochs=1", "--neurons-per-class=1", "--clock", *where]) == 0
    output = capsys.readouterr().out
    assert "320 + 2 of the clock - 10 neurons" in output
    assert load(tmp_path / "model.npz").clock == (0.0, 15.0)
    assert main(["eval", str(tmp_path / "model.npz")]) == 0
    assert accuracy_in(capsys.readouterr().out) == accuracy_in(output)
    np.save(tmp_path / "rows.npy", load_digits().features[:3])
    assert main(["predict", str(tmp_path / "model.npz"), str(tmp_path / "rows.npy")]) == 0
    assert len(capsys.readouterr().out.split()) == 3
    assert main(["train", "--resume", "--clock", "tau", *where]) == 0
    assert "clock must be that of the run to resume, tau, got 5" in failing(
        "train", "--resume", "--clock=5", *where
    )
    assert "argument --clock: invalid clock value: 'often'" in failing("train", "--clock=often")
    assert "clock must fire up to the duration, 30.0, got 31.0" in failing(
        "train", "--clock=3,31", *where
    )


def test_eval_scores_the_held_out_part(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held_out = read_metadata(trained / "model.npz")["held_out"]
    assert main(["eval", str(trained / "model.npz")]) == 0
    output = capsys.readouterr().out
    assert output.startswith("held-out accuracy")
    assert f"({held_out['correct']} of 450)" in output


def test_predict_prints_one_class_per_line(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digits = load_digits()
    np.save(tmp_path / "rows.npy", digits.features[:50])
    np.savetxt(tmp_path / "rows.csv", digits.features[:50], delimiter=",", fmt="%g")
    images = digits.features[:50].reshape(50, 8, 8).astype(np.uint8)
    (tmp_path / "images").write_bytes(idx_bytes(images))
    outputs = []
    for name in ("rows.npy", "rows.csv", "images"):
        assert main(["predict", str(trained / "model.npz"), str(tmp_path / name)]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        outputs.append(captured.out.split("\n"))
    assert outputs[0] == outputs[1] == outputs[2]
    assert outputs[0][-1] == ""
    labels = np.asarray(outputs[0][:-1], dtype=int)
    assert len(labels) == 50
    assert np.mean(labels == digits.labels[:50]) > 0.7
    for name in ("torch", "jax"):
        if name in sys.modules:
            assert main(["predict", f"--backend={name}", str(trained / "model.npz"),
                         str(tmp_path / "rows.npy")]) == 0  # fmt: skip
            assert capsys.readouterr().out.split("\n") == outputs[0]


def test_predict_warns_of_values_out_of_range(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "rows.npy", np.linspace(0.0, 255.0, 128).reshape(2, 64))
    assert main(["predict", str(trained / "model.npz"), str(tmp_path / "rows.npy")]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.split()) == 2
    assert "warning: input runs from 0 to 255, the model was trained on 0 to 16" in captured.err


def test_idx_folders_with_a_test_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path / "data", zipped=True, parts=("train", "t10k"))
    out = tmp_path / "out"
    data = ["--data", str(tmp_path / "data")]
    assert main(["train", *data, "--epochs=20", "--batch-size=8", "--out", str(out)]) == 0
    output = capsys.readouterr().out
    assert "120 patterns, 20 features, 3 classes; 60 to train, 60 held out" in output
    assert accuracy_in(output) > 80.0
    assert main(["eval", str(out / "model.npz"), *data]) == 0
    assert accuracy_in(capsys.readouterr().out) == accuracy_in(output)
    write_folder(tmp_path / "other", n=36)
    assert main(["eval", str(out / "model.npz"), "--data", str(tmp_path / "other")]) == 0
    output = capsys.readouterr().out
    assert "these are not the data it was trained on: scoring all 36 patterns" in output
    assert "\naccuracy" in output
    assert main(["eval", str(out / "model.npz")]) == 2
    assert "was trained on IDX images, not on scikit-learn digits" in capsys.readouterr().err


def test_many_features_are_coded_by_latency(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 17, 16)).astype(np.uint8)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(images))
    labels = (np.arange(20) % 2).astype(np.uint8)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    args = ["train", "--data", str(tmp_path), "--epochs=1", "--out", str(tmp_path / "out")]
    assert main(args) == 0
    assert "latency, 272 afferents" in capsys.readouterr().out
    assert main([*args, "--encoder=gaussian", "--fields=3", "--duration=12.5"]) == 0
    assert "gaussian, 816 afferents" in capsys.readouterr().out


def test_options_reach_the_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {
        "encoder": "latency",
        "n_fields": 4,
        "duration": 11.0,
        "loss": "mse",
        "margin": 0.25,
        "epochs": 1,
        "batch_size": 100,
        "learning_rate": 0.75,
        "momentum": 0.5,
        "hold_out": 0.4,
        "seed": 3,
    }
    flags = [
        f"--{name.replace('n_fields', 'fields').replace('_', '-')}={value}"
        for name, value in given.items()
    ]
    assert main(["train", *flags, "--dtype=float64", "--out", str(tmp_path)]) == 0
    assert "719 held out" in capsys.readouterr().out
    recipe = read_metadata(tmp_path / "model.npz")["recipe"]
    assert {name: recipe[name] for name in given} == given
    assert load(tmp_path / "model.npz").weights[0].dtype == np.float64


def test_without_a_terminal_there_are_plain_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *QUICK, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "data", "encoding", "network", "training", "epoch", "epoch", "held-out", "wrote", "wrote",
    ]  # fmt: skip
    assert re.fullmatch(r"epoch 1/2  loss \d\.\d{4}  accuracy \d+\.\d%", lines[4])
    assert "\x1b" not in printed.out
    assert str(tmp_path / "out" / "model.npz") in lines[-2]


def test_on_a_terminal_there_is_a_bar(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    here, there = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(
        [*COMMAND, "train", *QUICK, "--out", str(tmp_path)],
        stdout=there,
        stderr=there,
        env=environment,
    ) as process:
        os.close(there)
        shown = bytearray()
        while True:
            try:
                part = os.read(here, 4096)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
        os.close(here)
        assert process.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "epoch 2/2" in text
    assert re.search(r"loss \d\.\d{4}  accuracy +\d+\.\d%", text)
    assert "held-out accuracy" in text
    assert b"\x1b[" in shown


# a shell's background job, and so its children, ignore Ctrl-C
WITH_CTRL_C = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from tempotron_backends.cli.command import main; sys.exit(main())"
)


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT between processes on Windows")
@pytest.mark.parametrize(
    "backend", ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("torch", "jax"))]
)
def test_ctrl_c_saves_what_there_is(
    tmp_path: Path, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(backend)
    args = ["train", "--epochs", "100000", "--backend", backend, "--out", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-c", WITH_CTRL_C, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert error == ""
    assert re.search(r"interrupted after \d+ of 100000 epochs; saving", output)
    assert sorted(os.listdir(tmp_path)) == ["interrupted.npz", "interrupted.png", *WRITTEN[:2]]
    metadata = read_metadata(tmp_path / "interrupted.npz")
    assert metadata["interrupted"]
    assert len(metadata["history"]["loss"]) >= 1
    assert main(["eval", str(tmp_path / "interrupted.npz")]) == 0
    assert accuracy_in(capsys.readouterr().out) == accuracy_in(output)


def test_an_interrupted_run_does_not_touch_a_complete_one(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "model.npz").read_bytes()

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("tempotron_backends.training.callbacks.Callback.on_batch", interrupt)
        assert main(["train", *QUICK, "--out", str(trained)]) == 130
    assert "interrupted after 0 of 2 epochs; saving" in capsys.readouterr().out
    assert (trained / "model.npz").read_bytes() == before
    assert load(trained / "interrupted.npz").weights[0].shape == (60, 320)
    for name in ("interrupted.npz", "interrupted.png"):
        (trained / name).unlink()


def test_ctrl_c_before_training_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tempotron_backends.training.experiment.hold_out", interrupt)
    assert main(["train", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "tempotron: interrupted\n"
    assert os.listdir(tmp_path) == []


def test_a_failing_picture_leaves_the_old_one_and_the_checkpoint(
    trained: Path, monkeypatch: pytest.MonkeyPatch, failing: Any
) -> None:
    before = (trained / "model.png").read_bytes()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    assert "disk full" in one_line(failing("train", *QUICK, "--out", trained))
    assert (trained / "model.png").read_bytes() == before
    assert sorted(os.listdir(trained)) == WRITTEN


def test_backends_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backends"]) == 0
    output = capsys.readouterr().out
    for word in ("backend", "usable", "numpy", np.__version__, "cupy", "torch", "jax", "strict"):
        assert word in output


def test_backends_can_be_read_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["backends"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[:2] == ["numpy:cpu", f"  {np.__version__}, float64"]
    assert "…" not in "".join(lines)


def test_backends_works_without_rich(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich.table", None)
    assert main(["backends"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["backend", "device", "version", "dtype", "usable"]
    assert lines[1].split() == ["numpy", "cpu", np.__version__, "float64", "yes"]


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tempotron-core {__version__}\n"
    for command in ([], ["train"], ["eval"], ["predict"], ["backends"]):
        assert main([*command, "--help"]) == 0
        assert "usage: tempotron" in capsys.readouterr().out


def test_nothing_heavy_is_imported_for_help() -> None:
    code = (
        "import sys; from tempotron_backends.cli.command import main; main(['--help']); "
        "print(sorted({'torch', 'jax', 'sklearn', 'matplotlib', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize(
    ("module", "args"), [("sklearn.datasets", ["train"]), ("matplotlib.figure", ["train"])]
)
def test_missing_extras_are_named(
    module: str, args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: Any
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    error = one_line(failing(*args, "--out", tmp_path))
    assert "pip install 'tempotron-core[train]'" in error


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["train", "--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
        (["train", "--backend", "tensorflow"], "argument --backend: invalid choice: 'tensorflow'"),
        (["train", "--dtype", "float16"], "argument --dtype: invalid choice: 'float16'"),
        (["train", "--loss", "hinge"], "argument --loss: invalid choice: 'hinge'"),
        (["train", "--wings"], "unrecognized arguments: --wings (see tempotron train --help)"),
        (["train", "--learning_rate=1"], "did you mean --learning-rate? (see tempotron train"),
        (["--wings"], "(see tempotron --help)"),
        (["train", "--epochs", "-1"], "argument --epochs: must be an integer, 0 or more, got -1"),
        (["train", "--batch-size", "0"], "argument --batch-size: must be an integer, 1 or more"),
        (["train", "--seed", "-1"], "argument --seed: must be an integer, 0 or more"),
        (["train", "--hold-out", "1.5"], "argument --hold-out: must be a part between 0"),
        (["train", "--hold-out", "0.0001"], "--hold-out must leave patterns of every"),
        (["train", "--fields", "2"], "argument --fields: must be an integer, 3 or more, got 2"),
        (["train", "--learning-rate", "0"], "argument --learning-rate: must be greater"),
        (["train", "--momentum", "1"], "argument --momentum: must be at least 0.0 and"),
        (["train", "--hidden", "4,x"], "argument --hidden: invalid sizes value: '4,x'"),
        (["train", "--recipe", "none"], "--recipe must be one of mnist, mnist-10, mnist-deep or"),
        (["train", "--shift=1", "--data=breast-cancer"], "--shift needs patterns that"),
        (["train", "--resume"], "--resume needs a run to continue in --out, got 'tempotron-run'"),
        (["train", "--patience=3"], "--patience needs validation patterns"),
        (["encode", "--out=x", "--fields=2"], "argument --fields: must be an integer, 3 or more"),
        (["encode", "--out=x", "--window=0"], "argument --window: must be greater than 0.0"),
        (["train", "--data", "no-such"], "--data must be digits, breast-cancer, an event"),
        (["train", "--data", "breast_cancer"], "no such folder; did you mean 'breast-cancer'?"),
        (["eval", "no-such.npz"], "CHECKPOINT must name a checkpoint, got 'no-such.npz': no file"),
        (["predict", "no-such.npz", "x"], "CHECKPOINT must name a checkpoint, got"),
        (["eval"], "the following arguments are required: CHECKPOINT"),
    ],
)
def test_errors_are_one_line(
    args: list[str], message: str, failing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in one_line(failing(*args))


def test_unknown_devices(failing: Any, tmp_path: Path) -> None:
    for where in (["--device", "tpu"], ["--backend", "numpy", "--device", "cuda:7"]):
        error = failing("train", *where, "--out", tmp_path / "out")
        assert "--device must be" in error
        assert "numpy:cpu" in error
    assert not (tmp_path / "out").exists()


def test_bad_output_folders(failing: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    assert "--out must be a folder, got the file" in one_line(
        failing("train", "--out", tmp_path / "file")
    )
    one_line(failing("train", "--out", tmp_path / "file" / "below"))
    assert (tmp_path / "file").read_text() == "kept"


def test_damaged_data(failing: Any, tmp_path: Path) -> None:
    write_folder(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    error = one_line(failing("train", "--data", tmp_path, "--out", tmp_path / "out"))
    assert "train-images-idx3-ubyte' must hold 1200 bytes" in error


def test_damaged_and_foreign_checkpoints(trained: Path, failing: Any, tmp_path: Path) -> None:
    whole = (trained / "model.npz").read_bytes()
    (tmp_path / "short.npz").write_bytes(whole[: len(whole) // 2])
    for command in (["eval"], ["predict"]):
        more = [tmp_path / "x.npy"] if command == ["predict"] else []
        error = one_line(failing(*command, tmp_path / "short.npz", *more))
        assert "CHECKPOINT must name a checkpoint" in error
    save(Tempotron(4, 2, 10), tmp_path / "bare.npz")
    error = one_line(failing("eval", tmp_path / "bare.npz"))
    assert "CHECKPOINT must be one that 'tempotron train' wrote" in error
    metadata = read_metadata(trained / "model.npz")
    metadata["recipe"]["loss"] = "unknown"
    save(load(trained / "model.npz"), tmp_path / "odd.npz", metadata=metadata)
    assert "loss must be one of" in one_line(failing("eval", tmp_path / "odd.npz"))


def test_bad_input_for_predict(trained: Path, failing: Any, tmp_path: Path) -> None:
    checkpoint = trained / "model.npz"
    np.save(tmp_path / "narrow.npy", np.ones((2, 5)))
    np.save(tmp_path / "nan.npy", np.full((2, 64), np.nan))
    (tmp_path / "text.csv").write_text("a,b\n")
    for name, message in (
        ("narrow.npy", r"INPUT must have 64 features per pattern, got shape \(2, 5\)"),
        ("nan.npy", "INPUT must hold finite numbers, got NaN or infinity in row 0"),
        ("text.csv", "INPUT must be a .npy or .csv file"),
        ("none.npy", "INPUT must be a file, got"),
        ("", "INPUT must be an event file or a file of rows, got the folder"),
    ):
        error = one_line(failing("predict", checkpoint, tmp_path / name))
        assert re.search(message, error)


def test_float64_checkpoints_need_a_backend_that_holds_them(
    tmp_path: Path, failing: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--epochs=0", "--dtype=float64", "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    error = one_line(
        failing("eval", tmp_path / "model.npz", "--backend=strict", "--device=no_float64")
    )
    assert "dtype must be one that strict:no_float64 can hold" in error


def test_a_run_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same files as of a run in one go, but for the time it took."""
    settings = ["--epochs=3", "--hidden=12", "--validation=0.2", "--fields=3"]
    once, twice = tmp_path / "once", tmp_path / "twice"
    assert main(["train", *settings, "--out", str(once)]) == 0
    whole = capsys.readouterr().out
    batches = []

    def interrupt(*_: Any, **__: Any) -> None:
        batches.append(1)
        if len(batches) == 150:  # three callbacks; in the second epoch of 34 batches
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("tempotron_backends.training.callbacks.Callback.on_batch", interrupt)
        assert main(["train", *settings, "--out", str(twice)]) == 130
    capsys.readouterr()
    assert main(["train", "--resume", "--out", str(twice)]) == 0
    rest = capsys.readouterr().out
    assert "resuming  after 1 of 3 epochs" in rest
    assert whole.splitlines()[-3] == rest.splitlines()[-3]
    for name in ("model.npz", "best.npz", "last.npz"):
        one, other = load(once / name), load(twice / name)
        for weight, expected in zip(other.weights, one.weights, strict=True):
            np.testing.assert_array_equal(weight, expected)
    logs = [(folder / "log.csv").read_text().splitlines() for folder in (once, twice)]
    assert [row.rpartition(",")[0] for row in logs[0]] == [
        row.rpartition(",")[0] for row in logs[1]
    ]
    assert main(["train", "--resume", "--batch-size=4", "--out", str(twice)]) == 2
    error = capsys.readouterr().err
    assert "--batch-size must be that of the run to resume, 32, got 4" in error
    assert main(["train", "--resume", "--data=breast-cancer", "--out", str(twice)]) == 2
    assert "--data must be those of the run" in capsys.readouterr().err


def test_a_finished_run_is_made_longer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], failing: Any
) -> None:
    settings = ["--data=breast-cancer", "--fields=3", "--out", str(tmp_path)]
    assert main(["train", *settings, "--epochs=1"]) == 0
    assert main(["train", "--resume", *settings]) == 0
    assert "after 1 of 1 epochs: complete, unless --epochs asks for more" in capsys.readouterr().out
    assert main(["train", "--resume", *settings, "--epochs=3"]) == 0
    output = capsys.readouterr().out
    assert "resuming  after 1 of 3 epochs\n" in output
    assert output.count("\nepoch ") == 2
    metadata = read_metadata(tmp_path / "model.npz")
    assert len(metadata["history"]["loss"]) == metadata["recipe"]["epochs"] == 3
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    error = one_line(failing("train", "--resume", *settings, "--epochs=2"))
    assert "--epochs must be at least the 3 that the run has done, got 2" in error


def test_predictions_have_names_probabilities_and_formats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of rows, of standard input and of an event file, which agree."""
    out, events = tmp_path / "out", tmp_path / "x.events"
    code = ["--data=breast-cancer", "--fields=3"]
    assert main(["train", *code, "--epochs=15", "--out", str(out)]) == 0
    assert main(["encode", *code, "--out", str(events)]) == 0
    capsys.readouterr()

    def predicted(*args: Any) -> str:
        assert main(["predict", str(out / "model.npz"), *map(str, args)]) == 0
        found = capsys.readouterr()
        assert found.err == ""
        return found.out

    data = load_breast_cancer()
    features = data.features
    header = ",".join(f"feature {i}" for i in range(30))
    np.savetxt(tmp_path / "rows.csv", features, delimiter=",", header=header, comments="")
    words = predicted(tmp_path / "rows.csv").split()
    assert set(words) == {"malignant", "benign"}
    assert np.mean(np.asarray(words) == np.asarray(data.classes)[data.labels]) > 0.75
    assert predicted(events).split() == words
    piped = io.TextIOWrapper(io.BytesIO((tmp_path / "rows.csv").read_bytes()))
    monkeypatch.setattr("sys.stdin", piped)
    assert predicted("-").split() == words
    table = list(csv.DictReader(predicted(events, "--probabilities", "--format=csv").splitlines()))
    assert [row["class"] for row in table] == words
    objects = json.loads(predicted(events, "--probabilities", "--format=json"))
    text = [line.split() for line in predicted(events, "--probabilities").splitlines()]
    for row, found, cells in zip(table, objects, text, strict=True):
        p = found["probabilities"]
        assert list(p) == ["malignant", "benign"]
        assert sum(p.values()) == pytest.approx(1.0, abs=1e-5)
        assert found["class"] == max(p, key=p.get) == cells[0]
        assert p["benign"] == pytest.approx(float(row["p_benign"]), abs=1e-5)
        assert p["benign"] == pytest.approx(float(cells[2]), abs=1e-4)
    assert predicted(tmp_path / "rows.csv", "--format=csv").splitlines() == ["class", *words]
    assert json.loads(predicted(events, "--format=json")) == [{"class": word} for word in words]


def test_event_files_are_written_trained_on_and_scored(
    tmp_path: Path, failing: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    spikes, out = str(tmp_path / "digits.events"), tmp_path / "out"
    assert main(["encode", "--out", spikes, "--fields=3"]) == 0
    assert "192 afferents" in capsys.readouterr().out
    assert main(["train", "--data", spikes, *QUICK, "--out", str(out)]) == 0
    output = capsys.readouterr().out
    assert main(["eval", str(out / "model.npz"), "--data", spikes]) == 0
    assert accuracy_in(capsys.readouterr().out) == accuracy_in(output)
    assert main(["train", "--fields=3", *QUICK, "--out", str(tmp_path / "plain")]) == 0
    assert accuracy_in(capsys.readouterr().out) == accuracy_in(output)
    np.save(tmp_path / "rows.npy", load_digits().features[:20])
    assert main(["predict", str(out / "model.npz"), str(tmp_path / "rows.npy")]) == 0
    assert len(capsys.readouterr().out.split()) == 20
    error = one_line(failing("encode", "--out", spikes))
    assert "digits.events" in error
    times = Path(spikes) / "times.npy"
    times.write_bytes(times.read_bytes()[:-100])
    assert "times.npy" in one_line(failing("train", "--data", spikes, "--out", out))


def test_eval_scores_any_part(
    tmp_path: Path, failing: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path / "train")
    write_folder(tmp_path / "test", parts=("t10k",), n=45)
    out, folder = tmp_path / "out", str(tmp_path / "train")
    settings = ["--epochs=20", "--batch-size=8", "--validation=9"]
    assert main(["train", "--data", folder, *settings, "--out", str(out)]) == 0
    held_out = accuracy_in(capsys.readouterr().out)
    model = str(out / "model.npz")
    for split, data, said, total in (
        ("held-out", folder, "held-out accuracy", 15),
        ("train", folder, "training accuracy", 36),
        ("all", folder, "accuracy", 60),
        ("test", str(tmp_path / "test"), "test accuracy", 45),
    ):
        assert main(["eval", model, "--data", data, "--split", split]) == 0
        output = capsys.readouterr().out
        assert output.startswith(said)
        assert f"of {total})" in output
        if split == "held-out":
            assert accuracy_in(output) == held_out
    picture = tmp_path / "eval.png"
    assert main(["eval", model, "--data", folder, "--figure", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "test set" in one_line(failing("eval", model, "--split", "test"))
    other = one_line(failing("eval", model, "--data", tmp_path / "test", "--split", "held-out"))
    assert "must hold a file train-images-idx3-ubyte" in other


def test_a_folder_with_other_features_is_refused(
    trained: Path, tmp_path: Path, failing: Any
) -> None:
    write_folder(tmp_path)
    error = one_line(failing("eval", trained / "model.npz", "--data", tmp_path))
    assert "data must have the features that the model was trained on (320 afferents)" in error


def test_other_data_and_recipes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.toml").write_text('hidden = [10]\nloss = "mse"\nepochs = 7\n')
    args = ["--recipe", str(tmp_path / "mine.toml"), "--epochs=2", "--out", str(tmp_path / "out")]
    assert main(["train", "--data=breast-cancer", *args]) == 0
    output = capsys.readouterr().out
    assert "569 patterns, 30 features, 2 classes" in output
    assert "150 - 10 - 12 neurons" in output
    assert "mse loss" in output
    assert output.count("\nepoch ") == 2


def test_a_closed_pipe_is_no_error(trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.zeros((2000, 64)))
    with subprocess.Popen(
        [*COMMAND, "predict", str(trained / "model.npz"), str(tmp_path / "rows.npy")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
