"""Damaged files of every kind: a clear error that names the file, or what the file says."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import re
import shutil
import struct
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idx import idx_bytes

from tempotron_backends import select
from tempotron_backends.data import (
    Dataset,
    EventFile,
    EventPatterns,
    FeaturePatterns,
    encode_dataset,
    open_patterns,
    read_features,
)
from tempotron_backends.data.idx import read_idx
from tempotron_backends.recipes import Recipe, read_recipe
from tempotron_backends.training import Experiment, TrainedModel
from tempotron_core import load

FEW = 300
MANY = 10_000

RECIPE = Recipe(
    n_fields=3, epochs=1, batch_size=8, neurons_per_class=2, validation=0.25, hold_out=0.25
)
STRANGE = [
    None, True, -1, 0, 1, 2, 3.5, 1e300, 10**60, 10**400, -(10**19), 2**31, 200_000_000, "", "none",
    "x" * 50, "\u00e9", [], [0], [[]], [1, 2], [None], {}, {"a": 1}, float("nan"), float("inf"),
]  # fmt: skip


def make_data() -> FeaturePatterns:
    rng = np.random.default_rng(0)
    labels = np.arange(32) % 2
    features = rng.uniform(0.0, 4.0, (32, 4)) + 4.0 * labels[:, None]
    return FeaturePatterns(Dataset("rows", features, labels, (0.0, 8.0)))


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Return the content with some damage."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        at = rng.randrange(len(data) + 1)
        # most headers are short and stand at the beginning
        if rng.random() < 0.5:
            at = min(at, rng.randrange(160))
        length = rng.choice([1, 1, 2, 4, 16, 400])
        match rng.randrange(7):
            case 0 | 1:
                if at < len(data):
                    data[at] ^= 1 << rng.randrange(8)
            case 2:
                data[at : at + length] = rng.randbytes(min(length, len(data) - at))
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = rng.randbytes(length)
            case 5:
                data[at:at] = data[at : at + length] * rng.choice([1, 1, 300])
            case 6:
                data[at : at + 1] = rng.choice(
                    [
                        b"(",
                        b")",
                        b"[",
                        b"{",
                        b"-",
                        b"9" * 30,
                        b"e9",
                        b"\0",
                        b"\xff\xff\xff\xff",
                        b"L",
                    ]
                )
        if rng.random() < 0.03:
            del data[at:]
    return bytes(data)


def mutated_json(value: Any, rng: random.Random) -> Any:
    """Return an object with one of its values, however deep, exchanged, removed or renamed."""
    value = json.loads(json.dumps(value))
    places = list(_places(value))
    holder, key = rng.choice(places)
    match rng.randrange(4):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[key + "x"] = holder.pop(key)
        case _:
            holder[key] = rng.choice(STRANGE)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def survives(
    path: Path, content: bytes, read: Callable[[], Any], check: Callable[[Any], Any]
) -> bool:
    """Write and read; True if it was read, and is right.  Only an error with its name may come."""
    path.write_bytes(content)
    try:
        found = read()
    except ValueError as error:
        named = path.name in str(error) or path.parent.name in str(error)
        assert named, f"{error!r} does not name {path}"  # noqa: PT017
        return False
    check(found)
    return True


def trials(n: int, content: bytes, seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    yield content
    for _ in range(n):
        yield mutated(content, rng)


SIZES = pytest.mark.parametrize("n", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "rows.events"
    encode_dataset(make_data().dataset, RECIPE, path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run's checkpoint and state."""
    folder = tmp_path_factory.mktemp("run")
    experiment = Experiment.prepare(make_data(), RECIPE, select("numpy"))
    experiment.train()
    experiment.save(folder / "model.npz", {"correct": 3})
    experiment.save_state(folder / "last.npz")
    return folder


@SIZES
@pytest.mark.parametrize("name", ["times.npy", "afferents.npy", "offsets.npy", "labels.npy"])
def test_arrays_of_event_files(events: Path, tmp_path: Path, name: str, n: int) -> None:
    path = tmp_path / "hurt.events"
    shutil.copytree(events, path)
    whole = (events / name).read_bytes()
    wanted = EventPatterns(EventFile.open(events))
    everything = np.arange(len(wanted))

    def check(found: EventPatterns) -> None:
        assert found.fingerprint == wanted.fingerprint
        for one, other in zip(
            found.event_file.read(everything), wanted.event_file.read(everything), strict=True
        ):
            np.testing.assert_array_equal(one, other)

    def read() -> EventPatterns:
        found = open_patterns(str(path))
        assert isinstance(found, EventPatterns)
        found.fingerprint  # noqa: B018 (reads everything)
        found.event_file.verify()
        return found

    # a file that is mapped must not be written over
    for content in trials(n, whole, 1):
        (path / name).unlink()
        survives(path / name, content, read, check)


