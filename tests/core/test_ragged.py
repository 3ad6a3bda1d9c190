"""Ragged events: the results of padded ones, for patterns of very unequal length, without waste."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest

from tempotron_core import (
    Events,
    Network,
    Neuron,
    RaggedEvents,
    UnitsWarning,
    delayed,
    fire_like,
    first_crossing,
    first_crossing_vjp,
    fit,
    fit_counts,
    peak,
    peak_vjp,
    peak_with_delays,
    peak_with_delays_vjp,
    revive,
    soft_peak_time,
    soft_peak_time_vjp,
    voltage,
    voltage_vjp,
)
from tempotron_core.encoding import delete_spikes, jitter_spikes, with_clock
from tempotron_core.learning import resume_rule
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    eligibility,
    output_spikes,
    output_spikes_vjp,
    voltage_with_resets,
)

N, DURATION, NEURON = 5, 60.0, Neuron(20.0, 5.0)
LENGTHS = np.asarray([3, 0, 40, 1, 7, 0, 12, 3, 2, 9])
B = len(LENGTHS)
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])
RNG = np.random.default_rng(4)
TIMES = RNG.uniform(-5.0, 70.0, OFFSETS[-1])
AFFERENTS = RNG.integers(0, N, OFFSETS[-1])
WEIGHT = RNG.normal(0.3, 0.5, (3, N))
COTANGENT, OTHER = RNG.normal(size=(2, B, 3))
SAMPLES = np.linspace(0.0, DURATION, 7)


@pytest.fixture
def place(backend):
    real = "float64" if "float64" in backend.dtypes else "float32"

    def place(values):
        host = np.asarray(values)
        return backend.from_numpy(host, real if host.dtype.kind == "f" else None)

    return place


@pytest.fixture
def both(place):
    """The same patterns padded and ragged."""
    lists = place(TIMES), place(AFFERENTS), place(OFFSETS), N, DURATION
    return Events.from_csr(*lists), RaggedEvents.from_csr(*lists)


@pytest.fixture
def agree(backend):
    """``agree(a, b)``: arrays, or tuples and None, are the same but for rounding."""
    bar = 1e-12 if "float64" in backend.dtypes else 2e-6

    def agree(expected, found):
        assert type(found) is type(expected)
        if isinstance(expected, tuple):
            for pair in zip(expected, found, strict=True):
                agree(*pair)
        elif expected is not None:
            assert found.dtype == expected.dtype
            assert found.device == expected.device
            expected, found = backend.to_numpy(expected), backend.to_numpy(found)
            scale = np.abs(np.where(np.isfinite(expected), expected, 0.0)).max(initial=1.0)
            np.testing.assert_allclose(found, expected, rtol=bar, atol=bar * scale)

    return agree


def of_peak(e, put):
    weight = put(WEIGHT)
    found = peak(e, weight, NEURON)
    given = found, put(COTANGENT), put(OTHER)
    return found, peak_vjp(e, weight, NEURON, *given, times=True, constants=True)


def of_crossing(e, put):
    weight = put(WEIGHT)
    found = first_crossing(e, weight, NEURON)
    return found, first_crossing_vjp(e, weight, NEURON, found, put(COTANGENT), times=True)


def of_voltage(e, put):
    given = e, put(WEIGHT), NEURON, put(SAMPLES)
    bar = put(RNG.spawn(1)[0].normal(size=(B, 3, 7)) * 0.0 + COTANGENT[:, :, None])
    return voltage(*given), voltage_vjp(*given, bar, times=True)


def of_soft_peak(e, put):
    given = e, put(WEIGHT), NEURON, 60
    return soft_peak_time(*given), soft_peak_time_vjp(*given, put(COTANGENT), times=True)


def of_spikes(e, put):
    weight = put(2.0 * WEIGHT)
    found = output_spikes(e, weight, NEURON, max_spikes=3)
    bar = put(COTANGENT[:, :, None] * np.ones(found.times.shape[2]))
    gradient = output_spikes_vjp(e, weight, NEURON, found.times, bar, times=True, min_slope=1e-3)
    return found, gradient, voltage_with_resets(e, weight, NEURON, found.times, put(SAMPLES))


def of_trains(e, put):
    weight = put(2.0 * WEIGHT)
    padded = output_spikes(e, weight, NEURON)
    wanted = padded.times + 1.0
    learned = resume_rule(e, padded.times, wanted, tau=10.0)
    owed = eligibility(e, weight, NEURON, padded)
    return output_spikes(e, weight, NEURON, layout="csr"), learned, owed


def of_threshold(e, put):
    weight, k = put(WEIGHT), put(np.arange(3 * B).reshape(B, 3) % 2 + 1)
    found = critical_threshold(e, weight, NEURON, k, where=put(COTANGENT) > -1.0, most=2)
    bar = put(COTANGENT)
    return found, critical_threshold_vjp(e, weight, NEURON, found, bar, times=True, most=2)


def of_recovery(e, put):
    weight = put(-np.abs(WEIGHT))
    return revive(e, weight, NEURON, peak(e, weight, NEURON))


def of_delays(e, put):
    given = e, put(WEIGHT), put(np.abs(WEIGHT)), NEURON
    found = peak_with_delays(*given)
    return found, peak_with_delays_vjp(*given, found, put(COTANGENT))


def of_network(e, put):
    # two afferents of the clock, and a layer behind
    hidden = put(np.concatenate([WEIGHT, WEIGHT[:, :2]], axis=1))
    network = Network([hidden, put(WEIGHT[:, :3])], NEURON, clock=(0.0, 30.0), min_slope=0.01)
    activity = network.forward(e)
    return activity.peak, tuple(network.vjp(activity, put(COTANGENT), times=True))


def of_layout(e, put):
    fixed = put(np.arange(N) * 1.5)
    return e.counts, e.to_trains(), with_clock(e, [3.0]).to_trains(), delayed(e, fixed).to_trains()


LONG_ON_STRICT = pytest.mark.slow_backend("strict", reason="half a minute to a minute each")
ALL = (
    of_peak,
    of_crossing,
    of_voltage,
    of_soft_peak,
    pytest.param(of_spikes, marks=LONG_ON_STRICT),
    pytest.param(of_trains, marks=LONG_ON_STRICT),
    pytest.param(of_threshold, marks=LONG_ON_STRICT),
    of_recovery,
    of_delays,
    of_network,
    of_layout,
)


@pytest.mark.parametrize("of", ALL, ids=lambda of: of.__name__)
def test_the_same_as_padded(of, both, place, agree):
    padded, ragged = both
    agree(of(padded, place), of(ragged, place))


SELECTIONS = (
    4,
    -1,
    slice(2, 9, 3),
    slice(8, 1, -2),
    slice(0, 0),
    [2, 2, 0],
    np.asarray([9, -8, 5, 2], dtype=np.int16),
    np.arange(B) % 2 == 0,
)


@pytest.mark.parametrize("patterns", SELECTIONS, ids=repr)
def test_selections(patterns, both, place, agree):
    padded, ragged = both
    chosen = ragged[patterns]
    assert isinstance(chosen, RaggedEvents)
    assert len(chosen) == len(padded[patterns])
    agree(padded[patterns].to_trains(), chosen.to_trains())
    if len(chosen):
        agree(peak(padded[patterns], place(WEIGHT), NEURON), peak(chosen, place(WEIGHT), NEURON))


def test_from_padded_and_back(both, agree):
    padded, ragged = both
    for back in (ragged.to_padded(), RaggedEvents.of(padded).to_padded()):
        for name in ("times", "afferents", "counts", "source_lengths"):
            agree(getattr(padded, name), getattr(back, name))
    assert RaggedEvents.of(ragged) is ragged
    assert padded.to_padded() is padded
    assert repr(ragged) == "Ragged" + repr(padded)
    assert (len(ragged), ragged.n_spikes) == (len(padded), padded.n_spikes)
    assert ragged.to_device(padded.device).device == padded.device


def test_of_latencies(place, agree):
    """Gradients towards times have the layout the patterns were given in."""
    times = np.where(RNG.random((B, N)) < 0.5, np.inf, RNG.uniform(0.0, DURATION, (B, N)))
    padded, ragged = (
        kind.from_latencies(place(times), DURATION) for kind in (Events, RaggedEvents)
    )
    agree(padded.to_latencies(), ragged.to_latencies())
    agree(of_peak(padded, place), of_peak(ragged, place))
    trains = RaggedEvents.from_trains(place(times[:, :, None]), DURATION)
    agree(
        of_peak(Events.from_trains(place(times[:, :, None]), DURATION), place),
        of_peak(trains, place),
    )


def test_concat(both, place, agree):
    padded, ragged = both
    found = RaggedEvents.concat([ragged[:3], padded[3:6], ragged[6:]])
    agree(of_peak(padded, place), of_peak(found, place))
    other = Events.from_latencies(place(np.ones((1, N))), 50.0)
    with pytest.raises(ValueError, match=r"must agree in duration, got 60.0 and 50.0"):
        RaggedEvents.concat([ragged, other])
    with pytest.raises(ValueError, match="at least one Events, got none"):
        RaggedEvents.concat([])


def arrays():
    lists = TIMES, AFFERENTS, OFFSETS, N, DURATION
    return Events.from_csr(*lists), RaggedEvents.from_csr(*lists)


@pytest.mark.parametrize("method", ["pruned", "static"])
def test_forms(method):
    padded, ragged = arrays()
    expected, found = (peak(e, WEIGHT, NEURON, method=method) for e in (padded, ragged))
    np.testing.assert_allclose(found.v_max, expected.v_max, rtol=0.0, atol=1e-12)


def test_padding_never_doubles_a_pattern():
    lengths = np.arange(200)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    times = np.linspace(0.0, 60.0, offsets[-1])
    ragged = RaggedEvents.from_csr(times, np.zeros(offsets[-1], dtype=np.int64), offsets, 1, 60.0)
    for group in ragged.groups:
        assert (group.times.shape[1] < 2 * np.maximum(group.counts, 1)).all()
    np.testing.assert_array_equal(ragged.counts, lengths)


def test_what_is_padded_says_so():
    _, ragged = arrays()
    for name in ("times", "afferents", "order"):
        with pytest.raises(AttributeError, match=rf"use to_padded\(\).{name}"):
            getattr(ragged, name)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"offsets": OFFSETS[1:]}, "offsets must run from 0 to 77, got 3 to 77"),
        ({"offsets": np.asarray([0, 9, 5, 77])}, "offsets must ascend, got 9 before 5"),
        ({"afferents": AFFERENTS + 1}, "afferents must be from 0 to 4, got 1 to 5"),
        ({"afferents": AFFERENTS[1:]}, "one entry per time, got 76 for 77"),
        ({"times": np.append(TIMES[1:], np.nan)}, "times must not hold NaN"),
        ({"duration": -1.0}, "duration must be positive"),
    ],
)
def test_bad_lists(changed, message):
    given = {"times": TIMES, "afferents": AFFERENTS, "offsets": OFFSETS}
    given |= {"n_afferents": N, "duration": DURATION}
    with pytest.raises(ValueError, match=message):
        RaggedEvents.from_csr(**given | changed)


def test_bad_arguments():
    _, ragged = arrays()
    found = peak(ragged, WEIGHT, NEURON)
    with pytest.raises(ValueError, match=r"v_cotangent must have the 10 patterns .* \(4, 3\)"):
        peak_vjp(ragged, WEIGHT, NEURON, found, COTANGENT[:4])
    with pytest.raises(ValueError, match="weight must have one column per afferent"):
        peak(ragged, WEIGHT[:, 1:], NEURON)
    with pytest.raises(IndexError, match="pattern 10 is out of range for 10 patterns"):
        ragged[10]
    with pytest.raises(IndexError, match="patterns must be from -10 to 9, got 3 to 10"):
        ragged[np.asarray([3, 10])]


def test_units_are_looked_at_once_for_all_patterns():
    early = RaggedEvents.from_csr(
        np.asarray([0.01, 0.02, 0.03]), np.zeros(3, dtype=np.int64), np.asarray([0, 1, 3]), 1, 50.0
    )
    with pytest.warns(UnitsWarning, match="all spikes come before") as caught:
        peak(early, np.ones((1, 1)), NEURON)
    assert len(caught) == 1
    late = RaggedEvents.from_csr(
        np.asarray([0.01, 0.02, 30.0]), np.zeros(3, dtype=np.int64), np.asarray([0, 2, 3]), 1, 50.0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        peak(late, np.ones((1, 1)), NEURON)


def test_fits_are_the_same():
    """But for the spikes that are left out at random, which are drawn group by group."""
    padded, ragged = arrays()
    labels = np.arange(B) % 2
    fits = [fit(e, labels, NEURON, epochs=2, deletion=0.0, batch_size=4) for e in (padded, ragged)]
    np.testing.assert_allclose(*(f.network.weights[0] for f in fits), rtol=1e-9)
    fits = [fit_counts(e, labels[:, None], NEURON, epochs=2) for e in (padded, ragged)]
    np.testing.assert_allclose(*(f.network.weights[0] for f in fits), rtol=1e-9)
    network = Network([WEIGHT, WEIGHT[:, :3]], NEURON)
    scaled = [fire_like(network, e).weights[0] for e in (padded, ragged)]
    np.testing.assert_allclose(*scaled, rtol=1e-9)


def test_augmentation_keeps_the_layout():
    _, ragged = arrays()
    moved = jitter_spikes(ragged, 1.0, np.random.default_rng(0))
    np.testing.assert_array_equal(moved.counts, ragged.counts)
    assert (delete_spikes(ragged, 0.5, np.random.default_rng(0)).counts <= ragged.counts).all()


def test_one_long_pattern_among_many_short_ones():
    """Under twice the memory of the spikes (their times and afferents), readouts included."""
    lengths = np.full(1001, 10)
    lengths[500] = 1_000_000
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rng = np.random.default_rng(0)
    times = rng.uniform(0.0, 1e5, offsets[-1])
    afferents = rng.integers(0, 50, offsets[-1]).astype(np.int32)
    weight = rng.normal(0.0, 0.1, (2, 50))
    short = RaggedEvents.from_csr(times[:20], afferents[:20], np.asarray([0, 4, 20]), 50, 1e5)
    first = peak(short, weight, NEURON)  # what is compiled or imported on the way
    peak_vjp(short, weight, NEURON, first, np.ones((2, 2)))
    tracemalloc.start()
    try:
        ragged = RaggedEvents.from_csr(times, afferents, offsets, 50, 1e5)
        tracemalloc.reset_peak()
        found = peak(ragged, weight, NEURON)
        peak_vjp(ragged, weight, NEURON, found, np.ones((1001, 2)))
        assert tracemalloc.get_traced_memory()[1] < 2 * (times.nbytes + afferents.nbytes)
    finally:
        tracemalloc.stop()
    alone = Events.from_csr(
        times[5000:-5000], afferents[5000:-5000], np.asarray([0, 10**6]), 50, 1e5
    )
    np.testing.assert_array_equal(found.v_max[500], peak(alone, weight, NEURON).v_max[0])


def test_a_selection_of_another_library():
    torch = pytest.importorskip("torch")
    _, ragged = arrays()
    with pytest.raises(TypeError, match="must come from one array library"):
        ragged[torch.tensor([1, 2])]
