"""The compiled kernels for the processor: what they add to the tests that run on every backend.

Those call the readouts with ``method='auto'`` and so reach the kernels too, where Numba is
installed; accuracy against the independent reference is shown there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path

import mpmath
import numpy as np
import pytest
from patterns import bar, time_bar

from tempotron_core import (
    Events,
    Neuron,
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
    soft_peak_time,
    voltage,
    voltage_vjp,
)
from tempotron_core.arrays.registry import fused
from tempotron_core.events.changing import map_arrays

numba = pytest.importorskip("numba")

DTYPES = ("float32", "float64")


def problem(
    seed, *, n_patterns=5, n_afferents=40, n_outputs=3, duration=90.0, dtypes=("float64",) * 2,
    neuron=None, drive=3.0,
):  # fmt: skip
    """Random spikes, some at the same whole numbers, some missing, one pattern silent."""
    rng = np.random.default_rng(seed)
    times = rng.uniform(0.0, duration, (n_patterns, n_afferents))
    whole = rng.random(times.shape) < 0.3
    times[whole] = np.rint(times[whole])
    times[rng.random(times.shape) < 0.2] = np.inf
    times[-1] = np.inf
    weight = drive * rng.normal(0.1, 1.0, (n_outputs, n_afferents)) * n_afferents**-0.5
    events = Events.from_latencies(times.astype(dtypes[0]), duration)
    return events, weight.astype(dtypes[1]), neuron or Neuron()


def everything(events, weight, neuron, method, *, given=None):
    """Every readout and gradient; the gradients are taken at ``given``'s peaks and crossings."""
    rng = np.random.default_rng(99)
    shape = (len(events), weight.shape[0])
    v_bar, t_bar = rng.normal(size=(2, *shape)).astype(weight.dtype)
    v_bar[rng.random(shape) < 0.4] = 0.0
    samples = np.sort(rng.uniform(-5.0, 1.1 * events.duration, 23)).astype(events.times.dtype)
    samples[::5] = np.rint(samples[::5])  # where spikes are
    rng.shuffle(samples)
    bars = rng.normal(size=(*shape, 23)).astype(weight.dtype)
    found = {}
    top = peak(events, weight, neuron, method=method)
    found["v_max"], found["t_max"] = top
    found["t_spike"] = first_crossing(events, weight, neuron, method=method)
    found["v"] = voltage(events, weight, neuron, samples, method=method)
    if not neuron.shunt:
        top_on_grid = peak(events, weight, neuron, grid=(60, 1.5), method=method)
        found["v_max on grid"], found["t_max on grid"] = top_on_grid
        found["t_soft"] = soft_peak_time(events, weight, neuron, 40, method=method)
    read = found if given is None else given
    top = type(top)(read["v_max"], read["t_max"])
    calls = {
        "v_max": peak_vjp(events, weight, neuron, top, v_bar, times=True, method=method),
        "t_max": peak_vjp(events, weight, neuron, top, v_bar, t_bar, times=True, method=method),
        "t_spike": first_crossing_vjp(
            events, weight, neuron, read["t_spike"], t_bar, times=True, min_slope=1e-3,
            method=method,
        ),
        "v": voltage_vjp(events, weight, neuron, samples, bars, times=True, method=method),
    }  # fmt: skip
    if not neuron.shunt:
        on_grid = type(top)(read["v_max on grid"], read["t_max on grid"])
        calls["v_max on grid"] = peak_vjp(
            events, weight, neuron, on_grid, v_bar, times=True, grid=(60, 1.5), method=method
        )
    for name, gradient in calls.items():
        found[f"{name} by weight"], found[f"{name} by time"] = gradient
    only = peak_vjp(events, weight, neuron, top, v_bar, method=method)
    assert only.times is None
    found["v_max by weight alone"] = only.weight
    return found


