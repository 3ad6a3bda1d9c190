"""Streams against the whole pattern at once, however the events are cut."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Neuron
from tempotron_core.spiking import Stream, output_spikes

ORDERS = [(20.0, 5.0), (5.0, 20.0), (10.0, 10.0)]


def setting(seed=0, n_events=120, duration=400.0):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, duration, n_events))
    times[10] = times[11]
    return times, rng.integers(0, 12, n_events), rng.normal(0.2, 0.5, (3, 12)), duration


def whole(times, afferents, weight, neuron, duration):
    events = Events.from_csr(times, afferents, np.asarray([0, len(times)]), 12, duration)
    spikes = output_spikes(events, weight, neuron, layout="csr")
    order = np.argsort(spikes.times, kind="stable")
    return spikes.times[order], spikes.outputs[order]


def cut(stream, times, afferents, pieces, until):
    found = [stream.push(t, a) for t, a in pieces(times, afferents)]
    found.append(stream.advance(until))
    return found


def by(length):
    def pieces(times, afferents):
        for e in range(0, times.shape[0], length):
            part = slice(e, min(e + length, times.shape[0]))
            yield times[part], afferents[part]

    return pieces


@pytest.mark.parametrize("length", [1, 7, 1000])
@pytest.mark.parametrize("order", ORDERS)
def test_cut_anywhere(order, length):
    times, afferents, weight, duration = setting()
    neuron = Neuron(*order)
    expected, outputs = whole(times, afferents, weight, neuron, duration)
    assert len(expected) > 20
    found = cut(Stream(weight, neuron), times, afferents, by(length), duration)
    np.testing.assert_allclose(
        np.concatenate([f.times for f in found]), expected, rtol=0.0, atol=1e-10 * duration
    )
    np.testing.assert_array_equal(np.concatenate([f.outputs for f in found]), outputs)


def test_no_spike_is_later_than_the_last_event():
    times, afferents, weight, _ = setting()
    stream = Stream(weight, Neuron(20.0, 5.0))
    for e in range(len(times)):
        found = stream.push(times[e : e + 1], afferents[e : e + 1])
        assert (found.times <= times[e]).all()
        assert stream.time == times[e]


@pytest.mark.parametrize("start", [1e7, -1e7])
def test_hours_keep_their_digits(start):
    times, afferents, weight, duration = setting()
    times = np.round(times * 1024) / 1024  # so that to add the hours loses nothing
    neuron = Neuron(20.0, 5.0)
    expected, outputs = whole(times, afferents, weight, neuron, duration)
    stream = Stream(weight, neuron, start=start)
    found = cut(stream, times + start, afferents, by(13), duration + start)
    late = np.concatenate([f.times for f in found]) - start
    np.testing.assert_allclose(late, expected, rtol=0.0, atol=2.0**-28)  # an ulp of the clock
    np.testing.assert_array_equal(np.concatenate([f.outputs for f in found]), outputs)


def test_a_long_silence_leaves_nothing():
    weight, neuron = np.asarray([[1.4]]), Neuron(20.0, 5.0)
    stream, none = Stream(weight, neuron), np.asarray([0])
    first = stream.push(np.asarray([0.0]), none).times, stream.advance(1e6).times
    again = stream.push(np.asarray([1e6]), none).times, stream.advance(2e6).times
    assert len(first[0]) == len(again[0]) == 0
    np.testing.assert_allclose(again[1] - 1e6, first[1], rtol=0.0, atol=1e-9)


def test_state_goes_on_where_it_was():
    times, afferents, weight, duration = setting()
    neuron = Neuron(20.0, 5.0)
    one = Stream(weight, neuron)
    one.push(times[:50], afferents[:50])
    other = Stream(weight, neuron)
    other.restore(one.state())
    for a, b in zip(
        (one.push(times[50:], afferents[50:]), one.advance(duration)),
        (other.push(times[50:], afferents[50:]), other.advance(duration)),
        strict=True,
    ):
        np.testing.assert_array_equal(a.times, b.times)
        np.testing.assert_array_equal(a.outputs, b.outputs)


@pytest.mark.skip_backend("jax", reason="compiles for every number of events and of spikes")
@pytest.mark.usefixtures("dtype")
def test_backends_agree(asarray, backend, to_numpy):
    times, afferents, weight, duration = setting(n_events=40)
    expected, outputs = whole(times, afferents, weight, Neuron(20.0, 5.0), duration)
    stream = Stream(asarray(weight), Neuron(20.0, 5.0))
    found = cut(stream, asarray(times), backend.from_numpy(afferents), by(25), duration)
    late = np.concatenate([to_numpy(f.times) for f in found])
    atol = (1e-10 if late.dtype == np.float64 else 2e-4) * duration
    np.testing.assert_allclose(late, expected, rtol=0.0, atol=atol)
    np.testing.assert_array_equal(np.concatenate([to_numpy(f.outputs) for f in found]), outputs)


@pytest.mark.parametrize(
    ("times", "afferents", "message"),
    [
        ([4.0], [0], "times must not go back behind the stream's, 5.0, got 4.0"),
        ([7.0, 6.0], [0, 0], "times must ascend, got 7.0 before 6.0"),
        ([6.0, np.inf], [0, 0], "times must be finite"),
        ([6.0], [2], "afferents must be from 0 to 1, got values from 2 to 2"),
        ([6.0], [-1], "afferents must be from 0 to 1"),
        ([6.0], [0.0], "afferents must be integers, got float64"),
        ([6.0, 7.0], [0], "times and afferents must have one axis of the same length"),
    ],
)
def test_bad_events_leave_the_stream_as_it_was(times, afferents, message):
    stream = Stream(np.asarray([[1.0, 2.0]]), Neuron(20.0, 5.0))
    stream.push(np.asarray([5.0]), np.asarray([0]))
    before = stream.state()
    with pytest.raises((TypeError, ValueError), match=message):
        stream.push(np.asarray(times), np.asarray(afferents))
    assert stream.state() == before


def test_bad_settings():
    weight, neuron = np.ones((1, 2)), Neuron(20.0, 5.0)
    with pytest.raises(ValueError, match="neuron must have shunt=False"):
        Stream(weight, Neuron(20.0, 5.0, shunt=True))
    with pytest.raises(ValueError, match=r"weight must have shape \(O, N\)"):
        Stream(np.ones(2), neuron)
    stream = Stream(weight, neuron, start=3.0)
    with pytest.raises(ValueError, match=r"time must not be before the stream's, 3.0, got 2.0"):
        stream.advance(2.0)
    with pytest.raises(ValueError, match="time must be finite, got nan"):
        stream.advance(float("nan"))
    with pytest.raises(ValueError, match=r"state\['v'\] must be float64 of shape \(1,\)"):
        stream.restore({"time": 0.0, "v": np.zeros(2), "s": np.zeros(1)})
