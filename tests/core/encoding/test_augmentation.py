"""Varied events against events made afresh from spikes that plain loops have varied."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from patterns import methods

from tempotron_core import (
    Events,
    Neuron,
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
    voltage,
    voltage_vjp,
)
from tempotron_core.encoding.augmentation import delete_spikes, jitter_spikes, shift_image

INF = math.inf
ROWS, COLUMNS, CHANNELS, OTHERS = 4, 3, 2, 3
N = ROWS * COLUMNS * CHANNELS + OTHERS
DURATION = 40.0
NEURON = Neuron(10.0, 2.5)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def latencies(seed: int = 0, n_patterns: int = 6) -> np.ndarray:
    """Spikes on whole and half times, many at once; the last pattern is silent."""
    draw = rng(seed)
    times = draw.integers(0, 81, (n_patterns, N)) / 2.0
    times[draw.random(times.shape) < 0.3] = INF
    times[-1] = INF
    return times


def spikes(events: Events, to_numpy: Any) -> list[list[tuple[float, int]]]:
    """Time and afferent of every spike, checked for the padding that kernels rely on."""
    times, afferents, counts = map(to_numpy, (events.times, events.afferents, events.counts))
    assert afferents.dtype == np.int32
    for row, numbers, count in zip(times, afferents, counts, strict=True):
        assert (np.diff(row) >= 0.0).all()
        assert (numbers[:count] < events.n_afferents).all()
        assert (numbers[count:] == events.n_afferents).all()
        assert (row[count:] == (row[count - 1] if count else 0.0)).all()
    return [
        list(zip(row[:count].tolist(), numbers[:count].tolist(), strict=True))
        for row, numbers, count in zip(times, afferents, counts, strict=True)
    ]


def shifted(times: np.ndarray, shifts: np.ndarray, channels_first: bool) -> np.ndarray:
    """Latencies of the moved images, pixel by pixel."""
    moved = np.full_like(times, INF)
    moved[:, N - OTHERS :] = times[:, N - OTHERS :]
    for b, (down, across) in enumerate(shifts):
        for r in range(ROWS):
            for c in range(COLUMNS):
                if not (0 <= r + down < ROWS and 0 <= c + across < COLUMNS):
                    continue
                for k in range(CHANNELS):
                    if channels_first:
                        old = (k * ROWS + r) * COLUMNS + c
                        new = (k * ROWS + r + down) * COLUMNS + c + across
                    else:
                        old = (r * COLUMNS + c) * CHANNELS + k
                        new = ((r + down) * COLUMNS + c + across) * CHANNELS + k
                    moved[b, new] = times[b, old]
    return moved


def shift(events: Events, seed: int, channels_first: bool = False) -> tuple[Events, np.ndarray]:
    """Move events, and return by how much."""
    moved = shift_image(
        events, (ROWS, COLUMNS), 2, rng(seed), channels=CHANNELS, channels_first=channels_first
    )
    return moved, rng(seed).integers(-2, 2, (len(events), 2), endpoint=True)


@pytest.mark.parametrize("channels_first", [False, True])
def test_a_moved_image_is_the_one_made_afresh(
    channels_first: bool, asarray: Any, to_numpy: Any
) -> None:
    times = latencies()
    moved, shifts = shift(Events.from_latencies(asarray(times), DURATION), 7, channels_first)
    afresh = Events.from_latencies(asarray(shifted(times, shifts, channels_first)), DURATION)
    assert np.abs(shifts).max() == 2
    assert (to_numpy(moved.counts)[:-1] < np.isfinite(times[:-1]).sum(axis=1)).all()
    assert spikes(moved, to_numpy) == spikes(afresh, to_numpy)
    np.testing.assert_array_equal(to_numpy(moved.to_latencies()), to_numpy(afresh.to_latencies()))


def readouts(events: Events, weight: Any, method: str, samples: Any, bars: Any) -> dict[str, Any]:
    """Every readout and every weight gradient."""
    v_bar, t_bar, of_samples = bars
    given, how = (events, weight, NEURON), {"method": method}
    found, t_spike = peak(*given, **how), first_crossing(*given, **how)
    return {
        "v_max": found.v_max,
        "t_max": found.t_max,
        "t_spike": t_spike,
        "v": voltage(*given, samples, **how),
        "peak_vjp": peak_vjp(*given, found, v_bar, t_bar, **how).weight,
        "crossing_vjp": first_crossing_vjp(*given, t_spike, t_bar, **how).weight,
        "voltage_vjp": voltage_vjp(*given, samples, of_samples, **how).weight,
    }


@pytest.mark.skip_backend("jax", reason="compiles for long; NumPy runs its form as 'static'")
def test_readouts_and_gradients_of_a_moved_image(
    asarray: Any, to_numpy: Any, backend: Any, dtype: Any
) -> None:
    times = latencies(1)
    draw = rng(2)
    weight = asarray(draw.normal(0.1, 0.8, (3, N)))
    bars = [asarray(draw.normal(size=shape)) for shape in ((6, 3), (6, 3), (6, 3, 5))]
    samples = asarray(np.asarray([0.0, 3.5, 11.25, 20.0, 40.0]))
    moved, shifts = shift(Events.from_latencies(asarray(times), DURATION), 7)
    afresh = Events.from_latencies(asarray(shifted(times, shifts, False)), DURATION)
    t_max = to_numpy(peak(afresh, weight, NEURON).t_max)
    assert ((t_max > 0.0) & (t_max < 40.0) & (t_max * 2.0 == np.rint(t_max * 2.0))).any()  # kinks
    scale = 1e-12 if "64" in str(dtype) else 3e-6
    for method in methods(backend):
        of_moved = readouts(moved, weight, method, samples, bars)
        of_afresh = readouts(afresh, weight, method, samples, bars)
        for name, wanted in of_afresh.items():
            np.testing.assert_allclose(
                to_numpy(of_moved[name]),
                to_numpy(wanted),
                rtol=30.0 * scale,
                atol=30.0 * scale,
                err_msg=f"{name}, {method}",
            )


@pytest.mark.skip_backend("jax", reason="compiles for long; NumPy runs its form as 'static'")
def test_time_gradients_come_back_to_the_spikes_as_given(asarray: Any, to_numpy: Any) -> None:
    """A lost spike's entry is 0; the others are those of the moved image, moved back."""
    times = latencies(3)
    moved, shifts = shift(Events.from_latencies(asarray(times), DURATION), 5)
    afresh = Events.from_latencies(asarray(shifted(times, shifts, False)), DURATION)
    draw = rng(4)
    weight, bar = asarray(draw.normal(0.1, 0.8, (3, N))), asarray(draw.normal(size=(6, 3)))
    found = peak(afresh, weight, NEURON)
    given = to_numpy(peak_vjp(moved, weight, NEURON, found, bar, times=True).times)
    wanted = to_numpy(peak_vjp(afresh, weight, NEURON, found, bar, times=True).times)
    # the gradient of each spike is a latency that moves with it
    np.testing.assert_array_equal(
        shifted(np.where(np.isfinite(times), given, INF), shifts, False)[np.isfinite(wanted)],
        np.where(to_numpy(afresh.to_latencies()) < INF, wanted, INF)[np.isfinite(wanted)],
    )
    kept = np.isfinite(shifted(times, shifts, False)).sum()
    assert 0 < np.count_nonzero(given) <= kept < np.isfinite(times).sum()
    assert given.shape == times.shape


