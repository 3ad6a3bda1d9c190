"""Encoders against their formulas, written out with plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tempotron_core.encoding import GaussianReceptiveFields, encode_latency
from tempotron_core.encoding.features import feature_range

INF = math.inf
RNG = np.random.default_rng(3)


def response(x: float, j: int, m: int, x_min: float, x_max: float) -> float:
    """Answer of field j = 1..m."""
    mu = x_min + (2 * j - 3) / 2 * (x_max - x_min) / (m - 2)
    sigma = (x_max - x_min) / (1.5 * (m - 2))
    return math.exp(-((x - mu) ** 2) / (2 * sigma**2))


def gaussian_times(x: Any, m: int, x_min: Any, x_max: Any, duration: float) -> np.ndarray:
    """Spike times, field index fastest, before silence and rounding."""
    return np.asarray(
        [
            [
                duration * (1 - response(row[f], j, m, x_min[f], x_max[f]))
                for f in range(len(row))
                for j in range(1, m + 1)
            ]
            for row in x
        ]
    )


def tolerance(dtype: Any) -> float:
    return 1e-4 if "float32" in str(dtype) else 1e-11


@pytest.mark.on_jax
def test_latency_falls_linearly_with_the_value(asarray: Any, to_numpy: Any) -> None:
    x = asarray([[0.0, 0.25, 0.5], [1.0, 0.75, 0.125]])
    times = to_numpy(encode_latency(x, 80.0))
    np.testing.assert_array_equal(times, [[INF, 60.0, 40.0], [0.0, 20.0, 70.0]])


def test_latency_keeps_library_device_and_dtype(asarray: Any, dtype: Any) -> None:
    x = asarray([0.5, 1.0])
    times = encode_latency(x, 10.0)
    assert times.dtype == dtype
    assert times.device == x.device


def test_values_outside_the_range_are_silent_below_and_earliest_above(
    asarray: Any, to_numpy: Any
) -> None:
    x = asarray([-1.0, 2.0, 2.5, 6.0, 7.5])
    times = to_numpy(encode_latency(x, 100.0, x_min=2.0, x_max=6.0))
    np.testing.assert_array_equal(times, [INF, INF, 87.5, 0.0, 0.0])


@pytest.mark.parametrize("duration", [1.0, 1.0 / 3.0, 100.0, 7e-20])
def test_the_latest_latency_is_below_the_duration(
    duration: float, asarray: Any, to_numpy: Any
) -> None:
    x = asarray([0.0, 1e-30, 1e-17, 1e-16, 1e-8, 5e-8, 1e-7, 0.5])
    times = to_numpy(encode_latency(x, duration))
    assert np.isinf(times[0])
    assert (times[1:] < times.dtype.type(duration)).all()
    assert (times[1:] >= times.dtype.type(duration * (1.0 - 3e-7)))[:5].all()
    assert (np.diff(times[1:]) <= 0.0).all()


def test_latency_ranges_may_differ_per_feature(asarray: Any, to_numpy: Any) -> None:
    x = asarray([[1.0, 10.0], [2.0, 40.0]])
    times = encode_latency(x, 8.0, x_min=asarray([0.0, 0.0]), x_max=asarray([2.0, 80.0]))
    np.testing.assert_allclose(to_numpy(times), [[4.0, 7.0], [0.0, 4.0]])


def test_integers_are_converted(asarray: Any, to_numpy: Any) -> None:
    times = encode_latency(asarray([[0, 4, 16]]), 16.0, x_max=16.0)
    np.testing.assert_array_equal(to_numpy(times), [[INF, 12.0, 0.0]])


@pytest.mark.parametrize("m", [3, 4, 9])
def test_gaussian_fields_follow_the_formula(
    m: int, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    x = RNG.uniform(-0.5, 4.5, (70, 3))
    x_min, x_max = [0.0, -1.0, 2.0], [4.0, 5.0, 3.0]
    duration = 40.0
    fields = GaussianReceptiveFields(m, asarray(x_min), asarray(x_max))
    times = to_numpy(fields.encode(asarray(x), duration))
    expected = gaussian_times(x, m, x_min, x_max, duration)
    latest = duration * 29.0 / 30.0
    clear = np.abs(expected - latest) > 1e-3  # rounding decides the others
    expected = np.where(expected >= latest, INF, expected)
    assert times.shape == (70, 3 * m)
    assert np.isinf(expected).any()
    np.testing.assert_allclose(times[clear], expected[clear], atol=tolerance(dtype), rtol=0)


@pytest.mark.parametrize("unit", [1e-3, 1e-6, 2.0**-60, 1e9])
def test_gaussian_fields_know_no_unit_of_time(unit: float, asarray: Any, to_numpy: Any) -> None:
    x = asarray(RNG.uniform(0.0, 1.0, (20, 2)))
    fields = GaussianReceptiveFields(5, 0.0, 1.0)
    in_units, in_others = (to_numpy(fields.encode(x, d)) for d in (15.0, 15.0 * unit))
    assert 0.5 < np.mean(np.isfinite(in_others)) < 1.0
    np.testing.assert_array_equal(np.isinf(in_others), np.isinf(in_units))
    np.testing.assert_allclose(in_others / unit, in_units, rtol=1e-6)


# small enough for every number but subnormal ones, which XLA takes for 0
@pytest.mark.parametrize("scale", [1e-35, 1e-22, 1e-21, 1e20, 1e37])
def test_gaussian_fields_do_not_square_the_range(scale: float, asarray: Any, to_numpy: Any) -> None:
    """The squares of these are beyond float32; that of the range is all that could be."""
    x = RNG.uniform(-0.5, 1.5, (20, 2))
    expected = to_numpy(GaussianReceptiveFields(6, 0.0, 1.0).encode(asarray(x), 15.0))
    found = to_numpy(GaussianReceptiveFields(6, 0.0, scale).encode(asarray(x * scale), 15.0))
    np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))
    np.testing.assert_allclose(found, expected, atol=15.0 * 2e-6, rtol=0)


@pytest.mark.parametrize("duration", [50, 20.75])
def test_rounded_times_follow_the_formula(duration: float, asarray: Any, to_numpy: Any) -> None:
    x = RNG.uniform(0.0, 1.0, (40, 2))
    fields = GaussianReceptiveFields(6, 0.0, 1.0)
    times = to_numpy(fields.encode(asarray(x), duration, round_times=True))
    exact = gaussian_times(x, 6, [0.0, 0.0], [1.0, 1.0], duration)
    clear = np.abs(exact - np.floor(exact) - 0.5) > 1e-3
    expected = np.asarray([round(value) for value in exact.ravel()]).reshape(exact.shape)
    expected = np.where(expected >= duration, -1, expected)
    assert (expected == -1).any()
    np.testing.assert_array_equal(times[clear], expected[clear])


def test_rounded_times_equal_gaussian_tuning_bit_for_bit() -> None:
    """Against the source of SpikingJelly 0.0.0.0.14's GaussianTuning, in its operations."""
    torch = pytest.importorskip("torch")
    n, m, duration = 5, 15, 50
    torch.manual_seed(0)
    x = torch.rand(200, n) * 7.9 + 0.1
    x_min, x_max = x.min(0).values, x.max(0).values
    i = torch.arange(1, m + 1).float()[None, :]
    mu = x_min[:, None] + (2 * i - 3) / 2 * (x_max - x_min)[:, None] / (m - 2)
    sigma2 = (1 / 1.5 * (x_max - x_min) / (m - 2))[:, None].square()
    y = torch.exp(-(x[:, :, None] - mu).square() / 2 / sigma2)
    expected = (duration * (1 - y)).round()
    expected[expected >= duration] = -1
    times = GaussianReceptiveFields(m, x_min, x_max).encode(x, duration, round_times=True)
    assert torch.equal(times, expected.reshape(200, n * m))


