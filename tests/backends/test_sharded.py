"""Sharded gradients: the same as of all patterns at once, on every scheduler, in little memory."""

from __future__ import annotations

import functools
import itertools
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tempotron_core import Events, Neuron, peak, peak_vjp
from tempotron_core.learning import mse_loss, tempotron_loss

dask = pytest.importorskip("dask", reason="sharded gradients need Dask")
distributed = pytest.importorskip("distributed", reason="two processes need dask.distributed")
da = pytest.importorskip("dask.array", reason="sharded gradients need Dask")

from tempotron_backends import sharded  # noqa: E402

B, N, CLASSES = 103, 30, 4
DURATION = 100.0
NEURON = Neuron()
CHUNKS = (40, 16, 7, 0, 31, 9)
RNG = np.random.default_rng(5)
LATENCIES = np.where(RNG.random((B, N)) < 0.2, np.inf, RNG.uniform(0.0, DURATION, (B, N)))
WEIGHT = RNG.normal(0.1, 0.3, (CLASSES, N))
LABELS = RNG.integers(0, CLASSES, B)


def at_once(
    loss: Any = tempotron_loss, neuron: Neuron = NEURON, labels: Any = LABELS, dtype: Any = float
) -> tuple[Any, Any]:
    """Loss and gradient of all patterns in one batch."""
    events, weight = Events.from_latencies(LATENCIES.astype(dtype), DURATION), WEIGHT.astype(dtype)
    found = peak(events, weight, neuron)
    value, cotangent = loss(found.v_max, labels, neuron.v_threshold)
    return value, peak_vjp(events, weight, neuron, found, cotangent).weight


def in_chunks(chunks: Any = CHUNKS, dtype: Any = float) -> Any:
    return da.from_array(LATENCIES.astype(dtype), chunks=(chunks, N))


def shards(chunks: Any = CHUNKS) -> list[Any]:
    return sharded.from_latencies(in_chunks(chunks), LABELS, DURATION)


def step(chunks: Any = CHUNKS) -> Any:
    return sharded.loss_and_gradient(shards(chunks), WEIGHT, NEURON, tempotron_loss)


def difference(found: tuple[Any, Any], expected: tuple[Any, Any]) -> float:
    """Of loss and gradient, relative to the largest entry of each."""
    return max(
        float(np.max(np.abs(a - b)) / np.max(np.abs(b)))
        for a, b in zip(found, expected, strict=True)
    )


