"""Checkpoints: what is saved comes back anywhere, and nothing ever damages or misreads one."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tempotron_core import Network, Neuron, Tempotron, load, read_arrays, read_metadata, save

CONSTANTS = ("in_features", "out_features", "T", "tau", "tau_s", "v_threshold")


def make_model(**more: Any) -> Tempotron:
    return Tempotron(4, 3, 20, tau=12.0, tau_s=2.5, v_threshold=1.5, **{"rng": 0} | more)


def make_network(**more: Any) -> Network:
    """Three layers in both dtypes, two reference spikes, neurons that differ in everything."""
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=size) for size in ((3, 4), (2, 5), (2, 4))]
    weights[0] = weights[0].astype(np.float32)
    neurons = [
        Neuron(),
        Neuron(10.0, 10.0, 0.1, psp_peak=1.0 / 3.0),
        Neuron(2.5, 20.0, 7.0, shunt=True),
    ]
    constants: dict[str, Any] = {
        "weights": weights,
        "neuron": neurons,
        "pass_on": "peak",
        "reference_times": (0.0, 12.5),
        "min_slope": 0.05,
        "clock": (3.0,),
    }
    return Network(**constants | more)


ARRAYS = {
    "first_moment": np.arange(6, dtype=np.float32).reshape(2, 3),
    "layer_0.v": np.asarray([0.1, np.nan, np.inf]),
    "steps": np.asarray(2**60 + 1),
    "fired": np.asarray([True, False]),
    "none-yet": np.empty((0, 4), dtype=np.float32),
}


@pytest.fixture
def saved_network(tmp_path: Path) -> Path:
    path = tmp_path / "network.npz"
    save(make_network(), path, metadata={"epoch": 3}, arrays=ARRAYS)
    return path


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
    kept = {name: value for name, value in header.items() if changes.get(name, 0) is not None}
    return np.frombuffer(json.dumps(kept).encode(), np.uint8)


def test_a_model_comes_back(saved: Path) -> None:
    model, loaded = make_model(), load(saved)
    np.testing.assert_array_equal(loaded.weight, model.weight)
    assert loaded.weight.dtype == np.float32
    for name in CONSTANTS:
        assert getattr(loaded, name) == getattr(model, name)
    assert read_metadata(saved) == {"seed": 7, "history": [0.5, 0.25]}


def same_network(found: Tempotron | Network, expected: Network) -> bool:
    return (
        isinstance(found, Network)
        and len(found.weights) == len(expected.weights)
        and all(a.dtype == b.dtype for a, b in zip(found.weights, expected.weights, strict=True))
        and all(map(np.array_equal, found.weights, expected.weights))
        and found.neurons == expected.neurons
        and found.pass_on == expected.pass_on
        and found.reference_times == expected.reference_times
        and (found.min_slope, found.clock) == (expected.min_slope, expected.clock)
        and (found.readout, found.max_spikes) == (expected.readout, expected.max_spikes)
    )


def test_a_network_comes_back(saved_network: Path, saved: Path) -> None:
    assert same_network(load(saved_network), make_network())
    assert read_metadata(saved_network) == {"epoch": 3}
    assert isinstance(load(saved), Tempotron)
    save(
        make_network(
            pass_on="first_crossing", reference_times=(), weights=[np.ones((1, 2))], neuron=Neuron()
        ),
        saved,
    )
    found = load(saved)
    assert isinstance(found, Network)
    assert [weight.tolist() for weight in found.weights] == [[[1.0, 1.0]]]
    assert (found.pass_on, found.reference_times) == ("first_crossing", ())


@pytest.mark.on_jax
def test_networks_go_to_and_come_from_any_library_and_device(
    tmp_path: Path, backend: Any, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    host = [np.asarray(weight, dtype=np.float32) for weight in make_network().weights]
    path = tmp_path / "model.npz"
    more = {"m": asarray(host[0]), "n": asarray(np.arange(3))}
    save(make_network(weights=[asarray(weight) for weight in host]), path, arrays=more)
    loaded = load(path, xp=backend.xp, device=backend.native_device)
    for weight, expected in zip(loaded.weights, host, strict=True):
        assert weight.dtype == dtype
        assert weight.device == asarray(expected).device
        np.testing.assert_array_equal(to_numpy(weight), expected)
    further = read_arrays(path)
    np.testing.assert_array_equal(further["m"], host[0])
    assert further["m"].dtype == to_numpy(more["m"]).dtype
    np.testing.assert_array_equal(further["n"], np.arange(3))


def test_further_arrays_come_back(saved_network: Path, saved: Path) -> None:
    found = read_arrays(saved_network)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert read_arrays(saved) == {}
    torch = pytest.importorskip("torch")
    save(make_model(), saved, arrays={"v": torch.ones(2, requires_grad=True), "weight": np.ones(1)})
    assert read_arrays(saved)["v"].tolist() == [1.0, 1.0]
    np.testing.assert_array_equal(load(saved).weight, make_model().weight)


def test_version_1_is_read(tmp_path: Path) -> None:
    """As the releases that knew tempotrons only wrote it."""
    path = tmp_path / "old.npz"
    header = {
        "format": "tempotron_core checkpoint",
        "version": 1,
        **{name: getattr(make_model(), name) for name in CONSTANTS},
    }
    np.savez(
        path,
        header=np.frombuffer(json.dumps(header).encode(), np.uint8),
        metadata=np.frombuffer(b'{"seed": 7}', np.uint8),
        weight=make_model().weight,
    )
    found = load(path)
    np.testing.assert_array_equal(found.weight, make_model().weight)
    assert all(getattr(found, name) == getattr(make_model(), name) for name in CONSTANTS)
    assert (read_metadata(path), read_arrays(path)) == ({"seed": 7}, {})


def test_version_2_had_no_clock(saved_network: Path) -> None:
    header = json.loads(header_with(saved_network, version=2).tobytes())
    del header["clock"]
    rewrite(saved_network, header=np.frombuffer(json.dumps(header).encode(), np.uint8))
    assert same_network(load(saved_network), make_network(clock=()))


def test_version_3_read_peaks_alone(saved_network: Path) -> None:
    header = json.loads(header_with(saved_network, version=3).tobytes())
    del header["readout"], header["max_spikes"]
    rewrite(saved_network, header=np.frombuffer(json.dumps(header).encode(), np.uint8))
    assert same_network(load(saved_network), make_network())


@pytest.mark.parametrize("max_spikes", [None, 3])
def test_a_network_of_multi_spike_neurons(tmp_path: Path, max_spikes: int | None) -> None:
    more = {"pass_on": "spikes", "readout": "counts", "max_spikes": max_spikes}
    network = make_network(neuron=Neuron(), **more)
    save(network, tmp_path / "counts.npz")
    assert same_network(load(tmp_path / "counts.npz"), network)


def test_earlier_releases_refuse_by_the_version(saved: Path, saved_network: Path) -> None:
    """They looked at ``format`` and ``version`` before anything else of the header."""
    for path in (saved, saved_network):
        header = json.loads(header_with(path).tobytes())
        assert (header["format"], header["version"]) == ("tempotron_core checkpoint", 4)


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


@pytest.mark.parametrize("kind", ["saved", "saved_network"])
def test_every_truncation_is_an_error(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole = request.getfixturevalue(kind).read_bytes()
    short = tmp_path / "short.npz"
    for length in range(0, len(whole), 7):
        short.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"path must name a checkpoint.*short\.npz"):
            load(short)


@pytest.mark.parametrize("kind", ["saved", "saved_network"])
def test_damage_is_found_or_harmless(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Of every byte in the directory of the archive, of some elsewhere."""
    whole = request.getfixturevalue(kind).read_bytes()
    directory = whole.index(b"PK\x01\x02")
    positions = [*range(0, directory, 3 if kind == "saved" else 11), *range(directory, len(whole))]
    damaged = tmp_path / "damaged.npz"
    found = 0
    for position in positions:
        mask = (0x5A, 0x01)[position % 2] if position < directory else 0x01
        damaged.write_bytes(
            whole[:position] + bytes([whole[position] ^ mask]) + whole[position + 1 :]
        )
        try:
            loaded = load(damaged)
        except ValueError:
            found += 1
            continue
        # bytes that no reader looks at, such as time stamps
        if kind == "saved":
            np.testing.assert_array_equal(loaded.weight, make_model().weight)
        else:
            assert same_network(loaded, make_network())
            assert read_arrays(damaged).keys() == ARRAYS.keys()
    assert found > len(positions) // 2


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x05\x06" + 18 * b"\0"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ValueError, match=r"path must name a checkpoint.* it is no \.npz archive"):
        load(tmp_path / "other")