def test_halves_are_rounded_to_even(asarray: Any, to_numpy: Any, dtype: Any) -> None:
    """A value whose response is 1/2 to the last bit spikes at half the duration."""
    numpy_dtype = np.dtype("float32" if "float32" in str(dtype) else "float64")
    x_max = np.linspace(1.0, 3.0, 21, dtype=numpy_dtype)  # rounding may skip 1/2 on one scale
    start = x_max * (0.5 + 2.0 / 3.0 * math.sqrt(2.0 * math.log(2.0)))
    steps = np.arange(-40, 41)[:, None] * numpy_dtype.type(np.finfo(numpy_dtype).eps)
    x = asarray((start[None, :] * (1.0 + steps)).astype(numpy_dtype))
    fields = GaussianReceptiveFields(3, asarray(np.zeros(21)), asarray(x_max))
    half = to_numpy(fields.encode(x, 5.0))[:, 1::3] == 2.5
    assert half.any()
    for duration, expected in ((1.0, 0.0), (3.0, 2.0), (5.0, 2.0), (7.0, 4.0)):
        times = to_numpy(fields.encode(x, duration, round_times=True))[:, 1::3]
        np.testing.assert_array_equal(times[half], expected)


def test_fields_keep_library_device_and_dtype(asarray: Any, dtype: Any) -> None:
    x = asarray([[0.5, 1.0]])
    for rounded in (False, True):
        times = GaussianReceptiveFields(4, 0.0, 1.0).encode(x, 10.0, round_times=rounded)
        assert times.dtype == dtype
        assert times.device == x.device
        assert times.shape == (1, 8)


def test_empty_batches_are_allowed(asarray: Any) -> None:
    empty = asarray(np.empty((0, 3)))
    assert encode_latency(empty, 10.0).shape == (0, 3)
    assert GaussianReceptiveFields(4, 0.0, 1.0).encode(empty, 10.0).shape == (0, 12)


