"""Neurons at rest: where they are read, what they learn, and that all others stay as they were."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tempotron_core import Events, Neuron, Peak, peak, peak_vjp
from tempotron_core.learning import tempotron_loss
from tempotron_core.readouts.recovery import revive

DURATION = 60.0
TIMES = np.random.default_rng(4).uniform(0.0, 45.0, (5, 6, 2))
TIMES[0, 3:] = -1.0
TIMES[1] = np.inf  # a pattern without spikes
TIMES[2, :, 0] = np.round(TIMES[2, :, 0])
# of the three neurons the first is dead, the second at rest in some patterns
WEIGHT = np.random.default_rng(5).normal(size=(3, 6))
WEIGHT[0] = -np.abs(WEIGHT[0])
WEIGHT[1] = [0.4, -1.0, -1.0, -2.0, -2.0, -2.0]
NOT_ON_JAX = pytest.mark.skip_backend("jax", reason="compiles for each case; NumPy has all")
TAUS = [(15.0, 3.75), pytest.param((10.0, 10.0), marks=NOT_ON_JAX)]


def psp(x: float, neuron: Neuron) -> float:
    """One postsynaptic potential, from its definition."""
    tau, tau_s = neuron.tau, neuron.tau_s
    if x <= 0.0:
        return 0.0
    if tau == tau_s:
        return math.e * x / tau * math.exp(-x / tau)
    peak_at = tau * tau_s / (tau - tau_s) * math.log(tau / tau_s)
    shape = [math.exp(-t / tau) - math.exp(-t / tau_s) for t in (x, peak_at)]
    return shape[0] / shape[1]


def spikes_of(pattern: Any) -> list[tuple[int, float]]:
    return [(i, t) for i, row in enumerate(pattern) for t in row if 0.0 <= t <= DURATION]


def potential(pattern: Any, row: Any, t: float, neuron: Neuron) -> float:
    return math.fsum(row[i] * psp(t - t_f, neuron) for i, t_f in spikes_of(pattern))


def made(asarray: Any, taus: tuple[float, float], **more: Any) -> tuple[Events, Any, Neuron]:
    events = Events.from_trains(asarray(TIMES), DURATION)
    return events, asarray(WEIGHT), Neuron(*taus, **more)


@pytest.mark.parametrize("taus", TAUS)
@pytest.mark.parametrize("at", ["eligibility", pytest.param("end", marks=NOT_ON_JAX)])
def test_pairs_at_rest_are_read_elsewhere(
    taus: Any, at: str, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    events, weight, neuron = made(asarray, taus)
    found = peak(events, weight, neuron)
    revived = revive(events, weight, neuron, found, at=at)
    assert isinstance(revived, Peak)
    assert revived.v_max.dtype == revived.t_max.dtype == dtype
    assert revived.v_max.device == weight.device
    v_max, t_max = to_numpy(revived.v_max), to_numpy(revived.t_max)
    resting = to_numpy(found.t_max) == 0.0
    resting[1] = False  # without spikes there is nothing to learn from
    assert resting[:, 0].sum() == 4
    assert 0 < resting[:, 1:].sum() < 8
    np.testing.assert_array_equal(v_max[~resting], to_numpy(found.v_max)[~resting])
    np.testing.assert_array_equal(t_max[~resting], to_numpy(found.t_max)[~resting])
    times, rows = to_numpy(asarray(TIMES)).astype(float), to_numpy(weight).astype(float)
    grid = np.linspace(0.0, DURATION, 601)
    tolerance = 1e-5 if "float32" in str(dtype) else 1e-12
    for b, o in zip(*np.nonzero(resting), strict=True):
        expected = potential(times[b], rows[o], float(t_max[b, o]), neuron)
        assert v_max[b, o] == pytest.approx(expected, abs=tolerance)
        assert v_max[b, o] <= tolerance
        if at == "end":
            assert t_max[b, o] == DURATION
        else:
            ones = np.ones(6)
            best = max(potential(times[b], ones, t, neuron) for t in grid)
            here = potential(times[b], ones, float(t_max[b, o]), neuron)
            assert best - 1e-6 <= here < best + 1e-2


@pytest.mark.parametrize("taus", TAUS)
@pytest.mark.parametrize(
    ("shunt", "at"),
    [
        (False, "eligibility"),
        pytest.param(True, "eligibility", marks=NOT_ON_JAX),
        pytest.param(True, "end", marks=NOT_ON_JAX),
    ],
)
def test_the_gradient_is_that_of_the_potential_read(
    taus: Any, shunt: bool, at: str, asarray: Any, to_numpy: Any, dtype: Any
) -> None:
    """Towards weights and spike times, at the fixed time it is read at."""
    events, weight, neuron = made(asarray, taus, shunt=shunt)
    found = peak(events, weight, neuron)
    dead = np.zeros((5, 3))
    dead[:, 0] = [1.0, 1.0, -0.5, 2.0, 0.25]
    revived = revive(events, weight, neuron, found, at=at)
    gradient = peak_vjp(events, weight, neuron, revived, asarray(dead), times=True)
    read_at = to_numpy(revived.t_max)[:, 0].astype(float)
    times, row = to_numpy(asarray(TIMES)).astype(float), to_numpy(weight)[0].astype(float)

    def loss(times: Any, row: Any) -> float:
        return sum(dead[b, 0] * potential(times[b], row, read_at[b], neuron) for b in range(5))

    step = 1e-5
    towards = np.zeros((3, 6))
    for i in range(6):
        shift = step * (np.arange(6) == i)
        towards[0, i] = (loss(times, row + shift) - loss(times, row - shift)) / (2 * step)
    tolerance = 2e-5 if "float32" in str(dtype) else 1e-8
    np.testing.assert_allclose(to_numpy(gradient.weight), towards, atol=tolerance)
    towards_times = np.zeros_like(TIMES)
    for index in np.ndindex(*TIMES.shape):
        if 0.0 <= TIMES[index] <= DURATION:
            shift = np.zeros_like(TIMES)
            shift[index] = step
            towards_times[index] = (loss(times + shift, row) - loss(times - shift, row)) / (
                2 * step
            )
    np.testing.assert_allclose(to_numpy(gradient.times), towards_times, atol=tolerance)


def descend(weight: Any, with_revival: bool, at: str) -> tuple[Any, float]:
    events, neuron = Events.from_trains(TIMES[[0, 2]], DURATION), Neuron()
    labels = np.asarray([[True], [True]])
    for _ in range(200):
        found = peak(events, weight, neuron)
        loss, _ = tempotron_loss(found.v_max, labels, 1.0)
        if with_revival:
            found = revive(events, weight, neuron, found, at=at)
        _, cotangent = tempotron_loss(found.v_max, labels, 1.0, margin=0.1)
        weight = weight - 0.05 * peak_vjp(events, weight, neuron, found, cotangent).weight
    return weight, float(loss)


@pytest.mark.parametrize("at", ["eligibility", "end"])
def test_a_dead_neuron_learns_with_it_and_never_without(at: str) -> None:
    dead = WEIGHT[:1]
    weight, loss = descend(dead, False, at)
    np.testing.assert_array_equal(weight, dead)
    assert loss == 1.0
    assert descend(dead, True, at)[1] == 0.0


@pytest.mark.parametrize("at", ["eligibility", "end"])
def test_a_shunt_does_not_change_where_a_resting_neuron_is_read(at: str) -> None:
    events, weight, plain = made(np.asarray, (15.0, 3.75))
    shunted = Neuron(15.0, 3.75, shunt=True)
    first, second = (
        revive(events, weight, neuron, peak(events, weight, neuron), at=at)
        for neuron in (plain, shunted)
    )
    np.testing.assert_array_equal(first.t_max[:, 0], second.t_max[:, 0])
    np.testing.assert_array_equal(first.v_max[:, 0], second.v_max[:, 0])


def test_it_compiles() -> None:
    jax = pytest.importorskip("jax")
    neuron = Neuron()

    def step(times: Any, weight: Any) -> Any:
        events = Events.from_trains(times, DURATION)
        first = peak(events, weight, neuron)
        at_end = revive(events, weight, neuron, first, at="end")
        return *at_end, *revive(events, weight, neuron, first)

    given = TIMES, WEIGHT
    compiled = jax.jit(step)(*map(jax.numpy.asarray, given))
    for first, second in zip(compiled, step(*given), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-3)


def test_autodiff_follows_it() -> None:
    torch = pytest.importorskip("torch")
    neuron, weight = Neuron(), torch.tensor(WEIGHT, requires_grad=True)
    events = Events.from_trains(torch.tensor(TIMES), DURATION)
    found = revive(events, weight, neuron, peak(events, weight, neuron))
    found.v_max.sum().backward()
    ones = torch.ones((5, 3), dtype=torch.float64)
    expected = peak_vjp(events, weight, neuron, found, ones).weight
    np.testing.assert_allclose(weight.grad.numpy(), expected.numpy(), rtol=1e-10)


def test_many_patterns_are_read_in_tiles() -> None:
    """The same numbers, whatever the batch is cut into."""
    rng = np.random.default_rng(6)
    times, weight = rng.uniform(0.0, 50.0, (300, 80)), -rng.uniform(size=(9, 80))
    events, neuron = Events.from_latencies(times, DURATION), Neuron()
    found = revive(events, weight, neuron, peak(events, weight, neuron))
    for b in (0, 150, 299):
        part = events[b]
        alone = revive(part, weight, neuron, peak(part, weight, neuron))
        np.testing.assert_allclose(found.v_max[b], alone.v_max[0], rtol=1e-13)
        np.testing.assert_allclose(found.t_max[b], alone.t_max[0], rtol=1e-13)


@pytest.mark.parametrize(("patterns", "outputs"), [(0, 3), (5, 0)])
def test_nothing_to_revive(patterns: int, outputs: int, asarray: Any) -> None:
    events, weight, neuron = made(asarray, (15.0, 3.75))
    events, weight = events[:patterns], weight[:outputs, :]
    found = revive(events, weight, neuron, peak(events, weight, neuron))
    assert found.v_max.shape == found.t_max.shape == (patterns, outputs)


def test_bad_arguments() -> None:
    events, weight, neuron = made(np.asarray, (15.0, 3.75))
    found = peak(events, weight, neuron)
    with pytest.raises(ValueError, match="at must be one of eligibility, end, got 'start'"):
        revive(events, weight, neuron, found, at="start")
    with pytest.raises(TypeError, match=r"found must be a Peak .* got ndarray"):
        revive(events, weight, neuron, found.v_max)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"found.v_max must have shape \(2, 3\), got \(5, 3\)"):
        revive(events[:2], weight, neuron, found)
    with pytest.raises(TypeError, match="events must be an Events"):
        revive(TIMES, weight, neuron, found)  # type: ignore[arg-type]