def disagreements(events, weight, neuron):
    """What the kernels and the Array API form give, where they differ by more than the bars."""
    precision = "float32" if "float32" in (weight.dtype, events.times.dtype) else "float64"
    plain = everything(events, weight, neuron, "pruned")
    ours = everything(events, weight, neuron, "auto", given=plain)
    reached = np.zeros(1 + events.n_afferents)  # sum of |w| per pattern
    reached[:-1] = np.abs(weight).max(axis=0, initial=0.0)
    scale = neuron.kernel.psp_peak * max(
        1.0, reached[events.afferents].sum(axis=1).max(initial=0.0)
    )
    wrong = []
    for name, expected in plain.items():
        got = ours[name]
        assert got.dtype == expected.dtype, name
        assert got.shape == expected.shape, name
        if name.startswith("v") and "by" not in name:
            allowed = 2 * bar(scale, precision)
        elif "by" not in name:
            allowed = time_bar(events.duration, precision)
        else:
            small = {"float64": 1e-10, "float32": 2e-4}[precision]
            # the terms may cancel: those of a lone spike's time do, but for rounding
            allowed = small * max(1e-3, np.abs(expected).max(initial=0.0))
        finite = np.isfinite(expected)
        same = np.array_equal(finite, np.isfinite(got))
        error = np.abs(got[finite] - expected[finite]).max(initial=0.0)
        if not same or error > allowed:
            wrong.append(f"{name}: {error:.3g} > {allowed:.3g}")
    return wrong


# ---------------------------------------------------------------------- agreement


def test_they_are_used():
    for weight in (np.ones((1, 2)), pytest.importorskip("torch").ones((1, 2))):
        for name in ("peak", "peak_vjp", "first_crossing", "first_crossing_vjp", "voltage"):
            assert fused(name, "auto", weight) is not None
            assert fused(name, "pruned", weight) is None


@pytest.mark.parametrize("shunt", [False, True], ids=["free", "shunted"])
@pytest.mark.parametrize("tau_s", [3.75, 15.0, 15.0 * (1 - 1e-9), 0.05, 40.0])
def test_time_constants(tau_s, shunt):
    events, weight, neuron = problem(1, neuron=Neuron(15.0, tau_s, shunt=shunt))
    assert not disagreements(events, weight, neuron)


@pytest.mark.parametrize(
    ("times", "weights"),
    [
        pytest.param(*pair, marks=[] if pair[0] == pair[1] else [pytest.mark.slow])  # compiles all
        for pair in product(DTYPES, repeat=2)
    ],
)
def test_dtypes(times, weights):
    assert not disagreements(*problem(2, dtypes=(times, weights)))


@pytest.mark.parametrize("n_outputs", [1, 4, 5, 8, 9, 16, 17, 33])
def test_outputs_at_the_ends_of_lanes(n_outputs):
    assert not disagreements(*problem(3, n_outputs=n_outputs))


def use_lanes(monkeypatch, name, lanes):
    from tempotron_backends.fused.cpu import batch, layout
    from tempotron_backends.fused.cpu.readouts import function_gradients, functions

    for module in (batch, function_gradients, functions, layout):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, lambda _: lanes)


@pytest.mark.parametrize("duration", [20.0, 90.0, 1e4])
@pytest.mark.parametrize("shunt", [False, True], ids=["free", "shunted"])
def test_narrow_lanes_change_no_bit(shunt, duration, monkeypatch):
    from tempotron_backends.fused.cpu import lanes
    from tempotron_backends.fused.cpu.batch import Batch

    given = problem(
        6, n_outputs=6, n_afferents=200, duration=duration, neuron=Neuron(shunt=shunt)
    )  # fmt: skip
    use_lanes(monkeypatch, "scan_lanes", lanes.NARROW)
    narrow = everything(*given, "auto")
    assert Batch(*given).width == 8
    for name in ("lanes_for", "scan_lanes"):
        use_lanes(monkeypatch, name, lanes.WIDE)
    assert Batch(*given).width == 16
    for name, wide in everything(*given, "auto").items():
        # a gradient by a time is a sum over outputs, in another order
        allowed = 1e-14 * np.abs(wide).max() if "by time" in name else 0.0
        np.testing.assert_allclose(narrow[name], wide, rtol=0.0, atol=allowed, err_msg=name)


