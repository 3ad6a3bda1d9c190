"""Event files: what is written is read, by whoever follows the format, or it is an error."""

from __future__ import annotations

import json
import os
import shutil
import sys
from argparse import ArgumentParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idx import small_images, write_folder

from tempotron_backends.cli.encode import add_arguments, run
from tempotron_backends.data.event_encoding import encode_dataset
from tempotron_backends.data.event_files import EventFile, EventWriter
from tempotron_backends.data.folders import put_folder
from tempotron_backends.data.idx import load_idx_folder
from tempotron_backends.data.npy_column import Column
from tempotron_backends.data.patterns import open_patterns
from tempotron_backends.recipes.recipe import Recipe
from tempotron_core import Events

N, DURATION = 7, 25.0


def trains(seed: int, n_patterns: int) -> np.ndarray:
    """Spike times [B, N, 2], some missing, one pattern in four silent."""
    draw = np.random.default_rng(seed)
    times = draw.uniform(0.0, DURATION, (n_patterns, N, 2))
    times[draw.random(times.shape) < 0.5] = np.inf
    times[3::4] = np.inf
    return times


LABELS = np.arange(12) % 3


def write(path: Path, **more: Any) -> Path:
    """An event file of 12 patterns in parts of 5, 4 and 3."""
    times = trains(0, 12)
    with EventWriter(path, N, DURATION, **({"dtype": "float64"} | more)) as writer:
        for part in (slice(5), slice(5, 9), slice(9, 12)):
            writer.append(Events.from_trains(times[part], DURATION), LABELS[part])
        assert not path.exists()
        assert len(writer) == 12
    return path


def lists(times: np.ndarray) -> list[list[tuple[float, int]]]:
    """Spikes of each pattern in their order, by plain loops."""
    return [
        sorted((t, n) for n in range(N) for t in pattern[n].tolist() if t <= DURATION)
        for pattern in times
    ]


def as_lists(read: tuple[Any, Any, Any]) -> list[list[tuple[float, int]]]:
    times, afferents, offsets = read
    return [
        list(zip(times[a:b].tolist(), afferents[a:b].tolist(), strict=True))
        for a, b in pairwise(offsets)
    ]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.events", metadata={"source": "test"})
    file = EventFile.open(path)
    wanted = lists(trains(0, 12))
    counts = [len(spikes) for spikes in wanted]
    assert len(file) == 12
    assert (file.n_afferents, file.n_classes, file.duration) == (N, 3, DURATION)
    assert file.metadata == {"source": "test"}
    assert file.mean_spikes == np.mean(counts)
    assert file.max_spikes == max(counts)
    np.testing.assert_array_equal(file.labels, LABELS)
    for index in ([0, 1, 2], [11, 3, 3, 0, 7], [3], [], list(range(12))):
        assert as_lists(file.read(np.asarray(index))) == [wanted[i] for i in index]
    file.verify()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.events"]  # nothing left behind
    base = file.times.base
    while not isinstance(base, np.memmap):
        base = base.base
    assert not base.flags.writeable


def test_patterns_without_classes(tmp_path: Path) -> None:
    events = Events.from_trains(np.asarray([[[1.0], [3.0]], [[4.0], [2.0]]]), 5.0)
    with EventWriter(tmp_path / "a.events", 2, 5.0) as writer:
        writer.append(events)
    file = EventFile.open(tmp_path / "a.events")
    assert file.n_classes == 1
    np.testing.assert_array_equal(file.labels, [0, 0])
    with (
        pytest.raises(ValueError, match="labels must be given for 2 classes, got None"),
        EventWriter(tmp_path / "b.events", 2, 5.0, n_classes=2) as writer,
    ):
        writer.append(events)


