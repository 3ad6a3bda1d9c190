"""Files put in place in one step: what killed writers leave, and errors that name the file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tempotron_core import Tempotron, load, save
from tempotron_core.files.replacing import hold, naming, release, remove_leftovers, replacing

WITH_LOCKS = pytest.mark.skipif(os.name == "nt", reason="no locks on Windows")

WRITES = """
import sys, time
from pathlib import Path
from tempotron_core.files.replacing import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


def start_writing(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def test_what_is_there_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with replacing(tmp_path / "file") as file:
        file.write(b"new")
        assert (tmp_path / "file").read_bytes() == b"old"
    assert (tmp_path / "file").read_bytes() == b"new"
    with contextlib.suppress(KeyError), replacing(tmp_path / "file") as file:
        file.write(b"half")
        raise KeyError
    assert (tmp_path / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


@WITH_LOCKS
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    living = start_writing(path)
    dead = start_writing(path)
    try:
        assert len(os.listdir(tmp_path)) == 2
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        save(Tempotron(3, 2, T=10), path)
        # that of the living one stays
        left = sorted(os.listdir(tmp_path))
        assert len(left) == 2
        assert left[1] == "model.npz"
        assert (tmp_path / left[0]).read_bytes() == b"half"
        assert load(path).out_features == 2
    finally:
        for process in (living, dead):
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    remove_leftovers(tmp_path, "other")
    assert len(os.listdir(tmp_path)) == 2
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ["model.npz"]


def test_files_of_others_stay(tmp_path: Path) -> None:
    names = [
        ".file.tmp",
        ".file.0123456789ab.old",
        "file.0123456789ab.tmp",
        ".file.0123456789aX.tmp",
    ]
    for name in names:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path, "file")
    assert sorted(os.listdir(tmp_path)) == sorted(names)


@WITH_LOCKS
def test_locks_end_when_they_are_released(tmp_path: Path) -> None:
    lock = hold(tmp_path)
    with pytest.raises(BlockingIOError):
        hold(tmp_path)
    release(lock)
    release(hold(tmp_path))


def test_errors_name_the_file() -> None:
    full = r"\[Errno 28\] No space left on device: 'model\.npz'"
    with pytest.raises(OSError, match=full), naming("model.npz"):
        raise OSError(28, "No space left on device")
    with pytest.raises(PermissionError, match="'other'"), naming("model.npz"):
        raise PermissionError(13, "no", "other")


def test_a_full_disk_is_named_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match=r"No space left on device: .*model\.npz'"):
        save(Tempotron(3, 2, T=10), tmp_path / "model.npz")
    assert not os.listdir(tmp_path)
