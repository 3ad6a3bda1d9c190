"""A neuron finds the clues that a count is about.

    python benchmarks/aggregate_labels.py
    python benchmarks/aggregate_labels.py --task 5F5S --adam --decay --batch 32 --learning-rate 1e-2

The tasks of Gütig (Science 351, aab4113, 2016): ten spike patterns of 50 ms, features, lie at
random places in 500 ms of background of the same rates.  A trial's label is the sum of the values
of its features, and says neither which they are nor when they came.  Learning ends when the neuron
counts 95 of 100 fresh trials exactly, answers each feature alone with its value, and is silent
without one.  The constants are those of the paper as far as it states them.  ReSuMe and E-learning
are told when to spike as well, evenly over the second half of each clue.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from tempotron_core import Events, Network, Neuron
from tempotron_core.learning import Adam, Momentum, e_learning_rule, resume_rule
from tempotron_core.learning.schedules import cosine
from tempotron_core.networks.count_step import count_step
from tempotron_core.spiking import output_spikes

NEURON = Neuron(tau=20.0, tau_s=5.0, v_threshold=1.0, psp_peak=1.0)
N_AFFERENTS, RATE = 500, 0.005  # spikes per ms
FEATURES, FEATURE_LENGTH, BACKGROUND = 10, 50.0, 500.0  # ms
MEAN_OCCURRENCES = 0.5
START_RATE = 0.005  # output spikes per ms of background
TASKS = {
    "1F1S": [1] + [0] * 9,
    "1F5S": [5] + [0] * 9,
    "5F1S": [1] * 5 + [0] * 5,
    "12345": [1, 2, 3, 4, 5] + [0] * 5,
    "5F5S": [5] * 5 + [0] * 5,
}
RULES = ("exact", "truncated", "correlation", "resume", "e_learning")
LEARNING_RATE = 3e-5
MOMENTUM = 0.99
CHECK_EVERY = 250  # trials


@dataclass(frozen=True)
class Train:
    """Spikes of all afferents in a stretch of time."""

    times: Any
    afferents: Any
    length: float


def noise(length: float, rng: np.random.Generator) -> Train:
    n = rng.poisson(N_AFFERENTS * RATE * length)
    return Train(rng.uniform(0.0, length, n), rng.integers(0, N_AFFERENTS, n), length)


def insert(features: list[Train], rng: np.random.Generator) -> tuple[Train, Any]:
    """Background with features at random places, which push what is later aside; their starts."""
    background = noise(BACKGROUND, rng)
    times, afferents = [background.times.copy()], [background.afferents]
    places = np.sort(rng.uniform(0.0, BACKGROUND, len(features)))
    starts = places + FEATURE_LENGTH * np.arange(len(features))
    for feature, place, start in zip(features, places, starts, strict=True):
        times[0] += FEATURE_LENGTH * (background.times >= place)
        times.append(feature.times + start)
        afferents.append(feature.afferents)
    length = BACKGROUND + len(features) * FEATURE_LENGTH
    return Train(np.concatenate(times), np.concatenate(afferents), length), starts


def batch(trains: list[Train]) -> Events:
    """Patterns as long as the longest: nothing comes after the others."""
    offsets = np.cumsum([0, *(len(train.times) for train in trains)])
    return Events.from_csr(
        np.concatenate([train.times for train in trains]),
        np.concatenate([train.afferents for train in trains]),
        offsets,
        N_AFFERENTS,
        max(train.length for train in trains),
    )


class Task:
    """Features and their values, and trials of them."""

    def __init__(self, values: list[int], rng: np.random.Generator) -> None:
        self.values, self.rng = np.asarray(values), rng
        self.features = [noise(FEATURE_LENGTH, rng) for _ in range(FEATURES)]

    def trial(self) -> tuple[Train, Any]:
        """A train, and when its clues ask for spikes."""
        often = self.rng.poisson(MEAN_OCCURRENCES, FEATURES)
        chosen = self.rng.permutation(np.repeat(np.arange(FEATURES), often))
        train, starts = insert([self.features[i] for i in chosen], self.rng)
        spikes = [
            start + FEATURE_LENGTH * (0.5 + 0.5 * np.arange(1, value + 1) / value)
            for start, value in zip(starts, self.values[chosen], strict=True)
        ]
        return train, np.concatenate([[], *spikes])

    def start(self) -> Any:
        """Weights with which the background alone makes START_RATE."""
        spread = self.rng.normal(0.0, 0.01, (1, N_AFFERENTS))
        events = batch([noise(BACKGROUND, self.rng) for _ in range(40)])
        low, high = -0.05, 0.05
        for _ in range(20):
            shift = 0.5 * (low + high)
            spikes = output_spikes(events, spread + shift, NEURON).counts
            if spikes.mean() / BACKGROUND < START_RATE:
                low = shift
            else:
                high = shift
        return spread + 0.5 * (low + high)

    def solved(self, weight: Any) -> tuple[bool, float]:
        """Whether the criterion is met, and the part of fresh trials counted exactly."""
        trains, wanted = zip(*(self.trial() for _ in range(200)), strict=True)
        exact = float(np.mean(counts(list(trains), weight) == [len(times) for times in wanted]))
        if exact < 0.95:
            return False, exact
        rest = counts([noise(BACKGROUND, self.rng) for _ in range(200)], weight).mean()
        if rest / BACKGROUND * 1000.0 >= 0.1:
            return False, exact
        for feature, value in zip(self.features, self.values, strict=True):
            probes = [insert([feature], self.rng)[0] for _ in range(50)]
            answer = counts(probes, weight).mean() - rest
            if abs(answer - value) > 0.1 * max(1, value):
                return False, exact
        return True, exact


def counts(trains: list[Train], weight: Any) -> Any:
    return output_spikes(batch(trains), weight, NEURON).counts[:, 0]


def towards(trains: list[Train], wanted: list[Any], weight: Any, rule: str) -> Any:
    """The gradient of a batch, None where nothing is wrong."""
    events, numbers = batch(trains), np.asarray([[len(times)] for times in wanted])
    if rule not in ("resume", "e_learning"):
        step = count_step(Network([weight], NEURON, readout="counts"), rule=rule)
        return (step(events, numbers, (weight,)).gradients or (None,))[0]
    spikes = output_spikes(events, weight, NEURON)
    due = np.full((len(trains), 1, max(1, int(numbers.max()))), np.inf)
    for row, times in zip(due, wanted, strict=True):
        row[0, : len(times)] = times
    if rule == "resume":
        return resume_rule(events, spikes.times, due, tau=NEURON.tau)
    return e_learning_rule(events, weight, NEURON, spikes.times, due)


def learn(task: Task, given: argparse.Namespace) -> tuple[int | None, float, float]:
    """Trials to the criterion or None, seconds of the processor, the part counted exactly."""
    weight, seconds, best = task.start(), 0.0, 0.0
    rate = given.learning_rate or LEARNING_RATE
    every = max(1, CHECK_EVERY // given.batch)
    n_steps = given.trials // given.batch
    optimiser = Adam(rate) if given.adam else Momentum(rate, momentum=MOMENTUM)
    for n in range(1, n_steps + 1):
        trains, wanted = zip(*(task.trial() for _ in range(given.batch)), strict=True)
        if given.decay:
            optimiser.learning_rate = rate * cosine()(n / n_steps)
        begin = time.process_time()
        gradient = towards(list(trains), list(wanted), weight, given.rule)
        # momentum moves the weights on every trial, right or wrong
        if gradient is None and not given.adam:
            gradient = np.zeros_like(weight)
        if gradient is not None:
            weight = optimiser.step(weight, gradient)
        seconds += time.process_time() - begin
        if n % every == 0:
            reached, exact = task.solved(weight)
            best = max(best, exact)
            if reached:
                return n * given.batch, seconds, exact
    return None, seconds, best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--task", choices=list(TASKS), default="1F1S")
    parser.add_argument("--rule", choices=RULES, default="exact")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--adam", action="store_true", help="in place of momentum")
    parser.add_argument("--batch", type=int, default=1, help="trials of a step")
    parser.add_argument("--decay", action="store_true", help="let the rate fall to 0, as a cosine")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=64_000, help="give up after so many")
    given = parser.parse_args()
    print({name: value for name, value in vars(given).items() if value})
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        trials, seconds, exact = learn(Task(TASKS[given.task], np.random.default_rng(seed)), given)
        after = "not learned," if trials is None else f"{trials:5} trials"
        print(f"seed {seed}: {after} {seconds:6.1f} s, {exact:.1%} exact", flush=True)


if __name__ == "__main__":
    main()