def test_numpy_and_json_alone_read_and_write_the_format(tmp_path: Path) -> None:
    path = write(tmp_path / "a.events")
    arrays = {
        name: np.load(path / f"{name}.npy", allow_pickle=False)
        for name in ("times", "afferents", "offsets", "labels")
    }
    assert [array.dtype.str for array in arrays.values()] == ["<f8", "<i4", "<i8", "<i8"]
    assert as_lists((arrays["times"], arrays["afferents"], arrays["offsets"])) == lists(
        trains(0, 12)
    )
    header = json.loads((path / "header.json").read_text())
    assert (header["n_patterns"], header["n_spikes"]) == (12, len(arrays["times"]))
    other = tmp_path / "b.events"
    other.mkdir()
    for name, array in arrays.items():
        np.save(other / f"{name}.npy", array)
    least = {"format": "tempotron event file", "version": 1, "n_afferents": N, "n_classes": 5,
             "duration": DURATION}  # fmt: skip
    (other / "header.json").write_text(json.dumps(least))
    file = EventFile.open(other)
    file.verify()
    assert as_lists(file.read(np.arange(12))) == lists(trains(0, 12))
    assert (file.n_classes, file.metadata) == (5, {})


def test_many_parts_make_the_file_that_one_makes(tmp_path: Path) -> None:
    times = trains(0, 12).astype(np.float32)
    write(tmp_path / "a.events", dtype="float32")
    with EventWriter(tmp_path / "b.events", N, DURATION) as writer:
        writer.append(Events.from_trains(times, DURATION), LABELS)
    for item in (tmp_path / "a.events").iterdir():
        if item.name != "header.json":
            assert item.read_bytes() == (tmp_path / "b.events" / item.name).read_bytes()
    assert EventFile.open(tmp_path / "b.events").times.dtype == np.float32


def test_spike_lists_are_sorted_and_cleaned(tmp_path: Path) -> None:
    with EventWriter(tmp_path / "a.events", N, DURATION, dtype="float64", n_classes=4) as writer:
        writer.append_spikes([9.0, -1.0, 3.0, 26.0, 5.0], [1, 2, 0, 3, 6], [0, 4, 4, 5], [0, 1, 2])
    file = EventFile.open(tmp_path / "a.events")
    assert as_lists(file.read([0, 1, 2])) == [[(3.0, 0), (9.0, 1)], [], [(5.0, 6)]]
    assert file.n_classes == 4


@pytest.mark.on_jax
def test_events_of_every_library(tmp_path: Path, asarray: Any) -> None:
    events = Events.from_trains(asarray(trains(0, 12)), DURATION)
    with EventWriter(tmp_path / "a.events", N, DURATION, dtype="float64") as writer:
        writer.append(events, LABELS)
    found = as_lists(EventFile.open(tmp_path / "a.events").read(np.arange(12)))
    for row, wanted in zip(found, lists(trains(0, 12)), strict=True):
        assert [n for _, n in row] == [n for _, n in wanted]
        np.testing.assert_allclose([t for t, _ in row], [t for t, _ in wanted], rtol=1e-6)


def test_no_spikes_at_all(tmp_path: Path) -> None:
    with EventWriter(tmp_path / "a.events", N, DURATION) as writer:
        writer.append(Events.from_latencies(np.full((3, N), np.inf), DURATION), [0, 1, 0])
    file = EventFile.open(tmp_path / "a.events")
    assert (len(file), file.mean_spikes, file.max_spikes) == (3, 0.0, 0)
    assert as_lists(file.read([2, 0])) == [[], []]
    file.verify()


def test_the_number_of_spikes_may_grow_long(tmp_path: Path) -> None:
    """The header that is written last is as long as the first."""
    path = write(tmp_path / "a.events")
    for name in ("times", "afferents", "offsets", "labels"):
        assert (path / f"{name}.npy").read_bytes()[:10] == b"\x93NUMPY\x01\x00\x76\x00"


# -- what is there already --------------------------------------------------------------------