def test_fit_spans_the_data_and_gives_constants_a_unit_range(asarray: Any, to_numpy: Any) -> None:
    x = asarray([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]])
    low, high = feature_range(x)
    np.testing.assert_array_equal(to_numpy(low), [1.0, 5.0])
    np.testing.assert_array_equal(to_numpy(high), [3.0, 6.0])
    fields = GaussianReceptiveFields.fit(4, x)
    np.testing.assert_array_equal(to_numpy(fields.x_max), [3.0, 6.0])
    assert np.isfinite(to_numpy(fields.encode(x, 20.0))).any(axis=1).all()


def test_encoders_compile() -> None:
    jax = pytest.importorskip("jax")
    x = RNG.uniform(0.0, 1.0, (4, 3))
    fields = GaussianReceptiveFields(5, 0.0, 1.0)

    def both(x: Any) -> tuple[Any, Any]:
        return fields.encode(x, 20.0), encode_latency(x, 20.0)

    with jax.enable_x64(True):
        compiled = jax.jit(both)(jax.numpy.asarray(x))
    for found, expected in zip(compiled, both(x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize(
    ("m", "x_min", "x_max", "error", "message"),
    [
        (2, 0.0, 1.0, ValueError, "m must be at least 3, got 2"),
        (4.5, 0.0, 1.0, TypeError, r"m must be an integer, got 4\.5"),
        (
            4,
            1.0,
            1.0,
            ValueError,
            r"x_max must be greater than x_min, got x_min=1\.0 and x_max=1\.",
        ),
        (4, 0.0, math.nan, ValueError, "x_max must be greater than x_min"),
        (4, 0.0, math.inf, ValueError, "x_max must be greater than x_min"),
        (4, "low", 1.0, TypeError, "x_min must be a number or an array, got 'low'"),
        (4, np.zeros((2, 2)), 1.0, ValueError, r"x_min must be a number or one per feature"),
        (4, np.zeros(2), np.asarray([1.0, 0.0]), ValueError, "x_max must be greater than x_min"),
    ],
)
def test_bad_fields(m: Any, x_min: Any, x_max: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        GaussianReceptiveFields(m, x_min, x_max)


@pytest.mark.parametrize(
    ("x", "duration", "error", "message"),
    [
        ([[0.5]], 10.0, TypeError, "x must be an array .* got list"),
        (np.asarray([[True]]), 10.0, TypeError, "x must be float32 or float64, got bool"),
        (np.asarray([[1j]]), 10.0, TypeError, "x must be float32 or float64, got complex"),
        (np.asarray([[math.nan]]), 10.0, ValueError, "x must be finite, got NaN"),
        (np.asarray([[math.inf]]), 10.0, ValueError, "x must be finite, got NaN or infinite"),
        (np.asarray([[0.5]]), 0.0, ValueError, r"duration must be positive and finite, got 0\.0"),
        (np.asarray([[0.5]]), -1, ValueError, "duration must be positive and finite, got -1"),
        (np.asarray([[0.5]]), "ten", TypeError, "duration must be a real number, got 'ten'"),
    ],
)
def test_bad_values(x: Any, duration: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        encode_latency(x, duration)
    with pytest.raises(error, match=message):
        GaussianReceptiveFields(3, 0.0, 1.0).encode(x, duration)


def test_bad_shapes() -> None:
    fields = GaussianReceptiveFields(3, np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match=r"x must have shape \(patterns, features\), got \(3,\)"):
        fields.encode(np.zeros(3), 10.0)
    with pytest.raises(ValueError, match=r"x_min must fit the shape of x, \(1, 3\), got \(2,\)"):
        fields.encode(np.zeros((1, 3)), 10.0)
    with pytest.raises(ValueError, match=r"x_max must fit the shape of x"):
        encode_latency(np.zeros((4, 3)), 10.0, x_max=np.ones(4))
    with pytest.raises(ValueError, match=r"x must have shape \(patterns >= 1, features\)"):
        feature_range(np.empty((0, 2)))


def test_mixed_libraries() -> None:
    torch = pytest.importorskip("torch")
    fields = GaussianReceptiveFields(3, np.zeros(1), np.ones(1))
    with pytest.raises(TypeError, match="x and x_min must come from one array library"):
        fields.encode(torch.zeros(1, 1), 10.0)
    with pytest.raises(TypeError, match="x and x_max must come from one array library"):
        encode_latency(np.zeros((1, 1)), 10.0, x_max=torch.ones(1))


def test_large_constant_features_get_a_range_too(asarray: Any, to_numpy: Any) -> None:
    low, high = map(to_numpy, feature_range(asarray(np.full((3, 2), [1e20, -1e20]))))
    assert (high > low).all()
