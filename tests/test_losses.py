"""Losses against plain loops, their derivative against differences, and the update rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tempotron_core import Momentum, Tempotron, mse_loss, tempotron_loss

V_MAX = np.asarray([[0.2, 1.7, 0.9], [1.4, 0.3, 1.1], [0.0, 0.6, 2.5], [1.2, 1.3, 0.1]])
LABELS = np.asarray([0, 0, 2, 1])
LOSSES = {"tempotron": (tempotron_loss, 1), "mse": (mse_loss, 2)}


def expected(power: int, v_max: Any, labels: Any, threshold: float, margin: float) -> Any:
    """Loss and derivative, term by term."""
    total, slope = 0.0, np.zeros_like(v_max)
    for b, row in enumerate(v_max):
        for o, v in enumerate(row):
            if o == labels[b]:
                distance = max(threshold + margin - v, 0.0)
                wrong, sign = v <= threshold + margin, -1.0
            else:
                distance = max(v - (threshold - margin), 0.0)
                wrong, sign = v > threshold - margin, 1.0
            total += distance**power / len(v_max)
            if wrong:
                slope[b, o] = sign * power * distance ** (power - 1) / len(v_max)
    return total, slope


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("threshold", [1.0, 0.7])
@pytest.mark.parametrize("margin", [0.0, 0.25])
def test_loss_follows_its_definition(
    name: str, threshold: float, margin: float, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    function, power = LOSSES[name]
    v_max, labels = asarray(V_MAX), asarray(LABELS)
    loss, cotangent = function(v_max, labels, threshold, margin=margin)
    total, slope = expected(power, V_MAX, LABELS, threshold, margin)
    assert loss.shape == ()
    assert loss.dtype == cotangent.dtype == dtype
    assert cotangent.device == v_max.device
    np.testing.assert_allclose(float(to_numpy(loss)), total, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(cotangent), slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_cotangent_is_the_derivative(name: str) -> None:
    function, _ = LOSSES[name]
    _, cotangent = function(V_MAX, LABELS, 1.0, margin=0.15)
    step = 1e-6
    for b, o in np.ndindex(V_MAX.shape):
        shift = np.zeros_like(V_MAX)
        shift[b, o] = step
        up, down = (function(V_MAX + s * shift, LABELS, 1.0, margin=0.15)[0] for s in (1, -1))
        assert cotangent[b, o] == pytest.approx((up - down) / (2 * step), abs=1e-8)


def test_a_neuron_at_threshold_has_not_fired() -> None:
    v_max = np.asarray([[1.0, 1.0]])
    loss, cotangent = tempotron_loss(v_max, np.asarray([0]), 1.0)
    assert loss == 0.0
    np.testing.assert_array_equal(cotangent, [[-1.0, 0.0]])


def test_mse_is_the_compatible_class_loss(asarray: Any, to_numpy: Any) -> None:
    v_max, labels = asarray(V_MAX), asarray(LABELS)
    loss, _ = mse_loss(v_max, labels, 1.0)
    assert float(to_numpy(loss)) == float(to_numpy(Tempotron.mse_loss(v_max, 1.0, labels, 3)))


@pytest.mark.parametrize("name", LOSSES)
def test_labels_may_say_for_each_neuron_whether_it_should_fire(
    name: str, asarray: Any, to_numpy: Any
) -> None:
    function, _ = LOSSES[name]
    one_hot = LABELS[:, None] == np.arange(3)
    by_class = function(asarray(V_MAX), asarray(LABELS), 1.0)
    by_neuron = function(asarray(V_MAX), asarray(one_hot), 1.0)
    for first, second in zip(by_class, by_neuron, strict=True):
        np.testing.assert_array_equal(to_numpy(first), to_numpy(second))


@pytest.mark.parametrize("name", LOSSES)
def test_no_patterns_cost_nothing(name: str, asarray: Any, to_numpy: Any) -> None:
    loss, cotangent = LOSSES[name][0](
        asarray(np.empty((0, 3))), asarray(np.empty(0, dtype=np.int64)), 1.0
    )
    assert float(to_numpy(loss)) == 0.0
    assert cotangent.shape == (0, 3)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_compile(name: str) -> None:
    jax = pytest.importorskip("jax")
    function, _ = LOSSES[name]
    compiled = jax.jit(lambda v, y: function(v, y, 1.0))
    given = jax.numpy.asarray(V_MAX), jax.numpy.asarray(LABELS)
    for first, second in zip(compiled(*given), function(*given, 1.0), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-12)


@pytest.mark.parametrize(
    ("v_max", "labels", "more", "error", "message"),
    [
        (V_MAX, [0, 0, 2, 1], {}, TypeError, "labels must be an array"),
        (V_MAX, LABELS * 1.0, {}, TypeError, "labels must be integer class indices or booleans"),
        (V_MAX, LABELS[:3], {}, ValueError, r"one class index for each of the 4 patterns.*\(3,\)"),
        (V_MAX, LABELS + 1, {}, ValueError, "from 0 to 2 .* got values from 1 to 3"),
        (V_MAX, LABELS - 1, {}, ValueError, "from 0 to 2 .* got values from -1 to 1"),
        (
            V_MAX,
            V_MAX[:, :2] > 1,
            {},
            ValueError,
            r"boolean labels must have .* \(4, 3\).*\(4, 2\)",
        ),
        (
            V_MAX[0],
            LABELS,
            {},
            ValueError,
            r"v_max must have shape \(patterns, neurons\), got \(3,",
        ),
        (V_MAX > 1, LABELS, {}, TypeError, "v_max must be float32 or float64, got bool"),
        (
            V_MAX,
            LABELS,
            {"v_threshold": 0.0},
            ValueError,
            "v_threshold must be positive and finite",
        ),
        (V_MAX, LABELS, {"v_threshold": "1V"}, TypeError, "v_threshold must be a real number"),
        (V_MAX, LABELS, {"margin": -0.1}, ValueError, r"margin must be a finite number.* -0\.1"),
        (V_MAX, LABELS, {"margin": math.nan}, ValueError, "margin must be a finite number.* nan"),
    ],
)
@pytest.mark.parametrize("name", LOSSES)
def test_bad_arguments(
    name: str, v_max: Any, labels: Any, more: Any, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        LOSSES[name][0](v_max, labels, **{"v_threshold": 1.0} | more)


def test_mixed_libraries() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="v_max and labels must come from one array library"):
        tempotron_loss(V_MAX, torch.asarray(LABELS), 1.0)


def test_momentum_repeats_a_part_of_the_last_change(asarray: Any, to_numpy: Any) -> None:
    gradients = np.random.default_rng(0).normal(size=(5, 2, 3))
    weight, rule = asarray(np.zeros((2, 3))), Momentum(0.1, momentum=0.8)
    plain, delta = np.zeros((2, 3)), np.zeros((2, 3))
    for n, gradient in enumerate(gradients):
        rule.learning_rate = 0.1 / (n + 1)
        before = weight
        weight = rule.step(weight, asarray(gradient))
        delta = -0.1 / (n + 1) * gradient + 0.8 * delta
        plain = plain + delta
        assert weight is not before
    np.testing.assert_allclose(to_numpy(weight), plain, rtol=1e-5)
    assert weight.dtype == before.dtype
    assert "momentum=0.8" in repr(rule)


@pytest.mark.parametrize("rate", [-1.0, math.inf, math.nan, "fast"])
def test_bad_learning_rate(rate: Any) -> None:
    with pytest.raises(ValueError, match=f"learning_rate must be a finite number.*{rate}"):
        Momentum(rate)


@pytest.mark.parametrize("momentum", [-0.1, 1.0, math.nan, "much"])
def test_bad_momentum(momentum: Any) -> None:
    with pytest.raises(ValueError, match=rf"momentum must be a number in \[0, 1\).*{momentum}"):
        Momentum(0.1, momentum)


def test_bad_steps() -> None:
    rule = Momentum(0.1, 0.5)
    with pytest.raises(ValueError, match=r"gradient must have the shape of weight, \(2,\).*\(3,\)"):
        rule.step(np.zeros(2), np.zeros(3))
    rule.step(np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match=r"weight must keep its shape between steps, \(2,\)"):
        rule.step(np.zeros(3), np.zeros(3))
    with pytest.raises(TypeError, match="weight must be an array"):
        rule.step([0.0, 0.0], np.zeros(2))
