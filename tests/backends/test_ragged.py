"""Ragged events where patterns come from and go to: lists, files, loaders, estimators, layers."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_backends import select
from tempotron_backends.data.event_files import EventFile, EventWriter
from tempotron_backends.data.loader import FromEventFile, InMemory
from tempotron_backends.interchange import from_lists, from_spike_list, to_backend, to_spike_list
from tempotron_backends.recordings import Recording, Trials
from tempotron_core import Events, Neuron, RaggedEvents, fit, peak

N, DURATION, NEURON = 4, 100.0, Neuron(20.0, 5.0)
LENGTHS = np.asarray([2, 60, 0, 3, 1, 5, 2, 4])
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])
RNG = np.random.default_rng(1)
LISTS = RNG.uniform(0.0, DURATION, OFFSETS[-1]), RNG.integers(0, N, OFFSETS[-1]), OFFSETS
LABELS = np.arange(len(LENGTHS)) % 2
WEIGHT = RNG.normal(0.2, 0.5, (2, N))


@pytest.fixture
def padded():
    return Events.from_csr(*LISTS, N, DURATION)


@pytest.fixture
def ragged():
    return RaggedEvents.from_csr(*LISTS, N, DURATION)


def the_same(found, padded):
    for mine, its in zip(to_spike_list(found), to_spike_list(padded), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_lists(padded, ragged):
    the_same(ragged, padded)
    times, afferents, offsets = LISTS
    for layout, kind in (("padded", Events), ("ragged", RaggedEvents), ("auto", RaggedEvents)):
        found = from_spike_list(times, afferents, N, DURATION, offsets=offsets, layout=layout)
        assert type(found) is kind
        the_same(found, padded)
    even = from_lists([[[1.0], [2.0]], [[3.0], []]], DURATION, layout="auto")
    assert type(even) is Events
    with pytest.raises(ValueError, match="layout must be one of padded, ragged, auto, got 'csr'"):
        from_lists([[[1.0]]], DURATION, layout="csr")


def test_to_another_library(ragged, padded):
    pytest.importorskip("torch")
    moved = to_backend(ragged, select("torch:cpu"), dtype="float32")
    assert isinstance(moved, RaggedEvents)
    assert str(moved.like.dtype) == "torch.float32"
    np.testing.assert_allclose(to_spike_list(moved).times, to_spike_list(padded).times, rtol=1e-6)


@pytest.fixture
def event_file(tmp_path, ragged):
    with EventWriter(tmp_path / "a.events", N, DURATION, dtype="float64") as writer:
        writer.append(ragged, LABELS)
    return EventFile.open(tmp_path / "a.events")


@pytest.mark.parametrize("layout", ["auto", "padded", "ragged"])
def test_batches_of_a_file(layout, event_file, padded):
    """A file of patterns of very unequal length is read ragged unless asked otherwise."""
    source = FromEventFile(event_file, select("numpy"), "float64", layout=layout)
    found = source.subset(np.arange(1, 8)).events(np.asarray([2, 0, 0]))
    assert isinstance(found, RaggedEvents) == (layout != "padded")
    the_same(found, padded[[3, 1, 1]])
    np.testing.assert_array_equal(
        peak(found, WEIGHT, NEURON).v_max, peak(padded[[3, 1, 1]], WEIGHT, NEURON).v_max
    )


def test_a_library_that_compiles_gets_padded_batches(event_file):
    pytest.importorskip("jax")
    assert FromEventFile(event_file, select("jax:cpu"), "float32").layout == "padded"


def test_batches_in_memory(ragged, padded):
    source = InMemory(ragged, LABELS, select("numpy")).subset(np.arange(1, 8))
    found = source.events(np.asarray([0, 5, 5]))
    assert isinstance(found, RaggedEvents)
    the_same(found, padded[[1, 6, 6]])
    assert source.mean_spikes == LENGTHS[1:].mean()


def test_trials_of_a_recording():
    recording = Recording.from_trains([[0.01, 0.02, 0.9], [0.03]], time_unit="s")
    trials = Trials.from_arrays([0.0, 0.5], ["a", "b"], time_unit="s")
    found = recording.trials(trials, after=100.0, layout="ragged")
    assert isinstance(found.events, RaggedEvents)
    assert isinstance(found[[1, 0]].events, RaggedEvents)
    the_same(found.events, recording.trials(trials, after=100.0).events)
    joined = type(found).concat([found[:1], found[1:]])
    the_same(joined.events, found.events)


def test_estimator(ragged, padded):
    sklearn = pytest.importorskip("tempotron_backends.sklearn")
    options = {"epochs": 3, "deletion": 0.0, "device": "numpy", "dtype": "float64"}
    predictions = [
        sklearn.TempotronClassifier(**options, random_state=0).fit(e, LABELS).decision_function(e)
        for e in (ragged, padded)
    ]
    np.testing.assert_allclose(*predictions, rtol=1e-9)
    classifier = sklearn.TempotronClassifier(**options).fit(ragged, LABELS)
    singles = [ragged[b] for b in range(len(ragged))]  # as scikit-learn splits and searches
    np.testing.assert_array_equal(classifier.predict(singles), classifier.predict(padded))


def test_torch_layer(ragged, padded):
    torch = pytest.importorskip("torch")
    from tempotron_backends.torch import ExactTempotron, collate

    layer = ExactTempotron(N, 3, DURATION, clock="tau", dtype=torch.float64)
    found = []
    for events in (padded, ragged):
        moved = to_backend(events, select("torch:cpu"))
        read = layer(moved, "all")
        layer.zero_grad()
        (read.v_max.sum() + layer(moved, "trains").nan_to_num(posinf=0.0).sum()).backward()
        found.append((*(each.detach().numpy() for each in read), layer.fc.weight.grad.numpy()))
    for expected, its in zip(*found, strict=True):
        np.testing.assert_allclose(its, expected, rtol=1e-10, atol=1e-12)
    batch = collate([moved[1], moved[2]])
    assert isinstance(batch, RaggedEvents)
    the_same(batch, padded[1:3])


def jax_events():
    """The same patterns padded and ragged, and weights."""
    pytest.importorskip("jax")
    backend = select("jax:cpu")
    lists = [np.asarray([1.0, 5.0, 9.0, 12.0]), np.zeros(4, dtype=np.int32), np.asarray([0, 1, 4])]
    times, *rest = (
        backend.from_numpy(each.astype(each.dtype.name.replace("64", "32"))) for each in lists
    )
    ragged = RaggedEvents.from_csr(times, *rest, 1, DURATION)
    padded = Events.from_csr(times, *rest, 1, DURATION)
    return padded, ragged, backend.from_numpy(np.ones((1, 1), dtype=np.float32))


def test_jax():
    """Compiled for the shapes of the groups."""
    jax = pytest.importorskip("jax")
    padded, ragged, weight = jax_events()

    @jax.jit
    def total(weight, events):
        return peak(events, weight, NEURON).v_max.sum()

    expected, found = (jax.value_and_grad(total)(weight, e) for e in (padded, ragged))
    jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, rtol=2e-6), found, expected)
    with pytest.raises(TypeError, match=r"use to_padded\(\)"):
        jax.jit(lambda events, b: events[b].counts)(ragged, jax.numpy.zeros(4, dtype="int32"))


@pytest.mark.slow
def test_jax_trains():
    """Padded to few shapes."""
    padded, ragged, _ = jax_events()
    fits = [fit(e, [0, 1], NEURON, epochs=1, deletion=0.0) for e in (padded, ragged)]
    weights = [np.asarray(each.network.weights[0]) for each in fits]
    np.testing.assert_allclose(*weights, rtol=1e-5)
