"""``tempotron bench``: what it measures, what it checks first, what it writes and what it refuses.

Nothing here is about how long anything takes.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tempotron_backends import available, select
from tempotron_backends.bench import roofline, subjects, sweep
from tempotron_backends.bench.agreement import check_peer, check_subjects
from tempotron_backends.bench.machine import limited_to
from tempotron_backends.bench.peer_worker import rise_in_memory
from tempotron_backends.bench.peers import Peer, Worker
from tempotron_backends.bench.report import markdown
from tempotron_backends.bench.timing import Figures, in_turns, ratios
from tempotron_backends.bench.workload import NEURON, Shape, Workload
from tempotron_backends.cli.command import main
from tempotron_core import Events, voltage

for needed in ("matplotlib", "rich"):
    pytest.importorskip(needed)

TINY = Shape(batch=3, afferents=12, outputs=2, duration=40.0)

posix_only = pytest.mark.skipif(os.name != "posix", reason="the stub is a script with a #! line")

# Speaks the protocol without SpikingJelly or torch: exact peaks, shifted by TEMPOTRON_STUB_OFF.
STUB = """#!{python}
import json, os, sys
from pathlib import Path
import numpy as np

def reply(do, **request):
    if do == "hello":
        return {{"version": "2.0.0", "form": "exact, CSR", "torch": "none"}}
    if do == "load":
        global loaded
        loaded = [np.load(Path(request["folder"]) / f"{{n}}.npy") for n in ("times", "weight")]
        loaded.append(request["duration"])
    if do == "compare":
        from tempotron_core import Events, Neuron, peak
        times, weight, duration = loaded
        events = Events.from_latencies(times, duration)
        v_max = peak(events, weight, Neuron(shunt=True), method="pruned").v_max
        np.save(request["path"], v_max + float(os.environ.get("TEMPOTRON_STUB_OFF", 0.0)))
        return {{"nan": 0}}
    return {{"run": {{"seconds": 0.5}}, "memory": {{"bytes": 1 << 20}}}}.get(do, {{}})

for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps(reply(**request)), flush=True)
"""

# A SpikingJelly of a few lines for each of the two interfaces, so that the worker's own code runs.
FAKE = """
import torch
from torch import nn

class Exact(nn.Module):
    def __init__(self, in_features, out_features, duration, tau=15.0, tau_s=3.75, v_threshold=1.0):
        super().__init__()
        self.shape, self.duration = (out_features, in_features), duration
        self.weight = nn.Parameter(torch.zeros(self.shape))

    def forward(self, spike_times, input_indices, batch_offsets):
        from tempotron_core import Events, Neuron, first_crossing, peak
        events = Events.from_csr(
            spike_times, input_indices, batch_offsets, self.shape[1], self.duration
        )
        neuron = Neuron(shunt=True)
        found = peak(events, self.weight, neuron, method="pruned")
        return found.v_max, found.t_max, first_crossing(events, self.weight.detach(), neuron)

class Dense(nn.Module):
    def __init__(self, in_features, out_features, T, tau=15.0, tau_s=3.75, v_threshold=1.0):
        super().__init__()
        self.T, self.fc = T, nn.Linear(in_features, out_features, bias=False)

    def forward(self, in_spikes, ret_type):
        from tempotron_core import Events, Neuron, peak
        events = Events.from_latencies(in_spikes, float(self.T))
        v_max = peak(
            events, self.fc.weight, Neuron(), grid=(self.T, 1.0), method="pruned"
        ).v_max
        return v_max.squeeze()

