"""The CUDA kernels without a GPU: compiled for real ones, and run as host C++ under UBSan.

The source of the kernels is compiled as it is, for the host, with a thread for every CUDA thread
(cuda_host/), and launched by the code that launches it on a GPU.  What it gives is compared with
the 50-digit reference and with the Array API form, which is evaluated in float64 on the very
numbers that the kernels got.  None of this shows that CUDA works, or how fast.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bars import Worst, check_batch, kept_pairs
from cuda_comparison import Comparison, Forms, events_of, gradients, nasty_batches
from cuda_host.host import SOURCE, device
from patterns import TIME_CONSTANTS, batches, random_batch

from tempotron_backends.fused.cuda import devices, launch
from tempotron_backends.fused.cuda.source import kernel_source
from tempotron_core import Events, Neuron, Peak, peak
from tempotron_core.events.changing import map_arrays

BLOCKS = (1, 3, 12, 128)


@pytest.mark.parametrize(("n_threads", "dtype"), [(3, "float32"), (12, "float64")])
def test_against_the_reference(make_forms, find_forms, host, n_threads, dtype):
    """Peaks, crossings and shunted peaks at the package's bars."""
    find_forms(make_forms(n_threads))
    worst = Worst()
    for batch in batches(41, 8, 7, 1, dtype):
        check_batch(worst, batch, host, dtype, kept_pairs(batch))
    worst.check()
    assert worst.checked["v_max"] == 56
    for kind in ("kink", "smooth", "fired", "shunted v_max"):
        assert worst.checked[kind] > 0


@pytest.mark.parametrize(  # every pair of dtypes of two of them
    ("times", "weights", "afferents"),
    [
        ("float32", "float32", "int32"),
        ("float32", "float64", "int64"),
        ("float64", "float32", "int64"),
        ("float64", "float64", "int32"),
    ],
)
def test_against_the_array_form(make_forms, host, times, weights, afferents):
    """Random patterns with every kind of peak, mixtures of dtypes, and blocks of any size."""
    rng = np.random.default_rng(7)
    for index in range(6):
        forms = make_forms(BLOCKS[index % 3])
        batch = random_batch(rng, 6, int(rng.choice([1, 2, 5])))
        given = events_of(batch, host, times, afferents), batch.weight.astype(weights)
        Comparison(forms, *given, batch.neuron(shunt=index % 2 == 1)).check(index)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_against_the_array_form_on_nasty_patterns(make_forms, host, dtype):
    for index, (name, batch) in enumerate(nasty_batches()):
        forms = make_forms(128 if name == "many outputs" else BLOCKS[1 + index % 2])
        given = events_of(batch, host, dtype), batch.weight.astype(dtype)
        neuron = batch.neuron(shunt=index % 2 == (dtype == "float32"))  # one dtype has each
        Comparison(forms, *given, neuron).check(index)


