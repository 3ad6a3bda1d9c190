"""Synthetic tasks have the statistics they promise, and a tempotron learns them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tempotron_backends.data.tasks import poisson_patterns, random_latencies, synchrony
from tempotron_core import Events, Neuron, peak, peak_vjp
from tempotron_core.learning import Momentum, tempotron_loss

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "random_latencies.py"
TASKS: dict[str, Callable[..., Any]] = {
    "latencies": random_latencies,
    "poisson": lambda *sizes, **more: poisson_patterns(*sizes, **{"rate": 0.01} | more),
    "synchrony": synchrony,
}


def draw(task: str, *, seed: int = 0, **more: Any) -> tuple[np.ndarray, np.ndarray]:
    sizes = {"n_patterns": 7, "n_afferents": 12, "duration": 200.0} | more
    positional = [sizes.pop(name) for name in ("n_patterns", "n_afferents", "duration")]
    return TASKS[task](*positional, sizes.pop("rng", np.random.default_rng(seed)), **sizes)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("random_latencies_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


# -- spikes and labels ------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_shapes_and_ranges(task: str) -> None:
    times, labels = draw(task)
    assert times.shape[:2] == (7, 12)
    assert times.ndim == (2 if task == "latencies" else 3)
    assert times.dtype == np.float64
    assert labels.shape == (7,)
    assert labels.dtype == np.bool_
    spikes = times[np.isfinite(times)]
    assert spikes.min() >= 0.0
    assert spikes.max() <= 200.0


@pytest.mark.parametrize("task", TASKS)
def test_they_make_events(task: str) -> None:
    times, _ = draw(task)
    make = Events.from_latencies if task == "latencies" else Events.from_trains
    events = make(times, 200.0)
    np.testing.assert_array_equal(events.counts, [np.isfinite(pattern).sum() for pattern in times])


@pytest.mark.parametrize("task", TASKS)
def test_the_generator_decides(task: str) -> None:
    for first, again, other in zip(
        draw(task, seed=3), draw(task, seed=3), draw(task, seed=4), strict=True
    ):
        np.testing.assert_array_equal(first, again)
        assert first.shape != other.shape or (first != other).any()


@pytest.mark.parametrize("task", TASKS)
def test_labels_are_balanced_or_tossed(task: str) -> None:
    fired, ordered = set(), set()
    for seed in range(20):
        _, labels = draw(task, seed=seed)
        assert labels.sum() == 3  # of 7
        ordered.add(tuple(labels))
        fired.add(int(draw(task, seed=seed, balanced=False)[1].sum()))
    assert len(ordered) > 10
    assert len(fired) > 2
    assert abs(draw(task, n_patterns=2000, balanced=False)[1].mean() - 0.5) < 0.05


def is_uniform(times: np.ndarray, duration: float) -> bool:
    """Whether a sample passes a Kolmogorov-Smirnov test; 1.95 / sqrt(n) is p = 0.001."""
    ordered = np.sort(times.ravel()) / duration
    steps = np.arange(len(ordered) + 1) / len(ordered)
    distance = max(np.abs(ordered - steps[1:]).max(), np.abs(ordered - steps[:-1]).max())
    return bool(distance < 1.95 / np.sqrt(len(ordered)))


def test_latencies_are_uniform() -> None:
    times, labels = random_latencies(400, 10, 50.0, np.random.default_rng(1))
    assert is_uniform(times[labels], 50.0)
    assert is_uniform(times[~labels], 50.0)
    assert not is_uniform(times**1.1, 50.0**1.1)  # the test can fail


def test_poisson_counts_and_times() -> None:
    times, _ = poisson_patterns(300, 20, 100.0, np.random.default_rng(2), rate=0.03)
    spikes = np.isfinite(times)
    counts = spikes.sum(axis=2)
    # a Poisson variable's mean is its variance; the standard error of both is about 3 / 77
    assert counts.mean() == pytest.approx(3.0, abs=0.12)
    assert counts.var() == pytest.approx(3.0, abs=0.25)
    assert (counts == 0).mean() == pytest.approx(np.exp(-3.0), abs=0.02)
    assert counts.max() == times.shape[2]  # no wider than it must be
    assert is_uniform(times[spikes], 100.0)
    assert (times[..., 1:] >= times[..., :-1]).all()
    assert (spikes[..., 1:] <= spikes[..., :-1]).all()  # padding comes last


def test_silent_poisson_patterns_keep_a_slot() -> None:
    times, _ = poisson_patterns(2, 3, 1.0, np.random.default_rng(0), rate=1e-12)
    np.testing.assert_array_equal(times, np.full((2, 3, 1), np.inf))


# -- synchrony --------------------------------------------------------------------------------


def together(pattern: np.ndarray) -> list[list[int]]:
    """The groups of afferents that fire at the same times, each and all in order."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for afferent, train in enumerate(pattern):
        groups.setdefault(tuple(train), []).append(afferent)
    return sorted(groups.values())


