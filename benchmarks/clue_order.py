"""The order of two clues, by a network of multi-spike neurons.

    python benchmarks/clue_order.py
    python benchmarks/clue_order.py --models multi single --seeds 3

Every trial has the same two frozen clues of 40 ms, once each, 40 to 80 ms apart, at a random place
in sparse background.  If A comes first the answer is one spike, else none, so that neither clue
tells the label, only their order.  The label is taught by aggregate labels alone, through the
hidden layer; nothing says when to spike, nor what the clues are.

multi : a hidden layer of multi-spike neurons of tau 20 ms, read by one of tau 60 ms.
one : the same layers, whose hidden neurons pass on their first spike.
single, slow : the output neuron alone, with tau 20 or 60 ms.

Spikes of a hidden neuron have no gradient by which one more appears, or one too many goes, so the
hidden neurons of `multi` are also asked to spike: whoever is silent in a whole batch has its first
critical threshold raised, and in a pattern with more than two spikes the last one's is lowered.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from tempotron_core import Events, Network, Neuron, initial_network
from tempotron_core.learning import Adam, aggregate_labels, schedules
from tempotron_core.spiking import critical_threshold, critical_threshold_vjp

N_AFFERENTS, CLUE, GAP, TRIAL = 50, 40.0, (40.0, 80.0), 220.0  # ms
IN_CLUE, BACKGROUND = 0.02, 0.001  # spikes per ms and afferent
N_TRIALS, N_TEST, BATCH = 4000, 1000, 32
FAST, SLOW = Neuron(20.0, 5.0), Neuron(60.0, 5.0)
HIDDEN, LEARNING_RATE, HOMEOSTASIS, MOST = 40, 0.02, 0.1, 2
MODELS: dict[str, tuple[list[int], Any, str]] = {
    "multi": ([HIDDEN], (FAST, SLOW), "spikes"),
    "one": ([HIDDEN], (FAST, SLOW), "first_crossing"),
    "single": ([], FAST, "spikes"),
    "slow": ([], SLOW, "spikes"),
}


def train(rate: float, length: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """Random spikes of all afferents: times and afferents."""
    n = rng.poisson(N_AFFERENTS * rate * length)
    return rng.uniform(0.0, length, n), rng.integers(0, N_AFFERENTS, n)


def trials(n: int, clues: list[tuple[Any, Any]], rng: np.random.Generator) -> tuple[Events, Any]:
    """Trials, and how many spikes [n, 1] each should be answered with."""
    times, afferents, offsets = [], [], [0]
    wanted = rng.integers(0, 2, (n, 1))
    for a_first in wanted[:, 0]:
        begin, gap = rng.uniform(0.0, 30.0), rng.uniform(*GAP)
        first, second = clues if a_first else clues[::-1]
        parts = [train(BACKGROUND, TRIAL, rng), first, second]
        starts = [0.0, begin, begin + CLUE + gap]
        at = np.concatenate([part[0] + s for part, s in zip(parts, starts, strict=True)])
        order = np.argsort(at)
        times.append(at[order])
        afferents.append(np.concatenate([part[1] for part in parts])[order])
        offsets.append(offsets[-1] + len(at))
    flat = np.concatenate(times), np.concatenate(afferents), np.asarray(offsets)
    return Events.from_csr(*flat, N_AFFERENTS, TRIAL), wanted


def kept_active(network: Network, events: Events, counts: Any) -> Any:
    """Gradient by which hidden neurons spike, and not too often."""
    weight, neuron = network.weights[0], network.neurons[0]
    many = counts > MOST
    where = many | (counts == 0).all(axis=0)
    critical = critical_threshold(events, weight, neuron, np.where(many, counts, 1), where=where)
    cotangent = np.where(many, HOMEOSTASIS, -HOMEOSTASIS) * where / len(events)
    return critical_threshold_vjp(events, weight, neuron, critical, cotangent).weight


def learn(model: str, seed: int, steps: int) -> float:
    """Teach a model, and return the part of new trials that it counts exactly."""
    rng = np.random.default_rng(seed)
    hidden, neuron, pass_on = MODELS[model]
    clues = [train(IN_CLUE, CLUE, rng) for _ in range(2)]
    events, wanted = trials(N_TRIALS, clues, rng)
    network = initial_network(
        events[:200], hidden, 1, neuron, rng, fraction=0.4, output_potential=1.0,
        pass_on=pass_on, readout="counts", min_slope=0.1,
    )  # fmt: skip
    rules = [Adam(LEARNING_RATE) for _ in network.weights]
    schedule = schedules.cosine()
    for step in range(steps):
        chosen = rng.integers(0, N_TRIALS, BATCH)
        batch = events[chosen]
        activity = network.forward(batch)
        _, k, cotangent, where = aggregate_labels(activity.spikes.counts, wanted[chosen])
        critical = network.critical_threshold(activity, k, where=where)
        gradients = list(network.vjp(activity, cotangent, critical=critical).weights)
        if model == "multi":
            gradients[0] = gradients[0] + kept_active(network, batch, activity.hidden[0].counts)
        for rule in rules:
            rule.learning_rate = LEARNING_RATE * schedule(step / steps)
        stepped = zip(rules, network.weights, gradients, strict=True)
        network = network.with_weights([rule.step(w, g) for rule, w, g in stepped])
    new, expected = trials(N_TEST, clues, rng)
    return float(np.mean(network.forward(new).spikes.counts == expected))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()
    for model in options.models:
        begin, found = time.process_time(), []
        for seed in range(options.first, options.first + options.seeds):
            found.append(learn(model, seed, options.steps))
            print(f"{model}, seed {seed}: {found[-1]:.1%}", flush=True)
        seconds = (time.process_time() - begin) / options.seeds
        print(
            f"{model}: {min(found):.1%} to {max(found):.1%}, median {np.median(found):.1%}, "
            f"{seconds:.1f} s of the processor a seed",
            flush=True,
        )


if __name__ == "__main__":
    main()
