"""Arrays of numbers read as NumPy reads them, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tempotron_core.files.npy import map_array, read_array


@pytest.mark.parametrize("dtype", ["?", "u1", "<i2", ">i8", "<f2", "<f4", ">f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (7,), (2, 3), (2, 3, 4)])
def test_the_same_as_numpy_reads(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    path = tmp_path / "a.npy"
    values = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    for array in (values, np.asfortranarray(values)):
        np.save(path, array)
        with path.open("rb") as file:
            found = read_array(file, path.stat().st_size)
        wanted, mapped = np.load(path), map_array(path)
        for read in (found, mapped):
            assert read.dtype == wanted.dtype
            np.testing.assert_array_equal(read, wanted)
        assert found.flags.writeable


def changed(tmp_path: Path, old: bytes, new: bytes) -> Path:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(6.0).reshape(2, 3))
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"NUMPY\x01", b"NUMPY\x04", "version 1 to 3"),
        (b"(2, 3)", b"(2, 3(", "header is garbled"),
        (b"(2, 3)", b"(2, 1)", "header says 128 . 16 bytes for <f8 of shape"),
        (b"(2, 3)", b"(-2,3)", "shape must be of sizes"),
        (b"(2, 3)", b"[2, 3]", "shape must be of sizes"),
        (b"(2, 3)", b"(1e9,)", "shape must be of sizes"),
        (b"'<f8'", b"'|O8'", "numbers or truth values, got dtype '.O8'"),
        (b"'<f8'", b"'<f7'", "dtype must be one of NumPy's, got '<f7'"),
        (b"'descr'", b"'discr'", "header is garbled"),
        (b"\x76\x00{", b"\xff\xff{", "header must have at most 4096 bytes, got 65535"),
    ],
)
def test_damaged_headers(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(ValueError, match=message):
        map_array(path)
    with path.open("rb") as file, pytest.raises(ValueError, match=message):
        read_array(file, path.stat().st_size)


def test_a_false_size_takes_no_memory(tmp_path: Path) -> None:
    path = changed(tmp_path, b"(2, 3), }" + 11 * b" ", b"(99999999999999999,)}")
    with path.open("rb") as file, pytest.raises(ValueError, match="its header says"):
        read_array(file, path.stat().st_size)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipes_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(ValueError, match="no regular file"):
        map_array(tmp_path / "a.npy")
