"""The command where something is in the way: full disks, kills, closed streams, other runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tempotron_backends.cli.command import main
from tempotron_backends.data import EventFile, EventWriter, open_patterns
from tempotron_core import read_metadata

for needed in ("sklearn", "matplotlib", "rich"):
    pytest.importorskip(needed)

COMMAND = [sys.executable, "-m", "tempotron_backends"]
QUICK = ["train", "--epochs=1", "--neurons-per-class=1"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="of POSIX systems")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits as an event file."""
    path = tmp_path_factory.mktemp("events") / "digits.events"
    assert main(["encode", "--out", str(path)]) == 0
    return path


@pytest.fixture
def failing(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command, see it fail, and return its one line of complaint."""

    def failing(*args: Any) -> str:
        assert main([*map(str, args)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1, error
        return error

    return failing


# -- settings that the data have fixed ----------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--window", "0.6"], "--window must be that of scikit-learn digits, 15.0, got 0.6"),
        (["--encoder", "latency"], "--encoder must be that of .* gaussian, got latency"),
        (["--fields", "4"], "--fields must be that of .* 5, got 4"),
        (["--duration", "20"], "--duration must be that of .* 30.0, got 20.0"),
        (["--recipe", "mnist"], "--recipe must have the encoder of .* gaussian, got latency"),
    ],
)
def test_spikes_are_not_coded_anew(
    digits: Path, tmp_path: Path, failing: Any, given: list[str], message: str
) -> None:
    error = failing(*QUICK, "--data", digits, "--out", tmp_path, *given)
    assert re.search(message, error), error
    assert not os.listdir(tmp_path)


def test_the_settings_of_the_file_may_be_repeated(digits: Path, tmp_path: Path) -> None:
    same = ["--window=15", "--fields=5", "--duration=30", "--encoder=gaussian"]
    assert main([*QUICK, "--data", str(digits), "--out", str(tmp_path), *same]) == 0
    recipe = read_metadata(tmp_path / "model.npz")["recipe"]
    assert (recipe["encoder"], recipe["n_fields"], recipe["window"]) == ("gaussian", 5, 15.0)


def test_spikes_of_unknown_coding_are_not_coded_anew(tmp_path: Path, failing: Any) -> None:
    with EventWriter(tmp_path / "a.events", 4, 30.0) as writer:
        writer.append_spikes([1.0, 2.0], [0, 1], [0, 1, 2], [0, 1])
    error = failing(*QUICK, "--data", tmp_path / "a.events", "--out", tmp_path / "o", "--window=5")
    assert "--window must be left out for spikes such as a.events, got 5.0" in error


def test_spikes_coded_otherwise_are_not_scored(digits: Path, tmp_path: Path, failing: Any) -> None:
    assert main([*QUICK, "--out", str(tmp_path / "run"), "--window=12"]) == 0
    error = failing("eval", tmp_path / "run" / "model.npz", "--data", digits)
    assert "window must be that of scikit-learn digits, 15, got 12" in error


def test_a_test_set_is_what_is_held_out(tmp_path: Path, failing: Any) -> None:
    with EventWriter(tmp_path / "a.events", 2, 9.0, metadata={"test_from": 2}) as writer:
        writer.append_spikes([1.0] * 4, [0, 1, 0, 1], np.arange(5), [0, 1, 0, 1])
    error = failing(*QUICK, "--data", tmp_path / "a.events", "--out", tmp_path, "--hold-out=2")
    assert "--hold-out must be left out for data that have a test set of their own" in error


def test_resuming_in_another_dtype_is_refused(tmp_path: Path, failing: Any) -> None:
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    error = failing("train", "--out", tmp_path, "--resume", "--dtype=float64")
    assert "--dtype must be that of the run to resume, float32, got float64" in error
    assert main(["train", "--out", str(tmp_path), "--resume", "--dtype=float32"]) == 0


def test_other_spikes_are_other_data(tmp_path: Path) -> None:
    paths = [tmp_path / f"{window}.events" for window in (5, 20, 5.0)]
    for path, window in zip(paths, (5, 20, 5), strict=True):
        assert main(["encode", "--out", str(path), f"--window={window}"]) == 0
    five, twenty, again = (open_patterns(str(path)).describe()["fingerprint"] for path in paths)
    assert five == again != twenty


@pytest.mark.parametrize("text", ["5,,6", "5,", ",5"])
def test_layers_without_a_size(failing: Any, text: str) -> None:
    assert "argument --hidden: invalid sizes value" in failing("train", f"--hidden={text}")


def test_built_in_data_are_encoded_by_name(tmp_path: Path, failing: Any) -> None:
    for name, afferents in (("digits", 64 * 3), ("breast-cancer", 30 * 3)):
        path = tmp_path / name
        assert main(["encode", "--data", name, "--fields=3", "--out", str(path)]) == 0
        assert EventFile.open(path).n_afferents == afferents
    error = failing("encode", "--data", path, "--out", tmp_path / "twice")
    assert "--data must be features to encode, got the event file" in error


# -- streams ------------------------------------------------------------------------------------


def run(args: list[Any], **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, args)], capture_output=True, text=True, timeout=300, **more
    )


@POSIX
@pytest.mark.slow  # below is what it rests on
@pytest.mark.parametrize("closed", [1, 2])
def test_closed_streams(tmp_path: Path, closed: int) -> None:
    command = [*COMMAND, *QUICK, "--out", str(tmp_path)]
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}>&-', "sh", *command],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")
    assert read_metadata(tmp_path / "model.npz")["dtype"] == "float32"


@POSIX
def test_no_file_is_opened_in_the_place_of_a_closed_stream() -> None:
    """Else a library that writes to it would write into the file."""
    code = (
        "import os, sys; from tempotron_backends.cli.streams import forgiving_streams\n"
        "with forgiving_streams(): sys.exit(os.open(os.devnull, os.O_RDONLY))"
    )
    command = ["/bin/sh", "-c", 'exec "$@" 1>&-', "sh", sys.executable, "-c", code]
    assert subprocess.run(command, timeout=300).returncode > 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize(
    ("what", "unbuffered"),
    [
        ("--help", "1"),
        ("--help", ""),
        ("backends", ""),
        pytest.param("backends", "1", marks=pytest.mark.slow),
    ],
)
def test_output_to_a_full_disk(what: str, unbuffered: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, what],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )
    assert done.returncode == 2
    assert re.fullmatch("tempotron: error: .*No space left on device.*\n", done.stderr)


@pytest.mark.slow
@POSIX
def test_paths_that_the_terminal_cannot_show(tmp_path: Path) -> None:
    out = tmp_path / "\u00e9t\u00e9"
    done = run([*QUICK, "--out", out], env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\xe9t\xe9" in done.stdout
    assert (out / "model.png").exists()


@pytest.mark.slow
@POSIX
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(tmp_path: Path) -> None:
    here, there = os.openpty()
    process = subprocess.Popen(
        [*COMMAND, *QUICK, "--out", str(tmp_path)],
        stdout=there,
        stderr=there,
        env=os.environ | {"TERM": "dumb"},
    )
    os.close(there)
    shown = b""
    try:
        while part := os.read(here, 1024):
            shown += part
    except OSError:  # the other side is closed
        pass
    assert process.wait(300) == 0
    os.close(here)
    assert b"epoch 1/1  loss" in shown
    assert b"\x1b[" not in shown


# -- folders ------------------------------------------------------------------------------------


@POSIX
def test_two_runs_do_not_share_a_folder(tmp_path: Path, failing: Any) -> None:
    long = [*COMMAND, "train", "--epochs=100000", "--out", str(tmp_path)]
    with subprocess.Popen(long, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        try:
            for args in (QUICK, ["train", "--resume"], ["bench", "--quick", "--backends=numpy"]):
                error = failing(*args, "--out", tmp_path)
                assert "--out must be a folder that no other run writes to" in error
        finally:
            process.kill()
    assert main([*QUICK, "--out", str(tmp_path)]) == 0


def test_nothing_of_an_earlier_run_stays_beside_a_new_one(tmp_path: Path) -> None:
    assert main([*QUICK, "--validation=0.25", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "best.npz").exists()
    for name in ("interrupted.npz", ".best.npz.0123456789ab.tmp"):  # the other of a killed run
        (tmp_path / name).touch()
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    assert sorted(os.listdir(tmp_path)) == ["last.npz", "log.csv", "model.npz", "model.png"]


@pytest.fixture
def disk_of() -> Iterator[Callable[[int], None]]:
    """Let files grow to so many bytes only, which stands for a disk: both end a write midway."""
    resource = pytest.importorskip("resource", reason="POSIX limits the size of files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@POSIX
@pytest.mark.parametrize(
    "limit", [40_000, *(pytest.param(size, marks=pytest.mark.slow) for size in (100, 1_000_000))]
)
@pytest.mark.parametrize("command", [["encode"], QUICK], ids=["encode", "train"])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path,
    limit: int,
    command: list[str],
    disk_of: Callable[[int], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert main([*command, "--out", str(tmp_path / "first")]) == 0  # compiles, which writes files
    disk_of(limit)
    done = main([*command, "--out", str(out)])
    error = capsys.readouterr().err
    if done == 0:
        assert limit == 1_000_000
        return
    assert done == 2
    assert "File too large" in error.splitlines()[-1]
    assert str(out) in error.splitlines()[-1]
    left = os.listdir(tmp_path) if command == ["encode"] else os.listdir(out)
    assert not [name for name in left if name.startswith(".")]
    assert "out" not in left


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("command", ["encode", "train"])
def test_fifty_kills_leave_nothing_after_the_next_run(tmp_path: Path, command: str) -> None:
    out = tmp_path / "out"
    args = {
        "encode": ["encode", "--overwrite", "--fields=40", "--out", str(out)],
        "train": ["train", "--epochs=100000", "--hidden=300", "--out", str(out)],
    }[command]
    rng, n_left = np.random.default_rng(0), 0
    where = tmp_path if command == "encode" else out
    for _ in range(50):
        with subprocess.Popen(
            [*COMMAND, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            begun = threading.Event()
            # from the moment that it has begun to write
            for _ in range(3000):
                names = os.listdir(where) if where.exists() else []
                if any(name.startswith(".") and name.endswith(".tmp") for name in names):
                    break
                begun.wait(0.01)
            begun.wait(rng.uniform(0.0, 0.5))
            process.send_signal(signal.SIGKILL)
        n_left += any(name.endswith(".tmp") for name in os.listdir(where))
        if command == "encode" and out.exists():
            EventFile.open(out).verify()
    assert n_left > 0  # else it was not killed while it wrote
    args = [arg for arg in args if arg != "--epochs=100000"] + ["--epochs=1"] * (command == "train")
    assert main(args) == 0
    assert not [name for name in os.listdir(where) if name.startswith(".")]


@POSIX
def test_readers_see_a_whole_file_while_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.events"

    def write(n: int) -> None:
        with EventWriter(path, 4, 30.0, overwrite=True) as writer:
            writer.append_spikes(np.full(n, 2.0), [0] * n, np.arange(n + 1), [1] * n)

    write(1)
    stop = threading.Event()

    def replace() -> None:
        n = 1
        while not stop.is_set():
            n = n % 50 + 1
            write(n)

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        for _ in range(300):
            found = EventFile.open(path)
            found.verify()
            assert len(found) == len(found.times) == len(found.labels)
    finally:
        stop.set()
        thread.join()
    assert os.listdir(tmp_path) == ["a.events"]
