"""The program of test_fake_device.py: everything, then mistakes, on a device without values."""

import importlib

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import tempotron_backends.torch  # noqa: F401  its kernels, as an entry point would load them
from tempotron_core import (
    Events,
    Neuron,
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
    soft_peak_time,
    soft_peak_time_vjp,
    voltage,
    voltage_vjp,
)
from tempotron_core.arrays.namespace import known_true
from tempotron_core.encoding import GaussianReceptiveFields, encode_latency
from tempotron_core.learning import mse_loss, tempotron_loss

DEVICE = "made_up:0"
B, N, OUT, T = 6, 40, 3, 9
STATIC = {"method": "static"}


class Watch(TorchDispatchMode):
    """Sees every operation: counts looks at a value, refuses results on another device."""

    looks = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default:
            self.looks += 1  # before it fails: the core goes on where there is no value
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(each, torch.Tensor) and str(each.device) != DEVICE:
                raise AssertionError(f"{func} gave a tensor on {each.device}")
        return result

    def expect(self, looks, function, *args):
        """What the function returns, having taken that many looks."""
        before = self.looks
        result = function(*args)
        taken = self.looks - before
        if taken != looks:
            raise AssertionError(f"{function.__name__} took {taken} looks, not {looks}")
        return result


watch = Watch()


def empty(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device=DEVICE)


def check(array, *shape, dtype):
    assert str(array.device) == DEVICE, array.device
    assert tuple(array.shape) == shape, (array.shape, shape)
    assert array.dtype == dtype, (array.dtype, dtype)


def readouts(events, trains, times_dtype, dtype, neuron):
    weight = empty(OUT, N, dtype=dtype)

    def check_gradient(gradient):
        check(gradient.weight, OUT, N, dtype=dtype)
        check(gradient.times, B, N, dtype=times_dtype)

    found = peak(events, weight, neuron, **STATIC)
    check(found.v_max, B, OUT, dtype=dtype)
    check(found.t_max, B, OUT, dtype=times_dtype)
    bar = empty(B, OUT, dtype=dtype)
    check_gradient(peak_vjp(events, weight, neuron, found, bar, bar, times=True, **STATIC))
    t_spike = first_crossing(events, weight, neuron, **STATIC)
    check(t_spike, B, OUT, dtype=times_dtype)
    check_gradient(first_crossing_vjp(events, weight, neuron, t_spike, bar, times=True, **STATIC))
    samples = empty(T, dtype=times_dtype)
    v = voltage(events, weight, neuron, samples, **STATIC)
    check(v, B, OUT, T, dtype=dtype)
    check_gradient(voltage_vjp(events, weight, neuron, samples, v, times=True, **STATIC))
    found = peak(trains, weight, neuron, **STATIC)
    check(found.v_max, B, OUT, dtype=dtype)
    gradient = peak_vjp(trains, weight, neuron, found, bar, bar, times=True, **STATIC)
    check(gradient.times, B, N, 2, dtype=times_dtype)
    joined = Events.concat([events[1:3], events[0]])
    check(peak(joined, weight, neuron, **STATIC).v_max, 3, OUT, dtype=dtype)
    if neuron.shunt:
        return
    grid = (20, 1.0)
    found = peak(events, weight, neuron, grid=grid, **STATIC)
    check(found.v_max, B, OUT, dtype=dtype)
    check_gradient(peak_vjp(events, weight, neuron, found, bar, times=True, grid=grid, **STATIC))
    check(soft_peak_time(events, weight, neuron, 20, **STATIC), B, OUT, dtype=dtype)
    check_gradient(soft_peak_time_vjp(events, weight, neuron, 20, bar, times=True, **STATIC))


def autograd(events, times, weight):
    """The functions registered for tensors that require a gradient."""
    results = [
        *peak(events, weight, Neuron(), **STATIC),
        first_crossing(events, weight, Neuron(), **STATIC),
        voltage(events, weight, Neuron(), empty(T), **STATIC),
        soft_peak_time(events, weight, Neuron(), 20, **STATIC),
    ]
    sum(result.sum() for result in results).backward()
    check(times.grad, B, N, dtype=torch.float32)
    check(weight.grad, OUT, N, dtype=torch.float32)


def encoders_and_losses():
    x = empty(B, 5)
    check(encode_latency(x, 30.0), B, 5, dtype=torch.float32)
    check(GaussianReceptiveFields(4, 0.0, 1.0).encode(x, 30.0), B, 20, dtype=torch.float32)
    labels = empty(B, dtype=torch.int64)
    for loss in (tempotron_loss, mse_loss):
        value, bar = loss(empty(B, OUT), labels, 1.0)
        check(value, dtype=torch.float32)
        check(bar, B, OUT, dtype=torch.float32)


def index_sum_without_kernels():
    module = importlib.import_module("tempotron_core.arrays.index_sum")
    module.implementation = lambda *_: None
    check(module.index_sum(empty(9), empty(9, dtype=torch.int64), N), N, dtype=torch.float32)


def everything():
    for neuron, times_dtype, dtype in (
        (Neuron(10.0, 10.0), torch.float64, torch.float32),
        (Neuron(shunt=True), torch.float32, torch.float32),
    ):
        # Two looks in making events: for a NaN, and for the longest pattern.
        dense, several = empty(B, N, dtype=times_dtype), empty(B, N, 2, dtype=times_dtype)
        events = watch.expect(2, Events.from_latencies, dense, 100.0)
        trains = watch.expect(2, Events.from_trains, several, 100.0)
        watch.expect(0, readouts, events, trains, times_dtype, dtype, neuron)
    times, weight = empty(B, N).requires_grad_(), empty(OUT, N).requires_grad_()
    watch.expect(0, autograd, Events.from_latencies(times, 100.0), times, weight)
    encoders_and_losses()
    index_sum_without_kernels()
    print("all on the device")


MISTAKES = {
    "a constant on the CPU": lambda: empty(3) + torch.ones(3),
    "one of no axes": lambda: empty(3) + torch.ones(()),
    "a copy to the host": lambda: empty(3).cpu(),
    "a look at a value": lambda: bool(empty(3).sum() > 0),
    "one that the core survives": lambda: watch.expect(0, known_true, empty(3).any()),
    "a shape from values": lambda: torch.nonzero(empty(3)),
}


def mistakes():
    for name, mistake in MISTAKES.items():
        try:
            mistake()
        except Exception as error:  # noqa: BLE001  it says which
            print(f"{name}: {type(error).__name__}")


if __name__ == "__main__":
    _setup_privateuseone_for_python_backend("made_up")
    torch._C._set_only_lift_cpu_tensors(True)  # as FakeTensorMode does where CUDA is missing
    with FakeTensorMode(allow_non_fake_inputs=False), watch:
        everything()
        mistakes()
