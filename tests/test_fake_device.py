"""Every function on a torch device that has no memory and no kernels.

FakeTensorMode computes shapes, dtypes and devices but no values, here on a made-up device
registered as torch's private one.  A constant made on the CPU is an error on it, and so is any
look at a value, which on a GPU would wait for the device.  Numbers are not checked.  Registering
the device changes the process for good, so it is done in one of its own.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
registration = pytest.importorskip("torch.utils.backend_registration")

PRELUDE = """
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import tempotron_backends.torch  # its kernels, as an entry point would load them
from tempotron_core import *

_setup_privateuseone_for_python_backend("made_up")
DEVICE = "made_up:0"
B, N, O, T = 6, 40, 3, 9


def empty(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device=DEVICE)
"""

EVERYTHING = """
def check(array, *shape, dtype):
    assert str(array.device) == DEVICE, array.device
    assert tuple(array.shape) == shape, (array.shape, shape)
    assert array.dtype == dtype, (array.dtype, dtype)


def run(times_dtype, dtype, neuron):
    how = {"method": "static"}
    events = Events.from_latencies(empty(B, N, dtype=times_dtype), 100.0)
    weight = empty(O, N, dtype=dtype)

    def check_gradient(gradient):
        check(gradient.weight, O, N, dtype=dtype)
        check(gradient.times, B, N, dtype=times_dtype)

    found = peak(events, weight, neuron, **how)
    check(found.v_max, B, O, dtype=dtype)
    check(found.t_max, B, O, dtype=times_dtype)
    bar = empty(B, O, dtype=dtype)
    check_gradient(peak_vjp(events, weight, neuron, found, bar, bar, times=True, **how))
    t_spike = first_crossing(events, weight, neuron, **how)
    check(t_spike, B, O, dtype=times_dtype)
    check_gradient(first_crossing_vjp(events, weight, neuron, t_spike, bar, times=True, **how))
    samples = empty(T, dtype=times_dtype)
    v = voltage(events, weight, neuron, samples, **how)
    check(v, B, O, T, dtype=dtype)
    check_gradient(voltage_vjp(events, weight, neuron, samples, v, times=True, **how))
    if neuron.shunt:
        return
    grid = (20, 1.0)
    found = peak(events, weight, neuron, grid=grid, **how)
    check(found.v_max, B, O, dtype=dtype)
    check_gradient(peak_vjp(events, weight, neuron, found, bar, times=True, grid=grid, **how))
    check(soft_peak_time(events, weight, neuron, 20, **how), B, O, dtype=dtype)
    check_gradient(soft_peak_time_vjp(events, weight, neuron, 20, bar, times=True, **how))
    trains = Events.from_trains(empty(B, N, 2, dtype=times_dtype), 100.0)
    check(peak(trains, weight, neuron, **how).v_max, B, O, dtype=dtype)


with FakeTensorMode(allow_non_fake_inputs=False):
    for neuron in (Neuron(), Neuron(shunt=True), Neuron(10.0, 10.0)):
        for times_dtype, dtype in (
            (torch.float32, torch.float32),
            (torch.float64, torch.float64),
            (torch.float64, torch.float32),
        ):
            run(times_dtype, dtype, neuron)
    x = empty(B, 5)
    check(encode_latency(x, 30.0), B, 5, dtype=torch.float32)
    check(GaussianReceptiveFields(4, 0.0, 1.0).encode(x, 30.0), B, 20, dtype=torch.float32)
    labels = empty(B, dtype=torch.int64)
    for loss in (tempotron_loss, mse_loss):
        value, bar = loss(empty(B, O), labels, 1.0)
        check(value, dtype=torch.float32)
        check(bar, B, O, dtype=torch.float32)
print("all on the device")
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + program],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


needs_private_device = pytest.mark.skipif(
    not hasattr(registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch cannot register a device from Python",
)


@needs_private_device
def test_everything_stays_on_the_device():
    done = run(EVERYTHING)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "all on the device" in done.stdout


@needs_private_device
@pytest.mark.parametrize(
    ("mistake", "error"),
    [
        ("empty(3) + torch.empty(3)", "FakeTensorDeviceMismatchError"),
        ("bool(empty(3).sum() > 0)", "DataDependentOutputException"),
        ("torch.nonzero(empty(3))", "DynamicOutputShapeException"),
    ],
    ids=["CPU constant", "look at a value", "shape from values"],
)
def test_what_it_would_catch(mistake, error):
    """The check itself: these mistakes do fail on the made-up device."""
    done = run(f"with FakeTensorMode(allow_non_fake_inputs=False):\n    {mistake}\n")
    assert done.returncode != 0
    assert error in done.stderr
