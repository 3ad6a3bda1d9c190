"""Backends: choosing one, what each one says of itself, and its conversions and kernels."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tempotron_backends
from tempotron_backends import Backend, available, select, status
from tempotron_backends.numpy import FRAMEWORK as NUMPY

FRAMEWORKS = ("numpy", "cupy", "torch", "jax", "strict")


def pretend(monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> None:
    """Let `name` be a framework that works like NumPy, but for the changes."""
    framework = replace(NUMPY, name=name, version="1.0", **changes)
    module = SimpleNamespace(FRAMEWORK=framework)
    monkeypatch.setitem(sys.modules, f"tempotron_backends.{name}", module)


def pretend_missing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let importing the framework fail as it does where it is not installed."""
    forget(monkeypatch, name)
    monkeypatch.setitem(sys.modules, name, None)


def pretend_cupy(monkeypatch: pytest.MonkeyPatch, **names: Any) -> None:
    """Put a module with the given names in place of CuPy, and let ours be imported afresh."""
    forget(monkeypatch, "cupy")
    cupy = ModuleType("cupy")
    vars(cupy).update({"__version__": "14.0"}, **names)
    for module in ("cupy", "array_api_compat.cupy"):
        monkeypatch.setitem(sys.modules, module, cupy)
    monkeypatch.setitem(vars(import_module("array_api_compat")), "cupy", cupy)


def forget(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Undo the import of a framework module, until the test ends."""
    monkeypatch.setitem(vars(tempotron_backends), name, None)
    monkeypatch.setitem(sys.modules, f"tempotron_backends.{name}", ModuleType(name))
    del sys.modules[f"tempotron_backends.{name}"]


def two_gpus() -> dict[str, str]:
    return {"cuda:0": "", "cuda:1": ""}


def run(code: str) -> str:
    """Output of Python code run in a process of its own."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


# Choosing


@pytest.mark.on_jax
@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("cpu", "numpy:cpu"),
        ("cpu:0", "numpy:cpu"),
        ("numpy", "numpy:cpu"),
        ("numpy:cpu", "numpy:cpu"),
        ("torch", "torch:cpu"),
        ("torch:cpu", "torch:cpu"),
        ("jax", "jax:cpu"),
        ("jax:cpu", "jax:cpu"),
        ("strict", "strict:CPU_DEVICE"),
        ("strict:device1", "strict:device1"),
        ("strict:no_float64", "strict:no_float64"),
    ],
)
def test_select_on_any_machine(asked: str, given: str) -> None:
    pytest.importorskip({"strict": "array_api_strict"}.get(name := given.split(":")[0], name))
    backend = select(asked)
    assert str(backend) == given
    assert (backend.name, backend.device) == tuple(given.split(":"))
    assert repr(backend) == f"Backend('{given}')"
    assert backend == select(given)


@pytest.mark.parametrize(
    ("present", "asked", "given"),
    [
        (("cupy", "torch", "jax"), "cuda", "cupy:cuda:0"),
        (("torch", "jax"), "cuda", "torch:cuda:0"),
        (("jax",), "cuda", "jax:cuda:0"),
        (("cupy", "torch", "jax"), "cuda:1", "cupy:cuda:1"),
        (("cupy", "torch", "jax"), "torch:cuda", "torch:cuda:0"),
        (("cupy", "torch", "jax"), "jax:cuda:1", "jax:cuda:1"),
        (("cupy",), "cupy", "cupy:cuda:0"),
        (("cupy",), "cupy:cuda:0", "cupy:cuda:0"),
    ],
)
def test_select_prefers_cupy_then_torch_then_jax(
    monkeypatch: pytest.MonkeyPatch, present: tuple[str, ...], asked: str, given: str
) -> None:
    for name in ("cupy", "torch", "jax"):
        if name in present:
            pretend(monkeypatch, name, survey=two_gpus)
        else:
            pretend_missing(monkeypatch, name)
    assert str(select(asked)) == given


@pytest.mark.parametrize(
    ("asked", "devices", "given"),
    [
        ("mps", {"cpu": "", "mps": ""}, "torch:mps"),
        ("mps:0", {"cpu": "", "mps": ""}, "torch:mps"),
        ("torch:mps", {"cpu": "", "mps": ""}, "torch:mps"),
        ("xpu", {"cpu": "", "xpu:0": "", "xpu:1": ""}, "torch:xpu:0"),
        ("xpu:1", {"cpu": "", "xpu:0": "", "xpu:1": ""}, "torch:xpu:1"),
    ],
)
def test_select_other_accelerators(
    monkeypatch: pytest.MonkeyPatch, asked: str, devices: dict[str, str], given: str
) -> None:
    pretend(monkeypatch, "torch", survey=lambda: devices)
    assert str(select(asked)) == given