@pytest.mark.parametrize(("size", "spikes"), [(2, 1), (3, 2), (4, 1), (6, 3)])
def test_a_class_is_who_fires_together(size: int, spikes: int) -> None:
    times, labels = draw("synchrony", n_patterns=10, group_size=size, n_spikes=spikes)
    assert times.shape == (10, 12, spikes)
    divisions = {bool(label): together(times[label == labels][0]) for label in labels}
    assert divisions[True] != divisions[False]
    for pattern, label in zip(times, labels, strict=True):
        assert together(pattern) == divisions[bool(label)]
        assert {len(group) for group in together(pattern)} == {size}
    assert len(np.unique(times)) == 10 * 12 // size * spikes  # drawn anew every time


def test_the_two_divisions_always_differ() -> None:
    for seed in range(30):  # of the three ways to pair four afferents
        times, labels = draw("synchrony", seed=seed, n_afferents=4, n_patterns=2)
        assert together(times[0]) != together(times[1]), labels


@pytest.mark.parametrize("jitter", [0.0, 3.0, 70.0])
def test_one_afferent_says_nothing(jitter: float) -> None:
    times, labels = draw("synchrony", n_patterns=1000, n_afferents=6, jitter=jitter)
    for afferent in range(6):
        assert is_uniform(times[labels, afferent], 200.0)
        assert is_uniform(times[~labels, afferent], 200.0)


def test_jitter_is_per_spike() -> None:
    exact, labels = draw("synchrony", n_patterns=500, duration=1e6)
    noisy, same = draw("synchrony", n_patterns=500, duration=1e6, jitter=2.0)
    np.testing.assert_array_equal(labels, same)
    shift = (noisy - exact)[..., 0]
    assert shift.std() == pytest.approx(2.0, rel=0.05)
    first, *_ = together(exact[0])
    members = shift[labels == labels[0]][:, first]
    assert abs(np.corrcoef(members.T)[0, 1]) < 0.2


