"""A clock: events with more afferents against events made of more spikes, and what it is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tempotron_core import Events, Network, Neuron, fit
from tempotron_core.encoding import clock_times, with_clock

DURATION = 40.0
TIMES = (30.0, 0.0, 12.5)
LATENCIES = np.asarray([[3.0, -1.0, 12.5], [np.inf, 40.0, 5.0], [-1.0, -1.0, -1.0]])
TRAINS = np.stack([LATENCIES, np.asarray([[7.0, 30.0, -1.0], [-1.0, 2.0, 1.0], [-1.0] * 3])], 2)


def same(found: Events, wanted: Events, to_numpy: Any) -> None:
    assert (found.n_afferents, found.duration) == (wanted.n_afferents, wanted.duration)
    assert found.source_shape == wanted.source_shape
    for b, count in enumerate(to_numpy(wanted.counts)):  # either may have more room
        for name in ("times", "afferents"):
            ours, theirs = (to_numpy(getattr(each, name))[b] for each in (found, wanted))
            np.testing.assert_array_equal(ours[:count], theirs[:count])
        assert int(found.counts[b]) == count
        assert (to_numpy(found.afferents)[b, count:] == found.n_afferents).all()
        assert (to_numpy(found.times)[b, count:] == to_numpy(found.times)[b, count - 1]).all()
    layouts = [to_numpy(each.in_source_layout(each.times)) for each in (found, wanted)]
    np.testing.assert_array_equal(*layouts)


def test_latencies_with_more_columns(asarray: Any, to_numpy: Any) -> None:
    more = np.tile(TIMES, (3, 1))
    wanted = Events.from_latencies(asarray(np.hstack([LATENCIES, more])), DURATION)
    found = with_clock(Events.from_latencies(asarray(LATENCIES), DURATION), TIMES)
    same(found, wanted, to_numpy)
    assert (found.times.dtype, found.device) == (wanted.times.dtype, wanted.device)
    nobody = Events.from_latencies(asarray(LATENCIES[:, :0]), DURATION)
    same(with_clock(nobody, TIMES), Events.from_latencies(asarray(more), DURATION), to_numpy)


@pytest.mark.parametrize("slots", [2, 1, 0])
def test_trains_with_more_rows(asarray: Any, to_numpy: Any, slots: int) -> None:
    more = np.full((3, 3, max(slots, 1)), -1.0)
    more[:, :, 0] = TIMES
    given = TRAINS[:, :, :slots]
    with_room = given if slots else np.full((3, 3, 1), -1.0)
    wanted = Events.from_trains(asarray(np.concatenate([with_room, more], axis=1)), DURATION)
    same(with_clock(Events.from_trains(asarray(given), DURATION), TIMES), wanted, to_numpy)


def test_lists_with_more_entries(asarray: Any, to_numpy: Any) -> None:
    """The new entries come at the end of each pattern, one of which has none of its own."""
    times, afferents = np.asarray([3.0, 12.5, 99.0, 1.0, 1.0]), np.asarray([1, 0, 1, 1, 0])
    counts = np.asarray([3, 0, 2])
    ends = np.cumsum(counts)
    at = np.repeat(ends, len(TIMES))
    wanted = Events.from_csr(
        asarray(np.insert(times, at, TIMES * 3)),
        asarray(np.insert(afferents, at, [2, 3, 4] * 3)),
        asarray(np.concatenate([[0], ends + 3 * np.arange(1, 4)])),
        5,
        DURATION,
    )
    offsets = np.concatenate([[0], ends])
    events = Events.from_csr(asarray(times), asarray(afferents), asarray(offsets), 2, DURATION)
    same(with_clock(events, TIMES), wanted, to_numpy)


@pytest.mark.parametrize("form", ["latencies", "trains", "lists"])
def test_a_network_and_its_gradients(asarray: Any, to_numpy: Any, form: str) -> None:
    """As of a network without a clock, whose input has the spikes; in the input's layout."""
    if form == "lists":
        spikes = (asarray([3.0, 12.0, 9.0, 2.0]), asarray([1, 0, 2, 1]), asarray([0, 3, 3, 4]))
        events = Events.from_csr(*spikes, 3, DURATION)
    else:
        make = Events.from_latencies if form == "latencies" else Events.from_trains
        events = make(asarray(LATENCIES if form == "latencies" else TRAINS), DURATION)
    draw = np.random.default_rng(0)
    weights = [asarray(draw.normal(0.3, 1.0, (4, 6))), asarray(draw.normal(size=(2, 4)))]
    network = Network(weights, Neuron(), clock=TIMES)
    plain = Network(weights, Neuron())
    assert (network.n_afferents, plain.n_afferents) == (3, 6)
    found, wanted = network.forward(events), plain.forward(with_clock(events, TIMES))
    np.testing.assert_array_equal(*(to_numpy(each.peak.v_max) for each in (found, wanted)))
    cotangent = asarray(draw.normal(size=(3, 2)))
    ours = network.vjp(found, cotangent, times=True)
    theirs = plain.vjp(wanted, cotangent, times=True)
    np.testing.assert_array_equal(*(to_numpy(each.weights[0]) for each in (ours, theirs)))
    to_times, with_those = map(to_numpy, (ours.times, theirs.times))
    if form == "lists":  # three entries of the clock after each pattern's own
        with_those = np.concatenate([with_those[:3], with_those[9:10]])
        assert len(to_times) == 4
    np.testing.assert_array_equal(to_times, with_those if form == "lists" else with_those[:, :3])
    assert np.abs(to_times).max() > 0.0