def assert_identical(found: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


# -- in this process --------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
@pytest.mark.parametrize("chunks", [CHUNKS, (B,), (1, B - 1), 10], ids=str)
def test_equals_the_gradient_of_all_patterns(chunks: Any, scheduler: str) -> None:
    found = step(chunks).compute(scheduler=scheduler)
    assert difference(found, at_once()) < 1e-12


@pytest.mark.parametrize("loss", [mse_loss, functools.partial(tempotron_loss, margin=0.1)])
@pytest.mark.parametrize("neuron", [Neuron(shunt=True), Neuron(10.0, 2.0, 1.5)], ids=str)
def test_losses_and_neurons(loss: Any, neuron: Neuron) -> None:
    found = sharded.loss_and_gradient(shards(), WEIGHT, neuron, loss).compute(scheduler="sync")
    assert difference(found, at_once(loss, neuron)) < 1e-12


def test_single_precision() -> None:
    weight = WEIGHT.astype("float32")
    parts = sharded.from_latencies(in_chunks(dtype="float32"), LABELS, DURATION)
    found = sharded.loss_and_gradient(parts, weight, NEURON, tempotron_loss).compute(
        scheduler="sync"
    )
    assert {each.dtype for each in found} == {np.dtype("float32")}
    assert difference(found, at_once(dtype="float32")) < 2e-6


@pytest.mark.parametrize("as_dask", [False, True])
@pytest.mark.parametrize("kind", ["classes", "booleans"])
def test_labels(kind: str, as_dask: bool) -> None:
    labels = LABELS if kind == "classes" else RNG.random((B, CLASSES)) < 0.5
    given = da.from_array(labels, chunks=(30,) * labels.ndim) if as_dask else labels
    parts = sharded.from_latencies(in_chunks(), given, DURATION)
    found = sharded.loss_and_gradient(parts, WEIGHT, NEURON, mse_loss).compute(scheduler="sync")
    assert difference(found, at_once(mse_loss, labels=labels)) < 1e-12


def part_of_data(start: int, stop: int) -> tuple[Events, Any]:
    """What a user's reader would do."""
    return Events.from_latencies(LATENCIES[start:stop], DURATION), LABELS[start:stop]


BOUNDS = [0, *np.cumsum(CHUNKS).tolist()]
PARTS = list(itertools.pairwise(BOUNDS))


def test_readers_of_your_own() -> None:
    expected = step().compute(scheduler="sync")
    functions = [functools.partial(part_of_data, *part) for part in PARTS]
    delayed = [dask.delayed(part_of_data)(*part) for part in PARTS]
    for readers in (functions, delayed, iter(delayed)):
        total = sharded.loss_and_gradient(readers, WEIGHT, NEURON, tempotron_loss)
        assert_identical(total.compute(scheduler="sync"), expected)


def test_other_libraries() -> None:
    """A shard may hold any arrays, and the results are of their kind."""
    torch = pytest.importorskip("torch")

    def read(start: int, stop: int) -> tuple[Events, Any]:
        latencies = torch.asarray(LATENCIES[start:stop])
        return Events.from_latencies(latencies, DURATION), torch.asarray(LABELS[start:stop])

    readers = [functools.partial(read, *part) for part in PARTS]
    weight = torch.asarray(WEIGHT)
    found = sharded.loss_and_gradient(readers, weight, NEURON, tempotron_loss).compute(
        scheduler="sync"
    )
    assert all(isinstance(each, torch.Tensor) for each in found)
    assert difference(tuple(each.numpy() for each in found), at_once()) < 1e-12


def test_labels_follow_the_latencies() -> None:
    """To a library and device that refuse NumPy arrays, as CuPy does."""
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    move = functools.partial(strict.asarray, device=device)
    blocks = in_chunks().map_blocks(move, meta=np.empty((0, 0)))
    parts = sharded.from_latencies(blocks, LABELS, DURATION)
    total = sharded.loss_and_gradient(parts, move(WEIGHT), NEURON, tempotron_loss)
    found = total.compute(scheduler="sync")
    assert {each.device for each in found} == {device}
    host = tuple(np.asarray(each.to_device(strict.Device("CPU_DEVICE"))) for each in found)
    assert difference(host, at_once()) < 1e-12


def test_unpacks_into_lazy_values() -> None:
    loss, gradient = step()
    found = dask.compute(loss, gradient, scheduler="sync")
    assert_identical(found, step().compute(scheduler="sync"))


def test_no_patterns() -> None:
    parts = sharded.from_latencies(in_chunks()[:0], LABELS[:0], DURATION)
    loss, gradient = sharded.loss_and_gradient(parts, WEIGHT, NEURON, mse_loss).compute(
        scheduler="sync"
    )
    assert loss == 0.0
    np.testing.assert_array_equal(gradient, np.zeros_like(WEIGHT), strict=True)


def test_empty_shards_do_not_count() -> None:
    """A mean of your own over no pattern would be NaN."""

    def mean(v_max: Any, labels: Any, v_threshold: float) -> tuple[Any, Any]:
        error = v_max - (v_threshold + 0.1 * labels[:, None])
        return np.mean(np.sum(error**2, axis=1)), 2.0 * error / len(labels)

    found = sharded.loss_and_gradient(shards(), WEIGHT, NEURON, mean).compute(scheduler="sync")
    assert difference(found, at_once(mean)) < 1e-12


def test_potentials() -> None:
    potentials = sharded.v_max(in_chunks(), WEIGHT.astype("float32"), NEURON, DURATION)
    assert isinstance(potentials, da.Array)
    assert potentials.chunks == (CHUNKS, (CLASSES,))
    assert potentials.dtype == np.float32
    events = Events.from_latencies(LATENCIES, DURATION)
    expected = peak(events, WEIGHT.astype("float32"), NEURON).v_max
    found = potentials.compute(scheduler="sync")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    classes = da.argmax(potentials, axis=1).compute(scheduler="sync")
    np.testing.assert_array_equal(classes, np.argmax(expected, axis=1))


def test_weights_are_in_the_graph_once() -> None:
    weight = np.zeros((500, N))
    parts = shards((1,) * B)
    for lazy in (
        sharded.loss_and_gradient(parts, weight, NEURON, tempotron_loss),
        sharded.v_max(in_chunks((1,) * B), weight, NEURON, DURATION),
    ):
        graph = dict(lazy.__dask_graph__())
        held = [key for key, task in graph.items() if len(pickle.dumps(task)) > weight.nbytes]
        assert len(held) == 1


# -- in two worker processes ------------------------------------------------------------------


def test_the_graph_goes_to_another_process() -> None:
    """As far as pickling goes; the processes are slow to start."""
    pickled = distributed.protocol.pickle
    found = pickled.loads(pickled.dumps(step())).compute(scheduler="sync")
    assert_identical(found, step().compute(scheduler="sync"))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two processes of one thread each, which use one thread in the kernels too."""
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=50,
            env={"TEMPOTRON_NUM_THREADS": "1"},
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def workers_of(client: Any) -> list[str]:
    return sorted(client.scheduler_info(n_workers=-1)["workers"])


@pytest.mark.slow
def test_two_processes_equal_one(client: Any) -> None:
    processes = client.run(os.getpid)
    assert len({os.getpid(), *processes.values()}) == 3
    found = client.compute(step()).result()
    assert difference(found, at_once()) < 1e-12
    for scheduler in ("synchronous", "threads"):
        assert_identical(found, step().compute(scheduler=scheduler))


@pytest.mark.slow
def test_each_process_works_on_its_shards(client: Any) -> None:
    """Shards that wait in the memory of two processes are worked on there."""
    workers = workers_of(client)
    here = [
        client.submit(part_of_data, *part, workers=[workers[i % 2]], pure=False)
        for i, part in enumerate(PARTS)
    ]
    assert not any(each.exception() for each in here)  # waits for them
    weight = client.scatter(WEIGHT, broadcast=True)
    total = sharded.loss_and_gradient(here, weight, NEURON, tempotron_loss)
    with distributed.get_task_stream(client) as stream:
        found = client.compute(total).result()
    used = {task["worker"] for task in stream.data if "shard_sums" in str(task["key"])}
    assert used == set(workers)
    assert_identical(found, step().compute(scheduler="sync"))


@pytest.mark.slow
def test_persisted_shards(client: Any) -> None:
    kept = client.persist(shards())
    total = sharded.loss_and_gradient(kept, WEIGHT, NEURON, tempotron_loss)
    found = client.compute(total).result()
    assert_identical(found, step().compute(scheduler="sync"))


@pytest.mark.slow
def test_potentials_in_two_processes(client: Any) -> None:
    potentials = sharded.v_max(in_chunks(), WEIGHT, NEURON, DURATION)
    found = client.compute(potentials).result()
    np.testing.assert_array_equal(found, potentials.compute(scheduler="sync"), strict=True)


# -- memory -----------------------------------------------------------------------------------

MEMORY = """
import resource, sys
import dask.array as da
import numpy as np
from tempotron_core import Neuron
from tempotron_core.learning import tempotron_loss
from tempotron_backends import sharded

def peak_mib():
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (2**20 if sys.platform == "darwin" else 2**10)

def run(n_chunks):
    rng = da.random.default_rng(0)
    # one pattern in a hundred gives work to do; all of them take memory
    latencies = rng.uniform(0.0, 10000.0, (n_chunks * 2000, 500), chunks=(2000, 500))
    labels = da.zeros(n_chunks * 2000, chunks=2000, dtype=int)
    shards = sharded.from_latencies(latencies, labels, 100.0)
    step = sharded.loss_and_gradient(shards, np.ones((1, 500)), Neuron(), tempotron_loss)
    potentials = sharded.v_max(latencies, np.ones((1, 500)), Neuron(), 100.0)
    step.compute(scheduler="synchronous")
    potentials.sum().compute(scheduler="synchronous")
    return latencies.nbytes / 2**20

run(2)
few = peak_mib()
total = run(32)
print(few, peak_mib(), total)
"""


def test_memory_is_that_of_a_few_shards() -> None:
    """Sixteen times the patterns take hardly more memory: 244 MiB of latencies in steps of 8."""
    pytest.importorskip("resource", reason="peak memory is asked of a POSIX system")
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], check=True, capture_output=True, text=True, timeout=300
    )
    few, many, total = map(float, done.stdout.split())
    assert total > 240.0
    assert many - few < 0.15 * total


# -- errors -----------------------------------------------------------------------------------


def test_dask_missing() -> None:
    code = """
import sys
sys.modules["dask"] = None
try:
    from tempotron_backends import sharded
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "pip install 'tempotron-core[dask]'" in done.stdout


UNKNOWN = in_chunks()[da.from_array(LABELS, chunks=(CHUNKS,)) > 0]


@pytest.mark.parametrize(
    ("latencies", "labels", "error", "message"),
    [
        (LATENCIES, LABELS, TypeError, "latencies must be a Dask array, got ndarray"),
        (da.zeros(5), LABELS, ValueError, r"latencies must have shape \(B, N\), got \(5,\)"),
        (in_chunks().rechunk((CHUNKS, 10)), LABELS, ValueError, r"latencies.rechunk\(\{1: -1\}\)"),
        (UNKNOWN, LABELS, ValueError, "compute_chunk_sizes"),
        (in_chunks(), LABELS[:-1], ValueError, r"each of the 103 patterns, got shape \(102,\)"),
        (in_chunks(), np.asarray(1), ValueError, r"got shape \(\)"),
        (in_chunks(), LABELS.tolist(), TypeError, "labels must be an array, got list"),
        (in_chunks(), dask.delayed(LABELS), TypeError, "labels must be an array, got Delayed"),
    ],
)
def test_bad_data(latencies: Any, labels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sharded.from_latencies(latencies, labels, DURATION)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"shards": []}, ValueError, "at least one shard, got none"),
        ({"shards": [part_of_data(0, 1)]}, TypeError, r"shards\[0\] must be .* got tuple"),
        ({"weight": WEIGHT[0]}, ValueError, r"weight must have shape \(O, N\), got \(30,\)"),
        ({"weight": WEIGHT.tolist()}, TypeError, "weight must be an array, got list"),
        ({"neuron": None}, TypeError, "neuron must be a Neuron, got NoneType"),
        ({"loss": "mse"}, TypeError, "loss must be callable, got str"),
    ],
)
def test_bad_arguments(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"shards": shards(), "weight": WEIGHT, "neuron": NEURON, "loss": mse_loss}
    with pytest.raises(error, match=message):
        sharded.loss_and_gradient(**(given | changed))


