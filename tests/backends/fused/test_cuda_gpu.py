"""The CUDA kernels on the hardware, through CuPy and through torch; skipped where there is none.

``python -m pytest -m gpu tests/backends/fused/test_cuda_gpu.py``.  What is compared is what
test_cuda_kernel.py compares on the host.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from accelerators import obtain_or_skip
from bars import Worst, check_batch, kept_pairs
from cuda_comparison import (
    GRADIENTS,
    Comparison,
    check_spikes,
    events_of,
    gradients,
    nasty_batches,
    spike_problem,
)
from patterns import batches, random_batch

from tempotron_backends import Backend, select
from tempotron_backends.fused.cuda.devices import FUNCTIONS
from tempotron_core import Events, Neuron, Peak, peak, peak_vjp
from tempotron_core.arrays import registry
from tempotron_core.events.changing import map_arrays
from tempotron_core.spiking import output_spikes, output_spikes_vjp

pytestmark = pytest.mark.gpu

LIBRARIES = ("cupy", "torch")


@pytest.fixture(params=LIBRARIES)
def accelerator(request: pytest.FixtureRequest) -> Backend:
    """A CUDA device of each library that the kernels serve."""
    if request.param == "torch":
        obtain_or_skip("cupy:cuda")  # which launches the kernels for torch too
    return obtain_or_skip(f"{request.param}:cuda")


def native_forms(accelerator: Backend) -> Any:
    """The forms themselves, for arrays of the library."""
    from tempotron_backends.fused.cuda import devices

    array = accelerator.from_numpy(np.ones(1, dtype="float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # they must compile
        return getattr(devices, f"fused_for_{accelerator.name}")(array)


def forms_of(accelerator: Backend) -> dict[str, Callable[..., Any]]:
    """The forms as functions of NumPy arrays, for comparisons on the host."""

    def there(argument: Any) -> Any:
        if isinstance(argument, Events):
            return map_arrays(argument, there)
        if isinstance(argument, Peak):
            return Peak(*map(there, argument))
        return accelerator.from_numpy(argument) if isinstance(argument, np.ndarray) else argument

    def back(result: Any) -> Any:
        if isinstance(result, tuple):
            return tuple(map(back, result))
        return None if result is None else accelerator.to_numpy(result)

    def on_host(form: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: back(form(*map(there, arguments)))

    forms = native_forms(accelerator)
    assert set(forms) == set(FUNCTIONS)
    return {name: on_host(form) for name, form in forms.items()}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_against_the_reference(accelerator, dtype):
    """Through the core, which must have found the forms."""
    array = accelerator.from_numpy(np.ones(1, dtype=dtype))
    assert registry.fused("peak", "auto", array) is native_forms(accelerator)["peak"]
    worst = Worst()
    for batch in batches(41, 8, 7, 1, dtype):
        check_batch(worst, batch, accelerator, dtype, kept_pairs(batch))
    worst.check()


@pytest.mark.parametrize("afferents", ["int32", "int64"])
@pytest.mark.parametrize("weights", ["float32", "float64"])
@pytest.mark.parametrize("times", ["float32", "float64"])
def test_against_the_array_form(accelerator, times, weights, afferents):
    host, forms = select("numpy"), forms_of(accelerator)
    rng = np.random.default_rng(7)
    for index in range(12):
        batch = random_batch(rng, 6, int(rng.choice([1, 2, 5, 40])))
        given = events_of(batch, host, times, afferents), batch.weight.astype(weights)
        for shunt in (False, True):
            Comparison(forms, *given, batch.neuron(shunt=shunt)).check(index)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_against_the_array_form_on_nasty_patterns(accelerator, dtype):
    host, forms = select("numpy"), forms_of(accelerator)
    for index, (_, batch) in enumerate(nasty_batches()):
        given = events_of(batch, host, dtype), batch.weight.astype(dtype)
        for shunt in (False, True):
            Comparison(forms, *given, batch.neuron(shunt=shunt)).check(index)


@pytest.mark.parametrize("order", [(20.0, 5.0), (5.0, 20.0), (10.0, 10.0)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_output_spikes(accelerator, dtype, order):
    """Through the core; from one output to several tiles, bursts, silence, several chunks."""
    ends = accelerator.from_numpy, accelerator.to_numpy
    array = accelerator.from_numpy(np.ones(1, dtype=dtype))
    for name in ("output_spikes", "output_spikes_vjp"):
        assert registry.fused(name, "auto", array) is native_forms(accelerator)[name]
    assert registry.fused("critical_threshold", "auto", array) is None
    for options in ({}, {"n_outputs": 1}, {"n_outputs": 70}, {"drive": 20.0}):
        neuron = Neuron(*order, 0.9, psp_peak=1.1)
        assert check_spikes(*spike_problem(1, **options, dtype=dtype), neuron, *ends) > 10
    dense = spike_problem(3, n_afferents=300, duration=3000.0, drive=6.0, dtype=dtype)
    assert check_spikes(*dense, Neuron(*order, 5.0, psp_peak=1.0), *ends) > 10


def test_output_spikes_the_same_in_every_call(accelerator):
    events, weight = spike_problem(5, n_patterns=300, n_outputs=40)
    there, rows = map_arrays(events, accelerator.from_numpy), accelerator.from_numpy(weight)
    results = []
    for _ in range(5):
        spikes = output_spikes(there, rows, Neuron())
        gradient = output_spikes_vjp(
            there, rows, Neuron(), spikes.times, spikes.times, times=True, min_slope=0.01
        )
        results.append([accelerator.to_numpy(each) for each in (*spikes, *gradient)])
    for other in results[1:]:
        for one, another in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, another)


@pytest.fixture
def problem() -> tuple[Events, np.ndarray, Neuron]:
    batch = random_batch(np.random.default_rng(9), 500, 300, max_spikes=200, layout="latencies")
    return batch.events(select("numpy")), batch.weight, batch.neuron()


def test_the_same_in_every_call(accelerator, problem):
    """To the last digit, with many blocks at once."""
    forms = forms_of(accelerator)
    first, *others = (gradients(forms, *problem) for _ in range(5))
    for other in others:
        for ours, theirs in zip(first, other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_more_patterns_than_blocks(accelerator):
    """Blocks that take several patterns give what they give one by one."""
    forms, rng = forms_of(accelerator), np.random.default_rng(2)
    once = Events.from_latencies(rng.uniform(0.0, 50.0, (70, 4)), 50.0)
    many = Events.concat([once] * 1000)
    weight = rng.normal(0.5, 1.0, (3, 4))
    v_max, t_max = forms["peak"](many, weight, Neuron(), None)
    expected = forms["peak"](once, weight, Neuron(), None)
    for found, each in zip((v_max, t_max), expected, strict=True):
        np.testing.assert_array_equal(found, np.tile(each, (1000, 1)))
    ones = np.ones_like(v_max)
    found = forms["peak_vjp"](many, weight, Neuron(), Peak(v_max, t_max), ones, None, True, None)
    single = forms["peak_vjp"](once, weight, Neuron(), Peak(*expected), ones[:70], None, True, None)
    np.testing.assert_allclose(found[0], single[0] * 1000, rtol=GRADIENTS["float64"])
    np.testing.assert_array_equal(found[1], np.tile(single[1], (1000, 1)))


def test_torch_streams(problem):
    """Kernels wait for what torch queued on its current stream, and torch waits for them."""
    obtain_or_skip("cupy:cuda")
    accelerator = obtain_or_skip("torch:cuda")
    import torch

    events, weight, neuron = problem
    expected = forms_of(accelerator)["peak"](events, weight, neuron, None)[0]
    form, there = native_forms(accelerator)["peak"], map_arrays(events, accelerator.from_numpy)
    rows = accelerator.from_numpy(weight)
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        late = torch.zeros_like(rows)
        torch.cuda._sleep(100_000_000)  # some tens of milliseconds
        late += rows
        found = form(there, late, neuron, None)[0] * 1.0
    torch.cuda.synchronize()
    np.testing.assert_array_equal(accelerator.to_numpy(found), expected)


def test_torch_autograd(problem):
    """Through the core's differentiable peak."""
    obtain_or_skip("cupy:cuda")
    accelerator = obtain_or_skip("torch:cuda")
    events, weight, neuron = problem
    rows = accelerator.from_numpy(weight).requires_grad_()
    found = peak(map_arrays(events, accelerator.from_numpy), rows, neuron)
    found.v_max.sum().backward()
    plain = peak(events, weight, neuron, method="pruned")
    expected = peak_vjp(events, weight, neuron, plain, np.ones_like(plain.v_max), method="pruned")
    difference = np.abs(accelerator.to_numpy(rows.grad) - expected.weight).max()
    assert difference <= GRADIENTS["float64"] * np.abs(expected.weight).max()
