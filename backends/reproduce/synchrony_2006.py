"""Decisions by which afferents fire together, where each of them says nothing.

Afferents fire once a pattern, in pairs, each pair at one random time.  Who belongs to whom is the
only thing that tells two classes apart: an afferent's own spike is as likely at any time in either.
No pattern is met twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tempotron_core import Events, Neuron, peak
from tempotron_core.encoding import jitter_spikes
from tempotron_core.learning import learn_online
from tempotron_core.metrics import bootstrap_interval

from .reproduction import Done, Job, Reproduction, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEURON = Neuron(15.0, 3.75, psp_peak=1.0)
DURATION = 500.0
TRIALS = 4  # of a job: first weights of their own, on the same pairs
BLOCK, TESTS = 200, 400  # patterns between two tests, and of a test; half of each class
RATE, FALL, MOMENTUM, WEIGHT_SCALE = 3.0, 0.1, 0.9, 0.02  # the rate over the number of afferents
JITTER = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)  # ms, of every spike
KINDS = {"pairs": "in pairs", "alone": "each at a time of its own"}


def _jobs(quick: bool, seed: int) -> list[Job]:
    n, blocks, parts = (100, 20, 1) if quick else (500, 80, 5)
    return [
        {"kind": kind, "n": n, "blocks": blocks, "seed": [seed, n, part], "cost": n * blocks}
        for part in range(parts)
        for kind in KINDS
    ]


def patterns(pairings: Any, alone: bool, n_patterns: int, rng: np.random.Generator) -> Any:
    """Return patterns [B, N] of two pairings [2, N/2, 2] and the class of each, half of either.

    With ``alone`` there is no pairing: all afferents fire at times of their own, in both classes.
    """
    fires = rng.permuted(np.arange(n_patterns) % 2 == 0)
    n = pairings[0].size
    if alone:
        return rng.uniform(0.0, DURATION, (n_patterns, n)), fires
    of_pair = rng.uniform(0.0, DURATION, (n_patterns, n // 2))
    times = np.empty((n_patterns, n))
    for pairing, those in zip(pairings, (fires, ~fires), strict=True):
        for one in pairing.T:  # the first of all pairs, then the second
            times[np.ix_(those, one)] = of_pair[those]
    return times, fires


def _run(job: Job) -> dict[str, Any]:
    rng = np.random.default_rng(job["seed"])
    n, alone = job["n"], job["kind"] == "alone"
    pairings = [rng.permutation(n).reshape(-1, 2) for _ in range(2)]
    weight = rng.normal(0.0, WEIGHT_SCALE, (TRIALS, n))
    change = np.zeros_like(weight)

    def wrong(jitter: float) -> Any:
        times, fires = patterns(pairings, alone, TESTS, rng)
        events = Events.from_latencies(times, DURATION)
        seen = jitter_spikes(events, jitter, rng) if jitter else events
        decided = peak(seen, weight, NEURON).v_max > NEURON.v_threshold
        return (decided != fires[:, None]).mean(axis=0).round(6).tolist()

    curve = [wrong(0.0)]
    for block in range(job["blocks"]):
        times, fires = patterns(pairings, alone, BLOCK, rng)
        weight, change, _ = learn_online(
            Events.from_latencies(times, DURATION), np.tile(fires[:, None], TRIALS), weight, NEURON,
            learning_rate=RATE / n * FALL ** (block / job["blocks"]), momentum=MOMENTUM, epochs=1,
            change=change,
        )  # fmt: skip
        curve.append(wrong(0.0))
    return {"curve": curve, "wrong": [wrong(jitter) for jitter in JITTER]}


def _found(done: Done, name: str) -> dict[str, Any]:
    """What was measured, [tests, trials], for each kind."""
    return {
        kind: np.concatenate([result[name] for job, result in done if job["kind"] == kind], axis=1)
        for kind in KINDS
    }


def _rows(done: Done) -> list[Row]:
    rng, rows = np.random.default_rng(0), []
    for kind, wrong in _found(done, "wrong").items():
        for jitter, values in zip(JITTER, wrong, strict=True):
            low, high = bootstrap_interval(values, np.mean, rng)
            rows.append(
                Row(
                    f"wrong on new patterns, afferents {KINDS[kind]}, {jitter:g} ms of jitter",
                    "–",
                    "no number of the paper at hand",
                    f"{values.mean():.2%}",
                    f"{low:.2%} to {high:.2%}",
                    "below chance" if high < 0.5 else "chance",
                )
            )
            if kind == "alone":
                break
    return rows


def _draw(figure: Figure, done: Done) -> None:
    from ..plotting.style import QUIET, TARGET

    left, right = figure.subplots(1, 2, sharey=True)
    colours = {"pairs": TARGET, "alone": QUIET}
    for kind, curve in _found(done, "curve").items():
        met = 1e-3 * BLOCK * np.arange(len(curve))
        left.plot(met, curve, color=colours[kind], linewidth=0.5, alpha=0.3)
        left.plot(met, curve.mean(axis=1), color=colours[kind], label=KINDS[kind])
    left.set(
        xlabel="patterns met (thousands)",
        ylabel="part of new patterns decided wrongly",
        ylim=(0, None),
    )
    left.legend(fontsize=8)
    for kind, wrong in _found(done, "wrong").items():
        right.errorbar(
            JITTER, wrong.mean(axis=1), wrong.std(axis=1), fmt="o-", color=colours[kind],
            markersize=4, linewidth=1.2, elinewidth=0.8,
        )  # fmt: skip
    right.set(xlabel="jitter of the spikes (ms)")


REPRODUCTION = Reproduction(
    name="synchrony-2006",
    shows="decisions by which afferents fire together, where each alone says nothing",
    paper="Gütig & Sompolinsky, Nature Neuroscience 9, 420-428 (2006)",
    time="a minute on one core",
    quick_lacks="100 afferents, four trials and a quarter of the patterns.",
    jobs=_jobs,
    run=_run,
    rows=_rows,
    draw=_draw,
    notes="The paper says that a tempotron reads distributed synchrony and tells inputs apart by "
    "the statistics of many neurons. Its protocol was not at hand: pairs of 500 afferents, two "
    "random pairings, one spike per afferent, new patterns throughout, and all rates are this "
    "library's. The control has the same spikes without pairs, and labels that nothing tells.",
    size=(7.6, 3.4),
)
