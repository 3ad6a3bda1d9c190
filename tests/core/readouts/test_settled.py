"""Arguments that are seen at a glance to be right take a shorter way, to the same results."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Neuron, ParametricNeuron, Peak, peak, peak_vjp
from tempotron_core.readouts.arguments import is_settled

RNG = np.random.default_rng(5)
TIMES = RNG.uniform(0.0, 50.0, (4, 6))
WEIGHT = RNG.normal(0.0, 1.0, (2, 6))
ONES = np.ones((4, 2))
NEURON = Neuron()
WRONG_WEIGHTS = {
    "columns": WEIGHT[:, :5],
    "axes": WEIGHT[0],
    "dtype": WEIGHT.astype(np.float16),
    "bytes": WEIGHT.astype(WEIGHT.dtype.newbyteorder()),
    "mask": np.ma.MaskedArray(WEIGHT),
    "list": WEIGHT.tolist(),
}


def given(*, seen: bool) -> Events:
    events = Events.from_latencies(TIMES, 50.0)
    if seen:
        peak(events, WEIGHT, NEURON)
    return events


def message(function, *arguments, **options) -> str:
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*arguments, **options)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_what_is_settled():
    events = given(seen=True)
    assert is_settled(events, WEIGHT, NEURON)
    assert is_settled(events[1:3], WEIGHT.astype(np.float32), NEURON)
    assert not is_settled(given(seen=False), WEIGHT, NEURON)
    assert not is_settled()
    assert not is_settled(events, WEIGHT, ParametricNeuron(15.0, 3.75, 1.0, None, False))
    for weight in WRONG_WEIGHTS.values():
        assert not is_settled(events, weight, NEURON)


@pytest.mark.parametrize("weight", WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
def test_same_errors_of_weights(weight):
    first = message(peak, given(seen=False), weight, NEURON)
    assert message(peak, given(seen=True), weight, NEURON) == first
    found = Peak(ONES, ONES)
    first = message(peak_vjp, given(seen=False), weight, NEURON, found, ONES)
    assert message(peak_vjp, given(seen=True), weight, NEURON, found, ONES) == first


WRONG = {
    "shape": (Peak(ONES[:3], ONES), ONES),
    "dtype": (Peak(ONES, ONES.astype(int)), ONES),
    "no array": (Peak(ONES, ONES), None),
    "late": (Peak(ONES, 51.0 * ONES), ONES),
    "early": (Peak(ONES, -ONES), ONES),
    "lost": (Peak(ONES, np.nan * ONES), ONES),
    "no peak": ((ONES, ONES), ONES),
}


@pytest.mark.parametrize(("found", "cotangent"), WRONG.values(), ids=WRONG)
def test_same_errors_of_gradients(found, cotangent):
    first = message(peak_vjp, given(seen=False), WEIGHT, NEURON, found, cotangent)
    assert message(peak_vjp, given(seen=True), WEIGHT, NEURON, found, cotangent) == first


def test_same_errors_of_options():
    wrong = {"method": "fast"}, {"grid": 3}, {"grid": (0, 1.0)}, {"unknown": 1}, {"weight": WEIGHT}
    for options in wrong:
        first = message(peak, given(seen=False), WEIGHT, NEURON, **options)
        assert message(peak, given(seen=True), WEIGHT, NEURON, **options) == first


def test_same_errors_of_numbers_of_arguments():
    found = Peak(ONES, ONES)
    for more in ((), (found,), (found, ONES, None, False)):
        first = message(peak_vjp, given(seen=False), WEIGHT, NEURON, *more)
        assert message(peak_vjp, given(seen=True), WEIGHT, NEURON, *more) == first


def test_same_results():
    """A pattern alone, of events that were looked at, and the same pattern among others."""
    first, seen = given(seen=False), given(seen=True)
    of_all = peak(first, WEIGHT, NEURON)
    silent = Peak(np.zeros((1, 2)), np.zeros((1, 2)))
    for b in range(4):
        one = peak(seen[b], WEIGHT, NEURON)
        np.testing.assert_array_equal(one.v_max, of_all.v_max[b : b + 1])
        np.testing.assert_array_equal(one.t_max, of_all.t_max[b : b + 1])
        gradient = peak_vjp(seen[b], WEIGHT, NEURON, one, ONES[:1]).weight
        pruned = peak_vjp(seen[b], WEIGHT, NEURON, one, ONES[:1], method="pruned").weight
        np.testing.assert_allclose(gradient, pruned, rtol=0.0, atol=1e-12)
        assert not peak_vjp(seen[b], WEIGHT, NEURON, silent, ONES[:1]).weight.any()
    lost = Peak(np.full((1, 2), np.nan), np.full((1, 2), np.nan))
    assert np.isnan(peak_vjp(seen[0], WEIGHT, NEURON, lost, ONES[:1]).weight).any(axis=1).all()


def test_a_selection_is_like_its_source():
    events = given(seen=True)
    part = events[1:3]
    assert type(part) is Events
    assert part._units is events._units
    assert (part.n_afferents, part.duration, part.source_shape) == (6, 50.0, (6,))
    np.testing.assert_array_equal(part.to_latencies(), TIMES[1:3])
    with pytest.raises(AttributeError, match="cannot assign"):
        part.duration = 3.0
