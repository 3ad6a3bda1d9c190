"""Run every function on the stand-in and compare with NumPy's results."""

import contextlib
import sys
import tempfile
import warnings
from pathlib import Path

import cupy
import cupy._array as stand_in
import numpy as np

from tempotron_backends import select
from tempotron_core import (
    Events,
    Neuron,
    Tempotron,
    first_crossing,
    first_crossing_vjp,
    load,
    peak,
    peak_vjp,
    save,
    soft_peak_time,
    soft_peak_time_vjp,
    voltage,
    voltage_vjp,
)
from tempotron_core.encoding import GaussianReceptiveFields, encode_latency
from tempotron_core.learning import Momentum, tempotron_loss
from tempotron_core.membrane import tiles
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
    voltage_with_resets,
)

assert Path(cupy.__file__).parent.parent == Path(__file__).parent, "this must not be a real CuPy"
backend = select("cuda")
assert str(backend) == "cupy:cuda:0"
names = (Path(__file__).parent / "names.txt").read_text().splitlines()
own = {name for name in dir(cupy.ndarray) if not name.startswith("__")}
assert own <= {name.removeprefix("ndarray.") for name in names if name.startswith("ndarray.")}
# It cannot compile CUDA, so the Array API form serves and a warning says so.
warnings.filterwarnings("ignore", message=".*fused CUDA kernels", category=RuntimeWarning)
compared = 0


def same(found, expected):
    global compared
    if expected is None:
        assert found is None
        return
    assert isinstance(found, cupy.ndarray), type(found)
    found = backend.to_numpy(found)
    assert found.dtype == expected.dtype
    tolerance = 1e-12 if expected.dtype == np.float64 else 2e-5
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    compared += 1


def readouts(events, weight, neuron, asarray, method):
    """Every readout and gradient for one array library, in a fixed order."""
    how = {"method": method}
    w = asarray(weight)
    bar = asarray(np.linspace(-1.0, 1.0, 12).reshape(4, 3).astype(weight.dtype))
    samples = asarray(np.linspace(0.0, 60.0, 9).astype(weight.dtype))
    found = peak(events, w, neuron, **how)
    yield from found
    yield from peak_vjp(events, w, neuron, found, bar, bar, times=True, **how)
    yield first_crossing(events, w, neuron, **how)
    t_spike = first_crossing(events, w, neuron, **how)
    yield from first_crossing_vjp(events, w, neuron, t_spike, bar, times=True, **how)
    v = voltage(events, w, neuron, samples, **how)
    yield v
    yield from voltage_vjp(events, w, neuron, samples, v, times=True, **how)
    if not neuron.shunt:
        found = peak(events, w, neuron, grid=(60, 1.0), **how)
        yield from found
        yield from peak_vjp(events, w, neuron, found, bar, times=True, grid=(60, 1.0), **how)
        yield soft_peak_time(events, w, neuron, 60, **how)
        yield from soft_peak_time_vjp(events, w, neuron, 60, bar, times=True, **how)


def spiking(events, weight, neuron, asarray, method):
    """What the multi-spike neuron does, likewise."""
    how, w = {"method": method}, asarray(4.0 * weight)
    spikes = output_spikes(events, w, neuron, max_spikes=5, **how)
    yield from spikes
    if method == "pruned":
        samples = asarray(np.linspace(0.0, 60.0, 9).astype(weight.dtype))
        yield voltage_with_resets(events, w, neuron, spikes.times, samples)
        yield from output_spikes(events, w, neuron, layout="csr", **how)
    bar = asarray(np.ones(spikes.times.shape, weight.dtype))
    given = {"times": True, "min_slope": 0.01, **how}
    yield from output_spikes_vjp(events, w, neuron, spikes.times, bar, **given)
    found = critical_threshold(events, w, neuron, 2, most=2, **how)
    yield from found
    bar = asarray(np.linspace(-1.0, 1.0, 12).reshape(4, 3).astype(weight.dtype))
    yield from critical_threshold_vjp(events, w, neuron, found, bar, times=True, most=2, **how)