def test_no_shift_and_a_shift_out_of_the_frame() -> None:
    events = Events.from_latencies(latencies(), DURATION)
    still = shift_image(events, (ROWS, COLUMNS), 0, rng(0), channels=CHANNELS)
    for name in ("times", "afferents", "counts", "order"):
        np.testing.assert_array_equal(getattr(still, name), getattr(events, name))
    far = shift_image(events, (1, 1), 10**6, rng(0))
    np.testing.assert_array_equal(far.counts, events.counts - np.isfinite(latencies()[:, 0]))


def test_shifts_are_uniform() -> None:
    times = np.full((2000, 25), INF)
    times[:, 12] = 1.0
    moved = shift_image(Events.from_latencies(times, 2.0), (5, 5), 2, rng(1))
    found = np.bincount(moved.afferents[:, 0], minlength=25)
    assert found.sum() == 2000
    assert found.min() > 40  # of 80 each


def test_jitter_reflects_at_the_borders(asarray: Any, to_numpy: Any, dtype: Any) -> None:
    times = latencies(5)
    events = Events.from_latencies(asarray(times), DURATION)
    noisy = jitter_spikes(events, 30.0, rng(8))
    noise = 30.0 * rng(8).standard_normal(events.times.shape)
    wanted = []
    for b, row in enumerate(spikes(events, to_numpy)):
        moved = []
        for k, (t, afferent) in enumerate(row):
            t += float(noise[b, k])
            while not 0.0 <= t <= DURATION:
                t = -t if t < 0.0 else 2.0 * DURATION - t
            moved.append((t, afferent))
        wanted.append(sorted(moved))
    found = spikes(noisy, to_numpy)
    tolerance = 1e-4 if "32" in str(dtype) else 1e-12
    for row, expected in zip(found, wanted, strict=True):
        assert [afferent for _, afferent in row] == [afferent for _, afferent in expected]
        np.testing.assert_allclose([t for t, _ in row], [t for t, _ in expected], atol=tolerance)
    assert noisy.times.dtype == dtype
    # each entry of the source finds its own spike again
    back = to_numpy(noisy.in_source_layout(noisy.times))
    np.testing.assert_allclose(
        np.where(np.isfinite(times), back, 0.0),
        np.where(np.isfinite(times), to_numpy(noisy.to_latencies()), 0.0),
    )