def test_nothing_is_replaced_unless_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.events")
    old = EventFile.open(path)
    with pytest.raises(FileExistsError, match=r"path must be free unless overwrite .*a\.events"):
        EventWriter(path, N, DURATION)
    with EventWriter(path, N, DURATION, overwrite=True) as writer:
        writer.append_spikes([1.0], [2], [0, 1], [1])
        assert len(EventFile.open(path)) == 12  # until it is complete
    assert len(EventFile.open(path)) == 1
    assert as_lists(old.read([0])) == lists(trains(0, 12))[:1]  # a map stays what it was
    assert [item.name for item in tmp_path.iterdir()] == ["a.events"]


@pytest.mark.parametrize("kind", ["file", "folder", "full folder"])
def test_only_event_files_are_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mine"
    if kind == "file":
        path.write_text("precious")
    else:
        path.mkdir()
        if kind == "full folder":
            (path / "header.json").write_text("{}")
    with pytest.raises(FileExistsError, match="path must be free or an event file to overwrite"):
        EventWriter(path, N, DURATION, overwrite=True)
    assert path.exists()


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with EventWriter(tmp_path / "a.events", N, DURATION) as writer:
            writer.append_spikes([1.0], [2], [0, 1], [1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with (
        pytest.raises(ValueError, match="must hold a pattern, got none"),
        EventWriter(tmp_path / "b.events", N, DURATION),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_something_that_came_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.events"
    writer = EventWriter(path, N, DURATION)
    writer.append_spikes([1.0], [2], [0, 1], [1])
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="path must be free"):
        writer.close()
    assert [item.name for item in tmp_path.iterdir()] == ["a.events"]
    with pytest.raises(ValueError, match="must be open, got a closed one"):
        writer.close()
    with pytest.raises(ValueError, match="must be open, got a closed one"):
        writer.append_spikes([1.0], [2], [0, 1], [1])


@pytest.mark.skipif(os.name == "nt", reason="no locks on Windows")
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    left, other = (tmp_path / f".{name}.events.0123456789ab.tmp" for name in ("a", "b"))
    for folder in (left, other):
        folder.mkdir()
        (folder / "times.npy").write_bytes(b"half")
    write(tmp_path / "a.events")
    assert sorted(tmp_path.iterdir()) == [other, tmp_path / "a.events"]


def test_a_kill_between_two_renames_costs_no_file(tmp_path: Path) -> None:
    """Where two folders cannot be exchanged, the old one waits under another name."""
    path, away = tmp_path / "a.events", tmp_path / ".a.events.0123456789ab.old"
    write(path).rename(away)
    with pytest.raises(FileExistsError, match="path must be free unless overwrite"):
        EventWriter(path, N, DURATION)
    assert list(tmp_path.iterdir()) == [path]
    assert len(EventFile.open(path)) == 12
    shutil.copytree(path, away)  # the kill came after the second
    with EventWriter(path, N, DURATION, overwrite=True) as writer:
        writer.append_spikes([1.0], [2], [0, 1], [1])
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_exchanged_in_one_step_or_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    for folder in (new, old):
        folder.mkdir()
        (folder / folder.name).touch()

    def no_rename(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempotron_backends.data.folders.os.rename", no_rename)
    if sys.platform == "linux":  # there never is a moment without a folder
        put_folder(new, old)
        assert [item.name for item in old.iterdir()] == ["new"]
        assert list(tmp_path.iterdir()) == [old]
        return
    with pytest.raises(OSError, match="No space"):
        put_folder(new, old)
    assert [item.name for item in old.iterdir()] == ["old"]


@pytest.mark.parametrize("at", ["finish", "header"])
def test_a_disk_that_is_full_at_the_end_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    writer = EventWriter(tmp_path / "a.events", N, DURATION)
    writer.append_spikes([1.0], [2], [0, 1], [1])
    kind, name = {"finish": (Column, "finish"), "header": (Path, "write_text")}[at]
    monkeypatch.setattr(kind, name, full)
    with pytest.raises(OSError, match=r"No space left on device: .*a\.events'"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


# -- damage -----------------------------------------------------------------------------------


def edit(path: Path, **changes: Any) -> None:
    header = json.loads((path / "header.json").read_text()) | changes
    (path / "header.json").write_text(json.dumps(header))


def save(path: Path, name: str, change: Any) -> None:
    # a copy: what is mapped must not be written over
    array = np.load(path / f"{name}.npy").copy()
    changed = change(array)
    np.save(path / f"{name}.npy", array if changed is None else changed)


def cut(name: str) -> Any:
    def shorten(path: Path) -> None:
        content = (path / f"{name}.npy").read_bytes()
        (path / f"{name}.npy").write_bytes(content[:-1])

    return shorten


def assign(name: str, place: Any, value: Any) -> Any:
    return lambda path: save(path, name, lambda array: array.__setitem__(place, value))


def more(path: Path) -> None:
    (path / "times.npy").write_bytes((path / "times.npy").read_bytes() + b"!")


def archive(path: Path) -> None:
    with (path / "labels.npy").open("wb") as file:
        np.savez(file, a=1)


DAMAGE = [
    (lambda path: (path / "header.json").unlink(), "it has no header.json"),
    (lambda path: (path / "header.json").write_text('{"format": '), "header.json cannot be read"),
    (lambda path: (path / "header.json").write_bytes(b"\xff"), "header.json cannot be read"),
    (lambda path: (path / "header.json").write_text("[]"), "must say the format .* got 'list'"),
    (lambda path: edit(path, format="other"), "must say the format .* got 'other'"),
    (lambda path: edit(path, version=2), "its version is 2, this release reads 1"),
    (lambda path: edit(path, n_afferents="7"), "n_afferents must be an integer, got '7'"),
    (lambda path: edit(path, n_classes=0), "n_classes must be from 1 .* got 0"),
    (lambda path: edit(path, duration=-1), "duration must be positive and finite, got -1"),
    (lambda path: edit(path, duration=None), "duration must be a real number, got None"),
    (lambda path: edit(path, metadata=3), "metadata of its header must be an object, got 3"),
    (lambda path: edit(path, crc32={"path": 1}), "crc32 of its header must be of times"),
    (lambda path: edit(path, n_patterns=13), "says n_patterns 13, its arrays 12"),
    (lambda path: edit(path, n_spikes=1), "says n_spikes 1, its arrays"),
    (lambda path: edit(path, n_classes=2), "labels.npy must be from 0 to 1, got 0 to 2"),
    (lambda path: (path / "times.npy").unlink(), "it has no times.npy"),
    (lambda path: (path / "times.npy").write_bytes(b""), "times.npy cannot be read"),
    (lambda path: (path / "labels.npy").write_bytes(b"\x93NUMPY"), "labels.npy cannot be read"),
    (cut("times"), "times.npy cannot be read"),
    (cut("offsets"), "offsets.npy cannot be read"),
    (more, r"times.npy cannot be read: its header says .* for <f. of shape \(\d+,\), it has \d+"),
    (lambda path: save(path, "times", lambda a: a.astype("f2")), "float32 or float64 .* float16"),
    (lambda path: save(path, "times", lambda a: a.astype(">f8")), "got >f8"),
    (lambda path: save(path, "labels", lambda a: a[:, None]), r"int64 along one axis.*\(12, 1\)"),
    (
        lambda path: np.save(path / "labels.npy", [{}]),
        "labels.npy cannot be read: .* numbers",
    ),
    (archive, "labels.npy cannot be read: it does not begin as a .npy file"),
    (lambda path: save(path, "afferents", lambda a: a[1:]), "afferents.npy must hold .* entries"),
    (
        lambda path: save(path, "offsets", lambda a: a[1:]),
        "offsets.npy must hold 13 entries, got 1",
    ),
    (assign("offsets", 0, 1), "offsets.npy must ascend from 0 to"),
    (assign("offsets", 5, 0), "offsets.npy must ascend from 0 to"),
    (assign("offsets", -1, 4), "offsets.npy must ascend from 0 to"),
    (assign("labels", 3, -1), "labels.npy must be from 0 to 2, got -1 to 2"),
]


@pytest.mark.parametrize(("harm", "message"), DAMAGE, ids=range(len(DAMAGE)))
def test_damage_is_seen_when_opened(tmp_path: Path, harm: Any, message: str) -> None:
    path = write(tmp_path / "hurt.events")
    harm(path)
    with pytest.raises(ValueError, match=f"hurt.events' must be a whole event file: .*{message}"):
        EventFile.open(path)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (assign("times", 2, np.nan), "times.npy must ascend within every pattern"),
        (assign("times", 0, 24.0), "times.npy must ascend within every pattern"),
        (assign("times", 0, -1.0), "times.npy must .* be from 0 to 25.0"),
        (assign("times", -1, 25.1), "times.npy must .* be from 0 to 25.0"),
        (assign("afferents", 4, 7), "afferents.npy must be from 0 to 6, got 0 to 7"),
        (assign("afferents", 4, -1), "afferents.npy must be from 0 to 6, got -1 to 6"),
    ],
)
def test_spikes_are_checked_when_read(tmp_path: Path, harm: Any, message: str) -> None:
    path = write(tmp_path / "hurt.events")
    harm(path)
    with pytest.raises(ValueError, match=f"hurt.events' must be a whole event file: {message}"):
        EventFile.open(path).read(np.arange(12))


def test_checksums_see_what_else_has_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "hurt.events")
    save(path, "afferents", lambda array: array[::-1])
    file = EventFile.open(path)
    file.read(np.arange(12))
    with pytest.raises(ValueError, match=r"hurt.events.*afferents.npy must have the checksum"):
        file.verify()
    with pytest.raises(ValueError, match=r"afferents.npy must have the checksum"):
        open_patterns(str(path)).describe()  # which every command that trains or scores asks for


@pytest.mark.parametrize("size", [2**50, 2**60, 2**70])
def test_a_header_that_claims_too_much_is_an_error(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "hurt.events")
    shape = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({size},), }}"
    (path / "times.npy").write_bytes(
        b"\x93NUMPY\x01\x00\x76\x00" + shape.ljust(117).encode() + b"\n"
    )
    with pytest.raises(ValueError, match=r"hurt.events.*times.npy cannot be read"):
        EventFile.open(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"path must be a folder of an event file, .*none"):
        EventFile.open(tmp_path / "none")