def test_lanes_of_scans_are_narrow_but_for_large_registers(monkeypatch):
    from llvmlite import binding

    from tempotron_backends.fused.cpu import lanes, layout
    from tempotron_backends.fused.cpu.batch import Batch

    given = problem(7, n_outputs=9)
    found = {}
    for features in ({"avx2": True}, {"avx2": True, "avx512f": True}):
        of_host = binding.FeatureMap(features)
        monkeypatch.setattr(binding, "get_host_cpu_features", lambda of_host=of_host: of_host)
        layout._has_large_registers.cache_clear()
        batch = Batch(*given)
        found[batch.scan_lanes] = peak(*given)
        assert batch.width == 16
    layout._has_large_registers.cache_clear()
    assert list(found) == [lanes.NARROW, lanes.WIDE]
    for narrow, wide in zip(*found.values(), strict=True):
        np.testing.assert_array_equal(narrow, wide)


@pytest.mark.parametrize("shunt", [False, True], ids=["free", "shunted"])
@pytest.mark.parametrize("n_spikes", [1, 2, 127, 128, 129, 256, 257, 400])
def test_spikes_at_the_ends_of_chunks(n_spikes, shunt):
    rng = np.random.default_rng(n_spikes)
    times = rng.uniform(0.0, 300.0, (3, n_spikes))
    weight = rng.normal(0.0, 3.0 * n_spikes**-0.5, (2, n_spikes))
    events, neuron = Events.from_latencies(times, 300.0), Neuron(v_threshold=2.0, shunt=shunt)
    assert not disagreements(events, weight, neuron)


@pytest.mark.parametrize("duration", [20.0, 1e3, 1e5, 4e7])
def test_dense_and_sparse_spikes(duration):
    assert not disagreements(*problem(4, n_afferents=150, duration=duration))


@pytest.mark.parametrize("n_patterns", [1, 31, 32, 33, 70])
def test_batches(n_patterns):
    assert not disagreements(*problem(5, n_patterns=n_patterns, n_afferents=9, n_outputs=2))


@pytest.mark.parametrize("sizes", [(0, 4, 3), (3, 4, 0), (3, 0, 2), (0, 0, 0)])
def test_nothing_to_do(sizes):
    n_patterns, n_afferents, n_outputs = sizes
    events = Events.from_latencies(np.ones((n_patterns, n_afferents)), 50.0)
    assert not disagreements(events, np.ones((n_outputs, n_afferents)), Neuron())