def test_select_tries_nothing_that_it_does_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    def place(host: np.ndarray, device: str) -> np.ndarray:
        assert device == "cuda:1"
        return host

    pretend(monkeypatch, "cupy", survey=two_gpus, place=place)
    pretend_missing(monkeypatch, "torch")
    assert str(select("cuda:1")) == "cupy:cuda:1"


@pytest.mark.parametrize(
    "asked",
    ["", "tpu", "gpu", "CPU", "cpu:1", "cuda:2", "cuda:x", "numpy:", "numpy:cuda", "torch:cuda:2"],
)
def test_select_lists_what_there_is(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    pretend_missing(monkeypatch, "cupy")
    pretend(monkeypatch, "torch", survey=lambda: two_gpus() | {"mps": "no mps device found"})
    pretend(monkeypatch, "jax", survey=lambda: {"cpu": "", "cuda": "no cuda device found"})
    pretend_missing(monkeypatch, "strict")
    monkeypatch.setitem(sys.modules, "array_api_strict", None)
    with pytest.raises(ValueError, match="device must be") as caught:
        select(asked)
    first = (
        "device must be a kind of device (cpu, cuda, mps, xpu), a framework (numpy, cupy, torch, "
        f"jax, strict) or framework:device that can be used here, got {asked!r}"
    )
    missing = "import of {} halted; None in sys.modules; pip install 'tempotron-core[{}]'"
    assert str(caught.value).splitlines() == [
        first,
        "available: numpy:cpu, torch:cuda:0, torch:cuda:1, jax:cpu",
        "not available:",
        "  cupy: " + missing.format("cupy", "cupy"),
        "  torch:mps: no mps device found",
        "  jax:cuda: no cuda device found",
        "  strict: " + missing.format("array_api_strict", "test"),
    ]


@pytest.mark.parametrize("asked", [None, 0, np.float32, b"cpu"])
def test_select_wants_a_string(asked: Any) -> None:
    with pytest.raises(TypeError, match=r"device must be a string such as 'cpu'.*, got "):
        select(asked)


def test_status_has_a_row_for_everything() -> None:
    rows = status()
    assert list(dict.fromkeys(row.name for row in rows)) == list(FRAMEWORKS)
    for row in rows:
        assert row.usable == (row.backend is not None) == (row.reason == "")
        if row.backend is not None:
            assert str(row) == str(row.backend)
            assert row.version == row.backend.version
            assert row.default_dtype == row.backend.default_dtype_name
        assert "\n" not in row.reason
    assert available() == [row.backend for row in rows if row.usable]
    assert str(available()[0]) == "numpy:cpu"


# Probes that fail


def only_row(name: str) -> Any:
    (row,) = (row for row in status() if row.name == name)
    return row


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImportError("libcuda.so.1: cannot open\nmore"), "ImportError: libcuda.so.1: cannot open"),
        (OSError(), "OSError"),
        (RuntimeError("built for another NumPy"), "RuntimeError: built for another NumPy"),
    ],
)
def test_import_that_fails_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fail(_name: str, _package: str | None = None) -> ModuleType:
        raise error

    monkeypatch.setattr("tempotron_backends._selection.import_module", fail)
    row = only_row("torch")
    assert (row.reason, row.device, row.version, row.usable) == (reason, "", "", False)


def test_survey_that_fails_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def survey() -> dict[str, str]:
        raise RuntimeError("driver gone")

    pretend(monkeypatch, "torch", survey=survey)
    assert only_row("torch").reason == "RuntimeError: driver gone"


def test_allocation_that_fails_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def place(_host: np.ndarray, _device: str) -> np.ndarray:
        raise MemoryError("out of memory\nat 0x0")

    pretend(monkeypatch, "cupy", survey=lambda: {"cuda:0": ""}, place=place)
    row = only_row("cupy")
    assert (row.reason, row.device, row.usable) == ("MemoryError: out of memory", "cuda:0", False)
    with pytest.raises(ValueError, match="cupy:cuda:0: MemoryError: out of memory"):
        select("cupy")


def test_wrong_result_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "cupy", to_numpy=np.zeros_like)
    assert only_row("cupy").reason == "1 + 1 gave [0.0, 0.0] on it"


