"""Losses of spike times against plain loops, their derivatives against differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tempotron_core.learning.spike_time_losses import spike_time_cross_entropy, spike_time_loss

INF = math.inf
T_SPIKE = np.asarray([[5.0, 9.0, INF], [INF, 12.5, 20.0], [7.0, -1.0, 7.0], [INF, INF, INF]])
TARGET = np.asarray([[5.0, INF, INF], [10.0, -2.0, 18.0], [6.0, 3.0, INF], [INF, 4.0, -1.0]])
LABELS = np.asarray([0, 1, 2, 0])
SILENT = 25.0


def read(time: float) -> float:
    return SILENT if time < 0 or time == INF else float(time)


def plain_cross_entropy(t_spike: Any, temperature: float) -> float:
    total = 0.0
    for row, label in zip(t_spike, LABELS, strict=True):
        odds = [math.exp(-read(t) / temperature) for t in row]
        total -= math.log(odds[label] / math.fsum(odds))
    return total / len(t_spike)


def plain_regression(t_spike: Any) -> float:
    pairs = zip(t_spike.ravel(), TARGET.ravel(), strict=True)
    return sum((read(t) - read(aim)) ** 2 / 2 for t, aim in pairs) / len(t_spike)


def derivative(loss: Any) -> np.ndarray:
    """Central differences; moving a silent neuron's infinite time changes nothing."""
    slope, step = np.zeros_like(T_SPIKE), 1e-6
    for b, o in np.ndindex(T_SPIKE.shape):
        if read(T_SPIKE[b, o]) == T_SPIKE[b, o]:
            shift = np.zeros_like(T_SPIKE)
            shift[b, o] = step
            slope[b, o] = (loss(T_SPIKE + shift) - loss(T_SPIKE - shift)) / (2 * step)
    return slope


@pytest.mark.parametrize("temperature", [1.0, 4, 30.0])
def test_cross_entropy(temperature: float, asarray: Any, to_numpy: Any, dtype: Any) -> None:
    t_spike = asarray(T_SPIKE)
    loss, cotangent = spike_time_cross_entropy(
        t_spike, asarray(LABELS), temperature=temperature, silent_time=SILENT
    )
    assert loss.shape == ()
    assert loss.dtype == cotangent.dtype == dtype
    assert cotangent.device == t_spike.device
    expected = plain_cross_entropy(T_SPIKE, temperature)
    np.testing.assert_allclose(float(to_numpy(loss)), expected, rtol=1e-5)
    slope = derivative(lambda t: plain_cross_entropy(t, temperature))
    assert np.count_nonzero(slope) == 6
    np.testing.assert_allclose(to_numpy(cotangent), slope, atol=1e-6)


def test_cross_entropy_with_class_weights(asarray: Any, to_numpy: Any) -> None:
    weight = np.asarray([0.5, 2.0, 4.0])
    constants = {"temperature": 4.0, "silent_time": SILENT}
    alone = [
        spike_time_cross_entropy(T_SPIKE[b : b + 1], LABELS[b : b + 1], **constants)
        for b in range(4)
    ]
    loss, cotangent = spike_time_cross_entropy(
        asarray(T_SPIKE), asarray(LABELS), class_weight=asarray(weight), **constants
    )
    total = sum(weight[y] * float(one) for y, (one, _) in zip(LABELS, alone, strict=True)) / 4
    slope = [weight[y] * one[0] / 4 for y, (_, one) in zip(LABELS, alone, strict=True)]
    np.testing.assert_allclose(float(to_numpy(loss)), total, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(cotangent), slope, rtol=1e-5, atol=1e-7)


@pytest.mark.on_jax
def test_regression(asarray: Any, to_numpy: Any, dtype: Any) -> None:
    t_spike = asarray(T_SPIKE)
    loss, cotangent = spike_time_loss(t_spike, asarray(TARGET), silent_time=SILENT)
    assert loss.shape == ()
    assert loss.dtype == cotangent.dtype == dtype
    assert cotangent.device == t_spike.device
    np.testing.assert_allclose(float(to_numpy(loss)), plain_regression(T_SPIKE), rtol=1e-6)
    np.testing.assert_allclose(to_numpy(cotangent), derivative(plain_regression), atol=1e-4)