def test_several_spikes_of_an_afferent_in_lists():
    rng = np.random.default_rng(6)
    offsets = np.asarray([0, 0, 7, 40])
    events = Events.from_csr(
        rng.uniform(0.0, 50.0, 40), rng.integers(0, 5, 40), offsets, n_afferents=5, duration=50.0
    )
    weight, neuron = rng.normal(0.0, 1.0, (2, 5)), Neuron()
    plain = everything(events, weight, neuron, "pruned")
    ours = everything(events, weight, neuron, "auto", given=plain)
    for name, expected in plain.items():
        np.testing.assert_allclose(ours[name], expected, rtol=0, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_peak_and_crossing_decide_alike(precision, sparse):
    """A neuron fires iff v_max exceeds the threshold, also where they differ in the last bit."""
    events, weight, neuron = problem(
        7, n_patterns=8, n_afferents=60, n_outputs=4, duration=2e3 if sparse else 60.0,
        dtypes=(precision, precision), drive=4.0,
    )  # fmt: skip
    v_max = peak(events, weight, neuron).v_max
    tried = 0
    for value in v_max[v_max > 0.0]:
        for threshold in (np.nextafter(value, 0), value, np.nextafter(value, value.dtype.type(9))):
            for shunt in (False, True):
                other = replace(neuron, v_threshold=float(threshold), psp_peak=1.0, shunt=shunt)
                top = peak(events, weight, other)
                if not shunt:
                    np.testing.assert_array_equal(top.v_max, v_max)
                fires = np.isfinite(first_crossing(events, weight, other))
                np.testing.assert_array_equal(fires, top.v_max > threshold)
                np.testing.assert_array_equal(fires, v_max > threshold)
                tried += 1
    assert tried > 50


def test_elementary_functions():
    from tempotron_backends.fused.cpu.elementary import exponential, log1p
    from tempotron_backends.fused.cpu.lanes import NARROW, WIDE, load, store

    @numba.njit
    def of_array(function, x, out, minus, lanes):
        for i in range(0, x.shape[0], len(lanes)):
            given = load(x, i, lanes)
            store(out, i, log1p(given) if function == 0 else exponential(given, minus))

    rng = np.random.default_rng(8)
    size = 10.0 ** rng.uniform(-18.0, 6.0, 1024)
    out, narrow = np.empty_like(size), np.empty_like(size)
    mpmath.mp.dps = 40
    for function, x, minus in (
        (0, size, 0.0),
        (0, -size / (1.0 + size), 0.0),
        (1, -np.minimum(size, 290.0), 0.0),
        (1, -np.minimum(size, 290.0), 1.0),
    ):
        of_array(function, x, out, minus, WIDE)
        of_array(function, x, narrow, minus, NARROW)
        np.testing.assert_array_equal(narrow, out)
        exact = mpmath.log1p if function == 0 else (mpmath.expm1 if minus else mpmath.exp)
        for given, got in zip(x, out, strict=True):
            expected = exact(mpmath.mpf(float(given)))
            assert abs(got - expected) <= 4.5e-16 * abs(expected), (function, minus, given)


# ---------------------------------------------------------------------- arrays as they come


def test_arguments_may_be_read_only_or_strided_and_are_not_changed():
    events, weight, neuron = problem(9)
    expected = everything(events, weight, neuron, "auto")
    spaced = np.zeros((weight.shape[0] * 2, weight.shape[1] * 3))
    spaced[::2, ::3] = weight
    every_other = Events.concat([events, events])[np.arange(len(events))]

    def locked(array):
        array = array.copy()
        array.flags.writeable = False
        return array

    for given, rows in (
        (every_other, spaced[::2, ::3]),
        (map_arrays(events, locked), locked(weight)),
        (map_arrays(events, np.asfortranarray), np.asfortranarray(weight)),
        (events, weight),
    ):
        before = rows.copy(), given.times.copy()
        for name, value in everything(given, rows, neuron, "auto").items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)
        np.testing.assert_array_equal(rows, before[0])
        np.testing.assert_array_equal(given.times, before[1])


@pytest.mark.slow  # compiles every kernel once more, and so does each mixture of dtypes
def test_afferents_of_64_bits():
    """Events have them where 32 do not suffice."""
    events, weight, neuron = problem(10)
    assert events.afferents.dtype == events.order.dtype == np.int32
    long = replace(events, afferents=events.afferents.astype(np.int64))
    expected = everything(events, weight, neuron, "auto")
    for name, value in everything(long, weight, neuron, "auto").items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_tensors():
    """Values and autograd's gradients are those of NumPy, and the tensors stay as they were."""
    torch = pytest.importorskip("torch")
    events, weight, neuron = problem(11)
    w = torch.tensor(weight, requires_grad=True)
    t = torch.tensor(events.to_latencies(), requires_grad=True)
    top = peak(Events.from_latencies(t, events.duration), w, neuron)
    expected = peak(events, weight, neuron)
    np.testing.assert_array_equal(top.v_max.detach(), expected.v_max)
    (top.v_max.sum() + top.t_max.sum()).backward()
    ones = np.ones_like(expected.v_max)
    by_hand = peak_vjp(events, weight, neuron, expected, ones, ones, times=True)
    np.testing.assert_array_equal(w.grad, by_hand.weight)
    np.testing.assert_array_equal(t.grad, by_hand.times)
    np.testing.assert_array_equal(w.detach(), weight)


def test_a_tensor_of_another_kind_is_left_to_the_array_form():
    torch = pytest.importorskip("torch")

    class Tensor(torch.Tensor):
        pass

    assert fused("peak", "auto", torch.ones((1, 2)).as_subclass(Tensor)) is None
    assert fused("peak", "auto", torch.nn.Parameter(torch.ones((1, 2)))) is not None
    assert fused("peak", "auto", torch.ones((1, 2), device="meta")) is None


