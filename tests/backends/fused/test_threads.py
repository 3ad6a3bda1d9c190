"""Calls from many threads at once give what the same calls give one after another."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from threading import Barrier

import numpy as np
import pytest

from tempotron_core import (
    Events,
    Neuron,
    Tempotron,
    first_crossing,
    peak,
    peak_vjp,
    voltage,
)

N_THREADS = 8
N_ROUNDS = 5


@pytest.fixture
def often():
    """Let threads take turns much more often than they would."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def together(call, n_calls=N_THREADS):
    """Results of ``call(0)``, ``call(1)``, ..., all started at the same moment."""
    ready = Barrier(n_calls)

    def started(number):
        ready.wait(timeout=60)
        return call(number)

    with ThreadPoolExecutor(n_calls) as pool:
        return list(pool.map(started, range(n_calls)))


def flat(results):
    for result in results:
        if isinstance(result, tuple):
            yield from flat(result)
        elif result is not None:
            yield result


@pytest.mark.slow_backend("jax", reason="compiles; test_first_calls_ever has its threads")
@pytest.mark.usefixtures("often")
def test_readouts_and_gradients(backend, to_numpy):
    """One Events, one set of weights and one Neuron, shared by all threads."""
    rng = np.random.default_rng(0)
    times = backend.from_numpy(rng.uniform(-20.0, 100.0, (12, 6, 2)), backend.default_dtype)
    weight = backend.from_numpy(rng.normal(0.2, 0.6, (3, 6)), backend.default_dtype)
    samples = backend.from_numpy(np.linspace(0.0, 100.0, 7), backend.default_dtype)
    ones = backend.from_numpy(np.ones((12, 3)), backend.default_dtype)
    events, neuron = Events.from_trains(times, 100.0), Neuron()
    model = Tempotron(6, 3, T=20, rng=0)

    def readouts():
        found = peak(events, weight, neuron)
        return list(
            flat(
                [
                    found,
                    peak_vjp(events, weight, neuron, found, ones, times=True),
                    first_crossing(events, weight, neuron),
                    voltage(events, weight, neuron, samples),
                    model(times[:, :, 0], "v"),
                    model.value_and_grad(times[:, :, 0], "v_max", ones, times=True),
                    events[2:9:3].in_source_layout(events.times[2:9:3, :]),
                    Events.from_trains(times, 100.0).times,
                ]
            )
        )

    # strict arrays are slow and have no state: they are worth one round
    n_rounds = 1 if backend.name == "strict" else N_ROUNDS
    expected = [to_numpy(array) for array in readouts()]
    assert len(expected) == 12
    assert all(np.isfinite(array).any() for array in expected)
    found = together(lambda _: [readouts() for _ in range(n_rounds)])
    for per_thread in found:
        for arrays in per_thread:
            for array, serial in zip(arrays, expected, strict=True):
                np.testing.assert_array_equal(to_numpy(array), serial)


@pytest.mark.usefixtures("often")
def test_first_calls_of_a_model(backend, to_numpy):
    """The first call moves the weights: all threads may make it at once."""
    times = backend.from_numpy(np.asarray([[1.0, 3.0, -1.0]]), "float32")
    expected = to_numpy(Tempotron(3, 2, 10, rng=0)(times, "v_max"))
    for _ in range(1 if backend.name == "strict" else 25):
        model = Tempotron(3, 2, 10, rng=0)
        for found in together(lambda _, model=model: model(times, "v_max")):
            np.testing.assert_array_equal(to_numpy(found), expected)


class Overtaken(Tempotron):
    """A model whose weights another thread moves as soon as this one has looked at them."""

    @property
    def weight(self):
        seen = self._weight
        if isinstance(seen, np.ndarray) and self._moved is not None:
            self._weight = self._moved
        return seen

    @weight.setter
    def weight(self, value):
        self._weight = value

    _moved = None


def test_first_call_that_is_overtaken(backend, to_numpy):
    """The same, with the threads taking turns at the worst moment."""
    times = backend.from_numpy(np.asarray([[1.0, 3.0, -1.0]]), "float32")
    model = Overtaken(3, 2, 10, rng=0)
    expected = to_numpy(Tempotron(3, 2, 10, rng=0)(times, "v_max"))
    model._moved = backend.from_numpy(model.weight)
    np.testing.assert_array_equal(to_numpy(model(times, "v_max")), expected)


FIRST_CALL = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
sys.setswitchinterval(1e-6)
import numpy as np
{imports}
from tempotron_core import Events, Neuron, first_crossing, peak, peak_vjp

rng = np.random.default_rng(0)
times, weight = {place}(rng.uniform(0.0, 50.0, (4, 5))), {place}(rng.normal(0.3, 0.5, (2, 5)))
ones = {place}(np.ones((4, 2)))
ready = Barrier(8)

def call():
    events, neuron = Events.from_latencies(times, 50.0), Neuron()
    found = peak(events, weight, neuron)
    {more}
    return [np.asarray(a) for a in found]

def first(_):
    ready.wait(timeout=60)
    return call()

with ThreadPoolExecutor(8) as pool:
    results = list(pool.map(first, range(8)))
for result in results:
    for array, serial in zip(result, call(), strict=True):
        np.testing.assert_array_equal(array, serial)
print("equal")
"""

MORE = (
    "found += (first_crossing(events, weight, neuron),"
    "*peak_vjp(events, weight, neuron, found, ones, times=True))"
)
LIBRARIES = {
    "numpy": ("", "np.asarray", MORE),
    "torch": ("import torch; torch.set_num_threads(1)", "torch.asarray", MORE),
    "jax": ("import jax.numpy as jnp", "jnp.asarray", ""),  # which compiles for long
}


@pytest.mark.parametrize("library", ["numpy", pytest.param("torch", marks=pytest.mark.slow), "jax"])
def test_first_calls_ever(library):
    """Entry points are loaded, and JAX told of Events, once, whoever comes first."""
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    imports, place, more = LIBRARIES[library]
    code = FIRST_CALL.format(imports=imports, place=place, more=more)
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "equal"
