"""Schedules against their formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tempotron_core.learning.schedules import constant, cosine, exponential, linear, steps

PROGRESS = np.linspace(0.0, 1.0, 41).tolist()
STEPS = {0.75: 0.01, 0.5: 0.1}
SHAPES: dict[str, tuple[Any, Any]] = {
    "constant": (constant, lambda _: 1.0),
    "cosine": (cosine, lambda p: (1 + math.cos(math.pi * p)) / 2),
    "linear": (linear, lambda p: 1 - p),
    "exponential": (exponential, lambda p: math.exp(p * math.log(0.01))),
    "steps": (
        lambda **more: steps(STEPS, **more),
        lambda p: 1.0 if p < 0.5 else 0.1 if p < 0.75 else 0.01,
    ),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("warm_up", [0.0, 0.3, 0.6])
def test_a_schedule_is_its_shape_times_the_rise(name: str, warm_up: float) -> None:
    make, shape = SHAPES[name]
    schedule = make(warm_up=warm_up)
    for progress in PROGRESS:
        rise = min(progress / warm_up, 1.0) if warm_up else 1.0
        assert schedule(progress) == pytest.approx(shape(progress) * rise, rel=1e-12, abs=1e-15)
        assert 0.0 <= schedule(progress) <= 1.0
        assert type(schedule(progress)) is float


@pytest.mark.parametrize("name", SHAPES)
def test_without_warm_up_it_starts_at_one(name: str) -> None:
    assert SHAPES[name][0]()(0.0) == 1.0


@pytest.mark.parametrize("warm_up", [0.0, 0.1, 0.7])
def test_cosine_is_the_one_of_the_training_recipe(warm_up: float) -> None:
    """Its formula to the last bit: trained models stay reproducible."""
    for progress in [*np.random.default_rng(0).uniform(size=200).tolist(), 0.0, warm_up, 1.0]:
        expected = 0.5 * (1.0 + math.cos(math.pi * progress))
        if progress < warm_up:
            expected *= progress / warm_up
        assert cosine(warm_up)(progress) == expected


def test_exponential_ends_where_asked() -> None:
    assert exponential(0.2)(1.0) == 0.2
    assert exponential(0.2)(0.5) ** 2 == pytest.approx(0.2)
    assert exponential(1)(0.7) == 1.0


def test_steps_begin_at_their_progress() -> None:
    schedule = steps({0: 0.5, 1: 0})
    assert [schedule(p) for p in (0.0, 0.999, 1.0)] == [0.5, 0.5, 0.0]
    assert steps({})(1.0) == 1.0


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("progress", [-0.01, 1.01, math.nan, "half", None])
def test_bad_progress(name: str, progress: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"progress must be a number in \[0, 1\], got .*{progress}"
    ):
        SHAPES[name][0](warm_up=0.2)(progress)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("warm_up", [-0.1, 1.0, math.nan, "long"])
def test_bad_warm_up(name: str, warm_up: Any) -> None:
    with pytest.raises(ValueError, match=rf"warm_up must be a number in \[0, 1\), got .*{warm_up}"):
        SHAPES[name][0](warm_up=warm_up)


@pytest.mark.parametrize("final", [0.0, -0.5, 1.5, math.nan, "none"])
def test_bad_final(final: Any) -> None:
    with pytest.raises(ValueError, match=rf"final must be a number in \(0, 1\], got .*{final}"):
        exponential(final)


@pytest.mark.parametrize(
    ("factors", "error", "message"),
    [
        ([0.5, 0.1], TypeError, "factors must be a mapping .* got list"),
        ({1.5: 0.1}, ValueError, r"factors' progress must be a number in \[0, 1\], got 1\.5"),
        ({0.5: 2.0}, ValueError, r"factors' factor must be a number in \[0, 1\], got 2\.0"),
        ({"half": 0.1}, ValueError, "factors' progress must be a number .* got 'half'"),
    ],
)
def test_bad_steps(factors: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        steps(factors)
