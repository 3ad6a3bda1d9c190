"""Sources of batches: every implementation gives the events that are made afresh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tempotron_backends.data.event_files import EventFile, EventWriter
from tempotron_backends.data.loader import FromEventFile, InMemory, PatternSource
from tempotron_core import Events, Neuron, peak, peak_vjp

N, DURATION, B = 6, 25.0, 12
LABELS = np.arange(B) % 3
NEURON = Neuron(10.0, 2.5)


def latencies() -> np.ndarray:
    """One pattern in four, the last one too, is silent; times are exact in single precision."""
    draw = np.random.default_rng(0)
    times = draw.integers(0, 100, (B, N)) / 4.0
    times[draw.random(times.shape) < 0.4] = np.inf
    times[3::4] = np.inf
    times[4] = np.arange(N)
    return times


@pytest.fixture
def event_file(tmp_path: Path) -> EventFile:
    with EventWriter(tmp_path / "a.events", N, DURATION, n_classes=4) as writer:
        writer.append(Events.from_latencies(latencies(), DURATION), LABELS)
    return EventFile.open(tmp_path / "a.events")


@pytest.fixture(params=["memory", "file"])
def source(
    request: pytest.FixtureRequest, event_file: EventFile, backend: Any, asarray: Any, dtype: Any
) -> Any:
    if request.param == "file":
        return FromEventFile(event_file, backend, dtype)
    events = Events.from_latencies(asarray(latencies()), DURATION)
    return InMemory(events, LABELS, backend, n_classes=4)


def check(source: Any, index: Any, patterns: np.ndarray, to_numpy: Any) -> None:
    """The events of ``index`` are those of ``patterns``, in one width whatever is chosen."""
    events = source.events(np.asarray(index))
    afresh = Events.from_latencies(latencies()[patterns], DURATION)
    counts = to_numpy(events.counts)
    np.testing.assert_array_equal(counts, afresh.counts)
    width = afresh.times.shape[1]
    times, afferents = to_numpy(events.times), to_numpy(events.afferents)
    np.testing.assert_array_equal(times[:, :width], afresh.times)
    np.testing.assert_array_equal(afferents[:, :width], afresh.afferents)
    assert times.shape[1] == N
    assert (times[:, width:] == times[:, width - 1 : width]).all()
    assert (afferents[:, width:] == N).all()
    assert (events.n_afferents, events.duration) == (N, DURATION)


@pytest.mark.on_jax
def test_batches(source: Any, to_numpy: Any, dtype: Any, backend: Any) -> None:
    assert isinstance(len(source), int)
    assert (len(source), source.n_classes, source.n_afferents, source.duration) == (B, 4, N, 25.0)
    np.testing.assert_array_equal(source.labels, LABELS)
    assert source.labels.dtype == np.int64
    assert source.mean_spikes == np.isfinite(latencies()).sum() / B
    for index in ([4, 0, 11], [3, 3, 7], [11, 10, 9]):
        check(source, index, np.asarray(index), to_numpy)
    events = source.events(np.arange(3))
    assert events.times.dtype == dtype
    expected = Events.from_latencies(backend.from_numpy(latencies(), dtype), DURATION)
    for name in ("times", "afferents", "counts", "order"):
        assert getattr(events, name).device == getattr(expected, name).device
    for name in ("afferents", "order"):
        assert getattr(events, name).dtype == getattr(expected, name).dtype


def test_subsets(source: Any, to_numpy: Any) -> None:
    part = source.subset(np.asarray([8, 5, 2, 3, 4]))
    again = part.subset([4, 0, 3])
    for some, patterns in ((part, [8, 5, 2, 3, 4]), (again, [4, 8, 3])):
        assert len(some) == len(patterns)
        np.testing.assert_array_equal(some.labels, LABELS[patterns])
        assert some.n_classes == 4
        assert some.mean_spikes == np.isfinite(latencies()[patterns]).sum() / len(patterns)
    check(part, [1, 4, 1], np.asarray([5, 4, 5]), to_numpy)
    check(again, [2, 1, 0], np.asarray([3, 8, 4]), to_numpy)
    assert len(source) == B


def test_readouts_and_gradients(source: Any, asarray: Any, to_numpy: Any, backend: Any) -> None:
    if backend.name == "jax":
        pytest.skip("its events are those of NumPy, which another test shows")
    index = np.asarray([4, 3, 9])
    draw = np.random.default_rng(1)
    weight, bar = asarray(draw.normal(0.3, 0.5, (2, N))), asarray(draw.normal(size=(3, 2)))
    afresh = Events.from_latencies(asarray(latencies()[index]), DURATION)
    found = []
    for events in (source.events(index), afresh):
        top = peak(events, weight, NEURON)
        gradient = peak_vjp(events, weight, NEURON, top, bar, times=True)
        found.append([to_numpy(a) for a in (top.v_max, top.t_max, gradient.weight)])
        times = to_numpy(gradient.times)
        if times.ndim == 1:  # as spike lists, in the order of time
            given = latencies()[index]
            dense = np.zeros(given.shape)
            at = [(b, n) for b in range(3) for n in np.argsort(given[b], kind="stable")
                  if np.isfinite(given[b, n])]  # fmt: skip
            for (b, n), value in zip(at, times, strict=True):
                dense[b, n] = value
            times = dense
        found[-1].append(times)
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_jax_compiles_once_for_a_size_of_batch(asarray: Any, backend: Any) -> None:
    if backend.name != "jax":
        pytest.skip("only JAX compiles")
    source = InMemory(Events.from_latencies(asarray(latencies()), DURATION), LABELS, backend)
    for first in range(5):
        source.events(np.arange(first, first + 3))
        source.subset(np.arange(6)).events(np.asarray([0, 5, first]))
    assert source._take._cache_size() == 1  # type: ignore[attr-defined]


def test_the_protocol(event_file: EventFile) -> None:
    from tempotron_backends import select

    backend = select("numpy")
    events = Events.from_latencies(latencies(), DURATION)
    sources: list[PatternSource] = [
        InMemory(events, LABELS, backend),
        FromEventFile(event_file, backend, "float32", np.arange(5)),
    ]
    assert [len(each) for each in sources] == [B, 5]
    assert sources[0].n_classes == 3
    for each in sources:
        for name in ("labels", "n_classes", "n_afferents", "duration", "mean_spikes"):
            assert hasattr(each, name)


def test_a_file_without_spikes(tmp_path: Path, backend: Any, to_numpy: Any) -> None:
    with EventWriter(tmp_path / "b.events", N, DURATION) as writer:
        writer.append(Events.from_latencies(np.full((3, N), np.inf), DURATION), [0, 1, 0])
    events = FromEventFile(EventFile.open(tmp_path / "b.events"), backend, "float32").events([2, 0])
    assert to_numpy(events.times).tolist() == [[0.0], [0.0]]
    assert to_numpy(events.afferents).tolist() == [[N], [N]]


def test_bad_input(event_file: EventFile) -> None:
    from tempotron_backends import select

    backend = select("numpy")
    events = Events.from_latencies(latencies(), DURATION)
    for labels, error, message in (
        (LABELS[:5], ValueError, r"labels must have shape \(12,\), .* got \(5,\)"),
        (LABELS * 0.5, TypeError, "labels must be integers or booleans, got float64"),
        (LABELS - 1, ValueError, "labels must be 0 or more and below 2147483647, got -1 to 1"),
        (LABELS.astype("u8") + np.uint64(2**63), ValueError, "got 9223372036854775808 to"),
    ):
        with pytest.raises(error, match=message):
            InMemory(events, labels, backend)
    with pytest.raises(ValueError, match="below 2, got 0 to 2"):
        InMemory(events, LABELS, backend, n_classes=2)
    with pytest.raises(TypeError, match="events must be an Events, got ndarray"):
        InMemory(latencies(), LABELS, backend)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one"):
        InMemory(events[:0], LABELS[:0], backend)
    with pytest.raises(ValueError, match="dtype must be one that numpy:cpu can hold"):
        FromEventFile(event_file, backend, "float16")
    for source in (
        InMemory(events, LABELS, backend),
        FromEventFile(event_file, backend, "float32"),
    ):
        for index, message in (
            ([12], "index must be from 0 to 11, got 12 to 12"),
            ([-1], "index must be from 0 to 11, got -1 to -1"),
            (np.asarray([3, 12]), "index must be from 0 to 11, got 3 to 12"),
            (np.asarray([-1]), "index must be from 0 to 11, got -1 to -1"),
            (np.asarray([2**64 - 1], dtype="u8"), "got 18446744073709551615 to"),
            ([0.5], "index must be integers along one axis, got float64"),
            ([True], "index must be integers along one axis, got bool"),
        ):
            with pytest.raises(IndexError, match=message):
                source.events(index)
            with pytest.raises(IndexError, match=message.partition("integers")[2] or message):
                source.subset(index)
        with pytest.raises(IndexError, match="index must be one or more integers"):
            source.subset([])