# ---------------------------------------------------------------------- threads and processes


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    from tempotron_backends.fused.cpu import batch

    monkeypatch.setattr(batch, "WORTH_THREADS", 0)
    events, weight, neuron = problem(12, n_patterns=70, n_afferents=60, n_outputs=5)
    results = []
    for n_threads in ("1", "2", "7"):
        monkeypatch.setenv("TEMPOTRON_NUM_THREADS", n_threads)
        results.append(everything(events, weight, neuron, "auto"))
    for other in results[1:]:
        for name, value in results[0].items():
            np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_number_of_threads(monkeypatch):
    from tempotron_backends.fused.cpu.threads import n_threads

    for name in ("TEMPOTRON_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert 1 <= n_threads() <= os.cpu_count()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert n_threads() == 3
    for nested in ("4,2", " 4 , 2"):  # of nested loops, the outermost first
        monkeypatch.setenv("OMP_NUM_THREADS", nested)
        assert n_threads() == 4
    for ignored in ("", ",2", "many", "0"):
        monkeypatch.setenv("OMP_NUM_THREADS", ignored)
        assert 1 <= n_threads() <= os.cpu_count()
    monkeypatch.setenv("TEMPOTRON_NUM_THREADS", "5")
    assert n_threads() == 5
    for wrong in ("0", "two", "-1", "1.5", "5,2"):
        monkeypatch.setenv("TEMPOTRON_NUM_THREADS", wrong)
        with pytest.raises(ValueError, match=f"TEMPOTRON_NUM_THREADS .* positive.*'{wrong}'"):
            n_threads()


def test_an_error_in_a_thread_is_raised(monkeypatch):
    from tempotron_backends.fused.cpu.threads import run

    monkeypatch.setenv("TEMPOTRON_NUM_THREADS", "3")
    done = []

    def task(part):
        if part == 4:
            raise RuntimeError("part 4")
        done.append(part)

    with pytest.raises(RuntimeError, match="part 4"):
        run(task, range(9))
    assert 4 not in done


def test_a_busy_pool_holds_nobody_up(monkeypatch):
    """Work whose helper waits behind another caller's is done without it."""
    from tempotron_backends.fused.cpu import threads

    monkeypatch.setenv("TEMPOTRON_NUM_THREADS", "2")
    go_on = threading.Event()
    busy = threads._pool(1).submit(go_on.wait, 60)
    try:
        done = []
        threads.run(done.append, range(5))
        assert done == [0, 1, 2, 3, 4]
        assert not busy.done()
    finally:
        go_on.set()


def test_one_pool_serves_batches_of_any_size(monkeypatch):
    """Its threads are as many as were asked for last; those of an earlier number end."""
    from tempotron_backends.fused.cpu.threads import _pool, run

    def helpers():
        return [thread for thread in threading.enumerate() if "tempotron" in thread.name]

    def all_at_once(n_parts):
        together = threading.Barrier(n_parts)
        run(lambda _: together.wait(60), range(n_parts))

    made = _pool.cache_info().misses
    for n_threads in (8, 5):
        monkeypatch.setenv("TEMPOTRON_NUM_THREADS", str(n_threads))
        for n_parts in range(2, n_threads + 1):
            all_at_once(n_parts)
        for _ in range(100):
            if len(helpers()) < n_threads:
                break
            time.sleep(0.1)
        assert len(helpers()) == n_threads - 1
    assert _pool.cache_info().misses <= made + 2


PEAK = """
import numpy as np
from tempotron_core import Events, Neuron, peak, peak_vjp
rng = np.random.default_rng(0)
latencies = rng.uniform(0.0, 90.0, (64, 300))
weight = rng.normal(0.0, 0.2, (20, 300))

def result(method="auto"):
    events = Events.from_latencies(latencies, 90.0)
    found = peak(events, weight, Neuron(), method=method)
    ones = np.ones_like(found.v_max)
    return peak_vjp(events, weight, Neuron(), found, ones, method=method).weight
"""


def python(code, **environment):
    """Run code in a process of its own, warnings being errors; its output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PEAK + textwrap.dedent(code)],
        env=os.environ | {"TEMPOTRON_NUM_THREADS": "2"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_threads_of_its_own():
    code = """
    import os, warnings
    before = result()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of fork and threads
        child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(result(), before) else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert python(code) == ["0"]


# ---------------------------------------------------------------------- Numba as it comes


def test_without_numba_the_array_form_serves():
    code = """
    import sys
    from importlib.abc import MetaPathFinder
    import importlib.util
    found = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *more: None if name == "numba" else found(name, *more)
    np.testing.assert_array_equal(result(), result("pruned"))
    print("numba" in sys.modules)
    """
    assert python(code) == ["False"]


def test_with_a_broken_numba_a_warning_says_so_once(tmp_path):
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs NumPy 1.0 or less')\n")
    code = """
    import warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(result(), result("pruned"))
        np.testing.assert_array_equal(result(), result("pruned"))
    (warning,) = caught
    assert issubclass(warning.category, RuntimeWarning)
    assert "NumPy 1.0" in str(warning.message), warning.message
    print("done")
    """
    assert python(code, PYTHONPATH=str(tmp_path)) == ["done"]


def test_where_numba_is_told_not_to_compile_a_warning_says_so_once():
    code = """
    import warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(result(), result("pruned"))
    (warning,) = caught
    assert "NUMBA_DISABLE_JIT" in str(warning.message), warning.message
    print("done")
    """
    assert python(code, NUMBA_DISABLE_JIT="1") == ["done"]


MOVED = "import numba.core.caching; del numba.core.caching.IndexDataCacheFile"
CHANGED = (
    "import numba; numba.version_info = numba.version_info._replace(short=(0, 1000)); "
    "from tempotron_backends.fused.cpu.compiling.passes import BorrowArrays; "
    "BorrowArrays.run_pass = lambda *given: given.changed"
)


@pytest.mark.parametrize(("change", "named"), [(MOVED, "IndexDataCacheFile"), (CHANGED, "changed")])
def test_a_numba_with_other_inner_parts_serves_without_a_cache(change, named, tmp_path):
    """A later one may have changed what is quick to load: its public way compiles all the same."""
    code = f"""
    import sys, warnings
    {change}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        from tempotron_backends.fused.choice import for_numpy
        assert "peak" in for_numpy(np.ones(1))
        from tempotron_backends.fused.cpu.events.ordering import count_spikes
        counts = np.empty(1, np.int64)
        times, at, lengths = np.array([1.0, -1.0, 3.0]), np.zeros(1, np.int64), np.full(1, 3)
        count_spikes(times, at, lengths, np.float64(5.0), 0, 1, counts)
    assert counts[0] == 2 and len(count_spikes.nopython_signatures) == 1
    (warning,) = caught
    assert issubclass(warning.category, RuntimeWarning)
    assert "Numba" in str(warning.message) and "{named}" in str(warning.message)
    print("done")
    """
    assert python(code, NUMBA_CACHE_DIR=str(tmp_path)) == ["done"]


def test_a_newer_numba_with_the_same_inner_parts_is_tried_out(tmp_path):
    code = """
    import warnings
    import numba
    numba.version_info = numba.version_info._replace(short=(0, 1000))
    warnings.simplefilter("error")
    from tempotron_backends.fused.cpu.compiling import compiled, machine_code, trial
    assert isinstance(compiled.compiled(result), machine_code.Kernel)
    assert trial._trial.nopython_signatures
    print("done")
    """
    assert python(code, NUMBA_CACHE_DIR=str(tmp_path)) == ["done"]


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "damage", ["empty", "a byte", "half", "all but a byte", "zeros", "flipped"]
)
def test_a_damaged_cache_is_made_anew(monkeypatch, tmp_path, kind, damage):
    """Files cut short, or with other bytes in their middle, as a power failure leaves them."""
    from tempotron_backends.fused.cpu.compiling import compiled, notices

    def double(x):
        return 2.0 * x

    def triple(x):
        return 3.0 * x

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    def hits():
        """How many are found in the cache by what a new process would do."""
        functions = compiled.compiled(double), compiled.compiled(triple)
        assert [function(1.5) for function in functions] == [3.0, 4.5]
        return sum(sum(function.stats.cache_hits.values()) for function in functions)

    assert (hits(), hits()) == (0, 2)
    files = list(tmp_path.rglob(f"*.{kind}"))
    assert len(files) == 2
    for file in files:
        data = file.read_bytes()
        middle = len(data) // 2
        changed = {
            "empty": b"",
            "a byte": data[:1],
            "half": data[:middle],
            "all but a byte": data[:-1],
            "zeros": data[:middle] + bytes(100) + data[middle + 100 :],
            "flipped": data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :],
        }
        file.write_bytes(changed[damage])
    notices.warn_damaged.cache_clear()
    with pytest.warns(RuntimeWarning, match="compiled anew") as caught:
        assert hits() == 0
    assert len(caught) == 1
    assert str(files[0].parent) in str(caught[0].message)
    assert hits() == 2


