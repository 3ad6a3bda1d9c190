"""Checkpoints: what is saved comes back anywhere, and nothing ever damages or misreads one."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tempotron_core import Tempotron, load, read_metadata, save

CONSTANTS = ("in_features", "out_features", "T", "tau", "tau_s", "v_threshold")


def make_model(**more: Any) -> Tempotron:
    return Tempotron(4, 3, 20, tau=12.0, tau_s=2.5, v_threshold=1.5, **{"rng": 0} | more)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.npz"
    save(make_model(), path, metadata={"seed": 7, "history": [0.5, 0.25]})
    return path


def rewrite(path: Path, **arrays: Any) -> None:
    """Replace arrays of a checkpoint, or remove those given as None."""
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive.files} | arrays
    with path.open("wb") as file:
        np.savez(file, **{name: array for name, array in kept.items() if array is not None})


def header_with(path: Path, **changes: Any) -> np.ndarray:
    with np.load(path) as archive:
        header = json.loads(archive["header"].tobytes()) | changes
    kept = {name: value for name, value in header.items() if value is not None}
    return np.frombuffer(json.dumps(kept).encode(), np.uint8)


def test_a_model_comes_back(saved: Path) -> None:
    model, loaded = make_model(), load(saved)
    np.testing.assert_array_equal(loaded.weight, model.weight)
    assert loaded.weight.dtype == np.float32
    for name in CONSTANTS:
        assert getattr(loaded, name) == getattr(model, name)
    assert read_metadata(saved) == {"seed": 7, "history": [0.5, 0.25]}


def test_metadata_are_optional(tmp_path: Path) -> None:
    save(make_model(), tmp_path / "model.npz")
    assert read_metadata(tmp_path / "model.npz") == {}


def test_weights_go_to_and_come_from_any_library_and_device(
    tmp_path: Path, backend: Any, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    weight = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")
    path = tmp_path / "model.npz"
    save(make_model(weight=asarray(weight)), path)
    on_host = load(path)
    loaded = load(path, xp=backend.xp, device=backend.native_device)
    assert isinstance(on_host.weight, np.ndarray)
    assert loaded.weight.dtype == dtype
    assert loaded.weight.device == asarray(weight).device
    np.testing.assert_array_equal(on_host.weight, weight)
    np.testing.assert_array_equal(to_numpy(loaded.weight), weight)


def test_weights_that_require_a_gradient_are_saved(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    weight = torch.ones(3, 4, requires_grad=True)
    save(make_model(weight=weight), tmp_path / "model.npz")
    assert load(tmp_path / "model.npz", xp=torch).weight.equal(weight.detach())


def test_float64_needs_a_library_that_holds_it(tmp_path: Path) -> None:
    jax = pytest.importorskip("jax")
    save(make_model(dtype="float64"), tmp_path / "model.npz")
    with jax.enable_x64(False), pytest.raises(ValueError, match=r"as float64, got float32.*x64"):
        load(tmp_path / "model.npz", xp=jax.numpy)


def test_numpy_alone_can_read_a_checkpoint(saved: Path) -> None:
    with np.load(saved, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["weight"], make_model().weight)


def test_saving_again_replaces_the_file(saved: Path) -> None:
    save(make_model(rng=1), saved)
    np.testing.assert_array_equal(load(saved).weight, make_model(rng=1).weight)
    assert os.listdir(saved.parent) == ["model.npz"]


def test_the_path_is_used_as_it_is(tmp_path: Path) -> None:
    save(make_model(), str(tmp_path / "no suffix"))
    assert os.listdir(tmp_path) == ["no suffix"]
    assert load(str(tmp_path / "no suffix")).T == 20


def test_a_link_keeps_pointing_at_the_file(saved: Path) -> None:
    link = saved.with_name("link.npz")
    link.symlink_to(saved)
    save(make_model(rng=1), link)
    assert link.is_symlink()
    np.testing.assert_array_equal(load(saved).weight, make_model(rng=1).weight)


@pytest.mark.parametrize("broken", ["savez", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failed_save_leaves_the_old_file_whole(
    saved: Path, monkeypatch: pytest.MonkeyPatch, broken: str, error: BaseException
) -> None:
    before = saved.read_bytes()

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(np if broken == "savez" else os, broken, fail)
        with pytest.raises(type(error)):
            save(make_model(rng=1), saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == ["model.npz"]


def test_every_truncation_is_an_error(saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    short = tmp_path / "short.npz"
    for length in range(0, len(whole), 7):
        short.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"path must name a checkpoint.*short\.npz"):
            load(short)


def test_damage_is_found_or_harmless(saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    damaged = tmp_path / "damaged.npz"
    found = 0
    for position in range(0, len(whole), 3):
        damaged.write_bytes(
            whole[:position] + bytes([whole[position] ^ 0x5A]) + whole[position + 1 :]
        )
        try:
            loaded = load(damaged)
        except ValueError:
            found += 1
        else:  # bytes that no reader looks at, such as time stamps
            np.testing.assert_array_equal(loaded.weight, make_model().weight)
    assert found > len(whole) // 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "EOFError"),
        (b"not a checkpoint", "ValueError"),
        (b"PK\x05\x06" + 18 * b"\0", "it has no header or metadata"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ValueError, match=f"path must name a checkpoint.*{message}"):
        load(tmp_path / "other")


def test_other_archives_and_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", weight=np.ones(3))
    with pytest.raises(ValueError, match="it has no header or metadata"):
        load(tmp_path / "other.npz")
    np.save(tmp_path / "other.npy", np.ones(3))
    with pytest.raises(ValueError, match="it is one array, not an archive"):
        load(tmp_path / "other.npy")
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match="it has no header"):
        load(tmp_path / "zip.npz")


def test_pickles_are_never_opened(saved: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.system, ("echo opened > opened",)

    bomb = np.empty(1, dtype=object)
    bomb[0] = Bomb()
    rewrite(saved, weight=bomb)
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        load(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "something else"}, "its format is 'something else', not 'tempotron_core"),
        ({"version": 3}, "its version is 3, this release reads 1 and 2"),
        ({"tau": None}, "its header has no tau"),
        ({"tau": -1.0}, "its constants do not make a model: tau must be positive"),
        ({"T": "twenty"}, "its constants do not make a model: T must be an integer"),
        ({"in_features": 5}, r"its weights are float32 of shape \(3, 4\), not .* \(3, 5\)"),
    ],
)
def test_bad_headers(saved: Path, changes: dict[str, Any], message: str) -> None:
    rewrite(saved, header=header_with(saved, **changes))
    with pytest.raises(ValueError, match=f"path must name a checkpoint.*{message}"):
        load(saved)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"weight": None}, "it has no weight"),
        ({"weight": np.ones((3, 4), dtype=int)}, "its weights are int64"),
        ({"weight": np.full((3, 4), np.nan)}, "its weights hold NaN or infinite values"),
        ({"header": np.frombuffer(b"{", np.uint8)}, "its header is not JSON"),
        ({"metadata": np.frombuffer(b"[1]", np.uint8)}, "its metadata is a JSON list, not an obj"),
    ],
)
def test_bad_contents(saved: Path, arrays: dict[str, Any], message: str) -> None:
    rewrite(saved, **arrays)
    with pytest.raises(ValueError, match=f"path must name a checkpoint.*{message}"):
        load(saved)


def test_other_byte_orders_are_read(saved: Path) -> None:
    rewrite(saved, weight=make_model().weight.astype(">f4"))
    loaded = load(saved)
    assert loaded.weight.dtype.isnative
    np.testing.assert_array_equal(loaded.weight, make_model().weight)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for read in (load, read_metadata):
        with pytest.raises(FileNotFoundError, match=r"path must name a checkpoint.*none\.npz"):
            read(tmp_path / "none.npz")
        with pytest.raises(ValueError, match=r"path must name a checkpoint.*IsADirectoryError"):
            read(tmp_path)
    with pytest.raises(FileNotFoundError, match="path must lie in an existing folder"):
        save(make_model(), tmp_path / "none" / "model.npz")
    with pytest.raises(IsADirectoryError, match="path must name a file, got the folder"):
        save(make_model(), tmp_path)


def test_bad_models_and_metadata(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    model = make_model()
    with pytest.raises(TypeError, match="model must be a Tempotron or Network, got dict"):
        save({}, path)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="metadata must be a dict, got list"):
        save(model, path, metadata=[1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"metadata must hold only what JSON can: .*Path"):
        save(model, path, metadata={"path": tmp_path})
    with pytest.raises(ValueError, match="metadata must hold only what JSON can"):
        save(model, path, metadata={"loss": float("nan")})
    model.weight[0, 0] = np.nan
    with pytest.raises(ValueError, match="model must have finite weights"):
        save(model, path)
    assert os.listdir(tmp_path) == []