@pytest.mark.parametrize("n_threads", [3, 12])
def test_the_earliest_of_equal_peaks(make_forms, n_threads):
    """Where all has decayed to 0, the same spikes give the same potentials again."""
    events = Events.from_latencies(np.asarray([[0.0, 5e4, 5e4, 9e4]]), 1e5)
    weight = np.asarray([[1.0, 0.4, 0.6, 1.0], [0.0, 0.0, 0.0, 0.0]])
    _, t_max = make_forms(n_threads)["peak"](events, weight, Neuron(), None)
    np.testing.assert_allclose(t_max, [[Neuron().kernel.t_peak, 0.0]], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_weights_that_are_no_numbers_do_not_look_silent(make_forms, dtype):
    events = Events.from_latencies(np.asarray([[1.0, 3.0, 2.0], [1.0, 3.0, np.inf]]), 50.0)
    weight = np.asarray([[0.5, 0.3, np.nan], [0.5, 0.3, 0.2]], dtype=dtype)
    for shunt in (False, True):
        v_max, _ = make_forms(3)["peak"](events, weight, Neuron(shunt=shunt), None)
        t_spike = make_forms(3)["first_crossing"](events, weight, Neuron(shunt=shunt))
        for values in (v_max, t_spike):
            np.testing.assert_array_equal(np.isnan(values), [[True, False], [False, False]])


@pytest.fixture
def small(host) -> tuple[Events, np.ndarray, Neuron]:
    batch = random_batch(np.random.default_rng(5), 7, 5, max_spikes=25, layout="latencies")
    return batch.events(host), batch.weight, batch.neuron()


def test_the_same_in_every_call(make_forms, small):
    for first, second in zip(*(gradients(make_forms(3), *small) for _ in "12"), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("limits", [(1, 1, 1), (2, 1, 3), (3, 2, 1000)])
def test_any_number_of_blocks(make_forms, small, monkeypatch, limits):
    """Patterns and tiles are strided over, and shards hold several patterns."""
    expected = gradients(make_forms(2), *small)
    for name, limit in zip(("MAX_BLOCKS", "MAX_TILES", "MAX_SHARDS"), limits, strict=True):
        monkeypatch.setattr(launch, name, limit)
    for found, whole in zip(gradients(make_forms(2), *small), expected, strict=True):
        np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-12)


def test_shards_are_bounded(make_forms, small, monkeypatch):
    """One shard is always there, however large the weights."""
    monkeypatch.setattr(launch, "SHARD_BYTES", 1)
    launched = []
    forms = make_forms(12)
    on = forms["peak"].args[0]
    spied = replace(on, launch=lambda *call: launched.append(call[:2]) or on.launch(*call))
    gradients({name: partial(form.func, spied) for name, form in forms.items()}, *small)
    assert ("adjoint", (1, 1)) in launched


def test_every_block_has_a_shard_of_its_own(make_forms, small):
    """On a GPU blocks run at once, which those of the host build do not: they must not meet."""
    events, weight, neuron = small
    on, taken = make_forms(12)["peak"].args[0], []

    def spied(name: str, blocks: tuple[int, int], threads: int, arguments: tuple[Any, ...]) -> None:
        on.launch(name, blocks, threads, arguments)
        if name == "sum_shards":
            taken.append(arguments[0].reshape(len(events), *weight.T.shape))

    def gradient(part: Events, by: Any) -> np.ndarray:
        t_star, ones = np.full((2, len(part), len(weight)), [[[40.0]], [[1.0]]])
        forms = devices.FUNCTIONS["first_crossing_vjp"]
        return forms(replace(on, launch=by), part, weight, neuron, t_star, ones, False, 0.1)[0]

    gradient(events, spied)
    for shard, pattern in zip(taken[0], events, strict=True):
        np.testing.assert_array_equal(shard.T, gradient(pattern, on.launch))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_who_fires_is_one_decision(make_forms, dtype):
    """Spikes that just reach the threshold, or do not: rounding decides, everywhere alike."""
    forms, rng = make_forms(12), np.random.default_rng(4)
    times = rng.uniform(0.0, 20.0, (50, 1)).astype(dtype)
    weight = np.full((9, 1), 0.7, dtype=dtype)
    weight += (np.arange(-4, 5)[:, None] * np.spacing(weight[0, 0])).astype(dtype)
    fired = 0
    for tau, tau_s in TIME_CONSTANTS:
        events = Events.from_latencies(times, 1000.0)
        for shunt in (False, True):
            neuron = Neuron(tau, tau_s, 0.7, psp_peak=1.0, shunt=shunt)
            given = events, weight, neuron
            v_max, _ = forms["peak"](*given, None)
            fires = v_max > np.dtype(dtype).type(0.7)
            np.testing.assert_array_equal(np.isfinite(forms["first_crossing"](*given)), fires)
            fired += fires.sum()
    assert 0 < fired < 2 * len(TIME_CONSTANTS) * v_max.size


def test_arrays_need_not_be_contiguous(make_forms, small):
    events, weight, neuron = small
    strided = replace(
        events[::2],
        times=np.asfortranarray(events.times)[::2],
        afferents=events.afferents.astype(np.int16)[::2],
        counts=events.counts.astype(np.int32)[::2],
    )
    expected = gradients(make_forms(12), events[[0, 2, 4, 6]], weight, neuron)
    found = gradients(make_forms(12), strided, np.asfortranarray(weight), neuron)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 3, 0), (2, 0, 2), (0, 0, 0)])
def test_nothing_to_launch(make_forms, shape):
    n_patterns, n_afferents, n_outputs = shape
    events = Events.from_latencies(np.ones((n_patterns, n_afferents)), 50.0)
    weight = np.ones((n_outputs, n_afferents), dtype="float32")
    pairs = (n_patterns, n_outputs)
    for found in gradients(make_forms(12), events, weight, Neuron()):
        assert found.shape in (pairs, weight.shape, events.times.shape)
        assert not found[np.isfinite(found)].any()


