"""Under strict settings of NumPy this package computes as ever, and errors stay errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from calls import READOUTS, WITHOUT_SHUNT, arrays_of, events_of, host_inputs

from tempotron_core import Events, Neuron
from tempotron_core.arrays.settings import under_own_settings
from tempotron_core.encoding import GaussianReceptiveFields
from tempotron_core.learning import (
    Adam,
    clip_norm,
    cross_entropy_loss,
    mse_loss,
    pool,
    pool_vjp,
    spike_time_cross_entropy,
)
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

INPUTS = host_inputs("float64")
EVENTS = events_of(INPUTS, "trains")
# beside the distance of spikes these constants are so small that the kernel decays to 0
FAST = {
    "default": Neuron(0.01, 0.004, psp_peak=1.0),
    "alpha": Neuron(0.01, 0.01, psp_peak=1.0),
    "shunt": Neuron(0.01, 0.004, shunt=True, psp_peak=1.0),
}
APART = np.asarray([[0.0, 2000.0, 1000.0, 10.0]])
TINY = np.full((1, 4), 1e-200)
LABEL = np.asarray([0])


def _same(call):
    expected = arrays_of(call())
    with np.errstate(all="raise"):
        found = arrays_of(call())
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None) is (theirs is None)
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("method", ["static", "pruned"])
@pytest.mark.parametrize("which", FAST)
@pytest.mark.parametrize("name", READOUTS)
def test_readouts_may_underflow(name, which, method):
    if which == "shunt" and name in WITHOUT_SHUNT:
        pytest.skip("no form with a shunt")
    _same(lambda: READOUTS[name](INPUTS, EVENTS, FAST[which], method))


def _output_spikes():
    given = EVENTS, 3.0 * INPUTS.weight, FAST["default"]
    found = output_spikes(*given)
    assert np.any(found.counts > 0)
    cotangent = np.where(np.isfinite(found.times), 1e-300, 0.0)
    return (*found, *output_spikes_vjp(*given, found.times, cotangent, times=True))


def _critical_threshold():
    given = EVENTS, np.abs(INPUTS.weight), FAST["default"]
    found = critical_threshold(*given, 2)
    return (*found, *critical_threshold_vjp(*given, found, INPUTS.cotangent * 1e-300, times=True))


def _receptive_fields():
    features = np.asarray([[0.0, 0.0], [1.0, 2.0]])
    return GaussianReceptiveFields.fit(5, features).encode(100.0 * features, 50.0)


def _adam():
    rule = Adam(1e-3)
    return rule.step(rule.step(TINY, TINY), TINY)


CALLS = {
    "cross_entropy_loss": lambda: cross_entropy_loss(APART, LABEL),
    "mse_loss": lambda: mse_loss(TINY, LABEL, 1e-250),
    "spike_time_cross_entropy": lambda: spike_time_cross_entropy(
        APART, LABEL, silent_time=3000.0, temperature=1.0
    ),
    "pool": lambda: pool(APART, 2, how="logsumexp"),
    "pool_vjp": lambda: pool_vjp(APART, 2, np.ones((1, 2)), how="logsumexp"),
    "clip_norm": lambda: clip_norm([np.asarray([1.0, 1e-300])], 1e-10),
    "Adam": _adam,
    "receptive fields": _receptive_fields,
    "output_spikes": _output_spikes,
    "critical_threshold": _critical_threshold,
}


@pytest.mark.parametrize("name", CALLS)
def test_other_functions_may_underflow(name):
    _same(CALLS[name])


def test_overflow_is_still_reported():
    """Only underflow is this package's own affair."""
    large = replace(INPUTS, weight=np.full_like(INPUTS.weight, 1e308))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow"):
        READOUTS["peak"](large, EVENTS, Neuron(), "pruned")


def test_settings_end_with_the_call_also_by_an_error():
    @under_own_settings
    def fail(array):
        assert np.geterr()["under"] == "ignore"
        raise ValueError(array.shape)

    with np.errstate(all="raise"):
        with pytest.raises(ValueError, match=r"\(1,\)"):
            fail(np.ones(1))
        assert np.geterr()["under"] == "raise"


@pytest.mark.parametrize("where", ["array", "events", "list", "keyword"])
def test_arrays_are_found_wherever_they_are_given(where):
    @under_own_settings
    def under(*_args, **_kwargs):
        return np.geterr()["under"]

    array = np.ones((1, 2))
    args, kwargs = {
        "array": (("name", array), {}),
        "events": ((None, Events.from_latencies(array, 5.0)), {}),
        "list": (([array, array],), {}),
        "keyword": ((), {"array": array}),
    }[where]
    with np.errstate(under="raise"):
        assert under(*args, **kwargs) == "ignore"
        assert under("name", 3.0, None) == "raise"
