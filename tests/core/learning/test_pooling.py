"""Pooling over the neurons of a class against plain loops, its derivative against differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tempotron_core.learning.pooling import pool, pool_vjp

HOW = ("max", "mean", "logsumexp")
V = np.random.default_rng(5).normal(size=(4, 6))
COTANGENT = np.random.default_rng(6).normal(size=(4, 3))


def plain(v: Any, n_classes: int, how: str, temperature: float) -> np.ndarray:
    """Class by class."""
    size = v.shape[1] // n_classes
    pooled = np.empty((v.shape[0], n_classes))
    for b, c in np.ndindex(*pooled.shape):
        values = [float(v[b, c * size + g]) for g in range(size)]
        if how == "max":
            pooled[b, c] = max(values)
        elif how == "mean":
            pooled[b, c] = sum(values) / size
        else:
            mean = sum(math.exp(x / temperature) for x in values) / size
            pooled[b, c] = temperature * math.log(mean)
    return pooled


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("n_classes", "temperature"), [(3, 1), (2, 0.3), (6, 0.5), (1, 2.0)])
def test_pooled_values(
    how: str, n_classes: int, temperature: float, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    v = asarray(V)
    pooled = pool(v, n_classes, how=how, temperature=temperature)
    assert pooled.dtype == dtype
    assert pooled.device == v.device
    expected = plain(V, n_classes, how, temperature)
    np.testing.assert_allclose(to_numpy(pooled), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.on_jax
@pytest.mark.parametrize("how", HOW)
def test_pulled_back(how: str, asarray: Any, to_numpy: Any, dtype: Any) -> None:
    found = pool_vjp(asarray(V), 3, asarray(COTANGENT), how=how, temperature=0.4)
    step, expected = 1e-6, np.empty_like(V)
    for b, o in np.ndindex(V.shape):
        shift = np.zeros_like(V)
        shift[b, o] = step
        up, down = (plain(V + s * shift, 3, how, 0.4) for s in (1, -1))
        expected[b, o] = np.sum(COTANGENT * (up - down)) / (2 * step)
    assert found.dtype == dtype
    np.testing.assert_allclose(to_numpy(found), expected, atol=2e-6)


def test_the_first_of_equal_maxima_gets_the_cotangent(asarray: Any, to_numpy: Any) -> None:
    v = asarray([[1.0, 2.0, 2.0, 3.0, 3.0, 3.0]])
    found = pool_vjp(v, 2, asarray([[5.0, 7.0]]))
    np.testing.assert_array_equal(to_numpy(found), [[0.0, 5.0, 0.0, 7.0, 0.0, 0.0]])


@pytest.mark.parametrize("how", HOW)
def test_equal_values_give_that_value(how: str, asarray: Any, to_numpy: Any) -> None:
    v = asarray(np.full((2, 4), 700.0))
    np.testing.assert_array_equal(to_numpy(pool(v, 2, how=how, temperature=0.5)), 700.0)


def test_the_temperature_leads_from_the_mean_to_the_maximum() -> None:
    mean, largest = pool(V, 3, how="mean"), pool(V, 3)
    np.testing.assert_allclose(pool(V, 3, how="logsumexp", temperature=1e7), mean, atol=1e-6)
    np.testing.assert_allclose(pool(V, 3, how="logsumexp", temperature=1e-7), largest, atol=1e-6)


@pytest.mark.parametrize("how", HOW)
def test_pooling_compiles(how: str) -> None:
    jax = pytest.importorskip("jax")
    v, cotangent = jax.numpy.asarray(V), jax.numpy.asarray(COTANGENT)

    def both(v: Any, cotangent: Any) -> tuple[Any, Any]:
        return pool(v, 3, how=how), pool_vjp(v, 3, cotangent, how=how)

    for first, second in zip(jax.jit(both)(v, cotangent), both(v, cotangent), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-6)


@pytest.mark.parametrize("how", HOW)
def test_no_patterns(how: str, asarray: Any) -> None:
    v, cotangent = asarray(np.empty((0, 6))), asarray(np.empty((0, 3)))
    assert pool(v, 3, how=how).shape == (0, 3)
    assert pool_vjp(v, 3, cotangent, how=how).shape == (0, 6)


@pytest.mark.parametrize(
    ("v", "n_classes", "more", "error", "message"),
    [
        (V, 4, {}, ValueError, "n_classes must divide .* 4 classes for 6 neurons"),
        (V, -1, {}, ValueError, "n_classes must be from 1 .* got -1"),
        (V[:, :0], 1, {}, ValueError, "n_classes must divide .* 1 classes for 0 neurons"),
        (V[0], 3, {}, ValueError, r"v must have shape \(patterns, neurons\), got \(6,\)"),
        (V > 0, 3, {}, TypeError, "v must be float32 or float64, got bool"),
        (V, 3, {"how": "median"}, ValueError, "how must be one of max, mean, .* got 'median'"),
        (V, 3, {"temperature": -1.0}, ValueError, r"temperature must be positive .* -1\.0"),
    ],
)
def test_bad_arguments(v: Any, n_classes: Any, more: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        pool(v, n_classes, **more)
    with pytest.raises(error, match=message):
        pool_vjp(v, n_classes, COTANGENT, **more)


def test_bad_cotangent() -> None:
    with pytest.raises(ValueError, match=r"cotangent must have shape \(4, 2\), got \(4, 3\)"):
        pool_vjp(V, 2, COTANGENT)
    with pytest.raises(TypeError, match="cotangent must be an array"):
        pool_vjp(V, 3, [[1.0] * 3] * 4)