# -- arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([12], "index must be from 0 to 11, got 12 to 12"),
        ([-1, 3], "index must be from 0 to 11, got -1 to 3"),
        ([0.0], "index must be integers along one axis, got float64"),
        ([[0]], "index must be integers along one axis, got int64 of shape"),
        ([True], "index must be integers along one axis, got bool"),
    ],
)
def test_bad_index(tmp_path: Path, index: Any, message: str) -> None:
    file = EventFile.open(write(tmp_path / "a.events"))
    with pytest.raises(IndexError, match=message):
        file.read(index)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"n_afferents": 0}, ValueError, "n_afferents must be from 1"),
        ({"duration": np.inf}, ValueError, "duration must be positive"),
        ({"n_classes": 1.5}, TypeError, "n_classes must be an integer"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of .* got 'float16'"),
        ({"metadata": [1]}, TypeError, "metadata must be a dict, got list"),
        ({"metadata": {"a": np.nan}}, TypeError, "metadata must hold only what JSON can"),
        ({"path": "none/a"}, FileNotFoundError, "path must lie in an existing folder, got .*none"),
    ],
)
def test_bad_settings(
    tmp_path: Path, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    settings = {"path": "a.events", "n_afferents": N, "duration": DURATION} | given
    with pytest.raises(error, match=message):
        EventWriter(tmp_path / settings.pop("path"), **settings)
    assert list(tmp_path.iterdir()) == []


def test_bad_parts(tmp_path: Path) -> None:
    events = Events.from_trains(trains(0, 2), DURATION)
    with EventWriter(tmp_path / "a.events", N, DURATION, n_classes=2) as writer:
        for labels, error, message in (
            ([0.0, 1.0], TypeError, "labels must be integers or booleans, got float64"),
            ([0], ValueError, r"labels must have shape \(2,\), one per pattern, got \(1,\)"),
            ([0, 2], ValueError, "labels must be 0 or more and below 2, got 0 to 2"),
            ([-1, 0], ValueError, "labels must be 0 or more and below 2, got -1 to 0"),
        ):
            with pytest.raises(error, match=message):
                writer.append(events, labels)
        huge = np.asarray([0, 2**63], dtype="u8")
        with EventWriter(tmp_path / "b.events", N, DURATION) as other:
            with pytest.raises(ValueError, match=r"labels must be .* got 0 to 9223372036854775808"):
                other.append(events, huge)
            other.append(events, [0, 1])
        with pytest.raises(TypeError, match="events must be an Events, got ndarray"):
            writer.append(trains(0, 2), [0, 1])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="events must have n_afferents 7, got 6"):
            writer.append(Events.from_latencies(np.ones((1, 6)), DURATION), [0])
        with pytest.raises(ValueError, match=r"events must have duration 25.0, got 26.0"):
            writer.append(Events.from_latencies(np.ones((1, N)), 26.0), [0])
        writer.append(events[:0], [])
        writer.append(events, [0, 1])
    assert len(EventFile.open(tmp_path / "a.events")) == 2


