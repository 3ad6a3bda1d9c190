"""Clipping of gradients against its definition, to the ends of the floating-point range."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from array_api_compat import device

from tempotron_core.learning import clip_norm

RNG = np.random.default_rng(8)
GRADIENTS = [RNG.normal(size=(3, 4)), RNG.normal(size=5), np.asarray(0.7)]


def norm_of(arrays: Any) -> float:
    return math.sqrt(math.fsum(float(x) ** 2 for array in arrays for x in np.ravel(array)))


@pytest.mark.on_jax
@pytest.mark.parametrize("part", [0.01, 0.5, 0.999, 1.001, 100.0])
def test_norm_is_at_most_what_is_asked_for(
    part: float, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    given = [asarray(array) for array in GRADIENTS]
    found = clip_norm(given, part * norm_of(GRADIENTS))
    factor = min(part, 1.0)
    for ours, before, array in zip(found, given, GRADIENTS, strict=True):
        assert ours.dtype == dtype
        assert device(ours) == device(before)  # NumPy 2.0 has scalars without one
        np.testing.assert_allclose(to_numpy(ours), factor * array, rtol=1e-5)
        if factor == 1.0:  # not touched at all
            np.testing.assert_array_equal(to_numpy(ours), to_numpy(before))
    if part < 1.0:
        total = norm_of(to_numpy(array) for array in found)
        assert total == pytest.approx(part * norm_of(GRADIENTS), rel=1e-5)


@pytest.mark.parametrize("size", [1e-150, 1e-25, 1.0, 1e25, 1e150])
@pytest.mark.parametrize("max_norm", [1e-200, 1e-3, 1.0, 1e200])
def test_no_square_leaves_the_range(
    size: float, max_norm: float, asarray: Any, to_numpy: Any, dtype: Any, xp: Any
) -> None:
    small = dtype == xp.float32
    if small and not 1e-35 < size < 1e35:
        pytest.skip("float32 does not hold it")
    (found,) = clip_norm([asarray([3.0 * size, -4.0 * size])], max_norm)
    factor = min(1.0, max_norm / size / 5.0)
    # the smallest float32 has 45 zeros
    expected = np.asarray([3.0, -4.0]) * size * factor
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-5, atol=1e-37 if small else 0.0)


@pytest.mark.parametrize("max_norm", [1e-3, 1e3])
def test_zeros_stay_zeros(max_norm: float, asarray: Any, to_numpy: Any) -> None:
    found = clip_norm([asarray(np.zeros((2, 2))), asarray(np.zeros(1))], max_norm)
    assert all((to_numpy(array) == 0.0).all() for array in found)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_shows(bad: float, asarray: Any, to_numpy: Any) -> None:
    given = [np.asarray([1.0, bad]), np.asarray([2.0])]
    found = clip_norm([asarray(array) for array in given], 1.0)
    for ours, array in zip(found, given, strict=True):
        np.testing.assert_array_equal(to_numpy(ours), array)


def test_dtypes_may_differ(backend: Any, to_numpy: Any) -> None:
    if "float64" not in backend.dtypes:
        pytest.skip(f"{backend} has no float64")
    given = [
        backend.from_numpy(np.asarray([30.0]), backend.dtype("float32")),
        backend.from_numpy(np.asarray([40.0]), backend.dtype("float64")),
    ]
    found = clip_norm(given, 5.0)
    assert [array.dtype for array in found] == [array.dtype for array in given]
    np.testing.assert_allclose([to_numpy(array).item() for array in found], [3.0, 4.0], rtol=1e-6)


def test_compiles() -> None:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        found = jax.jit(lambda *given: clip_norm(given, 1.0))(*map(jax.numpy.asarray, GRADIENTS))
    for ours, theirs in zip(found, clip_norm(GRADIENTS, 1.0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


ONE = np.ones(2)


@pytest.mark.parametrize(
    ("gradients", "max_norm", "error", "message"),
    [
        ([], 1.0, ValueError, "gradients must hold at least one array, got none"),
        (None, 1.0, TypeError, "gradients must be a sequence of arrays, got NoneType"),
        ([ONE, [1.0]], 1.0, TypeError, r"gradients\[1\] must be an array"),
        ([ONE, ONE.astype(int)], 1.0, TypeError, r"gradients\[1\] must be float32 or float64"),
        ([ONE, np.ones((0, 3))], 1.0, ValueError, r"gradients\[1\] must have entries, got .*0, 3"),
        ([ONE], 0.0, ValueError, r"max_norm must be positive and finite, got 0\.0"),
        ([ONE], math.nan, ValueError, "max_norm must be positive and finite, got nan"),
        ([ONE], "1", TypeError, "max_norm must be a real number, got '1'"),
    ],
)
def test_bad_input(gradients: Any, max_norm: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        clip_norm(gradients, max_norm)


def test_libraries_do_not_mix() -> None:
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match=r"gradients\[0\] and gradients\[1\] must come from one"):
        clip_norm([ONE, strict.ones(2)], 1.0)