@pytest.mark.parametrize("when", ["nowhere to write", "full disk"])
def test_a_cache_that_cannot_be_written(monkeypatch, when):
    from tempotron_backends.fused.cpu.compiling import compiled, machine_code, notices

    def refuse(*_):
        raise RuntimeError("no locator") if when == "nowhere to write" else OSError(28, "no space")

    base = machine_code._KernelCache.__mro__[1]
    name = "__init__" if when == "nowhere to write" else "save_overload"
    monkeypatch.setattr(base, name, refuse)
    if when == "full disk":
        monkeypatch.setattr(base, "load_overload", lambda *_: None)
    notices.warn_uncached.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        @compiled.compiled
        def double(x):
            return 2.0 * x

        @compiled.compiled
        def triple(x):
            return 3.0 * x

        assert (double(1.5), triple(1.5)) == (3.0, 4.5)
    notices.warn_uncached.cache_clear()
    (warning,) = (w for w in caught if issubclass(w.category, RuntimeWarning))
    assert "NUMBA_CACHE_DIR" in str(warning.message)


def test_cached_code_is_stale_once_what_it_calls_changes(tmp_path):
    """Compiled code holds the code of what it calls, which may be in another file."""
    from tempotron_backends.fused.cpu.compiling import machine_code
    from tempotron_backends.fused.cpu.readouts import peak_scan

    stamp = peak_scan.scan_peaks._cache._cache_file._source_stamp
    assert stamp == machine_code._sources(Path(peak_scan.__file__))
    files = {
        "readouts/scan": "from .state import (\n    a,\n)\nfrom ..lanes import d\n",
        "readouts/state": "from .scan import b\nfrom ..membrane.steps import c\n",
        "membrane/steps": "c = 1",
        "lanes": "d = 1",
        "other": "",
        "membrane/state": "",
    }
    for folder in ("readouts", "membrane"):
        (tmp_path / folder).mkdir()

    def digest() -> str:
        for name, source in files.items():
            (tmp_path / f"{name}.py").write_text(source)
        return machine_code._sources.__wrapped__(tmp_path / "readouts" / "scan.py")

    digests = [digest()]
    for name in files:
        files[name] += "\nd = 2\n"
        digests.append(digest())
        assert (digests[-1] == digests[-2]) == (name in ("other", "membrane/state")), name


def test_a_cache_of_other_sources_is_made_anew_without_a_word(monkeypatch, tmp_path):
    """That of an earlier version may be in another form."""
    from tempotron_backends.fused.cpu.compiling import compiled, machine_code

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    def half(x):
        return 0.5 * x

    with monkeypatch.context() as earlier:
        earlier.setattr(machine_code, "_sources", lambda _: "earlier")
        earlier.setattr(machine_code, "_digest", lambda _: b"")
        assert compiled.compiled(half)(3.0) == 1.5
    now = compiled.compiled(half)
    assert now(3.0) == 1.5  # warnings are errors here
    assert not now.stats.cache_hits