# -- the command ------------------------------------------------------------------------------


def arguments(*given: str) -> Any:
    parser = ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(given)


@pytest.mark.parametrize("encoder", ["gaussian", "latency"])
def test_the_command_writes_what_the_recipe_encodes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encoder: str
) -> None:
    write_folder(tmp_path / "data", parts=("train", "t10k"), n=30)
    out = str(tmp_path / "a.events")
    options = ("--encoder", encoder, "--fields", "4", "--duration", "20")
    assert run(arguments("--data", str(tmp_path / "data"), "--out", out, *options)) == 0
    printed = capsys.readouterr().out
    dataset = load_idx_folder(tmp_path / "data")
    times = Recipe(encoder=encoder, n_fields=4, duration=20.0).encode(
        dataset.features.astype(np.float64), (0.0, 255.0)
    )
    file = EventFile.open(out)
    file.verify()
    wanted = [sorted((t, n) for n, t in enumerate(row.tolist()) if np.isfinite(t)) for row in times]
    assert as_lists(file.read(np.arange(60))) == wanted
    np.testing.assert_array_equal(file.labels[:30], small_images(30)[1])
    assert file.metadata == {
        "name": "IDX images",
        "fingerprint": dataset.fingerprint,
        "image_shape": [5, 4],
        "value_range": [0.0, 255.0],
        "test_from": 30,
        "encoding": {"encoder": encoder, "n_fields": 4, "duration": 20.0, "window": 15.0},
    }
    assert f"60 patterns, 20 features, 3 classes\nencoding  {encoder}, {times.shape[1]} " in printed
    assert f"{file.mean_spikes:.1f} spikes per pattern\nwrote {out}\n" in printed


def test_encoding_in_parts_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "data")
    dataset, recipe = load_idx_folder(tmp_path / "data"), Recipe(encoder="latency")
    whole = encode_dataset(dataset, recipe, str(tmp_path / "a.events"))
    monkeypatch.setattr("tempotron_backends.data.event_encoding.ENCODED_AT_ONCE", 7)
    with pytest.raises(FileExistsError, match="path must be free"):
        encode_dataset(dataset, recipe, str(tmp_path / "a.events"))
    parts = encode_dataset(dataset, recipe, str(tmp_path / "a.events"), overwrite=True)
    assert whole.checksums == parts.checksums
    shutil.rmtree(tmp_path / "a.events")
