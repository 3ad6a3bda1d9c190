"""Delays against events made from delayed times, their gradients against central differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tempotron_core import Events, Neuron, Peak, peak, peak_vjp
from tempotron_core.learning import tempotron_loss
from tempotron_core.networks.delays import (
    delay_gradient,
    delayed,
    peak_with_delays,
    peak_with_delays_vjp,
)

INF = np.inf
DURATION = 40.0
RNG = np.random.default_rng(8)
TIMES = RNG.uniform(1.0, 35.0, (5, 4, 3))
TIMES[0, 1] = -1.0
TIMES[2] = INF  # a pattern without spikes
TIMES[3, :, 1] = INF
TIMES[4, 0, 0] = 50.0  # past the duration before any delay
TIMES[4, 3, 0], TIMES[1, 2, 0] = 34.0, 2.0  # past it, and before 0, with the delays
DELAY = np.asarray([0.0, 7.5, -4.25, 12.0])
WEIGHT = np.random.default_rng(9).normal(size=(3, 4)) + 0.3
DELAYS = np.random.default_rng(10).uniform(-0.5, 6.0, (3, 4))
LAYOUTS = ("latencies", "trains", "csr")
NOT_ON_JAX = pytest.mark.skip_backend("jax", reason="compiles for each case; NumPy has all")
EVERY_LAYOUT = [pytest.param(layout, marks=NOT_ON_JAX) for layout in LAYOUTS[:2]] + ["csr"]
SELECTIONS = [
    pytest.param(slice(None), marks=NOT_ON_JAX),
    [4, 0, 3],
    pytest.param(slice(1, 4), marks=NOT_ON_JAX),
]


def make(times: Any, layout: str, asarray: Any) -> Events:
    """Events of times [B, N, S], only the first of the S for latencies."""
    if layout == "latencies":
        return Events.from_latencies(asarray(times[:, :, 0]), DURATION)
    if layout == "trains":
        return Events.from_trains(asarray(times), DURATION)
    b, n, s = times.shape
    afferents = np.tile(np.repeat(np.arange(n, dtype=np.int64), s), b)
    offsets = np.arange(b + 1, dtype=np.int64) * (n * s)
    return Events.from_csr(
        asarray(times.reshape(-1)), asarray(afferents), asarray(offsets), n, DURATION
    )


def spikes_of(events: Events, to_numpy: Any) -> list[list[tuple[float, int]]]:
    """Time and afferent of every spike, pattern by pattern."""
    times, afferents, counts = map(to_numpy, (events.times, events.afferents, events.counts))
    return [
        [(float(times[b, k]), int(afferents[b, k])) for k in range(counts[b])]
        for b in range(len(events))
    ]


def in_shape(values: Any, layout: str) -> Any:
    """Values [B, N, S] as a layout has them."""
    return {"latencies": values[:, :, 0], "trains": values, "csr": values.reshape(-1)}[layout]


@pytest.mark.parametrize("layout", EVERY_LAYOUT)
@pytest.mark.parametrize("selection", [*SELECTIONS, pytest.param(4, marks=NOT_ON_JAX)])
def test_every_spike_arrives_later(
    layout: str, selection: Any, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    events = make(TIMES, layout, asarray)[selection]
    later = delayed(events, asarray(DELAY))
    times, delay = to_numpy(asarray(TIMES)), to_numpy(asarray(DELAY))
    rows = times[[selection]] if isinstance(selection, int) else times[selection]
    slots = 1 if layout == "latencies" else 3
    expected = [
        sorted(
            (float(t + delay[i]), i)
            for i in range(4)
            for t in row[i, :slots]
            if 0.0 <= t <= DURATION and 0.0 <= t + delay[i] <= DURATION
        )
        for row in rows
    ]
    assert spikes_of(later, to_numpy) == expected
    if selection == slice(None):
        assert sum(map(len, expected)) <= sum(map(len, spikes_of(events, to_numpy))) - 2
    assert later.times.dtype == dtype
    assert later.times.device == events.times.device
    assert (later.n_afferents, later.duration) == (4, DURATION)


@pytest.mark.parametrize("layout", EVERY_LAYOUT)
@pytest.mark.parametrize("selection", SELECTIONS)
def test_values_go_back_to_where_the_spikes_came_from(
    layout: str, selection: Any, asarray: Any, to_numpy: Any
) -> None:
    later = delayed(make(TIMES, layout, asarray)[selection], asarray(DELAY))
    times, delay = to_numpy(asarray(TIMES))[selection], to_numpy(asarray(DELAY))
    arrival = times + delay[None, :, None]
    kept = (times >= 0) & (times <= DURATION) & (arrival >= 0) & (arrival <= DURATION)
    expected = in_shape(np.where(kept, arrival, 0.0), layout)
    np.testing.assert_array_equal(to_numpy(later.in_source_layout(later.times)), expected)


def test_delays_add_up(asarray: Any, to_numpy: Any) -> None:
    events = make(TIMES, "trains", asarray)
    half = asarray(np.asarray([1.0, 2.5, 4.0, 0.5]))
    twice, once = delayed(delayed(events, half), half), delayed(events, 2.0 * half)
    np.testing.assert_allclose(to_numpy(twice.times), to_numpy(once.times), rtol=1e-6)
    np.testing.assert_array_equal(to_numpy(twice.order), to_numpy(once.order))


def test_no_delay_changes_nothing(asarray: Any, to_numpy: Any) -> None:
    events = make(TIMES, "csr", asarray)
    same = delayed(events, asarray(np.zeros(4)))
    for name in ("times", "afferents", "counts", "order", "source_lengths"):
        np.testing.assert_array_equal(
            to_numpy(getattr(same, name)), to_numpy(getattr(events, name))
        )


@pytest.mark.parametrize("layout", EVERY_LAYOUT)
@pytest.mark.parametrize("selection", SELECTIONS)
def test_the_sum_over_the_spikes_of_an_afferent(
    layout: str, selection: Any, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    later = delayed(make(TIMES, layout, asarray)[selection], asarray(DELAY))
    gradient = later.in_source_layout(asarray(RNG.normal(size=later.times.shape)))
    found = delay_gradient(later, gradient)
    given = to_numpy(gradient).astype(float).reshape(len(later), 4, -1)
    expected = [sum(given[b, i].sum() for b in range(len(later))) for i in range(4)]
    assert found.dtype == dtype
    np.testing.assert_allclose(to_numpy(found), expected, atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient_of_shared_delays(layout: str) -> None:
    """The sum of the peaks, times fixed numbers, by each delay."""
    neuron, cotangent = Neuron(), RNG.normal(size=(5, 3))

    def loss(delay: Any) -> float:
        events = delayed(make(TIMES, layout, np.asarray), delay)
        return float(np.sum(cotangent * peak(events, WEIGHT, neuron).v_max))

    events = delayed(make(TIMES, layout, np.asarray), DELAY)
    found = peak(events, WEIGHT, neuron)
    gradient = peak_vjp(events, WEIGHT, neuron, found, cotangent, times=True)
    np.testing.assert_allclose(
        delay_gradient(events, gradient.times), difference(loss, DELAY), rtol=1e-6, atol=1e-7
    )


def difference(loss: Any, at: Any) -> Any:
    """Central differences by every entry."""
    slope, step = np.zeros_like(at), 1e-5
    for index in np.ndindex(*at.shape):
        shift = np.zeros_like(at)
        shift[index] = step
        slope[index] = (loss(at + shift) - loss(at - shift)) / (2 * step)
    return slope


@pytest.mark.parametrize("layout", EVERY_LAYOUT)
def test_every_synapse_has_its_delay(layout: str, asarray: Any, to_numpy: Any, dtype: Any) -> None:
    """Against neurons of their own, whose patterns are made with the delays in them."""
    neuron, cotangent = Neuron(10.0, 4.0), np.random.default_rng(11).normal(size=(5, 3))
    events, weight, delay = make(TIMES, layout, asarray), asarray(WEIGHT), asarray(DELAYS)
    found = peak_with_delays(events, weight, delay, neuron)
    assert isinstance(found, Peak)
    gradient = peak_with_delays_vjp(events, weight, delay, neuron, found, asarray(cotangent))
    assert gradient.weight.dtype == gradient.delay.dtype == dtype
    assert gradient.delay.device == delay.device

    def plain(weight: Any, delays: Any) -> Any:
        late = [
            make(np.where(TIMES < 0, INF, TIMES + d[:, None]), layout, np.asarray) for d in delays
        ]
        alone = [peak(e, weight[o : o + 1], neuron) for o, e in enumerate(late)]
        return [np.concatenate(arrays, axis=1) for arrays in zip(*alone, strict=True)]

    tolerance = 1e-4 if "float32" in str(dtype) else 1e-11
    for ours, theirs in zip(found, plain(WEIGHT, DELAYS), strict=True):
        np.testing.assert_allclose(to_numpy(ours), theirs, atol=tolerance)
    by_weight = difference(lambda w: np.sum(cotangent * plain(w, DELAYS)[0]), WEIGHT)
    by_delay = difference(lambda d: np.sum(cotangent * plain(WEIGHT, d)[0]), DELAYS)
    tolerance = 1e-4 if "float32" in str(dtype) else 1e-7
    np.testing.assert_allclose(to_numpy(gradient.weight), by_weight, atol=tolerance)
    np.testing.assert_allclose(to_numpy(gradient.delay), by_delay, atol=tolerance)


def test_equal_delays_are_shared_ones() -> None:
    events, neuron = make(TIMES, "trains", np.asarray), Neuron()
    shared = peak(delayed(events, DELAY), WEIGHT, neuron)
    found = peak_with_delays(events, WEIGHT, np.tile(DELAY, (3, 1)), neuron)
    for first, second in zip(found, shared, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-12)


def test_neurons_that_only_delays_can_separate() -> None:
    """Neuron 0 is to fire if afferent 0 leads by 20, neuron 1 if it lags by 20; else silence.

    No weights do that without delays, shown for neuron 0.  It must not fire at one spike alone, so
    both weights are below threshold; hence both must be positive for it to fire at two spikes; but
    then coincident spikes, at which it must not fire, raise the potential most.
    """
    times = [[10.0, 30.0], [30.0, 10.0], [20.0, 20.0], [20.0, INF], [INF, 20.0]]
    events = Events.from_latencies(np.asarray(times), 80.0)
    fire = np.zeros((5, 2), dtype=bool)
    fire[0, 0] = fire[1, 1] = True
    weight, delay, neuron = np.full((2, 2), 0.65), np.zeros((2, 2)), Neuron()
    for _ in range(60):
        found = peak_with_delays(events, weight, delay, neuron)
        _, cotangent = tempotron_loss(found.v_max, fire, 1.0, margin=0.02)
        gradient = peak_with_delays_vjp(events, weight, delay, neuron, found, cotangent)
        delay = delay - 100.0 * gradient.delay
    v_max = peak_with_delays(events, weight, delay, neuron).v_max
    np.testing.assert_array_equal(v_max > 1.0, fire)
    assert not np.array_equal(peak(events, weight, neuron).v_max > 1.0, fire)


def test_delays_are_traced() -> None:
    jax = pytest.importorskip("jax")
    neuron, ones = Neuron(), np.ones((5, 2))

    def step(times: Any, weight: Any, delay: Any, delays: Any, ones: Any) -> Any:
        events = Events.from_trains(times, DURATION)
        later = delayed(events, delay)
        shared = peak(later, weight, neuron)
        towards = peak_vjp(later, weight, neuron, shared, ones, times=True)
        found = peak_with_delays(events, weight, delays, neuron)
        gradient = peak_with_delays_vjp(events, weight, delays, neuron, found, ones)
        return *shared, delay_gradient(later, towards.times), *found, *gradient

    given = TIMES, WEIGHT[:2], DELAY, DELAYS[:2], ones
    traced = jax.eval_shape(step, *map(jax.numpy.asarray, given))
    for first, second in zip(traced, step(*given), strict=True):
        assert first.shape == second.shape


@pytest.mark.slow
def test_delays_compile() -> None:
    jax = pytest.importorskip("jax")

    def step(times: Any, weight: Any, delays: Any, ones: Any) -> Any:
        events = Events.from_trains(times, DURATION)
        found = peak_with_delays(events, weight, delays, Neuron())
        return *found, *peak_with_delays_vjp(events, weight, delays, Neuron(), found, ones)

    given = TIMES, WEIGHT[:2], DELAYS[:2], np.ones((5, 2))
    compiled = jax.jit(step)(*map(jax.numpy.asarray, given))
    for first, second in zip(compiled, step(*given), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-3)


def test_autodiff_reaches_the_delays() -> None:
    torch = pytest.importorskip("torch")
    neuron, weight = Neuron(), torch.tensor(WEIGHT)
    for layout in LAYOUTS:
        events = make(TIMES, layout, torch.asarray)
        delay = torch.tensor(DELAY, requires_grad=True)
        later = delayed(events, delay)
        found = peak(later, weight, neuron)
        found.v_max.sum().backward()
        ones = torch.ones_like(found.v_max)
        towards = peak_vjp(later, weight, neuron, found, ones, times=True).times
        np.testing.assert_allclose(
            delay.grad.numpy(), delay_gradient(later, towards).numpy(), rtol=1e-10
        )


@pytest.mark.parametrize("layout", EVERY_LAYOUT)
def test_nothing_to_delay(layout: str, asarray: Any) -> None:
    neuron = Neuron()
    for times in (TIMES[:0], TIMES[:, :0]):
        n = times.shape[1]
        events = delayed(make(times, layout, asarray), asarray(np.zeros(n)))
        values = events.in_source_layout(asarray(np.zeros(events.times.shape)))
        assert delay_gradient(events, values).shape == (n,)
    events, none = make(TIMES, layout, asarray), asarray(np.zeros((0, 4)))
    found = peak_with_delays(events, none, none, neuron)
    assert found.v_max.shape == (5, 0)
    gradient = peak_with_delays_vjp(events, none, none, neuron, found, found.v_max)
    assert gradient.weight.shape == gradient.delay.shape == (0, 4)


@pytest.mark.parametrize(
    ("delay", "error", "message"),
    [
        (DELAY[:3], ValueError, r"delay must have shape \(4,\), got \(3,\)"),
        (DELAYS, ValueError, r"delay must have shape \(4,\), got \(3, 4\)"),
        (DELAY + INF, ValueError, "delay must be finite, got NaN or infinite ones"),
        (DELAY > 0, TypeError, "delay must be float32 or float64, got bool"),
        ([0.0] * 4, TypeError, "delay must be an array .* got list"),
    ],
)
def test_bad_delays(delay: Any, error: type, message: str) -> None:
    events = make(TIMES, "trains", np.asarray)
    with pytest.raises(error, match=message):
        delayed(events, delay)


def test_bad_arguments() -> None:
    events, neuron = make(TIMES, "trains", np.asarray), Neuron()
    with pytest.raises(TypeError, match="events must be an Events, got ndarray"):
        delayed(TIMES, DELAY)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="delayed_events must be an Events"):
        delay_gradient(TIMES, TIMES)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"time_gradient must have shape \(5, 4, 3\), got \(5, 4\)"
    ):
        delay_gradient(events, TIMES[:, :, 0])
    with pytest.raises(ValueError, match=r"time_gradient must have shape \(60,\), got \(5,"):
        delay_gradient(make(TIMES, "csr", np.asarray), TIMES)
    with pytest.raises(ValueError, match=r"delay must have shape \(3, 4\), got \(4,\)"):
        peak_with_delays(events, WEIGHT, DELAY, neuron)
    found = peak_with_delays(events, WEIGHT, DELAYS, neuron)
    with pytest.raises(TypeError, match="found must be a Peak"):
        peak_with_delays_vjp(events, WEIGHT, DELAYS, neuron, found.v_max, found.v_max)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"v_cotangent must have shape \(5, 3\), got \(5, 2\)"):
        peak_with_delays_vjp(events, WEIGHT, DELAYS, neuron, found, found.v_max[:, :2])