def test_cupy_without_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_cupy(monkeypatch, is_available=lambda: False)
    row = only_row("cupy")
    assert (str(row), row.reason) == ("cupy:cuda", "no cuda device found")
    assert (row.default_dtype, row.version) == ("float32", "14.0")


def test_cupy_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_available() -> bool:
        raise RuntimeError("cudaErrorInsufficientDriver: too old")

    pretend_cupy(monkeypatch, is_available=is_available)
    assert only_row("cupy").reason == "RuntimeError: cudaErrorInsufficientDriver: too old"


def test_cupy_device_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_index: int) -> Any:
        raise RuntimeError("cudaErrorECCUncorrectable")

    cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: 1), Device=broken)
    pretend_cupy(monkeypatch, is_available=lambda: True, cuda=cuda, float32=np.float32)
    row = only_row("cupy")
    assert (str(row), row.reason) == ("cupy:cuda:0", "RuntimeError: cudaErrorECCUncorrectable")


def test_torch_accelerators(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")

    def no_module() -> int:
        raise AttributeError("torch has no xpu")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.mps, "device_count", lambda: 1)
    monkeypatch.setattr(torch.xpu, "device_count", no_module)
    framework = import_module("tempotron_backends.torch").FRAMEWORK
    assert framework.survey() == {
        "cpu": "",
        "cuda:0": "",
        "cuda:1": "",
        "mps": "",
        "xpu": "AttributeError: torch has no xpu",
    }
    assert framework.native_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize(
    ("device", "called"),
    [("cuda:1", ("cuda", (1,))), ("xpu:0", ("xpu", (0,))), ("mps", ("mps", ())), ("cpu", None)],
)
def test_torch_synchronise(
    monkeypatch: pytest.MonkeyPatch, device: str, called: tuple[str, tuple[int, ...]] | None
) -> None:
    torch = pytest.importorskip("torch")
    calls: list[tuple[str, tuple[int, ...]]] = []
    for kind in ("cuda", "mps", "xpu"):
        module = getattr(torch, kind)
        monkeypatch.setattr(module, "synchronize", lambda *index, k=kind: calls.append((k, index)))
    Backend(import_module("tempotron_backends.torch").FRAMEWORK, device).synchronise()
    assert calls == ([called] if called else [])


def test_jax_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    jax = pytest.importorskip("jax")
    present = {"cpu": ["c0", "c1"], "cuda": ["g0"]}
    monkeypatch.setattr(jax, "devices", present.__getitem__)
    framework = import_module("tempotron_backends.jax").FRAMEWORK
    assert framework.survey() == {"cpu:0": "", "cpu:1": "", "cuda:0": ""}
    assert framework.native_device("cpu:1") == "c1"
    del present["cuda"], present["cpu"][1]
    assert framework.survey() == {"cpu": "", "cuda": "KeyError: 'cuda'"}
    assert framework.native_device("cpu") == "c0"


# Importing


def test_import_loads_no_framework() -> None:
    code = (
        "import sys, tempotron_backends; "
        "tempotron_backends.select('cpu'); "
        "print([m for m in ('torch', 'jax', 'cupy', 'array_api_strict') if m in sys.modules])"
    )
    assert run(code) == "[]"


def test_framework_modules_are_attributes() -> None:
    pytest.importorskip("array_api_strict")
    code = "import tempotron_backends as b; print(b.strict.FRAMEWORK.name)"
    assert run(code) == "strict"
    with pytest.raises(AttributeError, match="no attribute 'tensorflow'"):
        _ = tempotron_backends.tensorflow


# Conversions, on every backend


DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "float32", "float64")


@pytest.mark.on_jax
@pytest.mark.parametrize("name", DTYPES)
def test_round_trip(backend: Backend, name: str) -> None:
    host = np.array([[0, 1, 2], [3, 4, 5]]).astype(name)
    array = backend.from_numpy(host)
    assert array.shape == (2, 3)
    assert array.dtype == getattr(backend.xp, name)
    back = backend.to_numpy(array)
    assert isinstance(back, np.ndarray)
    assert back.dtype == name
    np.testing.assert_array_equal(back, host)


@pytest.mark.on_jax
def test_from_numpy_on_the_device(backend: Backend, xp: ModuleType, device: Any) -> None:
    array = backend.from_numpy(np.ones(3, dtype=np.float32))
    assert import_module("array_api_compat").device(array) == device
    made = xp.ones(3, dtype=xp.float32, device=device)
    np.testing.assert_array_equal(backend.to_numpy(array + made), [2.0, 2.0, 2.0])