@pytest.mark.parametrize("pair", [LATENCIES, (LATENCIES, LABELS), part_of_data(0, 3)[:1]])
def test_reader_of_something_else(pair: Any) -> None:
    readers = [functools.partial(part_of_data, 0, 3), lambda: pair]
    total = sharded.loss_and_gradient(readers, WEIGHT, NEURON, mse_loss)
    with pytest.raises(TypeError, match=r"shards\[1\] must give a pair of Events and labels"):
        total.compute(scheduler="sync")


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (WEIGHT[:, 1:], ValueError, "one column per afferent.* for 30 afferents"),
        (dask.delayed(WEIGHT), TypeError, "weight must be an array, got a lazy Delayed"),
    ],
)
def test_bad_weights_for_potentials(weight: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sharded.v_max(in_chunks(), weight, NEURON, DURATION)


# -- accelerators -----------------------------------------------------------------------------


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_cupy_chunks(dtype: str) -> None:
    cupy = pytest.importorskip("cupy")
    try:
        cupy.zeros(1)
    except cupy.cuda.runtime.CUDARuntimeError:
        pytest.skip("CuPy finds no device")
    latencies = in_chunks(dtype=dtype).map_blocks(cupy.asarray)
    weight = cupy.asarray(WEIGHT.astype(dtype))
    parts = sharded.from_latencies(latencies, LABELS, DURATION)
    total = sharded.loss_and_gradient(parts, weight, NEURON, tempotron_loss)
    found = total.compute(scheduler="synchronous")
    potentials = sharded.v_max(latencies, weight, NEURON, DURATION)
    assert isinstance(potentials._meta, cupy.ndarray)
    computed = potentials.compute(scheduler="synchronous")
    assert all(isinstance(each, cupy.ndarray) for each in (*found, computed))
    tolerance = 1e-11 if dtype == "float64" else 1e-5
    host = tuple(cupy.asnumpy(each) for each in found)
    assert difference(host, at_once(dtype=dtype)) < tolerance
    events = Events.from_latencies(LATENCIES.astype(dtype), DURATION)
    expected = peak(events, WEIGHT.astype(dtype), NEURON).v_max
    np.testing.assert_allclose(cupy.asnumpy(computed), expected, rtol=tolerance, atol=tolerance)