def test_silence_as_asked_costs_nothing(asarray: Any, to_numpy: Any) -> None:
    silent = asarray([[INF, -1.0, INF, -INF]])
    loss, cotangent = spike_time_loss(silent, asarray([[INF, INF, -1.0, INF]]), silent_time=SILENT)
    assert float(to_numpy(loss)) == 0.0
    np.testing.assert_array_equal(to_numpy(cotangent), 0.0)


def test_a_silent_neuron_costs_its_distance_but_is_not_moved() -> None:
    loss, cotangent = spike_time_loss(np.asarray([[INF]]), np.asarray([[5.0]]), silent_time=SILENT)
    assert loss == 200.0
    assert cotangent == 0.0


def test_a_neuron_that_should_be_silent_is_pushed_late() -> None:
    loss, cotangent = spike_time_loss(np.asarray([[5.0]]), np.asarray([[INF]]), silent_time=SILENT)
    assert loss == 200.0
    assert cotangent == -20.0


def test_nan_shows_in_the_loss() -> None:
    t_spike = np.where(T_SPIKE == 5.0, math.nan, T_SPIKE)
    loss, _ = spike_time_cross_entropy(t_spike, LABELS, temperature=1.0, silent_time=SILENT)
    assert math.isnan(loss)
    assert math.isnan(spike_time_loss(t_spike, TARGET, silent_time=SILENT)[0])
    assert math.isnan(spike_time_loss(TARGET, t_spike, silent_time=SILENT)[0])


def test_losses_compile() -> None:
    jax = pytest.importorskip("jax")
    given = [jax.numpy.asarray(each) for each in (T_SPIKE, LABELS, TARGET)]

    def both(t: Any, y: Any, target: Any) -> Any:
        first = spike_time_cross_entropy(t, y, temperature=2.0, silent_time=SILENT)
        return *first, *spike_time_loss(t, target, silent_time=SILENT)

    for compiled, eager in zip(jax.jit(both)(*given), both(*given), strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-6)


def test_no_patterns_cost_nothing(asarray: Any, to_numpy: Any) -> None:
    empty, labels = asarray(np.empty((0, 3))), asarray(np.empty(0, dtype=np.int64))
    for loss, cotangent in (
        spike_time_loss(empty, empty, silent_time=1.0),
        spike_time_cross_entropy(empty, labels, temperature=1.0, silent_time=1.0),
    ):
        assert float(to_numpy(loss)) == 0.0
        assert cotangent.shape == (0, 3)


@pytest.mark.parametrize(
    ("t_spike", "labels", "more", "error", "message"),
    [
        (T_SPIKE[0], LABELS, {}, ValueError, r"t_spike must have shape .* got \(3,\)"),
        (T_SPIKE > 1, LABELS, {}, TypeError, "t_spike must be float32 or float64, got bool"),
        (T_SPIKE, T_SPIKE > 1, {}, TypeError, "labels must be integer class indices"),
        (T_SPIKE, LABELS + 5, {}, ValueError, "labels must be class indices from 0 to 2"),
        (T_SPIKE, LABELS, {"silent_time": INF}, ValueError, "silent_time must be positive"),
        (T_SPIKE, LABELS, {"silent_time": None}, TypeError, "silent_time must be a real number"),
        (T_SPIKE, LABELS, {"temperature": 0.0}, ValueError, "temperature must be positive"),
        (np.float32(T_SPIKE), LABELS, {"silent_time": 1e39}, ValueError, "silent_time .* at most"),
    ],
)
def test_bad_cross_entropy(t_spike: Any, labels: Any, more: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        spike_time_cross_entropy(
            t_spike, labels, **{"temperature": 1.0, "silent_time": SILENT} | more
        )


@pytest.mark.parametrize(
    ("t_spike", "target", "silent_time", "error", "message"),
    [
        (T_SPIKE, TARGET[:2], SILENT, ValueError, r"target must have .* \(4, 3\), got \(2, 3\)"),
        (T_SPIKE, TARGET[0], SILENT, ValueError, r"target must have shape .* got \(3,\)"),
        (T_SPIKE, LABELS, SILENT, TypeError, "target must be float32 or float64, got int64"),
        (T_SPIKE, TARGET, -1.0, ValueError, r"silent_time must be positive and finite, got -1\.0"),
        ([[1.0]], TARGET, SILENT, TypeError, "t_spike must be an array"),
    ],
)
def test_bad_regression(
    t_spike: Any, target: Any, silent_time: Any, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        spike_time_loss(t_spike, target, silent_time=silent_time)
