"""A multi-spike neuron learns a task of clues, trial by trial, until it meets the criterion.

The criterion: 95 % of 200 fresh trials counted exactly, less than 0.1 Hz of background, and to each
feature within background a mean response within a tenth of its value, or of 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Network, Neuron
from tempotron_core.learning import Adam, Momentum, e_learning_rule, resume_rule
from tempotron_core.learning.schedules import cosine
from tempotron_core.metrics import Response, response_per_feature
from tempotron_core.networks.count_step import count_step
from tempotron_core.spiking import output_spikes

from ..data.clues import ClueTask, Train, Trial, join, pad

__all__ = ["NEURON", "RULES", "Learned", "counts", "learn", "respond"]

Floats = NDArray[np.float64]
Disturb = Callable[[Events], Events]

NEURON = Neuron(tau=20.0, tau_s=5.0, v_threshold=1.0, psp_peak=1.0)  # ms
START_RATE = 0.005  # output spikes of the background per ms
MOMENTUM = 0.99
RULES = ("exact", "truncated", "correlation", "resume", "e_learning")
TOLD_WHEN = ("resume", "e_learning")  # rules that take times, which a task makes up
CHECK_EVERY = 250  # trials
FRESH, PROBES = 200, 50
EXACT, SILENT = 0.95, 1e-4  # part of the trials; background spikes per ms


class Learned(NamedTuple):
    """What `learn` did.

    Attributes
    ----------
    weight : array, shape (1, N)
    trials : int or None
        When the criterion was met.
    seconds : float
        Of the processor, for learning alone.
    exact : float
        The part of fresh trials counted exactly at the end, or the best there was.
    """

    weight: Floats
    trials: int | None
    seconds: float
    exact: float


def learn(
    task: ClueTask,
    rng: np.random.Generator,
    *,
    rule: str = "exact",
    learning_rate: float = 3e-5,
    adam: bool = False,
    batch: int = 1,
    decay: bool = False,
    trials: int = 64_000,
    disturb: Disturb | None = None,
) -> Learned:
    """Learn a task from fresh trials, with momentum 0.99.

    Parameters
    ----------
    task : ClueTask
    rng : numpy.random.Generator
        Of first weights, trials and probes.
    rule : str, default "exact"
        One of `RULES`.  "resume" and "e_learning" are told when to spike as well.
    learning_rate : float, default 3e-5
    adam : bool, default False
        Adam, on errors only, in place of momentum, which moves the weights on every trial.
    batch : int, default 1
        Trials of a step.
    decay : bool, default False
        Let the rate fall to 0, as a cosine.
    trials : int, default 64000
        Give up after so many.
    disturb : callable, optional
        Takes all events, those of the criterion too, and returns what the neuron gets.
    """
    disturb = disturb or _as_they_are
    weight, seconds, best = _start(task, rng), 0.0, 0.0
    every, n_steps = max(1, CHECK_EVERY // batch), trials // batch
    optimiser = Adam(learning_rate) if adam else Momentum(learning_rate, momentum=MOMENTUM)
    for n in range(1, n_steps + 1):
        drawn = [task.trial(rng) for _ in range(batch)]
        if decay:
            optimiser.learning_rate = learning_rate * cosine()(n / n_steps)
        begin = time.process_time()
        gradient = _gradient(task, drawn, weight, rule, disturb)
        if gradient is None and not adam:
            gradient = np.zeros_like(weight)
        if gradient is not None:
            weight = optimiser.step(weight, gradient)
        seconds += time.process_time() - begin
        if n % every == 0:
            reached, exact = _criterion(task, weight, rng, disturb)
            best = max(best, exact)
            if reached:
                return Learned(weight, n * batch, seconds, exact)
    return Learned(weight, None, seconds, best)


def counts(
    trains: Sequence[Train], weight: Floats, disturb: Disturb | None = None
) -> NDArray[np.int64]:
    """Return the output spikes in each of the trains."""
    events = (disturb or _as_they_are)(join(trains, weight.shape[1]))
    found: NDArray[np.int64] = output_spikes(events, weight, NEURON).counts[:, 0]
    return found


def respond(
    task: ClueTask, weight: Floats, rng: np.random.Generator, disturb: Disturb | None = None
) -> Response:
    """Measure the response to each feature in 50 probes, and the background's in 200."""
    rest = counts([task.noise(rng) for _ in range(FRESH)], weight, disturb)
    probes = [
        counts([task.insert([which], rng).train for _ in range(PROBES)], weight, disturb)
        for which in range(len(task.features))
    ]
    return response_per_feature(np.stack(probes), rest, task.background)


def _as_they_are(events: Events) -> Events:
    return events


def _start(task: ClueTask, rng: np.random.Generator) -> Floats:
    """Weights with which the background alone makes START_RATE."""
    spread: Floats = rng.normal(0.0, 0.01, (1, task.n_afferents))
    events = join([task.noise(rng) for _ in range(40)], task.n_afferents)
    low, high = -0.05, 0.05
    for _ in range(20):
        shift = 0.5 * (low + high)
        rate = output_spikes(events, spread + shift, NEURON).counts.mean() / task.background
        low, high = (shift, high) if rate < START_RATE else (low, shift)
    return spread + 0.5 * (low + high)


def _criterion(
    task: ClueTask, weight: Floats, rng: np.random.Generator, disturb: Disturb
) -> tuple[bool, float]:
    """Whether it is met, and the part of fresh trials counted exactly."""
    fresh = [task.trial(rng) for _ in range(FRESH)]
    wanted = [task.label(trial) for trial in fresh]
    exact = float(np.mean(counts([trial.train for trial in fresh], weight, disturb) == wanted))
    if exact < EXACT:
        return False, exact
    found = respond(task, weight, rng, disturb)
    allowed = 0.1 * np.maximum(1, task.values)
    right = np.all(np.abs(found.mean - task.values) <= allowed)
    return bool(right and found.background_rate < SILENT), exact


def _gradient(
    task: ClueTask, trials: Sequence[Trial], weight: Floats, rule: str, disturb: Disturb
) -> Floats | None:
    """The gradient of a batch, None where nothing is wrong."""
    events = disturb(join([trial.train for trial in trials], task.n_afferents))
    if rule not in TOLD_WHEN:
        step = count_step(Network([weight], NEURON, readout="counts"), rule=rule)
        wanted = np.asarray([[task.label(trial)] for trial in trials])
        taught: Floats | None = (step(events, wanted, (weight,)).gradients or (None,))[0]
        return taught
    spikes = output_spikes(events, weight, NEURON).times
    due = pad([task.due(trial) for trial in trials])[:, None]
    found: Floats
    if rule == "resume":
        found = resume_rule(events, spikes, due, tau=NEURON.tau)
    else:
        found = e_learning_rule(events, weight, NEURON, spikes, due)
    return found
