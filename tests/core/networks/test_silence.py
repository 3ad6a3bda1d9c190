"""The warning of a layer that is silent for a whole batch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tempotron_core import Events, Network, Neuron, SilenceWarning
from tempotron_core.networks.silence import BATCHES

TIMES = np.random.default_rng(3).uniform(0.0, 40.0, (8, 6))


@contextmanager
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def network_of(asarray: Any, scale: float, **options: Any) -> Network:
    return Network([asarray(np.full((5, 6), scale)), asarray(np.ones((2, 5)))], Neuron(), **options)


def events_of(asarray: Any, times: np.ndarray = TIMES) -> Events:
    return Events.from_latencies(asarray(times), 50.0)


# the strict backend of the tests stands for a device, which is not waited for
WATCHED = pytest.mark.skip_backend("strict", reason="its device is no processor")


@WATCHED
@pytest.mark.skip_backend("cupy", reason="its device is no processor")
@pytest.mark.parametrize("pass_on", ["first_crossing", "peak"])
def test_a_silent_layer_is_told_once(pass_on: str, asarray: Any) -> None:
    network = network_of(asarray, 0.01, pass_on=pass_on)
    with pytest.warns(
        SilenceWarning,
        match=r"layer 0 of the network is silent: none of its 5 neurons fires in any of 8 patterns"
        r".*fire_like",
    ) as caught:
        network.forward(events_of(asarray))
    assert len(caught) == 1
    with no_warning():
        network.forward(events_of(asarray))
        network.with_weights(network.weights).forward(events_of(asarray))


@WATCHED
@pytest.mark.skip_backend("cupy", reason="its device is no processor")
def test_the_first_batches_are_looked_at(asarray: Any) -> None:
    """Through all of a training loop, that is of networks made of one another."""
    network = network_of(asarray, 1.0)
    with no_warning():
        for _ in range(BATCHES - 1):
            network.forward(events_of(asarray))
            network = network.with_weights(network.weights)
    silent = network.with_weights([0.01 * network.weights[0], network.weights[1]])
    with pytest.warns(SilenceWarning):
        silent.forward(events_of(asarray))
    network = network_of(asarray, 1.0)
    for _ in range(BATCHES):
        network.forward(events_of(asarray))
    silent = network.with_weights([0.01 * network.weights[0], network.weights[1]])
    with no_warning():
        silent.forward(events_of(asarray))


def test_what_is_no_sign_of_a_bad_start() -> None:
    def network(**options: Any) -> Network:
        return network_of(np.asarray, 0.01, **options)

    with no_warning():
        network_of(np.asarray, 1.0).forward(events_of(np.asarray))  # fires
        network().forward(events_of(np.asarray, np.full((8, 6), np.inf)))  # no input
        network().forward(events_of(np.asarray, TIMES[:6]))  # 30 pairs may be chance
    some = network_of(np.asarray, 1.0)
    one = some.with_weights([np.full((5, 6), 0.01) + 2.0 * np.eye(5, 6), some.weights[1]])
    with no_warning():
        one.forward(events_of(np.asarray))


def test_the_layer_that_is_to_blame_is_named() -> None:
    weights = [np.full((5, 6), 1.0), np.full((5, 5), 0.01), np.ones((2, 5))]
    with pytest.warns(SilenceWarning, match="layer 1 of the network"):
        Network(weights, Neuron()).forward(events_of(np.asarray))
    weights[0] = weights[0] * 0.01
    with pytest.warns(SilenceWarning, match="layer 0 of the network") as caught:
        Network(weights, Neuron()).forward(events_of(np.asarray))
    assert len(caught) == 1  # layer 1 received nothing
    # but a reference spike is no output of a neuron
    weights = [np.full((5, 6), 0.01), np.ones((2, 6))]
    with pytest.warns(SilenceWarning, match="layer 0 of the network"):
        Network(weights, Neuron(), reference_times=[3.0]).forward(events_of(np.asarray))


def test_other_devices_are_not_waited_for() -> None:
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")

    def place(values: Any) -> Any:
        return strict.asarray(values, device=device)

    with no_warning():
        network_of(place, 0.01).forward(events_of(place))


def test_nothing_is_said_where_values_are_traced() -> None:
    jax = pytest.importorskip("jax")
    events = events_of(jax.numpy.asarray)
    network = network_of(jax.numpy.asarray, 0.01)

    def v_max(weights: Any) -> Any:
        return network.with_weights(weights).forward(events).peak.v_max

    with no_warning():
        jax.eval_shape(v_max, network.weights)
        jax.eval_shape(jax.vmap(v_max), [weight[None] for weight in network.weights])