@SIZES
def test_headers_of_event_files(events: Path, tmp_path: Path, n: int) -> None:
    path = tmp_path / "hurt.events"
    shutil.copytree(events, path)
    whole = (events / "header.json").read_bytes()
    rng = random.Random(2)
    contents = [*trials(n // 2, whole, 3)]
    contents += [json.dumps(mutated_json(json.loads(whole), rng)).encode() for _ in range(n // 2)]
    contents += [b"[" * 100_000, b"\xef\xbb\xbf" + whole]

    def read() -> EventPatterns:
        found = open_patterns(str(path))
        assert isinstance(found, EventPatterns)
        found.describe()
        return found

    def check(found: EventPatterns) -> None:
        recipe = Recipe(**{"n_fields": 3} | found.coded_by())
        index = np.arange(len(found)) if found.test_from is None else np.arange(found.test_from)
        source = found.source(index, recipe, select("numpy"), "float32")
        assert len(source.events(np.arange(1))) == 1

    n_read = sum(survives(path / "header.json", content, read, check) for content in contents)
    assert 0 < n_read < len(contents)


@SIZES
@pytest.mark.parametrize("name", ["model.npz", "last.npz"])
def test_checkpoints(run: Path, tmp_path: Path, name: str, n: int) -> None:
    path = tmp_path / name
    whole, backend, data = (run / name).read_bytes(), select("numpy"), make_data()
    weights = load(run / name).weights

    def read() -> Any:
        if name == "last.npz":
            return Experiment.resume(path, data, backend).state.network
        return TrainedModel.read(path, backend).network

    def check(network: Any) -> None:
        for one, other in zip(network.weights, weights, strict=True):
            np.testing.assert_array_equal(one, other)

    for content in trials(n, whole, 4):
        survives(path, content, read, check)


@SIZES
@pytest.mark.parametrize("name", ["model.npz", "last.npz"])
@pytest.mark.filterwarnings("ignore")
def test_what_checkpoints_say(run: Path, tmp_path: Path, name: str, n: int) -> None:
    path, rng = tmp_path / name, random.Random(5)
    backend, data = select("numpy"), make_data()
    with np.load(run / name) as archive:
        arrays = dict(archive)

    def read() -> Any:
        if name == "last.npz":
            return Experiment.resume(path, data, backend)
        model = TrainedModel.read(path, backend)
        with contextlib.suppress(ValueError):  # a duration that the dtype cannot hold
            model.classify(data.dataset.features[:2])
        return model

    for _ in range(n):
        member = rng.choice(["header", "metadata", "metadata"])
        text = json.dumps(mutated_json(json.loads(arrays[member].tobytes()), rng))
        with path.open("wb") as file:
            np.savez(file, **arrays | {member: np.frombuffer(text.encode(), np.uint8)})
        survives(path, path.read_bytes(), read, lambda _: None)


@SIZES
def test_archives_with_a_member_that_is_damaged(run: Path, tmp_path: Path, n: int) -> None:
    """Packed again, so that the archive's own checksums fit."""
    path, rng, backend = tmp_path / "model.npz", random.Random(6), select("numpy")
    with zipfile.ZipFile(run / "model.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(n):
        name = rng.choice(sorted(members))
        with zipfile.ZipFile(path, "w") as archive:
            for other, content in members.items():
                archive.writestr(other, mutated(content, rng) if other == name else content)
        survives(
            path,
            path.read_bytes(),
            lambda: TrainedModel.read(path, backend),
            lambda _: None,
        )


@SIZES
@pytest.mark.parametrize("dtype", ["<f4", "u1", ">i8"])
def test_feature_arrays(tmp_path: Path, dtype: str, n: int) -> None:
    path = tmp_path / "rows.npy"
    rows = np.arange(40).reshape(8, 5).astype(dtype)
    np.save(path, rows)

    def check(found: np.ndarray) -> None:
        wanted = np.load(path, allow_pickle=False)
        np.testing.assert_array_equal(found, wanted.reshape(len(wanted), -1))

    for content in trials(n, path.read_bytes(), 7):
        survives(path, content, lambda: read_features(path), check)


@SIZES
def test_feature_tables(tmp_path: Path, n: int) -> None:
    path = tmp_path / "rows.csv"
    whole = b"\n".join(b",".join(b"%.3f" % (i * j / 7) for j in range(5)) for i in range(8))

    def check(found: np.ndarray) -> None:
        text = path.read_bytes().decode("utf-8-sig")
        lines = [line.split("#")[0].strip() for line in re.split("\r\n|\r|\n", text)]
        wanted = [[float(x.strip()) for x in line.split(",")] for line in lines if line]
        np.testing.assert_array_equal(found.reshape(-1), np.ravel(wanted))

    contents = [*trials(n, whole, 8), b"\xef\xbb\xbf" + whole]
    assert survives(path, contents[-1], lambda: read_features(path), check)
    for content in contents:
        survives(path, content, lambda: read_features(path), check)


@SIZES
@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files(tmp_path: Path, zipped: bool, n: int) -> None:
    path = tmp_path / "images"
    whole = idx_bytes(np.arange(96, dtype=np.uint8).reshape(6, 4, 4))

    def check(found: np.ndarray) -> None:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        sizes = struct.unpack_from(f">{content[3]}I", content, 4)
        assert found.shape == sizes
        dtype = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}[content[2]]
        wanted = np.frombuffer(content[4 + 4 * content[3] :], dtype)
        np.testing.assert_array_equal(found.reshape(-1), wanted)

    for content in trials(n, gzip.compress(whole, mtime=0) if zipped else whole, 9):
        survives(path, content, lambda: read_idx(path), check)


@SIZES
def test_recipe_files(tmp_path: Path, n: int) -> None:
    path, rng = tmp_path / "mine.toml", random.Random(10)
    settings = {
        "encoder": "latency", "window": 10.0, "hidden": [3, 4], "epochs": 3, "hold_out": 0.5,
        "learning_rate": 0.1, "tau": 15.0, "validation": 20, "loss": "mse", "seed": 7,
    }  # fmt: skip
    whole = "\n".join(f"{k} = {v!r}" for k, v in settings.items()).encode()

    def check(found: dict[str, Any]) -> None:
        assert found == tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        Recipe(**found)

    contents = [*trials(n, whole, 11), b"\xef\xbb\xbf" + whole, b"a = " + b"[" * 5000]
    for _ in range(n):
        name, value = rng.choice(sorted(settings)), rng.choice(STRANGE)
        text = json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")
        contents.append(f"{name} = {text}".encode())
    n_read = sum(
        survives(path, content, lambda: read_recipe(str(path)), check) for content in contents
    )
    assert 0 < n_read < len(contents)
