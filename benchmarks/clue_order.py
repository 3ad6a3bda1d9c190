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

All of them are taught by `fit_counts`, which also keeps the hidden neurons of `multi` active.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from tempotron_core import Events, Neuron, fit_counts

N_AFFERENTS, CLUE, GAP, TRIAL = 50, 40.0, (40.0, 80.0), 220.0  # ms
IN_CLUE, BACKGROUND = 0.02, 0.001  # spikes per ms and afferent
N_TRIALS, N_TEST = 4000, 1000
FAST, SLOW = Neuron(20.0, 5.0), Neuron(60.0, 5.0)
HIDDEN = 40
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


def learn(model: str, seed: int, epochs: int) -> float:
    """Teach a model, and return the part of new trials that it counts exactly."""
    rng = np.random.default_rng(seed)
    hidden, neuron, pass_on = MODELS[model]
    clues = [train(IN_CLUE, CLUE, rng) for _ in range(2)]
    taught = fit_counts(
        *trials(N_TRIALS, clues, rng),
        neuron,
        hidden=hidden,
        epochs=epochs,
        rng=rng,
        pass_on=pass_on,
    )
    return taught.score(*trials(N_TEST, clues, rng))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    for model in options.models:
        begin, found = time.process_time(), []
        for seed in range(options.first, options.first + options.seeds):
            found.append(learn(model, seed, options.epochs))
            print(f"{model}, seed {seed}: {found[-1]:.1%}", flush=True)
        seconds = (time.process_time() - begin) / options.seeds
        print(
            f"{model}: {min(found):.1%} to {max(found):.1%}, median {np.median(found):.1%}, "
            f"{seconds:.1f} s of the processor a seed",
            flush=True,
        )


if __name__ == "__main__":
    main()