def test_grid_peak_is_the_array_form(make_forms, small):
    events, weight, neuron = small
    found = make_forms(12)["peak"](events, weight, neuron, (9, 2.0))
    expected = peak(events, weight, neuron, grid=(9, 2.0), method="pruned")
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_host_build_sees_what_is_wrong(library, capfd):
    """The check of the checks: UBSan counts, and a wrong argument is refused."""
    library.overflowed(2**31 - 1)
    assert library.undefined_behaviours() == 1
    assert "signed integer overflow" in capfd.readouterr().err
    launch = device(library).launch
    shard, size = np.zeros(1), (np.int64(1),) * 3
    launch("sum_shards", (1, 1), 1, (shard, np.zeros(1), np.int32(1), *size))
    with pytest.raises(AssertionError, match="no such kernel"):
        launch("sum", (1, 1), 1, ())
    for wrong in (shard.astype("float32"), np.float64(1.0), np.int64(0)):
        with pytest.raises(AssertionError, match="wrong arguments"):
            launch("sum_shards", (1, 1), 1, (wrong, np.zeros(1), np.int32(1), *size))


@pytest.mark.slow  # as below, by another compiler
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_compiles_for_gpus_without_spilling(architecture, tmp_path):
    """As nvcc and ptxas report; nothing is run."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("there is no nvcc to compile the kernels for a GPU")
    output = ["-o", str(tmp_path / "kernels.cubin"), str(SOURCE)]
    command = [nvcc, "-cubin", "-std=c++17", f"-arch={architecture}", "-Xptxas", "-v", *output]
    command += ["--Werror", "all-warnings"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report = done.stdout + done.stderr
    names = re.findall(r"Compiling entry function '(\w+)' for '(\w+)'", report)
    assert sorted(names) == sorted((name, architecture) for name in launch.KERNELS)
    memory = r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
    assert re.findall(memory, report) == [("0", "0", "0")] * len(names)


def test_one_piece_has_every_file_once():
    """So that a change in any of them changes what CuPy's cache goes by."""
    files = SOURCE, *SOURCE.parent.glob("*.cuh")
    assert len(files) > 1
    lines = [line for file in files for line in file.read_text().splitlines()]
    code = [line for line in lines if not line.startswith(("#include", "#pragma once"))]
    assert Counter(kernel_source().splitlines()) == Counter(code)


def nvrtc() -> ctypes.CDLL:
    for name in ("libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return pytest.skip("there is no NVRTC library to compile the kernels with")


@pytest.mark.parametrize("architecture", ["sm_80", pytest.param("sm_90", marks=pytest.mark.slow)])
def test_compiles_with_nvrtc(architecture):
    """As CuPy compiles them: in one piece, without any file to include."""
    library, program, length = nvrtc(), ctypes.c_void_p(), ctypes.c_size_t()
    source = kernel_source().encode()
    made = library.nvrtcCreateProgram(ctypes.byref(program), source, b"kernels.cu", 0, None, None)
    assert made == 0
    options = (ctypes.c_char_p * 2)(b"--std=c++17", f"-arch={architecture}".encode())
    status = library.nvrtcCompileProgram(program, 2, options)
    library.nvrtcGetProgramLogSize(program, ctypes.byref(length))
    log = ctypes.create_string_buffer(length.value)
    library.nvrtcGetProgramLog(program, log)
    assert (status, log.value) == (0, b"")


class Unusable:
    """What a device of a fake CuPy does where CuPy has no driver."""

    def __init__(self, _index: int) -> None:
        raise RuntimeError("cudaErrorInsufficientDriver: too old\nfor this runtime")


FROM_CUPY = """abs arange ascontiguousarray cumsum empty from_dlpack full isnan max minimum
    searchsorted where zeros zeros_like""".split()


def fake_cupy(library: ctypes.CDLL | None) -> ModuleType:
    """NumPy by CuPy's name, whose kernels are the host's; without a library they do not compile."""
    fake = ModuleType("cupy")
    for name in FROM_CUPY:
        setattr(fake, name, getattr(np, name))

    class RawModule:
        def __init__(self, *, code: str, backend: str, options: tuple[str, ...]) -> None:
            assert code == kernel_source()
            assert (backend, options) == ("nvrtc", ("--std=c++17",))

        def get_function(self, name: str) -> Callable[..., None]:
            if library is None:
                raise RuntimeError("compilation failed")
            launch = device(library).launch
            return lambda blocks, threads, arguments: launch(name, blocks, *threads, arguments)

    def from_external(stream: Any) -> Any:
        assert stream.__cuda_stream__() == (0, 1234)
        return nullcontext()

    fake.RawModule = RawModule  # type: ignore[attr-defined]
    fake.cuda = SimpleNamespace(  # type: ignore[attr-defined]
        Device=lambda _: nullcontext(), Stream=SimpleNamespace(from_external=from_external)
    )
    return fake


@pytest.fixture
def binding() -> Iterator[ModuleType]:
    """The module that finds CuPy, as in a new process."""

    def forget() -> None:
        for cached in (devices._for_cupy, devices._for_torch, devices._compiled):
            cached.cache_clear()
        devices._said.clear()

    forget()
    yield devices
    forget()


ON_DEVICE_0 = SimpleNamespace(device=SimpleNamespace(id=0, index=0))


def without_driver() -> ModuleType:
    fake = fake_cupy(None)
    fake.cuda.Device = Unusable
    return fake


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (lambda: None, "pip install cupy-cuda12x"),
        (without_driver, "cudaErrorInsufficientDriver: too old"),
        (lambda: fake_cupy(None), "compilation failed"),
        (lambda: ModuleType("cupy"), "has no attribute 'cuda'"),
    ],
    ids=["no CuPy", "no driver", "does not compile", "not CuPy at all"],
)
def test_what_cannot_be_used_is_said_once(binding, monkeypatch, module, reason):
    monkeypatch.setitem(sys.modules, "cupy", module())
    with pytest.warns(RuntimeWarning, match=reason) as caught:
        assert binding.fused_for_torch(ON_DEVICE_0) == {}
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    elsewhere = SimpleNamespace(device=SimpleNamespace(id=1, index=1))
    for array in (ON_DEVICE_0, elsewhere):  # warnings are errors here
        assert binding.fused_for_cupy(array) == binding.fused_for_torch(array) == {}


