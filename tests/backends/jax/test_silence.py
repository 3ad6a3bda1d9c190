"""The warning of a layer that is silent for a whole batch, from a function without a state."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tempotron_core import Events, SilenceWarning
from tempotron_core.networks.silence import BATCHES

jax = pytest.importorskip("jax")
jnp = jax.numpy

from tempotron_backends.jax import first_crossing, functions  # noqa: E402

TIMES = jnp.asarray(np.random.default_rng(3).uniform(0.0, 40.0, (8, 6)), jnp.float32)
SILENT, FIRING = jnp.full((5, 6), 0.01, jnp.float32), jnp.full((5, 6), 1.0, jnp.float32)


@pytest.fixture(autouse=True)
def first_batch() -> None:
    """As in a new process."""
    functions._watch_of.cache_clear()


@contextmanager
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=SilenceWarning)
        yield


def t_spike(weight, in_spikes=TIMES):
    duration = None if isinstance(in_spikes, Events) else 50.0
    return first_crossing(weight, in_spikes, duration=duration)


def test_a_silent_layer_is_told_once_and_with_the_remedy():
    with pytest.warns(
        SilenceWarning,
        match=r"a layer of weights of shape \(5, 6\) is silent: none of its 5 neurons fires in any "
        r"of 8 patterns.*initial_network.*fire_like",
    ) as caught:
        t_spike(SILENT)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with no_warning():
        t_spike(SILENT)
        t_spike(SILENT, Events.from_latencies(TIMES, 50.0))


def test_nothing_is_said_where_values_are_traced_or_all_is_well():
    with no_warning():
        jax.eval_shape(t_spike, SILENT)
        t_spike(SILENT, jnp.full((8, 6), jnp.inf))  # it received nothing
        for _ in range(BATCHES - 1):
            t_spike(FIRING)
        t_spike(SILENT)  # the first batches are over