def test_from_numpy_copies(backend: Backend) -> None:
    host = np.ones(3, dtype=np.float32)
    array = backend.from_numpy(host)
    host[:] = 7.0
    np.testing.assert_array_equal(backend.to_numpy(array), [1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    "host",
    [
        np.arange(6.0, dtype=np.float32).reshape(2, 3).T,
        np.arange(6.0, dtype=np.float32)[::-2],
        np.arange(3, dtype=">f4"),
        np.broadcast_to(np.float32(2.0), (2, 2)),
        np.zeros((0, 3), dtype=np.float32),
        np.array(1.5, dtype=np.float32),
    ],
    ids=["transposed", "reversed", "big-endian", "read-only", "empty", "0-d"],
)
def test_from_numpy_takes_any_layout(backend: Backend, host: np.ndarray) -> None:
    back = backend.to_numpy(backend.from_numpy(host))
    assert back.dtype == np.float32
    assert back.shape == host.shape
    np.testing.assert_array_equal(back, host)


@pytest.mark.on_jax
def test_from_numpy_converts(backend: Backend, xp: ModuleType, dtype: Any) -> None:
    for given in (dtype, backend.default_dtype):
        array = backend.from_numpy(np.array([0, 1, 255], dtype=np.uint8), given)
        assert array.dtype == given
        np.testing.assert_array_equal(backend.to_numpy(array), [0.0, 1.0, 255.0])
    assert backend.from_numpy(np.ones(2), np.float32).dtype == xp.float32
    assert backend.from_numpy(np.ones(2), "int32").dtype == xp.int32


def test_from_numpy_refuses_other_things(backend: Backend) -> None:
    for host in (np.array(["a"]), np.array([None]), np.array([1j])):
        with pytest.raises(TypeError, match="array must hold real numbers or booleans, got dtype"):
            backend.from_numpy(host)


@pytest.mark.parametrize("wrong", ["complex64", "float16", "no_such", "datetime64"])
def test_dtype_that_is_none(backend: Backend, wrong: str) -> None:
    expected = f"dtype must be one that {backend} can hold \\(bool, .*\\), got "
    for attempt in (backend.dtype, lambda dtype: backend.from_numpy(np.ones(2), dtype)):
        with pytest.raises(ValueError, match=expected):
            attempt(wrong)


@pytest.mark.on_jax
def test_dtype_names(backend: Backend, xp: ModuleType) -> None:
    for dtype in ("float32", np.float32, np.dtype("float32"), xp.float32):
        assert backend.dtype(dtype) == xp.float32
    assert set(backend.dtypes) <= set(DTYPES)
    assert backend.default_dtype == getattr(xp, backend.default_dtype_name)


def test_default_dtypes() -> None:
    default = {row.name: row.default_dtype for row in status() if row.usable}
    expected = {"numpy": "float64", "torch": "float32", "jax": "float32"}
    assert {name: default[name] for name in expected if name in default} == {
        name: dtype for name, dtype in expected.items() if name in default
    }


def test_device_without_double_precision() -> None:
    pytest.importorskip("array_api_strict")
    backend = select("strict:no_float64")
    assert backend.default_dtype_name == "float32"
    assert "float64" not in backend.dtypes
    expected = "strict:no_float64 can hold .*, got 'float64': no_float64 lacks it"
    with pytest.raises(ValueError, match=expected):
        backend.from_numpy(np.ones(2))
    assert backend.from_numpy(np.ones(2), "float32").dtype == backend.xp.float32


def test_mps_has_no_double_precision() -> None:
    pytest.importorskip("torch")
    backend = Backend(import_module("tempotron_backends.torch").FRAMEWORK, "mps")
    assert "float64" not in backend.dtypes
    with pytest.raises(ValueError, match="got 'float64': MPS has no double precision"):
        backend.from_numpy(np.ones(2))


def test_jax_without_64_bit_types() -> None:
    jax = pytest.importorskip("jax")
    backend = select("jax:cpu")
    with jax.enable_x64(False):
        switch = r"got '.*64': .*jax.config.update\('jax_enable_x64', True\).*JAX_ENABLE_X64=1"
        for attempt in (
            lambda: backend.dtype("float64"),
            lambda: backend.dtype("int64"),
            lambda: backend.from_numpy(np.ones(2)),
            lambda: backend.from_numpy(np.ones(2, dtype=np.float32), "float64"),
        ):
            with pytest.raises(ValueError, match=switch):
                attempt()
        assert backend.default_dtype == backend.xp.float32
        indices = backend.from_numpy(np.array([0, 2**31 - 1, -(2**31)]))
        assert indices.dtype == backend.xp.int32
        np.testing.assert_array_equal(backend.to_numpy(indices), [0, 2**31 - 1, -(2**31)])
        with pytest.raises(ValueError, match="array must hold integers that fit int32: JAX"):
            backend.from_numpy(np.array([2**40]))


def test_jax_switch_is_left_alone() -> None:
    pytest.importorskip("jax")
    code = (
        "import tempotron_backends as b; b.select('jax'); import jax; "
        "print(jax.config.jax_enable_x64)"
    )
    assert run(code) == "False"


def test_to_numpy_detaches() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.ones(2, requires_grad=True) * 3.0
    np.testing.assert_array_equal(select("torch").to_numpy(tensor), [3.0, 3.0])


@pytest.mark.on_jax
def test_synchronise(backend: Backend) -> None:
    array = backend.from_numpy(np.ones((50, 50), dtype=np.float32))
    product = array @ array
    backend.synchronise()
    backend.synchronise(product, array)
    np.testing.assert_array_equal(backend.to_numpy(product), np.full((50, 50), 50.0))


# index_sum, wherever there is one


def plain_index_sum(values: np.ndarray, index: np.ndarray, length: int) -> np.ndarray:
    """The definition, addition by addition."""
    flat = values.reshape(int(np.prod(values.shape[:-1])), values.shape[-1])
    sums = [[0.0] * length for _ in flat]
    for row, total in zip(flat.tolist(), sums, strict=True):
        for value, place in zip(row, index.tolist(), strict=True):
            total[place] += value
    return np.array(sums, dtype=values.dtype).reshape(*values.shape[:-1], length)


@pytest.mark.on_jax
@pytest.mark.skip_backend("strict", reason="has no kernels, on purpose")
@pytest.mark.parametrize("shape", [(40,), (3, 40), (2, 3, 40), (3, 0), (0, 40), (1, 1)])
@pytest.mark.parametrize("index_dtype", ["int64", "int32"])
def test_index_sum(
    backend: Backend, asarray: Any, dtype: Any, shape: tuple[int, ...], index_dtype: str
) -> None:
    index_sum = import_module(f"tempotron_backends.{backend.name}").KERNELS["index_sum"]
    rng = np.random.default_rng(0)
    values = rng.standard_normal(shape)
    index = rng.integers(0, 7, shape[-1]).astype(index_dtype)
    given = asarray(values)
    before = backend.to_numpy(given).copy()
    sums = index_sum(given, backend.from_numpy(index), 9)
    assert sums.dtype == dtype
    assert sums.shape == (*shape[:-1], 9)
    expected = plain_index_sum(before.astype(float), index, 9)
    bound = 4.0 * float(backend.xp.finfo(dtype).eps) * plain_index_sum(abs(values), index, 9)
    assert (abs(backend.to_numpy(sums) - expected) <= bound).all()
    np.testing.assert_array_equal(backend.to_numpy(given), before)


def test_index_sum_of_numpy_rounds_once() -> None:
    index_sum = import_module("tempotron_backends.numpy").KERNELS["index_sum"]
    values = np.full(10_000, 0.1, dtype=np.float32)
    exact = np.float32(10_000 * float(np.float32(0.1)))
    assert index_sum(values, np.zeros(10_000, dtype=np.int64), 1)[0] == exact


def test_index_sum_under_jit_and_grad() -> None:
    jax = pytest.importorskip("jax")
    index_sum = import_module("tempotron_backends.jax").KERNELS["index_sum"]
    values, index = jax.numpy.arange(4.0), jax.numpy.asarray([0, 2, 0, 1])
    sums = jax.jit(index_sum, static_argnums=2)(values, index, 3)
    np.testing.assert_array_equal(sums, [2.0, 3.0, 1.0])
    gradient = jax.grad(lambda v: (index_sum(v, index, 3) ** 2).sum())(values)
    np.testing.assert_array_equal(gradient, [4.0, 2.0, 4.0, 6.0])


def test_index_sum_in_torch_graph() -> None:
    torch = pytest.importorskip("torch")
    index_sum = import_module("tempotron_backends.torch").KERNELS["index_sum"]
    values = torch.arange(4.0, requires_grad=True)
    (index_sum(values, torch.tensor([0, 2, 0, 1]), 3) ** 2).sum().backward()
    np.testing.assert_array_equal(values.grad, [4.0, 2.0, 4.0, 6.0])


def test_strict_has_no_kernels() -> None:
    pytest.importorskip("array_api_strict")
    assert not hasattr(import_module("tempotron_backends.strict"), "KERNELS")
