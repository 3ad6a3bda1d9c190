"""The torch encoder against its formula in plain loops, and against the core's encoder."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tempotron_core.encoding import GaussianReceptiveFields

torch = pytest.importorskip("torch")

from tempotron_backends.torch.encoding import GaussianTuning  # noqa: E402

RNG = np.random.default_rng(4)


def ranges(n: int, dtype: Any = torch.float64) -> tuple[Any, Any]:
    low = torch.linspace(-3.0, 1.0, n, dtype=dtype)
    return low, low + torch.linspace(0.5, 4.0, n, dtype=dtype)


def values(patterns: int, n: int, k: int, dtype: Any = torch.float64) -> Any:
    """Some of them outside every range."""
    return torch.from_numpy(RNG.uniform(-4.0, 6.0, (patterns, n, k))).to(dtype)


def one_time(x: float, j: int, m: int, low: float, high: float, latest: float) -> float:
    mu = low + (2 * j - 3) / 2 * (high - low) / (m - 2)
    sigma = (high - low) / (1.5 * (m - 2))
    return latest * (1.0 - math.exp(-((x - mu) ** 2) / (2.0 * sigma**2)))


@pytest.mark.parametrize(("n", "m", "latest"), [(1, 3, 50), (3, 4, 20), (2, 16, 100), (4, 7, 13.0)])
def test_times_follow_the_formula(n: int, m: int, latest: float) -> None:
    low, high = ranges(n)
    x = values(5, n, 6)
    found = GaussianTuning(n, m, low, high).encode(x, latest)
    assert found.shape == (5, n, 6, m)
    assert found.dtype == x.dtype
    assert found.is_contiguous()
    silent = 0
    for b, f, k, j in np.ndindex(5, n, 6, m):
        exact = one_time(x[b, f, k].item(), j + 1, m, low[f].item(), high[f].item(), latest)
        if abs(exact - math.floor(exact) - 0.5) < 1e-9:
            continue  # rounding decides
        expected = -1.0 if round(exact) >= latest else float(round(exact))
        silent += expected == -1.0
        assert found[b, f, k, j].item() == expected
    assert 0 < silent < found.numel()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_core_gives_the_same_times(dtype: Any) -> None:
    n, m = 5, 16
    low, high = ranges(n, dtype)
    x = values(50, n, 1, dtype)
    expected = GaussianReceptiveFields(m, low, high).encode(x[:, :, 0], 100, round_times=True)
    found = GaussianTuning(n, m, low, high).encode(x, 100)
    assert torch.equal(found.reshape(50, n * m), expected)


@pytest.mark.parametrize("scale", [1e-22, 1e20])
def test_the_range_is_not_squared(scale: float) -> None:
    x = values(8, 1, 3) * 1.5
    low, high = torch.zeros(1), torch.ones(1)
    expected = GaussianTuning(1, 6, low, high).encode(x, 50)
    found = GaussianTuning(1, 6, low, high * scale).encode(x * scale, 50)
    assert (found != expected).float().mean() < 0.01  # halves, by the rounding of x * scale
    assert (found - expected).abs().max() <= 1.0


def test_fifty_steps_unless_told() -> None:
    encoder = GaussianTuning(2, 5, *ranges(2))
    x = values(8, 2, 3)
    assert torch.equal(encoder.encode(x), encoder.encode(x, max_spike_time=50))
    assert encoder.encode(x).max() < 50
    assert encoder.encode(x, 200).max() > 50


def test_fields_are_where_the_formula_has_them() -> None:
    low, high = ranges(3)
    encoder = GaussianTuning(3, 6, low, high)
    assert (encoder.n, encoder.m) == (3, 6)
    assert encoder.mu.shape == encoder.sigma2.shape == (3, 6)
    for f in range(3):
        width = (high[f] - low[f]).item()
        for j in range(6):
            centre = low[f].item() + (2 * j - 1) / 2 * width / 4
            assert encoder.mu[f, j].item() == pytest.approx(centre, rel=1e-6)
            assert encoder.sigma2[f, j].item() == pytest.approx((width / 6) ** 2, rel=1e-6)
    # a value at a centre spikes at once
    times = encoder.encode(encoder.mu[None])
    for j in range(6):
        assert (times[0, :, j, j] == 0.0).all()


def test_one_range_serves_all_features() -> None:
    low, high = torch.zeros(1), torch.ones(1)
    x = torch.rand(4, 3, 2, generator=torch.Generator().manual_seed(0))
    wide = GaussianTuning(3, 5, low.expand(3), high.expand(3))
    assert torch.equal(GaussianTuning(3, 5, low, high).encode(x), wide.encode(x))


def test_a_constant_feature_gets_a_unit_range() -> None:
    low = torch.tensor([2.0, 1e12], dtype=torch.float32)
    encoder = GaussianTuning(2, 5, low, low)
    assert torch.equal(encoder.encode(low[None, :, None]).isnan(), torch.zeros(1, 2, 1, 5) > 0)
    unit = GaussianTuning(1, 5, low[:1], low[:1] + 1.0)
    x = torch.linspace(1.0, 4.0, 31)[None, None, :]
    both = encoder.encode(torch.cat((x, x), dim=1))
    assert torch.equal(both[:, :1], unit.encode(x))
    # as the core's: wide enough to tell the fields apart
    assert len(set(encoder.mu[1].tolist())) > 1


def test_far_values_are_silent() -> None:
    encoder = GaussianTuning(1, 4, torch.zeros(1), torch.ones(1))
    far = torch.tensor([[[-math.inf, -100.0, 1e30, math.inf]]])
    assert torch.equal(encoder.encode(far), torch.full((1, 1, 4, 4), -1.0))


def test_integers_and_mixed_precision_are_converted() -> None:
    encoder = GaussianTuning(1, 5, torch.zeros(1), torch.full((1,), 255.0))
    grey = torch.arange(0, 256, 17, dtype=torch.uint8)[None, None]
    assert torch.equal(encoder.encode(grey), encoder.encode(grey.float()))
    whole = GaussianTuning(1, 5, torch.tensor([0]), torch.tensor([255]))
    assert torch.equal(whole.encode(grey), encoder.encode(grey))
    assert encoder.encode(grey.double()).dtype == torch.float64
    assert encoder.encode(grey.half()).dtype == torch.float32


def test_input_is_left_alone_and_gets_no_gradient() -> None:
    x = values(2, 1, 3).requires_grad_()
    before = x.detach().clone()
    times = GaussianTuning(1, 4, *ranges(1)).encode(x)
    assert torch.equal(x, before)
    assert not times.requires_grad


def test_no_patterns_give_no_spikes() -> None:
    encoder = GaussianTuning(2, 4, *ranges(2))
    assert encoder.encode(torch.zeros(0, 2, 3)).shape == (0, 2, 3, 4)


ZERO, ONE = torch.zeros(2), torch.ones(2)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((2, 2, ZERO, ONE), ValueError, "m must be from 3 to .*, got 2"),
        ((2, 4.0, ZERO, ONE), TypeError, "m must be an integer, got 4.0"),
        ((0, 4, ZERO, ONE), ValueError, "n must be from 1 to .*, got 0"),
        ((2, 4, 0.0, ONE), TypeError, "x_min must be a tensor of real numbers, got 0.0"),
        ((2, 4, ZERO, ONE > 0), TypeError, "x_max must be a tensor of real numbers"),
        ((3, 4, ZERO, ONE), ValueError, r"x_min must have shape \(n,\) = \(3,\) .*, got \(2,\)"),
        ((2, 4, ZERO, ONE[None]), ValueError, r"x_max must have shape .*, got \(1, 2\)"),
        (
            (2, 4, ZERO / 0, ONE),
            ValueError,
            "x_min and x_max must be finite and x_max not less, got",
        ),
        ((2, 4, ONE, ZERO), ValueError, "x_max not less, got x_min=tensor"),
        ((2, 4, ZERO - 3e38, ONE * 3e38), ValueError, "must be finite and x_max not less"),
        ((2, 4, ZERO, ONE.to("meta")), ValueError, "on one device, got cpu and meta"),
    ],
)
def test_bad_construction(arguments: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        GaussianTuning(*arguments)


@pytest.mark.parametrize(
    ("x", "latest", "kind", "message"),
    [
        (np.zeros((1, 2, 1)), 50, TypeError, "x must be a tensor of real numbers"),
        (torch.zeros(1, 2), 50, ValueError, r"x must have shape .*, got \(1, 2\)"),
        (torch.zeros(1, 3, 1), 50, ValueError, r"x must have shape \(patterns, n = 2, values\)"),
        (torch.full((1, 2, 1), math.nan), 50, ValueError, "x must be numbers, got NaN"),
        (torch.zeros(1, 2, 1, device="meta"), 50, ValueError, "device of x_min, cpu, got .* meta"),
        (torch.zeros(1, 2, 1), 0, ValueError, "max_spike_time must be positive"),
        (torch.zeros(1, 2, 1), 12.5, ValueError, "max_spike_time must be a whole number, got 12.5"),
        (torch.zeros(1, 2, 1), "50", TypeError, "max_spike_time must be a real number"),
    ],
)
def test_bad_values(x: Any, latest: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        GaussianTuning(2, 4, ZERO, ONE).encode(x, latest)
