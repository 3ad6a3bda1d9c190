"""How a trained tempotron stands jitter of its patterns, and what training with jitter adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tempotron_core import Events, Neuron
from tempotron_core.encoding import jitter_spikes
from tempotron_core.learning import learn_online
from tempotron_core.metrics import bootstrap_interval, robustness_curve

from .reproduction import Done, Job, Reproduction, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEURON = Neuron(15.0, 3.75, psp_peak=1.0)
DURATION, LOAD = 500.0, 1.0
TRIALS = 16  # of a job: labels and first weights of their own, on the same patterns
RATE, MOMENTUM, WEIGHT_SCALE = 0.3, 0.95, 0.05  # the rate over the number of afferents
TRAINED_WITH = (0.0, 5.0)  # ms
LEVELS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0)
REPEATS = 5


def _jobs(quick: bool, seed: int) -> list[Job]:
    n, epochs, parts = (60, 60, 1) if quick else (500, 300, 4)
    return [
        {
            "n": n,
            "epochs": epochs,
            "jitter": jitter,
            "seed": [seed, n, part],
            "cost": n * n * epochs,
        }
        for part in range(parts)
        for jitter in TRAINED_WITH
    ]


def _run(job: Job) -> dict[str, Any]:
    rng = np.random.default_rng(job["seed"])
    n = job["n"]
    n_patterns = round(LOAD * n)
    events = Events.from_latencies(rng.uniform(0.0, DURATION, (n_patterns, n)), DURATION)
    fire = np.tile(np.arange(n_patterns)[:, None] < n_patterns // 2, (1, TRIALS))
    labels = rng.permuted(fire, axis=0)
    weight = rng.normal(0.0, WEIGHT_SCALE, (TRIALS, n))
    change = np.zeros_like(weight)
    for _ in range(job["epochs"]):  # every epoch meets the patterns as they happen to come
        seen = jitter_spikes(events, job["jitter"], rng) if job["jitter"] else events
        weight, change, errors = learn_online(
            seen, labels, weight, NEURON,
            learning_rate=RATE / n, momentum=MOMENTUM, epochs=1, rng=rng, change=change,
        )  # fmt: skip
        if not (job["jitter"] or errors.any()):
            break

    def moved(sigma: float) -> Events:
        return jitter_spikes(events, sigma, rng)

    curve = robustness_curve(moved, labels, weight, NEURON, LEVELS, repeats=REPEATS)
    return {"wrong": curve.round(6).tolist()}


def _curves(done: Done) -> dict[float, Any]:
    """Part decided wrongly, [levels, neurons], for each jitter that was trained with."""
    kinds = sorted({job["jitter"] for job, _ in done})
    return {
        kind: np.concatenate([result["wrong"] for job, result in done if job["jitter"] == kind], 1)
        for kind in kinds
    }


def _rows(done: Done) -> list[Row]:
    rng, curves, rows = np.random.default_rng(0), _curves(done), []
    for number, level in enumerate(LEVELS):
        before: tuple[float, float] | None = None
        for kind, wrong in curves.items():
            low, high = bootstrap_interval(wrong[number], np.mean, rng)
            verdict = "–"
            if before is not None:
                helps, harms = high < before[0], low > before[1]
                verdict = "fewer errors" if helps else "more errors" if harms else "as without"
            before = low, high
            rows.append(
                Row(
                    f"wrong at {level:g} ms of jitter, trained with {kind:g} ms",
                    "–",
                    "no number of the paper at hand",
                    f"{wrong[number].mean():.2%}",
                    f"{low:.2%} to {high:.2%}",
                    verdict,
                )
            )
    return rows


def _draw(figure: Figure, done: Done) -> None:
    from ..plotting.style import RIVAL, TARGET

    axes = figure.subplots()
    for (kind, wrong), colour in zip(_curves(done).items(), (RIVAL, TARGET), strict=False):
        mean, spread = wrong.mean(axis=1), wrong.std(axis=1)
        axes.errorbar(
            LEVELS, mean, spread, fmt="o-", color=colour, label=f"trained with {kind:g} ms",
            markersize=4, linewidth=1.2, elinewidth=0.8,
        )  # fmt: skip
    axes.set(
        xlabel="jitter of the test patterns (ms)", ylabel="part decided wrongly", ylim=(0, None)
    )
    axes.legend(fontsize=8)


REPRODUCTION = Reproduction(
    name="robustness-2006",
    shows="how decisions stand jitter of the spikes, and what training with jitter adds",
    paper="Gütig & Sompolinsky, Nature Neuroscience 9, 420-428 (2006)",
    time="a minute on one core",
    quick_lacks="60 afferents have fewer spikes within a time constant, and stand less.",
    jobs=_jobs,
    run=_run,
    rows=_rows,
    draw=_draw,
    notes="One pattern per afferent, random latencies in 500 ms; Gaussian jitter of every spike, "
    "drawn anew in every epoch and test. Load, levels and rates are this library's: the paper's "
    "own protocol was not at hand, and there is no published number beside the ones here.",
    size=(4.6, 3.4),
)
