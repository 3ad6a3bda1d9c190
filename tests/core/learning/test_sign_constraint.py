"""The sign constraint against a plain loop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tempotron_core.learning.optimisers import Momentum
from tempotron_core.learning.sign_constraint import constrain_signs

SIGNS = np.asarray([1, -1, 0, 1, -1])
WEIGHT = np.random.default_rng(2).normal(size=(6, 5))
WEIGHT[0] = 0.0


@pytest.mark.on_jax
@pytest.mark.parametrize("as_floats", [False, True])
def test_projection(as_floats: bool, asarray: Any, to_numpy: Any, dtype: Any) -> None:
    weight, signs = asarray(WEIGHT), asarray(SIGNS * 1.0 if as_floats else SIGNS)
    found = constrain_signs(weight, signs)
    expected = [
        [0.0 if sign * w < 0 else w for w, sign in zip(row, SIGNS, strict=True)]
        for row in to_numpy(weight)
    ]
    assert found.dtype == dtype
    assert found.device == weight.device
    np.testing.assert_array_equal(to_numpy(found), expected)
    np.testing.assert_array_equal(to_numpy(weight), to_numpy(asarray(WEIGHT)))
    np.testing.assert_array_equal(to_numpy(constrain_signs(found, signs)), to_numpy(found))


def test_it_is_the_nearest_weight_allowed() -> None:
    """Least squares under the constraint: a descent that is projected ends at the projection."""
    weight, rule = np.zeros_like(WEIGHT), Momentum(0.3)
    for _ in range(100):
        weight = constrain_signs(rule.step(weight, weight - WEIGHT), SIGNS)
    np.testing.assert_allclose(weight, constrain_signs(WEIGHT, SIGNS), atol=1e-12)


def test_nan_stays() -> None:
    found = constrain_signs(np.asarray([[math.nan, math.nan, 1.0]]), np.asarray([1, -1, -1]))
    np.testing.assert_array_equal(found, [[math.nan, math.nan, 0.0]])


def test_it_compiles() -> None:
    jax = pytest.importorskip("jax")
    weight, signs = jax.numpy.asarray(WEIGHT), jax.numpy.asarray(SIGNS)
    compiled = jax.jit(constrain_signs)(weight, signs)
    np.testing.assert_array_equal(compiled, constrain_signs(weight, signs))


@pytest.mark.parametrize(
    ("weight", "signs", "error", "message"),
    [
        (WEIGHT, SIGNS[:3], ValueError, r"one sign for each of the 5 afferents, got shape \(3,\)"),
        (WEIGHT, SIGNS * 2, ValueError, r"signs must be -1, 0 or 1, got 2\.0 for afferent 0"),
        (WEIGHT, SIGNS * 0.5, ValueError, r"signs must be -1, 0 or 1, got 0\.5 for afferent 0"),
        (WEIGHT, SIGNS * math.nan, ValueError, "signs must be -1, 0 or 1, got nan for afferent 0"),
        (WEIGHT, SIGNS > 0, TypeError, "signs must be integers or floats, got bool"),
        (WEIGHT[0], SIGNS, ValueError, r"weight must have shape \(O, N\), got \(5,\)"),
        (SIGNS[None], SIGNS, TypeError, "weight must be float32 or float64, got int64"),
        (WEIGHT, [1, -1, 0, 1, 1], TypeError, "signs must be an array .* got list"),
    ],
)
def test_bad_arguments(weight: Any, signs: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        constrain_signs(weight, signs)