def test_jitter_has_the_spread_asked_for_and_none_is_none() -> None:
    events = Events.from_latencies(np.full((50, 80), 500.0), 1000.0)
    moved = jitter_spikes(events, 20.0, rng(0)).times - 500.0
    assert abs(moved.std() - 20.0) < 1.0
    assert abs(moved.mean()) < 1.5
    for still in (jitter_spikes(events, 0.0, rng(0)), delete_spikes(events, 0.0, rng(0))):
        np.testing.assert_array_equal(still.times, events.times)
        np.testing.assert_array_equal(still.afferents, events.afferents)


def test_deletion_keeps_the_others(asarray: Any, to_numpy: Any) -> None:
    events = Events.from_latencies(asarray(latencies(6)), DURATION)
    fewer = delete_spikes(events, 0.4, rng(9))
    kept = rng(9).random(events.times.shape) >= 0.4
    wanted = [
        [spike for k, spike in enumerate(row) if kept[b, k]]
        for b, row in enumerate(spikes(events, to_numpy))
    ]
    assert spikes(fewer, to_numpy) == wanted
    assert fewer.times.shape == events.times.shape
    assert delete_spikes(events, 1.0, rng(0)).n_spikes == 0


def test_deletion_has_the_probability_asked_for() -> None:
    events = Events.from_latencies(np.full((100, 200), 5.0), 10.0)
    assert abs(delete_spikes(events, 0.3, rng(0)).n_spikes / 20000 - 0.7) < 0.02


@pytest.mark.parametrize("layout", ["trains", "csr", "concat"])
def test_other_layouts(layout: str) -> None:
    """Events whose source is wider than its spikes, or ragged, keep their layout."""
    times = latencies(7)
    if layout == "trains":
        events = Events.from_trains(np.stack([times, 40.0 - times], axis=2), DURATION)
    elif layout == "csr":
        afferents = np.tile(np.arange(N), 6)
        events = Events.from_csr(times.ravel(), afferents, np.arange(7) * N, N, DURATION)
    else:
        parts = (times[:3], np.where(times[3:] < 20.0, times[3:], INF))
        events = Events.concat([Events.from_latencies(part, DURATION) for part in parts])
    for varied in (
        delete_spikes(events, 0.5, rng(1)),
        jitter_spikes(events, 3.0, rng(1)),
        shift(events, 1)[0],
    ):
        spikes(varied, np.asarray)
        assert varied.order.shape == events.order.shape
        np.testing.assert_array_equal(np.sort(varied.order, axis=1), np.sort(events.order, axis=1))
        back = varied.in_source_layout(varied.times)
        assert back.shape == events.in_source_layout(events.times).shape
        assert np.isclose(back.sum(), sum(t for row in spikes(varied, np.asarray) for t, _ in row))


EVENTS = Events.from_latencies(np.ones((2, 6)), 2.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: jitter_spikes(EVENTS, -1.0, rng(0)),
            ValueError,
            "sigma must be finite and not negative",
        ),
        (lambda: jitter_spikes(EVENTS, math.nan, rng(0)), ValueError, "sigma must be finite"),
        (lambda: jitter_spikes(EVENTS, "1", rng(0)), TypeError, "sigma must be a real number"),
        (lambda: jitter_spikes(np.ones(2), 1.0, rng(0)), TypeError, "events must be an Events"),
        (
            lambda: delete_spikes(EVENTS, 1.5, rng(0)),
            ValueError,
            "probability must be from 0 to 1, got 1.5",
        ),
        (
            lambda: delete_spikes(EVENTS, -0.5, rng(0)),
            ValueError,
            "probability must be .* got -0.5",
        ),
        (lambda: delete_spikes(EVENTS, 0.5, 0), TypeError, "rng must be a numpy.random.Generator"),
        (lambda: shift_image(EVENTS, (2, 4), 1, rng(0)), ValueError, "2 x 4 pixels .* are 8, .* 6"),
        (lambda: shift_image(EVENTS, (2, 2), 1, rng(0), channels=2), ValueError, "are 8, got"),
        (lambda: shift_image(EVENTS, (2, 3), -1, rng(0)), ValueError, "max_shift must be from 0"),
        (lambda: shift_image(EVENTS, (2, 3), 0.5, rng(0)), TypeError, "max_shift must be an int"),
        (lambda: shift_image(EVENTS, (0, 3), 1, rng(0)), ValueError, r"shape\[0\] must be from 1"),
        (lambda: shift_image(EVENTS, 6, 1, rng(0)), ValueError, r"shape must be \(rows, columns\)"),
        (lambda: shift_image(EVENTS, (2, 3), 1, rng(0), channels=0), ValueError, "channels must"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