def test_binding_to_cupy(binding, library, monkeypatch, make_forms, small):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(library))
    ours, theirs = binding.fused_for_cupy(ON_DEVICE_0), make_forms(128)
    assert ours.keys() == theirs.keys()
    for found, expected in zip(gradients(ours, *small), gradients(theirs, *small), strict=True):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip(spikes(ours, *small), spikes(theirs, *small), strict=True):
        np.testing.assert_array_equal(found, expected)


def spikes(forms: Forms, events: Events, weight: Any, neuron: Neuron) -> list[Any]:
    """Output spikes and the gradients of the first two of each pair."""
    pair, times, counts = forms["output_spikes"](events, weight, neuron, 2)
    first = forms["first_crossing"](events, weight, neuron)[..., None]
    given = first, first, True, 0.1
    return [pair, times, counts, *forms["output_spikes_vjp"](events, weight, neuron, *given)]


@pytest.mark.parametrize("n_patterns", [7, 0])
def test_binding_to_torch(binding, library, monkeypatch, make_forms, small, n_patterns):
    """Tensors are lent and taken back; the device is made up, their memory is the host's."""
    torch = pytest.importorskip("torch")
    events, weight, neuron = small
    events = events[:n_patterns]
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(library))
    stream = SimpleNamespace(cuda_stream=1234)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: stream)
    monkeypatch.setattr(devices, "_torch_device", lambda _: "cpu")
    lent, rows = map_arrays(events, torch.asarray), torch.asarray(weight, requires_grad=True)
    forms = binding.fused_for_torch(ON_DEVICE_0)
    expected = gradients(make_forms(128), events, weight, neuron)

    v_max, t_max = forms["peak"](lent, rows, neuron, None)
    ones = torch.ones((), dtype=torch.float64).expand(v_max.shape)
    found = [v_max, t_max, forms["first_crossing"](lent, rows, neuron)]
    for times in (False, True):
        given = Peak(v_max, t_max), ones, ones, times, None
        found += forms["peak_vjp"](lent, rows, neuron, *given)
        found += forms["first_crossing_vjp"](lent, rows, neuron, t_max, ones, times, 0.0)
    found += spikes(forms, lent, rows, neuron)
    expected += spikes(make_forms(128), events, weight, neuron)
    found = [each for each in found if each is not None]
    for ours, theirs in zip(found, expected, strict=True):
        assert isinstance(ours, torch.Tensor)
        assert not ours.requires_grad
        np.testing.assert_array_equal(ours.numpy(), theirs)