Tempotron = {name}
"""


@pytest.fixture
def stub(tmp_path: Path) -> str:
    """An executable that answers as a peer does."""
    path = tmp_path / "stub"
    path.write_text(STUB.format(python=sys.executable), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def fake_spikingjelly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a stand-in for SpikingJelly where processes of this interpreter find it."""
    pytest.importorskip("torch")

    def install(name: str) -> str:
        package = tmp_path / "site" / "spikingjelly" / "timing_based"
        package.mkdir(parents=True)
        for folder in (package, package.parent):
            (folder / "__init__.py").touch()
        (package / "neuron.py").write_text(FAKE.format(name=name), encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
        return sys.executable

    return install


def bench(*args: Any) -> int:
    return main(["bench", *map(str, args)])


# -- a whole run ------------------------------------------------------------------------------

FIGURES = {"median", "low", "high", "runs"}


def check_figures(figures: dict[str, Any], runs: int) -> None:
    assert set(figures) >= FIGURES
    assert len(figures["runs"]) == runs
    assert 0.0 < figures["low"] <= figures["median"] <= figures["high"]


@posix_only
def test_quick_run(
    tmp_path: Path,
    stub: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sweep, "memory_of", lambda *_: 1 << 10)  # a process for every point
    out = tmp_path / "out"
    args = ["--quick", "--backends", "numpy", "--sweep", "--out", out, "--peers", stub]
    assert bench(*args) == 0
    assert sorted(os.listdir(out)) == ["bench.json", "bench.md", "bench.png", "sweep.png"]
    record = json.loads((out / "bench.json").read_text())
    check_record(record)
    printed = capsys.readouterr()
    assert "SpikingJelly 2.0.0" in printed.out
    assert "times faster" in printed.out
    assert "checking that all agree" in printed.err
    assert (out / "bench.md").read_text() == markdown(record)
    for name in ("bench.png", "sweep.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path) not in (out / "bench.json").read_text()


def check_record(record: dict[str, Any]) -> None:
    """What docs/benchmarks.md says of the JSON."""
    assert record["format"] == 1
    assert {"processor", "cpus", "memory_bytes", "system", "python"} <= set(record["machine"])
    assert {"numpy", "tempotron-core"} <= set(record["versions"])
    runs = record["runs"]
    (case,) = record["cases"]
    assert set(case["shape"]) == {"batch", "afferents", "outputs", "duration", "active"}
    assert case["n_pairs"] == case["shape"]["batch"] * case["shape"]["outputs"]
    forms = {row["form"] for row in case["subjects"] if row["name"] == "numpy:cpu"}
    assert "plain" in forms
    for row in case["subjects"]:
        check_figures(row["forward"], runs)
        if row["name"] == "floor":
            continue
        check_figures(row["prepare"], runs)
        check_figures(row["gradient"], runs)
        assert row["difference"] < 1e-5
        if sys.platform == "linux":
            assert row["memory_bytes"] >= 0
    (peer,) = case["peers"]
    assert peer["memory_bytes"] == 1 << 20
    assert peer["agreement"]["difference"] <= peer["agreement"]["allowed"]
    for label, faster in peer["times_faster"].items():
        assert label.startswith("numpy:cpu")
        for what in ("forward", "gradient"):
            check_figures(faster[what], runs)
            expected = [0.5 / ours for ours in faster[what]["ours"]]
            assert faster[what]["runs"] == pytest.approx(expected)
    factors = [swept["factor"] for swept in record["sweeps"]]
    assert factors == ["outputs", "afferents", "batch", "duration"]
    for swept in record["sweeps"]:
        for point in swept["points"]:
            check_figures(point["subjects"]["numpy:cpu plain"]["gradient"], runs)
    durations = record["sweeps"][-1]
    first, last = durations["points"]
    assert first["n_spikes"] == last["n_spikes"]
    assert durations["longest_to_shortest"]["numpy:cpu plain"]["gradient"] > 0.0


def test_small_is_single_calls(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("--small", "--quick", "--backends", "numpy", "--threads", 1) == 0
    printed = capsys.readouterr().out
    assert "batch 1, 100 afferents (100% active), 1 output, duration 100" in printed
    assert "forward + gradient" in printed


# -- peers ------------------------------------------------------------------------------------


@posix_only
def test_disagreement_stops_before_timing(
    stub: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEMPOTRON_STUB_OFF", "0.001")
    assert bench("--quick", "--backends", "numpy", "--peers", stub) == 2
    printed = capsys.readouterr()
    error = printed.err.splitlines()[-1]
    assert error.startswith("tempotron: error: SpikingJelly 2.0.0 differs from the exact v_max")
    assert error.endswith("nothing was timed")
    assert "timing" not in printed.err


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        pytest.param("Exact", TINY, id="exact", marks=pytest.mark.slow),
        pytest.param("Dense", TINY, id="dense", marks=pytest.mark.slow),
        pytest.param(
            "Dense", TINY.with_(batch=1, outputs=1), id="dense-alone", marks=pytest.mark.slow
        ),
    ],
)
def test_the_worker(fake_spikingjelly: Any, tmp_path: Path, name: str, shape: Shape) -> None:
    """Every request, by the code that also drives the real library."""
    workload = Workload(shape, "float32")
    folder = workload.save(tmp_path / "arrays")
    peer = Peer(fake_spikingjelly(name), threads=1)
    try:
        assert peer.is_exact == (name == "Exact")
        peer.load(folder, workload)
        agreement = check_peer(workload, peer, folder)
        assert agreement.peaks == shape.batch * shape.outputs
        assert agreement.nan == 0
        assert (agreement.below_exact is None) == peer.is_exact
        for what in ("prepare", "forward", "gradient"):
            assert peer.run(what, 2) > 0.0
        if name == "Dense" and sys.platform == "linux":  # a process more
            memory = peer.memory(folder, workload, "gradient")
            assert memory is not None
            assert memory >= 0
    finally:
        peer.close()


def test_dense_needs_whole_steps(fake_spikingjelly: Any, tmp_path: Path) -> None:
    workload = Workload(TINY.with_(duration=40.5), "float32")
    peer = Peer(fake_spikingjelly("Dense"), threads=1)
    try:
        with pytest.raises(ValueError, match=r"the duration 40\.5 is not"):
            peer.load(workload.save(tmp_path / "arrays"), workload)
    finally:
        peer.close()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit('out of luck')", "it ended: out of luck"),
        ("print('hello')", "it must answer in JSON, got 'hello'"),
        ("import os; os.kill(os.getpid(), 9)", "it ended: killed by signal 9"),
        ('print(\'{"error": "no"}\')', "it: no"),
    ],
    ids=["exit", "text", "killed", "error"],
)
def test_a_worker_that_does_not_answer(code: str, message: str) -> None:
    if "kill" in code and os.name != "posix":
        pytest.skip("signals")
    with (
        Worker([sys.executable, "-c", code], "it", threads=1) as worker,
        pytest.raises(ValueError, match=message),
    ):
        worker.ask("hello")


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--batch", 0], "--batch must be from 1"),
        (["--outputs", 2**31], "--outputs must be from 1 to 2147483647"),
        (["--duration", "nan"], "--duration must be positive and finite, got nan"),
        (["--active", 1.5], "--active must be above 0 and at most 1, got 1.5"),
        (["--runs", 0], "--runs must be at least 1, got 0"),
        (["--threads", 100_000], "--threads must be from 1 to"),
        (["--small", "--batch", 2], "--small has its own sizes, got --batch"),
        (["--peers", "no-such-python"], "--peers must name Python interpreters, got 'no-such"),
        (["--peers", sys.executable], "--peers must name Python interpreters with SpikingJelly"),
        (["--peers"], "--peers must name Python interpreters with SpikingJelly"),
        (["--backends", "cupy"], "--backends must name what can be used here, got cupy"),
    ],
    ids=lambda value: str(value[0] if isinstance(value, list) else "") or None,
)
def test_errors(args: list[Any], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    if args[0] == "--peers":
        pytest.importorskip("torch")
        try:
            import spikingjelly  # type: ignore[import-not-found]  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("SpikingJelly is installed here")
    if "cupy" in args and any(backend.name == "cupy" for backend in available()):
        pytest.skip("CuPy can be used here")
    assert bench("--quick", *args) == 2
    error = capsys.readouterr().err
    assert error.startswith("tempotron: error: ")
    assert named in error
    assert error.count("\n") == 1


def test_out_has_to_be_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    assert bench("--quick", "--out", file) == 2
    assert "--out must be a folder" in capsys.readouterr().err


# -- the parts --------------------------------------------------------------------------------


class Logged:
    """A runner that writes down when it ran."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def can(self, what: str) -> bool:
        return what == "forward"

    def run(self, what: str, calls: int) -> float:
        self.log.extend([self.name] * calls)
        return 0.25 if self.can(what) else 0.0


def test_runs_are_taken_in_turns() -> None:
    log: list[str] = []
    pairs = [(Logged(name, log), "forward") for name in "ab"]
    found = in_turns(pairs, runs=3, fill=0.0)
    assert "".join(log) == "aabb" + "ab" * 3  # a warm-up of two calls each, then in turns
    assert found == [Figures((0.25,) * 3)] * 2


def test_ratios_are_of_neighbouring_runs() -> None:
    found = ratios(Figures((2.0, 9.0, 4.0)), Figures((1.0, 3.0, 4.0)))
    assert found.runs == (2.0, 3.0, 1.0)
    assert (found.low, found.median, found.high) == (1.0, 2.0, 3.0)


def test_a_workload_stretches_with_its_duration() -> None:
    short, long = (Workload(TINY.with_(duration=d), "float64") for d in (100.0, 100_000.0))
    assert short.n_spikes == long.n_spikes
    spikes = short.times >= 0.0
    np.testing.assert_allclose(long.times[spikes], 1000.0 * short.times[spikes])
    np.testing.assert_array_equal(short.weight, long.weight)


def test_a_form_that_is_wrong_is_named() -> None:
    workload = Workload(TINY, "float64")
    right = subjects.make_subject(workload, select("numpy"), "plain")
    assert check_subjects(workload, [right])["numpy:cpu plain"] < 1e-12
    wrong = replace(right, v_max=lambda: workload.exact() * float("nan"))
    with pytest.raises(ValueError, match="numpy:cpu plain differs from the exact v_max"):
        check_subjects(workload, [wrong])


def test_without_fused_kernels_there_is_the_plain_form(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    monkeypatch.setattr(subjects, "implementation", lambda *_: found[-1])
    for implementation, forms in (
        (None, ("plain",)),
        (lambda _: {}, ("plain",)),
        (lambda _: {"peak": max}, ("fused", "plain")),
    ):
        found.append(implementation)
        assert subjects.forms_of(select("numpy"), "float32") == forms


def test_without_a_dtype_a_backend_is_left_out() -> None:
    class NoDouble:
        dtypes = ("float32",)

        class framework:
            @staticmethod
            def missing_dtypes(_device: str) -> dict[str, str]:
                return {"float64": "it is small"}

        device = "cpu"

        def __str__(self) -> str:
            return "toy:cpu"

    made, notes = subjects.make_subjects(Workload(TINY, "float64"), [NoDouble()], 1)  # type: ignore[list-item]
    assert [s.name for s in made if s.name != "floor"] == []
    assert notes[0] == "toy:cpu left out, it has no float64: it is small"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_floor_scans_what_it_should(
    dtype: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V at every pattern's last event is v0 (m - s)."""
    pytest.importorskip("numba")
    monkeypatch.setattr(roofline, "WORTH_THREADS", 0)
    workload = Workload(TINY.with_(batch=5), dtype)
    events = Events.from_latencies(workload.times, TINY.duration)
    scan = roofline.make_floor(events, workload.weight, NEURON, threads)
    m, s = np.moveaxis(scan()[:, :, : TINY.outputs], 1, 0)
    v = voltage(events, workload.weight, NEURON, events.times[:, -1])
    expected = np.stack([v[b, :, b] for b in range(5)])
    peak_of_difference = 0.75 * 0.25 ** (1.0 / 3.0)  # of exp(-x/tau) - exp(-x/tau_s), tau = 4 tau_s
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose((m - s) / peak_of_difference, expected, rtol=0.0, atol=tolerance)
    np.testing.assert_array_equal(scan(), scan())


def test_without_numba_there_is_a_note_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    made, notes = subjects.make_subjects(Workload(TINY, "float64"), [], 1)
    assert made == []
    assert notes[0].startswith("no floor without Numba")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak")
def test_rise_in_memory() -> None:
    size = 64 << 20
    rise = rise_in_memory(lambda: np.ones(size, dtype=np.uint8))
    assert rise is not None
    assert 0.9 * size < rise < 1.5 * size


def test_limits_are_lifted_again() -> None:
    variables = ("OMP_NUM_THREADS", "TEMPOTRON_NUM_THREADS")
    before = [os.environ.get(name) for name in variables]
    with limited_to(1):
        assert [os.environ[name] for name in variables] == ["1", "1"]
        if hasattr(os, "sched_getaffinity"):
            assert len(os.sched_getaffinity(0)) == 1
    assert [os.environ.get(name) for name in variables] == before