def test_jitter_carries_no_spike_from_one_end_to_the_other() -> None:
    exact, _ = draw("synchrony", n_patterns=500)
    noisy, _ = draw("synchrony", n_patterns=500, jitter=3.0)
    shift = np.abs(noisy - exact)
    assert 0.0 < shift.max() < 6.0 * 3.0
    assert noisy.min() >= 0.0
    assert noisy.max() <= 200.0


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"n_patterns": 0}, ValueError, "n_patterns must be from 1"),
        ({"n_patterns": 2.0}, TypeError, "n_patterns must be an integer, got 2.0"),
        ({"n_afferents": -4}, ValueError, "n_afferents must be from 1 .*, got -4"),
        ({"duration": 0.0}, ValueError, "duration must be positive and finite, got 0.0"),
        ({"duration": "long"}, TypeError, "duration must be a real number, got 'long'"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator .*, got int"),
        ({"balanced": 1}, TypeError, "balanced must be True or False, got 1"),
    ],
)
def test_bad_sizes(task: str, given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        draw(task, **given)


@pytest.mark.parametrize(
    ("task", "given", "error", "message"),
    [
        ("poisson", {"rate": -1.0}, ValueError, "rate must be positive and finite, got -1.0"),
        ("synchrony", {"group_size": 1}, ValueError, "group_size must be from 2"),
        ("synchrony", {"group_size": 5}, ValueError, "multiple of group_size=5, .*, got 12"),
        ("synchrony", {"group_size": 12}, ValueError, "twice it or more, got 12"),
        ("synchrony", {"n_spikes": 0}, ValueError, "n_spikes must be from 1"),
        ("synchrony", {"jitter": -0.1}, ValueError, "jitter must be finite and not negative"),
    ],
)
def test_bad_options(
    task: str, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        draw(task, **given)


# -- learning ---------------------------------------------------------------------------------


def margins(
    times: np.ndarray, labels: np.ndarray, weight: np.ndarray, duration: float
) -> Iterator[float]:
    """How far each pattern is on the right side of the threshold, by samples of the potential.

    Samples at every spike and 0.02 apart miss a smooth peak by less than 1e-4: they are at most
    0.01 from it, and V'' is that of a few dozen spikes at most, each below 0.15.
    """
    tau, tau_s = 15.0, 3.75
    v0 = 1.0 / (4.0 ** (-1.0 / 3.0) - 4.0 ** (-4.0 / 3.0))  # tau / tau_s = 4: a peak of one
    for spikes, label in zip(times, labels, strict=True):
        order = np.argsort(spikes)
        t = np.union1d(np.arange(0.0, duration, 0.02), [*spikes, duration])
        before = np.searchsorted(spikes[order], t, side="right")
        slow, fast = (
            np.exp(-t / each)
            * np.cumsum([0.0, *(weight[0] * np.exp(spikes / each))[order]])[before]
            for each in (tau, tau_s)
        )
        v_max = v0 * (slow - fast).max()
        yield v_max - 1.0 if label else 1.0 - v_max


def test_random_latencies_are_learned_without_an_error(script: Any) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        times, labels = random_latencies(150, 100, 500.0, rng)
        found = script.learn(times, labels, 500.0, rng, seconds=60.0)
        assert found.solved
        assert found.errors[-1] == 0 < found.errors[0]
        assert found.weight.shape == (1, 100)
        assert min(margins(times, labels, found.weight, 500.0)) > -1e-4


def test_the_script_counts_errors_and_gives_up(
    script: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    times, labels = random_latencies(40, 20, 100.0, rng)
    for found in (
        script.learn(times, labels, 100.0, np.random.default_rng(1), seconds=0.0),
        script.learn(times, ~labels, 100.0, np.random.default_rng(1), seconds=0.0),
    ):
        assert len(found.errors) == 1
        assert not found.solved
    events = Events.from_latencies(times, 100.0)
    for scale in (0.05, 0.5):
        weight = rng.normal(0.0, scale, (1, 20))
        wrong = sum(margin <= 0.0 for margin in margins(times, labels, weight, 100.0))
        assert script.count_errors(events, labels, weight) == wrong
    for epoch in range(1001):
        script.now_and_then(epoch, 1, 0.5)
    assert capsys.readouterr().out.count("\n") == 14  # 0, powers of two to 256, 250s


def test_the_script_runs(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--afferents", "40", "--load", "1", "--duration", "200", "--method", "pruned"]
    monkeypatch.setattr("sys.argv", ["random_latencies.py", *options])
    script.main()
    out = capsys.readouterr().out
    assert out.startswith("40 patterns, 40 afferents, 200 ms\n")
    assert "no errors after" in out


def test_new_patterns_of_the_same_synchrony_are_told_apart() -> None:
    neuron = Neuron(tau=15.0, tau_s=3.75, psp_peak=1.0)
    times, labels = synchrony(600, 20, 300.0, np.random.default_rng(0))
    events = Events.from_trains(times, 300.0)
    weight = np.random.default_rng(1).normal(0.0, 0.05, (1, 20))
    rule = Momentum(0.2, momentum=0.9)
    for _ in range(100):
        for start in range(0, 400, 50):
            part = slice(start, start + 50)
            found = peak(events[part], weight, neuron)
            _, cotangent = tempotron_loss(found.v_max, labels[part, None], 1.0, margin=0.1)
            gradient = peak_vjp(events[part], weight, neuron, found, cotangent)
            weight = rule.step(weight, gradient.weight)
    fires = peak(events, weight, neuron).v_max[:, 0] > 1.0
    assert (fires == labels)[400:].mean() > 0.97
    # shuffled over patterns, an afferent's spikes keep all but the synchrony, and that was all
    rng = np.random.default_rng(2)
    alone = np.stack([rng.permutation(times[400:, i]) for i in range(20)], axis=1)
    fires = peak(Events.from_trains(alone, 300.0), weight, neuron).v_max[:, 0] > 1.0
    assert abs((fires == labels[400:]).mean() - 0.5) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_load_of_two_is_learned_without_an_error(script: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times, labels = random_latencies(1000, 500, 500.0, rng)
    found = script.learn(times, labels, 500.0, rng, seconds=120.0)
    assert found.solved
    assert min(margins(times, labels, found.weight, 500.0)) > -1e-4
