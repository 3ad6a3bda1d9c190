"""Sorted events by compiled kernels: the stable order, and the bits of the Array API form."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events
from tempotron_core.arrays.registry import fused
from tempotron_core.encoding import delete_spikes, jitter_spikes, shift_image

pytest.importorskip("numba")

from tempotron_backends.fused.cpu.events import few, preparing


def _spread(rng, shape):
    return rng.uniform(-20.0, 120.0, shape)


def _in_steps(rng, shape):
    return np.floor(_spread(rng, shape))


def _special(rng, shape):
    values = [0.0, -0.0, 100.0, np.nextafter(100.0, 200.0), 1e-40, 1e-310, np.inf, -np.inf]
    return np.where(rng.random(shape) < 0.5, _spread(rng, shape), rng.choice(values, shape))


def _in_volleys(rng, shape):
    """Spikes at nearly one time: neighbours in the dtype, and some that 32 bits cannot tell."""
    near = rng.choice([1e-12, 3.0, 99.0], shape)
    return near * (1.0 + rng.integers(0, 50, shape) * rng.choice([1e-15, 1e-10, 1e-7], shape))


def _of_all_magnitudes(rng, shape):
    """Down to subnormals: most are one and the same part of the duration, but not in order."""
    return 100.0 * np.exp(-700.0 * rng.random(shape))


def _nearly_sorted(rng, shape):
    return np.sort(_spread(rng, shape), axis=1) + rng.normal(0.0, 100.0 / shape[1], shape)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "drawn", [_spread, _in_steps, _special, _in_volleys, _of_all_magnitudes, _nearly_sorted]
)
@pytest.mark.parametrize("shape", [(5, 1), (7, 3), (40, 300), (1, 70_000), (0, 4)])
@pytest.mark.parametrize("most", [0, 2**40], ids=["kernel", "few"])
def test_order_of_spikes(dtype, drawn, shape, most, monkeypatch):
    """Stable: ties, zeros of both signs and entries that are no spike keep the order given."""
    monkeypatch.setattr(few, "_MOST", most)
    sort_spikes = fused("sort_spikes", "auto", np.zeros(1))
    assert sort_spikes is not None
    times = drawn(np.random.default_rng(shape[1]), shape).astype(dtype)
    found = sort_spikes(times, 1, None, None, shape[1], 100.0, None)
    kept, afferents, counts, order = (array.tolist() for array in found)
    for b, row in enumerate(times.tolist()):
        spikes = sorted((i for i, t in enumerate(row) if 0.0 <= t <= 100.0), key=row.__getitem__)
        rest = sorted(set(range(len(row))) - set(spikes))
        assert order[b] == spikes + rest
        assert counts[b] == len(spikes)
        n_padding = len(kept[b]) - len(spikes)
        assert afferents[b] == spikes + [shape[1]] * n_padding
        last = row[spikes[-1]] if spikes else 0.0
        # as texts, which tell zeros of both signs apart
        assert list(map(str, kept[b])) == [str(row[i]) for i in spikes] + [str(last)] * n_padding


@pytest.mark.parametrize("made", ["latencies", "trains", "lists", "again"])
def test_sorted_events_are_those_of_the_array_form(made, monkeypatch):
    """To the last bit, however many threads there are."""
    rng = np.random.default_rng(3)
    times = _special(rng, (9, 30, 4))
    sizes = rng.integers(0, 90, 9)
    sizes[4] = 0
    flat, owner = times.reshape(-1)[: sizes.sum()], rng.integers(0, 30, sizes.sum())

    offsets = np.concatenate([[0], np.cumsum(sizes)])

    def make():
        if made == "latencies":
            return Events.from_latencies(times[:, :, 0], 100.0)
        if made == "lists":
            return Events.from_csr(flat, owner, offsets, 30, 100.0)
        events = Events.from_trains(times, 100.0)
        return events if made == "trains" else jitter_spikes(events, 0.5, np.random.default_rng(1))

    monkeypatch.setattr(preparing, "WORTH_THREADS", 0)
    monkeypatch.setattr(few, "_MOST", 2**40)
    compiled = [make()]
    monkeypatch.setattr(few, "_MOST", 0)
    for n_threads in ("1", "3"):
        monkeypatch.setenv("TEMPOTRON_NUM_THREADS", n_threads)
        compiled.append(make())
    monkeypatch.setattr("tempotron_core.events.order.fused", lambda *_: None)
    expected = make()
    for found in compiled:
        for name in ("times", "afferents", "counts", "order"):
            one, other = getattr(found, name), getattr(expected, name)
            assert one.dtype == other.dtype
            assert one.shape == other.shape
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("wide", [False, True])
def test_spikes_are_left_out_as_by_the_array_form(library, wide, monkeypatch):
    """To the last bit, padding and order included; also of patterns whose source is wider."""
    asarray = np.asarray if library == "numpy" else pytest.importorskip("torch").asarray
    times = _special(np.random.default_rng(5), (9, 30, 4))
    times[2], times[3] = -1.0, 2.0
    events = Events.from_trains(asarray(times), 100.0)
    if wide:
        events = Events.concat([events[2:3], events[:1], events[4:]])
    before = [np.asarray(a).copy() for a in (events.times, events.afferents, events.order)]

    def vary():
        for probability in (0.4, 0.0, 1.0):
            fewer = delete_spikes(events, probability, np.random.default_rng(1))
            yield fewer
            yield shift_image(fewer, (5, 6), 2, np.random.default_rng(2))

    compiled = list(vary())
    monkeypatch.setattr("tempotron_core.encoding.augmentation.fused", lambda *_: None)
    for found, expected in zip(compiled, vary(), strict=True):
        for name in ("times", "afferents", "counts", "order"):
            one, other = (np.asarray(getattr(each, name)) for each in (found, expected))
            assert one.dtype == other.dtype
            assert one.shape == other.shape
            assert one.tobytes() == other.tobytes()
    for array, expected in zip((events.times, events.afferents, events.order), before, strict=True):
        np.testing.assert_array_equal(np.asarray(array), expected)


def test_wrong_entries_are_told_of_by_the_core(monkeypatch):
    """Kernels find NaN and afferents that there are not, in the lists that they sort."""
    monkeypatch.setattr(few, "_MOST", 0)
    sort_spikes = fused("sort_spikes", "auto", np.zeros(1))
    assert sort_spikes is not None
    times, afferents = np.asarray([1.0, 3.0, np.nan, 2.0]), np.asarray([0, 1, 1, -1])

    def lists(start, length, n_afferents=2):
        ends = np.asarray([start]), np.asarray([length])
        return sort_spikes(times, afferents, *ends, n_afferents, 5.0, None)

    assert sort_spikes(times[None, :], 1, None, None, 4, 5.0, None) is None
    assert lists(0, 3) is None  # NaN
    assert lists(3, 1) is None  # afferent -1
    assert lists(0, 2, 1) is None  # afferent 1 of one
    assert lists(0, 2)[1].tolist() == [[0, 1]]  # what comes after is another's
    with pytest.raises(ValueError, match="times must not hold NaN"):
        Events.from_latencies(times[None, :], 5.0)
    with pytest.raises(ValueError, match="afferents must be from 0 to 1, got -1 to 1"):
        Events.from_csr(np.ones(4), afferents, np.asarray([0, 4]), 2, 5.0)


def test_autodiff_follows_sorted_times():
    """The kernel finds the order; the times are taken by torch, and know where they come from."""
    torch = pytest.importorskip("torch")
    times = torch.tensor([[3.0, -1.0, 1.0], [2.0, 9.0, -0.0]], requires_grad=True)
    events = Events.from_latencies(times, 5.0)
    assert events.times.tolist() == [[1.0, 3.0], [0.0, 2.0]]
    events.times.backward(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert times.grad.tolist() == [[2.0, 0.0, 1.0], [4.0, 0.0, 3.0]]