def test_times_of_a_clock() -> None:
    neuron = Neuron(tau=15.0)
    assert clock_times(None, 45.0, neuron) == clock_times([], 45.0, neuron) == ()
    assert clock_times("tau", 45.0, neuron) == (0.0, 15.0, 30.0)  # not the end
    assert clock_times(20, 45.0, neuron) == clock_times(np.float32(20.0), 45.0, neuron)
    assert clock_times(20, 45.0, neuron) == (0.0, 20.0, 40.0)
    assert clock_times(np.asarray([45, 3]), 45.0, neuron) == (45.0, 3.0)


@pytest.mark.parametrize(
    ("clock", "error", "message"),
    [
        ("often", ValueError, "clock must be 'tau', a period, times or None, got 'often'"),
        (0.0, ValueError, "clock must be positive and finite, got 0.0"),
        (True, TypeError, "clock must be a real number, got True"),
        (1e-9, ValueError, "clock must tick at most 10000 times"),
        ([1.0, -1.0], ValueError, "clock must be finite and not negative, got -1.0"),
        ([1.0, 46.0], ValueError, "clock must fire up to the duration, 45.0, got 46.0"),
        (["a"], TypeError, "clock must be a real number, got 'a'"),
    ],
)
def test_clocks_that_are_none(clock: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        clock_times(clock, 45.0, Neuron())


def test_what_is_refused() -> None:
    events = Events.from_latencies(LATENCIES, DURATION)
    with pytest.raises(TypeError, match="events must be an Events, got ndarray"):
        with_clock(LATENCIES, TIMES)
    with pytest.raises(TypeError, match="times must be a sequence of times, got float"):
        with_clock(events, 3.0)
    with pytest.raises(ValueError, match=r"times must be at most the duration .* 40.0, got 41.0"):
        with_clock(events, [41.0])
    with pytest.raises(ValueError, match=r"weights\[0\] must have a column for each of the 3"):
        Network([np.ones((2, 2))], Neuron(), clock=TIMES)
    with pytest.raises(ValueError, match=r"clock must be at most the duration 10\.0 of the events"):
        Network([np.ones((2, 6))], Neuron(), clock=TIMES).forward(
            Events.from_latencies(LATENCIES, 10.0)
        )
    with pytest.raises(ValueError, match=r"one column per afferent, got shape \(2, 4\) for 3 affe"):
        Network([np.ones((2, 7))], Neuron(), clock=TIMES).forward(events)


def bursts(rng: np.random.Generator, n_patterns: int) -> tuple[Events, np.ndarray]:
    """Twenty neurons that burst at 100 or at 160 ms after the start of a trial of 250 ms."""
    late = rng.random(n_patterns) < 0.5
    times = np.where(late, 160.0, 100.0)[:, None] + rng.normal(0.0, 5.0, (n_patterns, 20))
    return Events.from_latencies(times.astype(np.float32), 250.0), late


@pytest.mark.parametrize("seed", range(5))
def test_when_a_burst_comes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train, test = bursts(rng, 200), bursts(rng, 500)
    assert fit(*train, epochs=5, rng=seed, clock="tau").score(*test) >= 0.98
    if seed == 0:
        assert abs(fit(*train, epochs=5, rng=seed).score(*test) - 0.5) < 0.06