def test_other_archives_and_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", weight=np.ones(3))
    with pytest.raises(ValueError, match="it has no header or metadata"):
        load(tmp_path / "other.npz")
    np.save(tmp_path / "other.npy", np.ones(3))
    with pytest.raises(ValueError, match=r"it is no \.npz archive"):
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
    with pytest.raises(ValueError, match=r"it must hold numbers or truth values, got dtype .*O"):
        load(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "something else"}, "its format is 'something else', not 'tempotron_core"),
        ({"version": 5}, "its version is 5, this release reads 1, 2, 3 and 4"),
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


NEURON = asdict(Neuron())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": None}, "its kind is None, this release reads tempotron and network"),
        ({"kind": ["network"]}, r"its kind is \['network'\], this release reads"),
        ({"kind": "tempotron"}, "its header has no in_features"),
        ({"pass_on": None}, "its header has no pass_on"),
        ({"pass_on": "all"}, "its constants do not make a model: pass_on must be one of"),
        ({"neurons": [NEURON] * 2}, "do not make a model: neuron must be one Neuron or one per"),
        ({"neurons": [NEURON | {"tau": 0.0}] * 3}, "do not make a model: tau must be positive"),
        ({"neurons": [NEURON | {"tau_m": 1.0}] * 3}, "do not make a model: .*tau_m"),
        ({"neurons": 3}, "its constants do not make a model"),
        ({"neurons": [3, 3, 3]}, "its constants do not make a model"),
        ({"reference_times": [1.0]}, r"weights\[1\] must have shape \(O, 4\), got \(2, 5\)"),
        ({"reference_times": "12"}, "its constants do not make a model: reference_times"),
        ({"min_slope": -1.0}, "its constants do not make a model: min_slope must be finite"),
        ({"min_slope": float("nan")}, "its constants do not make a model: min_slope must be"),
        ({"readout": None}, "its header has no readout"),
        ({"readout": "spikes"}, "its constants do not make a model: readout must be one of"),
        ({"max_spikes": 2.5}, "its constants do not make a model: max_spikes must be"),
        ({"sizes": 3}, "its sizes must be a list of shapes, got 3"),
        ({"sizes": [3]}, r"its sizes must be a list of shapes, got \[3\]"),
        ({"sizes": []}, "its constants do not make a model: weights must hold one array"),
        ({"sizes": [[3, 4], [2, 5], [2, 9]]}, r"its weights are float64 of shape \(2, 4\), not"),
        ({"sizes": [[3, 4], [2, 5], [2, 4], [2, 2]]}, "it has no weight_3"),
        ({"arrays": "steps"}, "its arrays must be a list of names, got 'steps'"),
        ({"arrays": [1]}, "its arrays must be a list of names"),
        ({"arrays": ["steps"]}, r"its further arrays are \[.*\], not \['steps'\]"),
    ],
)
def test_bad_headers_of_networks(
    saved_network: Path, changes: dict[str, Any], message: str
) -> None:
    rewrite(saved_network, header=header_with(saved_network, **changes))
    with pytest.raises(ValueError, match=f"path must name a checkpoint.*{message}"):
        load(saved_network)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"weight_1": None}, "it has no weight_1"),
        ({"weight_1": np.ones((2, 5), dtype=int)}, "its weights are int64"),
        ({"weight_2": np.full((2, 4), np.inf)}, "its weights hold NaN or infinite values"),
        ({"array_steps": None}, "its further arrays are .*, not .*'steps'"),
        ({"array_more": np.ones(2)}, "its further arrays are .*'more'.*, not"),
        (
            {"array_steps": np.asarray([None])},
            "it must hold numbers or truth values, got dtype .*O",
        ),
        ({"metadata": np.frombuffer(b"[" * 200_000, np.uint8)}, "its metadata is not JSON"),
    ],
)
def test_bad_contents_of_networks(
    saved_network: Path, arrays: dict[str, Any], message: str
) -> None:
    rewrite(saved_network, **arrays)
    for read in (load, read_metadata, read_arrays):
        with pytest.raises(ValueError, match=f"path must name a checkpoint.*{message}"):
            read(saved_network)


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
    for read in (load, read_metadata, read_arrays):
        with pytest.raises(FileNotFoundError, match=r"path must name a checkpoint.*none\.npz"):
            read(tmp_path / "none.npz")
        with pytest.raises(ValueError, match=r"path must name a checkpoint.*: it is a folder$"):
            read(tmp_path)
    save(make_model(), tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"it is a folder, which holds model\.npz$"):
        load(tmp_path)
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
    model.weight = np.ones((3, 4), dtype=int)
    with pytest.raises(ValueError, match=r"float32 or float64 weights of shape \(3, 4\), got int"):
        save(model, path)
    model.weight = np.ones((2, 4))
    with pytest.raises(ValueError, match=r"model must have .* shape \(3, 4\), got .* \(2, 4\)"):
        save(model, path)
    for bad in (np.nan, np.inf):
        model.weight = np.full((3, 4), bad)
        with pytest.raises(ValueError, match="model must have finite weights"):
            save(model, path)
        network = make_network()
        network.weights[2][1, 1] = bad
        with pytest.raises(ValueError, match="model must have finite weights"):
            save(network, path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ([np.ones(1)], TypeError, "arrays must map names to arrays, got list"),
        ({1: np.ones(1)}, TypeError, "arrays must have names that are strings, got 1"),
        ({"a": [1.0]}, TypeError, r"arrays\['a'\] must be an array: "),
        ({"a": None}, TypeError, r"arrays\['a'\] must be an array: "),
        ({"a": np.asarray([{}])}, TypeError, r"arrays\['a'\] must hold real numbers .* object"),
        ({"a": np.asarray(["x"])}, TypeError, r"arrays\['a'\] must hold real numbers"),
        ({"a": np.ones(1, dtype=complex)}, TypeError, r"arrays\['a'\] must hold .* complex128"),
        ({"": np.ones(1)}, ValueError, "arrays must have names of letters.*, got ''"),
        ({"a/b": np.ones(1)}, ValueError, "arrays must have names of letters.*, got 'a/b'"),
        ({"a\0b": np.ones(1)}, ValueError, "arrays must have names of letters"),
        ({"a.npy": np.ones(1)}, ValueError, "do not end in '.npy', got 'a.npy'"),
    ],
)
def test_bad_further_arrays(
    tmp_path: Path, arrays: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        save(make_network(), tmp_path / "model.npz", arrays=arrays)
    assert os.listdir(tmp_path) == []


def test_archives_that_save_does_not_write_are_not_inflated(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    zeros = io.BytesIO()
    np.save(zeros, np.zeros(1_000_000))
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(saved, "w", method) as archive:
            for name, content in (members | {"array_more.npy": zeros.getvalue()}).items():
                archive.writestr(name, content)
        with pytest.raises(ValueError, match="is compressed"):
            load(saved)


def test_arrays_that_are_there_twice_are_refused(saved: Path) -> None:
    with zipfile.ZipFile(saved, "a") as archive:
        content = archive.read("weight.npy")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("weight.npy", content)
    with pytest.raises(ValueError, match="it has weight twice"):
        load(saved)


def test_arrays_that_claim_more_than_the_file_has_are_refused(saved: Path) -> None:
    """As of an archive whose members lie over each other."""
    content = bytearray(saved.read_bytes())
    at = content.rfind(b"PK\x01\x02")  # what the archive's end says of its last member
    content[at + 24 : at + 28] = (1 << 30).to_bytes(4, "little")
    saved.write_bytes(content)
    with pytest.raises(ValueError, match=r"its arrays claim 1073\d* bytes, it has"):
        load(saved)
