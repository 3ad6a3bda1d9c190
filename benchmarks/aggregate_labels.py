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

import numpy as np

from tempotron_backends.data.clues import TASKS, ClueTask
from tempotron_backends.reproduce.clue_learning import RULES, learn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--task", choices=list(TASKS), default="1F1S")
    parser.add_argument("--rule", choices=RULES, default="exact")
    parser.add_argument("--learning-rate", type=float, default=3e-5)
    parser.add_argument("--adam", action="store_true", help="in place of momentum")
    parser.add_argument("--batch", type=int, default=1, help="trials of a step")
    parser.add_argument("--decay", action="store_true", help="let the rate fall to 0, as a cosine")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=64_000, help="give up after so many")
    given = parser.parse_args()
    print({name: value for name, value in vars(given).items() if value})
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        rng = np.random.default_rng(seed)
        _, trials, seconds, exact = learn(
            ClueTask.draw(TASKS[given.task], rng),
            rng,
            rule=given.rule,
            learning_rate=given.learning_rate,
            adam=given.adam,
            batch=given.batch,
            decay=given.decay,
            trials=given.trials,
        )
        after = "not learned," if trials is None else f"{trials:5} trials"
        print(f"seed {seed}: {after} {seconds:6.1f} s, {exact:.1%} exact", flush=True)


if __name__ == "__main__":
    main()