@contextlib.contextmanager
def small_tiles():
    """Work in many tiles, as on a GPU only large batches do."""
    usual, tiles._BYTES_ELSEWHERE = tiles._BYTES_ELSEWHERE, 256
    yield
    tiles._BYTES_ELSEWHERE = usual


rng = np.random.default_rng(0)
for dtype, neurons in (
    (np.float64, (Neuron(), Neuron(shunt=True), Neuron(10.0, 10.0))),
    (np.float32, (Neuron(),)),
):
    times = rng.uniform(-10.0, 65.0, (4, 12)).astype(dtype)
    weight = rng.normal(0.1, 0.5, (3, 12)).astype(dtype)
    for neuron in neurons:
        on_device = Events.from_latencies(backend.from_numpy(times), 60.0)
        on_host = Events.from_latencies(times, 60.0)
        for method in ("static", "pruned"):
            waits = stand_in.waits
            here = list(readouts(on_device, weight, neuron, backend.from_numpy, method))
            assert (stand_in.waits == waits) == (method == "static"), stand_in.waits - waits
            there = readouts(on_host, weight, neuron, np.asarray, method)
            for found, expected in zip(here, there, strict=True):
                same(found, expected)
        with small_tiles():
            tiled = readouts(on_device, weight, neuron, backend.from_numpy, "pruned")
            for found, expected in zip(tiled, here, strict=True):
                same(found, None if expected is None else expected.get())
        if neuron != Neuron() or dtype == np.float32:
            continue
        for method in ("static", "pruned"):
            waits = stand_in.waits
            here = list(spiking(on_device, weight, neuron, backend.from_numpy, method))
            assert (stand_in.waits == waits) == (method == "static"), stand_in.waits - waits
            there = spiking(on_host, weight, neuron, np.asarray, method)
            for found, expected in zip(here, there, strict=True):
                same(found, expected)
    same(on_device[1:3].to_latencies(), on_host[1:3].to_latencies())
    joined = [Events.concat([each[[2]], each[:1]]) for each in (on_device, on_host)]
    same(*(each.to_latencies() for each in joined))

    offsets, afferents = np.asarray([0, 5, 5, 12]), rng.integers(0, 12, 12)
    csr = (times[0], afferents, offsets)
    on_device = Events.from_csr(*map(backend.from_numpy, csr), 12, 60.0)
    same(
        peak(on_device, backend.from_numpy(weight), Neuron()).v_max,
        peak(Events.from_csr(*csr, 12, 60.0), weight, Neuron()).v_max,
    )

    model, host = (Tempotron(12, 3, 60, rng=0, dtype=dtype) for _ in range(2))
    for ret_type in ("v", "v_max", "spikes"):
        same(model(backend.from_numpy(times), ret_type), host(times, ret_type))
    labels = np.asarray([0, 1, 2, 0])
    loss, bar = tempotron_loss(host(times, "v_max"), labels, 1.0)
    found = tempotron_loss(
        model(backend.from_numpy(times), "v_max"), backend.from_numpy(labels), 1.0
    )
    same(found[1], bar)
    same(Momentum(0.1).step(model.weight, model.weight), Momentum(0.1).step(*[host.weight] * 2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        save(model, path)
        same(load(path, xp=backend.xp, device=backend.native_device).weight, host.weight)

    x = rng.uniform(0.0, 1.0, (4, 6)).astype(dtype)
    same(encode_latency(backend.from_numpy(x), 30.0), encode_latency(x, 30.0))
    fields = GaussianReceptiveFields(4, 0.0, 1.0)
    same(fields.encode(backend.from_numpy(x), 30.0), fields.encode(x, 30.0))

try:
    np.ones(2) + backend.from_numpy(np.ones(2))
except TypeError:
    pass
else:
    sys.exit("the stand-in let a host array through")
print(f"{compared} arrays agree")
