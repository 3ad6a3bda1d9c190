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


@pytest.mark.parametrize("order", ORDERS)
def test_compiled_cut_anywhere_to_the_last_bit(order):
    """Whatever the pieces, and wherever the clock was looked at in between."""
    pytest.importorskip("numba")
    times, afferents, _, duration = setting(n_events=400)
    weight = np.random.default_rng(1).normal(0.2, 0.5, (19, 12))
    neuron = Neuron(*order)
    one = Stream(weight, neuron)
    expected, outputs = one.push(times, afferents)
    assert len(expected) > 500
    at_end = one.state()
    last = one.advance(duration)
    for most, looks in ((1, 0), (1, 2), (9, 1), (150, 2)):
        rng = np.random.default_rng(most)
        stream, found, e = Stream(weight, neuron), [], 0
        while e < len(times):
            found += map(stream.advance, np.sort(rng.uniform(stream.time, times[e], looks)))
            part = slice(e, e + rng.integers(1, most + 1))
            found.append(stream.push(times[part], afferents[part]))
            e = part.stop
        np.testing.assert_array_equal(np.concatenate([f.times for f in found]), expected)
        np.testing.assert_array_equal(np.concatenate([f.outputs for f in found]), outputs)
        for name, value in stream.state().items():
            np.testing.assert_array_equal(value, at_end[name])
        np.testing.assert_array_equal(stream.advance(duration).times, last.times)


def test_a_spike_that_rounding_moved_into_the_next_interval():
    """A potential that is above threshold by rounding fires at once, however the events are cut."""
    neuron, none = Neuron(20.0, 5.0), np.zeros(1, np.int64)
    state = {"time": 1.0, "event": 1.0, "passed": [0.0], "v": [np.nextafter(1.0, 2.0)]}
    state["slope"] = [0.3]
    found = []
    for looks in ((), (1.0,), (1.25, 1.5)):
        stream = Stream(np.asarray([[0.5]]), neuron)
        stream.restore({name: np.asarray(value) for name, value in state.items()})
        spikes = [stream.advance(t).times for t in looks]
        spikes.append(stream.push(np.asarray([2.0, 9.0]), np.zeros(2, np.int64)).times)
        spikes.append(stream.push(np.asarray([30.0]), none).times)
        found.append((np.concatenate(spikes), *stream.state().values()))
    assert found[0][0][0] == 1.0
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["numpy", "torch", "strict", "file"])
def test_state_moves(kind, tmp_path):
    """To another library, or through a file, while an output has spiked since the last event."""
    times, afferents, weight, duration = setting()
    neuron = Neuron(20.0, 5.0)
    stream = Stream(weight, neuron)
    spikes, _ = whole(times, afferents, weight, neuron, duration)
    spike = spikes[len(spikes) // 2]
    e = int(np.searchsorted(times, spike))
    stream.push(times[:e], afferents[:e])
    late = stream.advance(0.5 * (spike + times[e])).times
    assert np.abs(late - spike).min() < 1e-9
    expected = stream.state(), stream.push(times[e:], afferents[e:]), stream.advance(duration)
    assert expected[0]["passed"].any()
    select = pytest.importorskip("tempotron_backends").select
    pytest.importorskip({"file": "numpy", "strict": "array_api_strict"}.get(kind, kind))
    backend = select("numpy" if kind == "file" else kind)
    state = expected[0]
    if kind == "file":
        np.savez(tmp_path / "state.npz", **state)
        state = np.load(tmp_path / "state.npz")
    there = Stream(backend.from_numpy(weight), neuron)
    there.restore(state)
    back = Stream(weight, neuron)
    back.restore(there.state())
    moved = [backend.from_numpy(a) for a in (times[e:], afferents[e:])]
    for stream, given in ((there, moved), (back, (times[e:], afferents[e:]))):
        found = stream.push(*given), stream.advance(duration)
        for ours, theirs in zip(found, expected[1:], strict=True):
            ours_times = backend.to_numpy(ours.times) if stream is there else ours.times
            bar = 0.0 if kind != "strict" else 1e-10 * duration
            np.testing.assert_allclose(ours_times, theirs.times, rtol=0.0, atol=bar)


def test_no_outputs():
    stream = Stream(np.zeros((0, 2)), Neuron(20.0, 5.0))
    assert len(stream.push(np.asarray([1.0, 2.0]), np.asarray([0, 1])).times) == 0
    assert len(stream.advance(9.0).outputs) == 0


def test_followed_weights_leave_no_graph():
    torch = pytest.importorskip("torch")
    weight = torch.nn.Parameter(torch.ones(1, 2, dtype=torch.float64))
    stream = Stream(weight, Neuron(20.0, 5.0))
    times = torch.asarray([1.0, 2.0, 30.0], dtype=torch.float64, requires_grad=True)
    found = stream.push(times, torch.asarray([0, 1, 0]))
    assert len(found.times) > 0
    assert not found.times.requires_grad


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
    stream.push(np.zeros(0), np.zeros(0, np.int64))
    with pytest.raises((TypeError, ValueError), match=message):
        stream.push(np.asarray(times), np.asarray(afferents))
    for name, value in stream.state().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_potentials_that_are_not_finite(bad):
    stream = Stream(np.asarray([[bad, 1.0], [1.0, 1.0]]), Neuron(20.0, 5.0))
    stream.push(np.asarray([5.0]), np.asarray([1]))
    before = stream.state()
    times, afferents = np.asarray([6.0, 6.0]), np.asarray([0, 0])
    with pytest.raises(ValueError, match="weight must be "):
        stream.push(times, afferents)
    for name, value in stream.state().items():
        np.testing.assert_array_equal(value, before[name])


def test_spikes_that_cannot_be_told_apart():
    stream = Stream(np.asarray([[1e200]]), Neuron(20.0, 5.0))
    with pytest.raises(ValueError, match="weight must be small enough for output spikes"):
        stream.push(np.asarray([0.0, 5.0]), np.asarray([0, 0]))
    assert stream.time == 0.0


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
    state = stream.state()
    for name, value, message in (
        ("v", np.zeros(2), r"state\['v'\] must be float32 or float64 of shape \(1,\)"),
        ("slope", np.zeros(1, int), r"state\['slope'\] must be float32 or float64"),
        ("passed", np.full(1, np.nan), r"state\['passed'\] must be finite"),
        ("event", 4.0, r"state\['event'\] must not be after state\['time'\], 3.0, got 4.0"),
        ("time", np.inf, r"state\['time'\] must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            stream.restore(state | {name: value})
    with pytest.raises(KeyError, match="passed"):
        stream.restore({name: value for name, value in state.items() if name != "passed"})
    assert stream.time == 3.0
