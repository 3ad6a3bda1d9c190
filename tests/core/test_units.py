"""The warning of spike times and time constants in different units."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tempotron_core import Events, Network, Neuron, Tempotron, UnitsWarning, first_crossing, peak
from tempotron_core.encoding import jitter_spikes

IN_MS = np.random.default_rng(5).uniform(1.0, 90.0, (4, 3))
WEIGHT = np.ones((2, 3))
NEURON = Neuron()


@contextmanager
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnitsWarning)
        yield


def test_a_duration_in_seconds_is_told_once(asarray: Any) -> None:
    """On devices too: it is no array."""
    events = Events.from_latencies(asarray(IN_MS / 1000.0), 0.1)
    weight = asarray(WEIGHT)
    with pytest.warns(UnitsWarning, match=r"duration is far below tau_s: got 0\.1 and 3\.75.*unit"):
        peak(events, weight, NEURON)
    with no_warning():
        peak(events, weight, NEURON)
        first_crossing(events, weight, NEURON)
        peak(events[1:], weight, NEURON)


@pytest.mark.skip_backend("strict", reason="its device is no processor")
@pytest.mark.skip_backend("cupy", reason="its device is no processor")
def test_spikes_in_seconds_are_told_once(asarray: Any) -> None:
    events = Events.from_latencies(asarray(IN_MS / 3000.0), 100.0)
    with pytest.warns(UnitsWarning, match=r"all spikes come before 0\.0375.*duration is 100\. "):
        peak(events, asarray(WEIGHT), NEURON)
    with no_warning():
        peak(events, asarray(WEIGHT), NEURON)


def test_spikes_on_a_device_are_not_waited_for() -> None:
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    events = Events.from_latencies(strict.asarray(IN_MS / 3000.0, device=device), 100.0)
    with no_warning():
        peak(events, strict.asarray(WEIGHT, device=device), NEURON)


def test_the_warning_names_the_users_line() -> None:
    events = Events.from_latencies(IN_MS / 1000.0, 0.1)
    with pytest.warns(UnitsWarning) as caught:
        Network([WEIGHT], NEURON).forward(events)
    assert [found.filename for found in caught] == [__file__]


def test_the_shorter_constant_counts() -> None:
    events = Events.from_latencies(IN_MS / 100.0, 1.0)
    with no_warning():
        peak(events, WEIGHT, Neuron(2.0, 20.0))
    with pytest.warns(UnitsWarning, match="far below tau: got 1 and 8"):
        peak(Events.from_latencies(IN_MS / 100.0, 1.0), WEIGHT, Neuron(8.0, 20.0))


@pytest.mark.parametrize(
    ("times", "duration"),
    [
        (IN_MS, 100.0),
        (IN_MS / 1000.0, 1.0),  # short, not far too short
        (np.full((4, 3), 0.01), 100.0),  # a volley
        (np.asarray([[0.01] * 3, [np.inf] * 3]), 100.0),  # and a silent pattern
        (np.asarray([[0.01, 0.02, 0.03], [np.inf, 0.02, 5.0]]), 100.0),  # one of two patterns
        (np.full((4, 3), np.inf), 100.0),
        (np.empty((0, 3)), 100.0),
    ],
)
def test_what_is_possible_is_not_told(times: np.ndarray, duration: float) -> None:
    with no_warning():
        peak(Events.from_latencies(times, duration), WEIGHT, NEURON)
        peak(Events.from_trains(times[:, :, None], duration), WEIGHT, NEURON)


def test_what_is_made_of_seen_patterns_is_not_looked_at() -> None:
    events = Events.from_latencies(IN_MS / 1000.0, 0.1)
    with pytest.warns(UnitsWarning):
        peak(events, WEIGHT, NEURON)
    with no_warning():
        peak(jitter_spikes(events, 0.01, np.random.default_rng(0)), WEIGHT, NEURON)
        peak(Events.concat([events, events]), WEIGHT, NEURON)
        peak(pickle.loads(pickle.dumps(events)), WEIGHT, NEURON)


def test_hidden_spikes_are_not_looked_at() -> None:
    """They may come at once, and are in the unit of what came in."""
    network = Network([np.full((4, 3), 3000.0), np.ones((2, 4))], NEURON)
    weights = [network.weights[0] * np.asarray([[1.0], [1.1], [1.2], [1.3]]), network.weights[1]]
    with no_warning():
        activity = network.with_weights(weights).forward(Events.from_latencies(IN_MS[:1], 100.0))
    assert np.ptp(activity.hidden[0]) > 0.0


def test_a_module_looks_once() -> None:
    module = Tempotron(3, 2, T=1, tau=40.0, tau_s=10.0, weight=WEIGHT)
    with pytest.warns(UnitsWarning):
        module(IN_MS / 100.0, "v_max")
    with no_warning():
        module(IN_MS / 100.0, "v_max")


@pytest.mark.filterwarnings("ignore:<class 'torch.autograd:DeprecationWarning")  # of dynamo
def test_a_torch_layer_looks_once_and_not_in_graphs() -> None:
    torch = pytest.importorskip("torch")
    from tempotron_backends.torch import ExactTempotron

    layer = ExactTempotron(3, 2, duration=0.1, ret_type="v_max")
    times = torch.tensor(IN_MS / 1000.0, dtype=torch.float32)
    with no_warning():
        torch.func.vmap(layer)(times[None])
        torch.compile(layer, backend="eager", fullgraph=True)(times)
    with pytest.warns(UnitsWarning, match="far below tau_s"):
        layer(times)
    with no_warning():
        layer(times)
    events = Events.from_latencies(times, 0.1)
    with no_warning():
        torch.compile(layer, backend="eager", fullgraph=True)(events)


def test_jax_functions_look_once_and_not_under_jit() -> None:
    jax = pytest.importorskip("jax")
    from tempotron_backends.jax import peak as jax_peak

    times = jax.numpy.asarray(IN_MS / 1000.0, dtype="float32")
    weight = jax.numpy.asarray(WEIGHT, dtype="float32")
    neuron = Neuron(16.0, 4.0)  # functions have no state but for each duration and neuron

    def read(spikes: Any) -> Any:
        return jax_peak(weight, spikes, duration=0.1, neuron=neuron)

    with no_warning():
        jax.jit(read)(times)
    with pytest.warns(UnitsWarning, match="far below tau_s"):
        read(times)
    with no_warning():
        read(times)


def test_what_is_at_hand_says_its_numbers() -> None:
    assert repr(Neuron()) == "Neuron(tau=15.0, tau_s=3.75, v_threshold=1.0)"
    assert eval(repr(Neuron(psp_peak=2.0, shunt=True))) == Neuron(psp_peak=2.0, shunt=True)
    assert "duration=100.0" in repr(Events.from_latencies(IN_MS, 100.0))
    network = Network([np.ones((4, 3)), np.ones((2, 4))], [Neuron(), Neuron(5.0, 2.0)])
    assert repr(network) == (
        "Network(3 - 4 - 2, float64 on cpu, (Neuron(tau=15.0, tau_s=3.75, v_threshold=1.0), "
        "Neuron(tau=5.0, tau_s=2.0, v_threshold=1.0)), pass_on='first_crossing')"
    )
    assert "3 - 2, float64 on cpu, Neuron(" in repr(Network([np.ones((2, 3))], Neuron()))
