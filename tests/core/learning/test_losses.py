"""Losses and labels against plain loops, their derivatives against differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tempotron_core import Tempotron
from tempotron_core.learning import mse_loss, spike_time_cross_entropy, tempotron_loss
from tempotron_core.learning.labels import should_fire
from tempotron_core.learning.losses import cross_entropy_loss

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


@pytest.mark.on_jax
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
        (V_MAX, LABELS, {"margin": -0.1}, ValueError, r"margin must be finite.* got -0\.1"),
        (V_MAX, LABELS, {"margin": math.nan}, ValueError, "margin must be finite.* got nan"),
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


# -- class weights ----------------------------------------------------------------------------

CLASS_WEIGHT = np.asarray([0.5, 2.0, 3.0])


def of_any(name: str) -> Any:
    """A loss as a function of potentials and labels alone."""
    if name == "cross-entropy":
        return lambda v, y, **more: cross_entropy_loss(v, y, temperature=0.3, **more)
    return lambda v, y, **more: LOSSES[name][0](v, y, 1.0, margin=0.2, **more)


EVERY_LOSS = [*LOSSES, "cross-entropy"]


@pytest.mark.parametrize("name", EVERY_LOSS)
def test_class_weights_multiply_the_terms_of_each_pattern(
    name: str, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    function = of_any(name)
    weight = CLASS_WEIGHT[LABELS]
    alone = [function(V_MAX[b : b + 1], LABELS[b : b + 1]) for b in range(4)]
    total = sum(float(loss) * weight[b] for b, (loss, _) in enumerate(alone)) / 4
    slope = np.concatenate([c * weight[b] for b, (_, c) in enumerate(alone)]) / 4
    loss, cotangent = function(
        asarray(V_MAX), asarray(LABELS), class_weight=asarray(CLASS_WEIGHT, dtype=dtype)
    )
    assert loss.shape == ()
    assert loss.dtype == cotangent.dtype == dtype
    np.testing.assert_allclose(float(to_numpy(loss)), total, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(cotangent), slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", EVERY_LOSS)
def test_equal_class_weights_change_nothing(name: str) -> None:
    plain, equal = of_any(name)(V_MAX, LABELS), of_any(name)(V_MAX, LABELS, class_weight=np.ones(3))
    np.testing.assert_array_equal(plain[0], equal[0])
    np.testing.assert_array_equal(plain[1], equal[1])


@pytest.mark.parametrize("name", EVERY_LOSS)
@pytest.mark.parametrize(
    ("labels", "class_weight", "error", "message"),
    [
        (LABELS, np.ones(2), ValueError, r"one weight for each of the 3 classes, got shape \(2,\)"),
        (LABELS, -CLASS_WEIGHT, ValueError, r"class_weight must be finite .* from -3\.0 to -0\.5"),
        (LABELS, CLASS_WEIGHT * math.nan, ValueError, "class_weight must be finite .* nan"),
        (LABELS, CLASS_WEIGHT * math.inf, ValueError, "class_weight must be finite .* inf"),
        (LABELS, np.ones(3, dtype=int), TypeError, "class_weight must be float32 or float64"),
        (LABELS, [1.0, 1.0, 1.0], TypeError, "class_weight must be an array .* got list"),
        (V_MAX > 1.0, CLASS_WEIGHT, TypeError, "labels must be integer class indices .* bool"),
    ],
)
def test_bad_class_weights(
    name: str, labels: Any, class_weight: Any, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        of_any(name)(V_MAX, labels, class_weight=class_weight)


def test_a_neuron_infinitely_far_on_its_side_is_right() -> None:
    v_max = np.asarray([[-np.inf, 2.0], [0.0, np.inf]])
    loss, cotangent = tempotron_loss(v_max, np.asarray([1, 1]), 1.0)
    assert loss == 0.0
    assert not cotangent.any()


@pytest.mark.parametrize("name", EVERY_LOSS)
def test_a_potential_that_is_no_number_shows_in_the_loss(name: str) -> None:
    v_max = V_MAX.copy()
    v_max[0, 1] = math.nan
    assert math.isnan(of_any(name)(v_max, LABELS)[0])


# -- cross-entropy ----------------------------------------------------------------------------


def plain_cross_entropy(v_max: Any, labels: Any, temperature: float) -> float:
    """The mean of -log softmax, term by term."""
    total = 0.0
    for row, label in zip(v_max, labels, strict=True):
        odds = [math.exp(v / temperature) for v in row]
        total -= math.log(odds[label] / math.fsum(odds))
    return total / len(v_max)


@pytest.mark.parametrize("temperature", [1, 0.2, 5.0])
def test_cross_entropy_follows_its_definition(
    temperature: float, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    loss, cotangent = cross_entropy_loss(asarray(V_MAX), asarray(LABELS), temperature=temperature)
    assert loss.shape == ()
    assert loss.dtype == cotangent.dtype == dtype
    assert cotangent.device == asarray(V_MAX).device
    expected = plain_cross_entropy(V_MAX, LABELS, temperature)
    np.testing.assert_allclose(float(to_numpy(loss)), expected, rtol=1e-5)
    step, slope = 1e-6, np.zeros_like(V_MAX)
    for b, o in np.ndindex(V_MAX.shape):
        shift = np.zeros_like(V_MAX)
        shift[b, o] = step
        up, down = (plain_cross_entropy(V_MAX + s * shift, LABELS, temperature) for s in (1, -1))
        slope[b, o] = (up - down) / (2 * step)
    np.testing.assert_allclose(to_numpy(cotangent), slope, atol=2e-6)


def test_cross_entropy_of_far_potentials_is_stable(asarray: Any, to_numpy: Any) -> None:
    v_max = asarray([[0.0, 3000.0], [3000.0, -3000.0]])
    loss, cotangent = cross_entropy_loss(v_max, asarray(np.asarray([0, 0])), temperature=0.5)
    assert float(to_numpy(loss)) == 3000.0
    np.testing.assert_array_equal(to_numpy(cotangent), [[-1.0, 1.0], [0.0, 0.0]])


def test_cross_entropy_of_nothing(asarray: Any, to_numpy: Any) -> None:
    loss, cotangent = cross_entropy_loss(
        asarray(np.empty((0, 3))), asarray(np.empty(0, dtype=np.int64))
    )
    assert float(to_numpy(loss)) == 0.0
    assert cotangent.shape == (0, 3)


def test_weighted_cross_entropy_compiles() -> None:
    jax = pytest.importorskip("jax")

    def function(v: Any, y: Any, w: Any) -> Any:
        return cross_entropy_loss(v, y, temperature=0.4, class_weight=w)

    given = [jax.numpy.asarray(each) for each in (V_MAX, LABELS, CLASS_WEIGHT)]
    for first, second in zip(jax.jit(function)(*given), function(*given), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-6)


@pytest.mark.parametrize(
    ("v_max", "labels", "temperature", "error", "message"),
    [
        (V_MAX, V_MAX > 1.0, 1.0, TypeError, "labels must be integer class indices .* got bool"),
        (V_MAX, LABELS * 1.0, 1.0, TypeError, "labels must be integer class indices or booleans"),
        (V_MAX, LABELS + 1, 1.0, ValueError, "from 0 to 2 .* got values from 1 to 3"),
        (V_MAX[0], LABELS, 1.0, ValueError, r"v_max must have shape .* got \(3,\)"),
        (V_MAX > 1, LABELS, 1.0, TypeError, "v_max must be float32 or float64, got bool"),
        (V_MAX, LABELS, 0.0, ValueError, r"temperature must be positive and finite, got 0\.0"),
        (V_MAX, LABELS, "hot", TypeError, "temperature must be a real number, got 'hot'"),
        (np.float32(V_MAX), LABELS, 1e-60, ValueError, "temperature must be from .* got 1e-60"),
    ],
)
def test_bad_cross_entropy(
    v_max: Any, labels: Any, temperature: Any, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        cross_entropy_loss(v_max, labels, temperature=temperature)


# -- labels -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_neurons", "n_classes"), [(3, 3), (6, 3), (9, 3), (4, 1)])
def test_the_neurons_of_a_class_should_fire(
    n_neurons: int, n_classes: int, asarray: Any, to_numpy: Any
) -> None:
    labels = np.asarray([0, 2, 1, 0]) % n_classes
    size = n_neurons // n_classes
    expected = [[size * y <= o < size * (y + 1) for o in range(n_neurons)] for y in labels]
    v_max = asarray(np.zeros((4, n_neurons)))
    found = should_fire(asarray(labels), v_max, n_classes=n_classes)
    np.testing.assert_array_equal(to_numpy(found), expected)
    assert found.device == v_max.device


@pytest.mark.parametrize(
    ("labels", "n_classes", "error", "message"),
    [
        ([0, 1], 4, ValueError, "n_classes must divide .* 4 classes for 6 neurons"),
        ([0, 1], 0, ValueError, "n_classes must be from 1"),
        ([0, 1], 2.0, TypeError, r"n_classes must be an integer, got 2\.0"),
        ([0, 3], 3, ValueError, r"from 0 to 2 \(2 neurons per class\), got values from 0 to 3"),
    ],
)
def test_bad_classes(labels: Any, n_classes: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        should_fire(np.asarray(labels), np.zeros((2, 6)), n_classes=n_classes)


INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


@pytest.mark.parametrize("kind", INTEGERS)
def test_labels_may_be_integers_of_any_width(kind: str, backend: Any, to_numpy: Any) -> None:
    """300 classes are more than 8 bits count, whatever the labels that occur are."""
    rng = np.random.default_rng(4)
    v_max = rng.uniform(0.0, 2.0, (4, 300))
    labels = np.asarray([1, 100, 0, 44])
    weight = backend.from_numpy(rng.uniform(0.5, 2.0, 300), "float32")
    values = backend.from_numpy(v_max, "float32")
    narrow, wide = backend.from_numpy(labels.astype(kind)), backend.from_numpy(labels)
    fire = to_numpy(should_fire(narrow, values))
    np.testing.assert_array_equal(fire, labels[:, None] == np.arange(300))
    calls = [
        lambda y: tempotron_loss(values, y, 1.0, class_weight=weight),
        lambda y: mse_loss(values, y, 1.0, class_weight=weight),
        lambda y: cross_entropy_loss(values, y, class_weight=weight),
        lambda y: spike_time_cross_entropy(values, y, temperature=0.5, silent_time=3.0),
        lambda y: (Tempotron.mse_loss(values, 1.0, y, 300),),
    ]
    for call in calls:
        for found, expected in zip(call(narrow), call(wide), strict=True):
            np.testing.assert_array_equal(to_numpy(found), to_numpy(expected))


@pytest.mark.parametrize("kind", ["uint8", "uint32", "uint64"])
def test_no_label_wraps_into_the_range(kind: str, backend: Any) -> None:
    v_max = backend.from_numpy(np.zeros((2, 200)), "float32")
    largest = np.iinfo(kind).max
    labels = backend.from_numpy(np.asarray([0, largest], dtype=kind))
    with pytest.raises(ValueError, match=r"labels must be class indices from 0 to 199 .* 0 to "):
        should_fire(labels, v_max)
    with pytest.raises(ValueError, match=r"label must be class indices from 0 to 199 .* 0 to "):
        Tempotron.mse_loss(v_max, 1.0, labels, 200)
