"""Panels take what users hold: events, trains, lists of any length, arrays of any library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tempotron_backends import plotting
from tempotron_backends.plotting.given import spike_trains
from tempotron_core import Events, Neuron, first_crossing, peak, voltage
from tempotron_core.spiking import output_spikes

pytest.importorskip("matplotlib")

DURATION = 30.0
LISTS = [[1.0, 12.5], [], [29.0], [3.0, 2.0, 12.5]]
TRAINS = np.asarray(
    [[1.0, np.inf, 12.5], [-1.0, np.inf, np.inf], [29.0, 31.0, -np.inf], [3.0, 2.0, 12.5]]
)
EVENTS = Events.from_trains(TRAINS[None], DURATION)
DRAWN = {(1.0, 0), (12.5, 0), (29.0, 2), (2.0, 3), (3.0, 3), (12.5, 3)}


@pytest.fixture
def axes() -> Any:
    from matplotlib.figure import Figure

    return Figure().subplots()


def drawn(axes: Any) -> set[tuple[float, int]]:
    (ticks,) = axes.collections
    return {(float(s[0, 0]), round(float(s[:, 1].mean()))) for s in ticks.get_segments()}


@pytest.mark.parametrize(
    "spikes",
    [EVENTS, EVENTS[0], TRAINS, TRAINS[None], LISTS, tuple(map(np.asarray, LISTS))],
    ids=["events", "slice", "trains", "batch of one", "lists", "arrays"],
)
def test_one_raster_of_every_form(axes: Any, spikes: Any) -> None:
    plotting.spike_raster(axes, spikes, None if isinstance(spikes, Events) else DURATION)
    assert drawn(axes) == DRAWN
    assert axes.get_xlim() == pytest.approx((-0.3, 30.3))


def test_afferents_in_the_order_of_their_weights(axes: Any) -> None:
    plotting.spike_raster(axes, EVENTS, weight=np.asarray([0.5, 2.0, -1.0, 0.7]), by_weight=True)
    rows = {0: 1, 1: 3, 2: 0, 3: 2}
    assert drawn(axes) == {(time, rows[afferent]) for time, afferent in DRAWN}
    assert axes.get_ylabel() == "afferent, by weight"
    with pytest.raises(ValueError, match="weight must be given to draw afferents by_weight"):
        plotting.spike_raster(axes, EVENTS, by_weight=True)


def test_an_object_array_is_a_list(axes: Any) -> None:
    ragged = np.empty(4, dtype=object)
    ragged[:] = LISTS
    plotting.spike_raster(axes, ragged, DURATION)
    assert drawn(axes) == DRAWN


def test_latencies_and_numbers(axes: Any) -> None:
    plotting.spike_raster(axes, [1.0, -1.0, 4, [2.5]])
    assert drawn(axes) == {(1.0, 0), (4.0, 2), (2.5, 3)}
    assert axes.get_xlim()[1] == pytest.approx(1.01 * 4.0)  # up to the last spike


def test_arrays_of_any_library(backend: Any, axes: Any) -> None:
    """Events, weights and what the readouts make of them, with the axis of a batch of one."""

    def place(values: Any) -> Any:
        return backend.from_numpy(np.asarray(values), "float32")

    events = Events.from_latencies(place([[1.0, 5.0, 9.0]]), DURATION)
    weight, neuron = place([[1.5, 0.2, 0.3], [0.1, 0.2, 0.1]]), Neuron()
    t = np.linspace(0.0, DURATION, 61)
    v = voltage(events, weight, neuron, place(t))
    v_max, t_max = peak(events, weight, neuron)
    plotting.spike_raster(axes, events, weight=weight[0, ...])
    assert {x for x, _ in drawn(axes)} == {1.0, 5.0, 9.0}
    plotting.voltage_traces(
        axes,
        place(t),
        v,
        neuron.v_threshold,
        v_max=v_max,
        t_max=t_max,
        t_spike=first_crossing(events, weight, neuron),
    )
    assert len([line for line in axes.lines if line.get_label() == "first crossing"]) == 1
    plotting.receptive_fields(axes, weight, (1, 3), colour_bar=False)


def test_a_tensor_with_a_gradient_is_drawn(axes: Any) -> None:
    torch = pytest.importorskip("torch")
    spikes = torch.tensor(TRAINS, requires_grad=True)
    plotting.spike_raster(axes, spikes, DURATION)
    assert drawn(axes) == DRAWN


@pytest.mark.parametrize("form", ["array", "lists", "events"])
def test_several_output_spikes_are_marked(axes: Any, form: str) -> None:
    events, weight = Events.from_latencies(np.asarray([[10.0]]), 60.0), np.asarray([[3.0], [0.1]])
    neuron, t = Neuron(20.0, 5.0), np.linspace(0.0, 60.0, 61)
    times, counts = output_spikes(events, weight, neuron)
    assert counts[0, 0] > 1
    given = {
        "array": times,
        "lists": [list(times[0, 0]), []],
        "events": Events.from_trains(times, 60.0),
    }[form]
    v = voltage(events, weight, neuron, t)
    plotting.voltage_traces(axes, t, v, neuron.v_threshold, t_spike=given)
    (marks,) = (line for line in axes.lines if line.get_label() == "output spike")
    np.testing.assert_allclose(marks.get_xdata(), times[0, 0])


@pytest.mark.parametrize("form", ["events", "latencies", "lists"])
def test_patterns_of_spikes_are_images_of_their_latencies(axes: Any, form: str) -> None:
    latencies = np.asarray([[1.0, 5.0, np.inf, 10.0], [np.inf, np.inf, 2.0, 2.0]])
    given = {
        "events": Events.from_latencies(latencies, DURATION),
        "latencies": latencies,
        "lists": [[[1.0, 7.0], [5.0], [], [10.0]], [[], [], [2.0], [9.0, 2.0]]],
    }[form]
    plotting.pattern_images(axes, given, shape=(2, 2), n_columns=2)
    (image,) = axes.images
    first, second = image.get_array()[:, :2], image.get_array()[:, -2:]
    np.testing.assert_allclose(first, [[1.0, 0.6], [0.0, 0.1]])
    np.testing.assert_allclose(second, [[0.0, 0.0], [1.0, 1.0]])


# -- errors -----------------------------------------------------------------------------------

TWO = Events.from_latencies(np.ones((2, 3)), DURATION)


@pytest.mark.parametrize(
    ("spikes", "error", "message"),
    [
        (TWO, ValueError, r"spikes must be one pattern, got Events of 2: pass one, spikes\[0\]"),
        (np.ones((2, 3, 4)), ValueError, r"shape \(2, 3, 4\): pass one pattern, spikes\[0\]"),
        (np.ones((1, 2, 3, 4)), ValueError, r"shape \(N,\) or \(N, S\), one row per afferent"),
        ([LISTS, LISTS], TypeError, r"spikes\[0\] must be an array, got list"),
        ([[[1.0]], [[2.0]]], ValueError, r"spikes\[0\] must be the spike times of one afferent"),
        ([[1.0], [np.nan]], ValueError, "spikes must not hold NaN, got it for afferent 1"),
        (["a"], TypeError, r"spikes\[0\] must hold real numbers, got <U1"),
        (7, ValueError, r"spikes must have shape \(N,\)"),
        (None, TypeError, "spikes must hold real numbers, got object"),
        (np.ma.masked_invalid(TRAINS), TypeError, "spikes must have no mask"),
    ],
)
def test_what_is_no_pattern(spikes: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        spike_trains("spikes", spikes)


def test_panels_say_what_does_not_fit(axes: Any) -> None:
    with pytest.raises(ValueError, match="one value for each of 4 afferents, got 3"):
        plotting.spike_raster(axes, LISTS, weight=np.ones(3))
    t, v = np.arange(5.0), np.ones((2, 5))
    for given, message in (
        ({"v": np.ones((3, 2, 5))}, r"v must have 2 axes, got shape \(3, 2, 5\): pass one"),
        ({"v": v[:, :3]}, r"v must have one value for each of 5 times, got shape \(2, 3\)"),
        ({"v_max": np.ones(3)}, "v_max must have one value for each of 2, got 3"),
        ({"t_max": np.ones((4, 2))}, r"t_max must have 1 axes, got shape \(4, 2\)"),
        ({"t_spike": TWO[:1]}, "a list of times for each of 2 neurons, got 3"),
        ({"t_spike": [1.0, 2.0], "v_threshold": None}, "v_threshold must be given with t_spike"),
        ({"names": ["a"]}, "one name for each of 2, got 1"),
    ):
        with pytest.raises(ValueError, match=message):
            plotting.voltage_traces(axes, **{"t": t, "v": v, "v_threshold": 1.0} | given)
    with pytest.raises(ValueError, match="shape must be given with Events"):
        plotting.pattern_images(axes, TWO)
    with pytest.raises(ValueError, match=r"images\[0\] must have rows \* columns afferents"):
        plotting.pattern_images(axes, TWO, shape=(2, 2))
