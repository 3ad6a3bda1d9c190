"""Masks, units and gradients: refused with a sentence wherever an array or a number enters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tempotron_core import (
    Events,
    Network,
    Neuron,
    Peak,
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
from tempotron_core.arrays.host import to_host
from tempotron_core.arrays.numbers import positive_float, real_number
from tempotron_core.encoding import GaussianReceptiveFields, encode_latency
from tempotron_core.encoding.poisson import poisson_trains
from tempotron_core.learning import (
    Adam,
    Momentum,
    clip_norm,
    constrain_signs,
    cross_entropy_loss,
    mse_loss,
    pool,
    pool_vjp,
    spike_time_cross_entropy,
    spike_time_loss,
    tempotron_loss,
)
from tempotron_core.networks.delays import delayed


class WithUnit(np.ndarray):
    """What the quantities of astropy, unyt, quantities and neo are to NumPy."""

    units = "ms"


class Other(np.ndarray):
    """A subclass that means something unknown."""


MEANINGS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "mask": (lambda a: np.ma.masked_array(a, mask=False), "must have no mask"),
    "unit": (lambda a: np.asarray(a).view(WithUnit), "must hold plain numbers, got .* unit"),
    "other": (lambda a: np.asarray(a).view(Other), "must be a plain NumPy array, got a .*Other"),
}
TIMES = np.asarray([[1.0, 3.0, 9.0]])
WEIGHT = np.asarray([[0.6, 0.6, 0.6], [1.0, 2.0, 3.0]])
NEURON, EVENTS = Neuron(), Events.from_latencies(TIMES, 50.0)
FOUND, CROSSED = peak(EVENTS, WEIGHT, NEURON), first_crossing(EVENTS, WEIGHT, NEURON)
V, LABELS = np.ones((1, 2)), np.asarray([1])
LISTS = (np.arange(3), np.asarray([0, 3]))
GIVEN = (EVENTS, WEIGHT, NEURON)
ARRAYS: dict[str, tuple[str, Callable[[Any], Any], Any]] = {
    # what is called what, in a call, and the plain array
    "latencies": ("times", lambda a: Events.from_latencies(a, 50.0), TIMES),
    "trains": ("times", lambda a: Events.from_trains(a, 50.0), TIMES[..., None]),
    "csr times": ("times", lambda a: Events.from_csr(a, *LISTS, 3, 50.0), TIMES[0]),
    "csr afferents": (
        "afferents",
        lambda a: Events.from_csr(TIMES[0], a, LISTS[1], 3, 50.0),
        np.arange(3),
    ),
    "csr offsets": (
        "offsets",
        lambda a: Events.from_csr(TIMES[0], LISTS[0], a, 3, 50.0),
        np.asarray([0, 3]),
    ),
    "selection": ("patterns", lambda a: EVENTS[a], np.asarray([0])),
    "peak": ("weight", lambda a: peak(EVENTS, a, NEURON), WEIGHT),
    "first_crossing": ("weight", lambda a: first_crossing(EVENTS, a, NEURON), WEIGHT),
    "voltage": ("weight", lambda a: voltage(EVENTS, a, NEURON, TIMES[0]), WEIGHT),
    "voltage times": ("times", lambda a: voltage(*GIVEN, a), TIMES[0]),
    "soft_peak_time": ("weight", lambda a: soft_peak_time(EVENTS, a, NEURON, 50), WEIGHT),
    "peak_vjp v_max": ("v_max", lambda a: peak_vjp(*GIVEN, Peak(a, FOUND.t_max), V), V),
    "peak_vjp t_max": ("t_max", lambda a: peak_vjp(*GIVEN, Peak(FOUND.v_max, a), V), V),
    "peak_vjp": ("cotangent", lambda a: peak_vjp(*GIVEN, FOUND, a), V),
    "first_crossing_vjp": ("t_spike", lambda a: first_crossing_vjp(*GIVEN, a, V), CROSSED),
    "voltage_vjp": (
        "cotangent",
        lambda a: voltage_vjp(*GIVEN, TIMES[0], a),
        np.ones((1, 2, 3)),
    ),
    "soft_peak_time_vjp": ("cotangent", lambda a: soft_peak_time_vjp(*GIVEN, 50, a), V),
    "tempotron_loss": ("v_max", lambda a: tempotron_loss(a, LABELS, 1.0), V),
    "labels": ("labels", lambda a: tempotron_loss(V, a, 1.0), LABELS),
    "class_weight": (
        "class_weight",
        lambda a: mse_loss(V, LABELS, 1.0, class_weight=a),
        np.ones(2),
    ),
    "cross_entropy_loss": ("v_max", lambda a: cross_entropy_loss(a, LABELS), V),
    "spike_time_cross_entropy": (
        "t_spike",
        lambda a: spike_time_cross_entropy(a, LABELS, temperature=1.0, silent_time=3.0),
        V,
    ),
    "spike_time_loss": ("target", lambda a: spike_time_loss(V, a, silent_time=3.0), V),
    "pool": ("v", lambda a: pool(a, 1), V),
    "pool_vjp": ("cotangent", lambda a: pool_vjp(V, 1, a), V[:, :1]),
    "clip_norm": ("gradients", lambda a: clip_norm([a], 1.0), WEIGHT),
    "constrain_signs": ("signs", lambda a: constrain_signs(WEIGHT, a), np.asarray([1, 1, -1])),
    "Adam": ("weight", lambda a: Adam(0.1).step(a, WEIGHT), WEIGHT),
    "Momentum": ("gradient", lambda a: Momentum(0.1).step(WEIGHT, a), WEIGHT),
    "delayed": ("delay", lambda a: delayed(EVENTS, a), np.ones(3)),
    "Network": ("weights", lambda a: Network([a], [NEURON]), WEIGHT),
    "reference times": (
        "reference_times",
        lambda a: Network([WEIGHT[:, :2]], [NEURON], reference_times=a),
        np.asarray([1.0]),
    ),
    "clock": ("clock", lambda a: Network([WEIGHT], [NEURON], clock=a), np.asarray([1.0])),
    "Tempotron": ("weight", lambda a: Tempotron(3, 2, 50, weight=a), WEIGHT),
    "in_spikes": ("in_spikes", lambda a: Tempotron(3, 2, 50)(a, "v_max"), TIMES),
    "Tempotron.mse_loss": ("label", lambda a: Tempotron.mse_loss(V, 1.0, a, 2), LABELS),
    "Tempotron.psp_kernel": ("t", lambda a: Tempotron.psp_kernel(a, 2.0, 1.0), TIMES),
    "encode_latency": ("x", lambda a: encode_latency(a, 50.0), TIMES),
    "encode_latency x_max": ("x_max", lambda a: encode_latency(TIMES, 5.0, x_max=a), TIMES),
    "fields": ("x", lambda a: GaussianReceptiveFields(3, 0.0, 1.0).encode(a, 5.0), TIMES),
    "fields x_min": ("x_min", lambda a: GaussianReceptiveFields(3, a, 9.0), np.zeros(3)),
    "Poisson": ("rates", lambda a: poisson_trains(a, 5.0, np.random.default_rng(0)), TIMES / 9.0),
    "to_host": ("array", to_host, TIMES),
}
NUMBERS: dict[str, tuple[str, Callable[[Any], Any], Any]] = {
    "duration": ("duration", lambda a: Events.from_latencies(TIMES, a), 50.0),
    "tau": ("tau", lambda a: Neuron(a), 15.0),
    "tau_s": ("tau_s", lambda a: Neuron(15.0, a), 4.0),
    "v_threshold": ("v_threshold", lambda a: tempotron_loss(V, LABELS, a), 1.0),
    "psp_peak": ("psp_peak", lambda a: Neuron(psp_peak=a), 1.0),
    "temperature": ("temperature", lambda a: cross_entropy_loss(V, LABELS, temperature=a), 1.0),
    "x_min": ("x_min", lambda a: encode_latency(TIMES, 5.0, x_min=a), 0.0),
    "T": ("T", lambda a: Tempotron(3, 2, a), 50),
}


@pytest.mark.parametrize("kind", MEANINGS)
@pytest.mark.parametrize("call", [*ARRAYS, *NUMBERS])
def test_no_meaning_is_dropped(call: str, kind: str) -> None:
    name, function, value = (ARRAYS | NUMBERS)[call]
    function(value)
    given, message = MEANINGS[kind][0](value), rf"{name}.* {MEANINGS[kind][1]}"
    for _ in range(2):  # a compiled kernel once forgot at the second call
        with pytest.raises(TypeError, match=f"(?s){message}"):
            function(given)


@pytest.mark.parametrize(
    "call", ["latencies", "peak", "labels", "duration", "tau", "voltage times"]
)
def test_quantities_and_spike_trains(call: str) -> None:
    quantities = pytest.importorskip("quantities")
    name, function, value = (ARRAYS | NUMBERS)[call]
    given = [quantities.Quantity(value, "ms")]
    if call == "voltage times":
        neo = pytest.importorskip("neo")
        given.append(neo.SpikeTrain(value, units="ms", t_stop=50.0))
    for each in given:
        with pytest.raises(TypeError, match=rf"(?s){name} must hold plain numbers, .* unit would"):
            function(each)


@pytest.mark.parametrize(
    "number", [np.timedelta64(5, "ns"), np.ma.masked, 2 + 1j, np.complex128(2)]
)
def test_numbers_of_other_kinds(number: Any) -> None:
    with pytest.raises(TypeError, match="tau must "):
        positive_float("tau", number)


@pytest.mark.on_jax
def test_plain_numbers_of_any_library_are_taken(backend: Any) -> None:
    for number in (3, 3.0, np.float32(3.0), np.int8(3), np.asarray(3.0)):
        assert real_number("tau", number) == 3.0
    assert Neuron(backend.from_numpy(np.asarray(3.0, dtype=np.float32)), 1.0).tau == 3.0
    for kind in (np.recarray, np.memmap):
        assert Events.from_latencies(np.zeros((1, 3)).view(kind), 5.0).n_spikes == 3


def test_a_constant_that_autodiff_follows_is_refused() -> None:
    torch = pytest.importorskip("torch")
    for tau in (torch.nn.Parameter(torch.tensor(15.0)), torch.ones((), requires_grad=True) * 15.0):
        with pytest.raises(
            TypeError, match=r"(?s)tau must be a constant, .* gradient would be lost"
        ):
            Neuron(tau=tau)
    with pytest.raises(TypeError, match=r"(?s)tau must be a constant"):
        torch.func.grad(lambda tau: tau * Neuron(tau).tau)(torch.tensor(15.0))
    assert Neuron(tau=torch.tensor(15.0)).tau == 15.0


def test_a_traced_constant_is_refused() -> None:
    jax = pytest.importorskip("jax")
    for transform in (jax.grad, jax.jit):
        with pytest.raises(TypeError, match="tau must be a real number whose value is known"):
            transform(lambda tau: Neuron(tau).tau)(15.0)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_lazy_and_sparse_arrays_are_refused() -> None:
    dask, sparse = pytest.importorskip("dask.array"), pytest.importorskip("sparse")
    torch = pytest.importorskip("torch")
    for array, message in (
        (
            dask.ones((2, 3)),
            "an array of a library that has all functions .* without take_along_axis",
        ),
        (
            sparse.COO.from_numpy(np.eye(3)),
            "an array of a library that has all functions .* without argsort",
        ),
        (torch.eye(3).to_sparse(), "a dense array, got a sparse Tensor"),
        (torch.eye(3).to_sparse_csr(), "a dense array, got a sparse Tensor"),
    ):
        with pytest.raises(TypeError, match=f"times must be {message}"):
            Events.from_latencies(array, 5.0)
        with pytest.raises(TypeError, match=f"weight must be {message}"):
            Tempotron(3, len(array), 5, weight=array)


@pytest.mark.parametrize("xp", ["torch", 5])
def test_a_library_is_no_name(tmp_path: Path, xp: Any) -> None:
    save(Tempotron(3, 2, 50), tmp_path / "model.npz")
    with pytest.raises(TypeError, match=f"xp must be an array namespace, .* got {xp!r}"):
        load(tmp_path / "model.npz", xp=xp)


def test_integers_where_half_precision_is_the_default() -> None:
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float16)
    try:
        x = torch.asarray([[1, 2, 4]])
        assert Events.from_latencies(x, 5.0).times.dtype == torch.float32
        assert encode_latency(x, 5.0, x_max=8.0).dtype == torch.float32
        assert GaussianReceptiveFields(3, 0.0, 8.0).encode(x, 5.0).dtype == torch.float32
        assert Tempotron.psp_kernel(x, 2.0, 1.0).dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)
