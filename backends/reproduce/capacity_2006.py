"""How many random latency patterns a neuron can hold: the tempotron's capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tempotron_core import Events, Neuron
from tempotron_core.metrics import Capacity, half_crossing, proportion_interval

from .annealing import falling, learn_annealed
from .reproduction import Done, Job, Reproduction, Row, agreement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEURON = Neuron(15.0, 3.75, psp_peak=1.0)
DURATION = 500.0
Curve = tuple[list[float], list[int], list[int]]
TRIALS, FEW = 16, 8  # of a job: a weight vector and labels each, on the same patterns
# First learning rates times the number of afferents, so that a step changes a peak alike in all
# sizes; they fall to a twentieth.
RATES = {"latencies": 0.6, "synchronous": 0.04}
FALL, MOMENTUM, WEIGHT_SCALE = 0.05, 0.95, 0.05
PUBLISHED = {"latencies": 3.0, "synchronous": 2.0}
LOADS = {"latencies": (2.5, 2.75, 3.0, 3.25, 3.5), "synchronous": (1.6, 1.8, 2.0, 2.2, 2.4)}
REPEATS = {250: 2, 500: 1, 1000: 1}  # jobs of each load
EPOCHS, QUICK_EPOCHS = 480, 160
MANY_LOAD, MANY_N, MANY = 2.5, 500, 7  # jobs of the load that should be learned 95 times of 100


def _jobs(quick: bool, seed: int) -> list[Job]:
    if quick:
        plan = [(kind, 60, load, 1) for kind in LOADS for load in (1.5, 2.0, 2.5, 3.0, 3.5)]
    else:
        plan = [("synchronous", MANY_N, load, 1) for load in LOADS["synchronous"]]
        plan += [
            ("latencies", n, load, MANY if (n, load) == (MANY_N, MANY_LOAD) else repeats)
            for n, repeats in REPEATS.items()
            for load in LOADS["latencies"][0 if n < 1000 else 2 :]
        ]
    return [
        {
            "kind": kind,
            "n": n,
            "load": load,
            "trials": TRIALS if n < 1000 else FEW,
            "epochs": QUICK_EPOCHS if quick else EPOCHS,
            "seed": [seed, list(LOADS).index(kind), n, round(100 * load), part],
            "cost": load * n * n * (0.5 if load < PUBLISHED[kind] else 1.0),
        }
        for kind, n, load, repeats in plan
        for part in range(repeats)
    ]


def _run(job: Job) -> dict[str, Any]:
    rng = np.random.default_rng(job["seed"])
    n, n_patterns, trials = job["n"], round(job["load"] * job["n"]), job["trials"]
    times = rng.uniform(0.0, DURATION, (n_patterns, n))
    if job["kind"] == "synchronous":
        half = rng.permuted(np.tile(np.arange(n) < n // 2, (n_patterns, 1)), axis=1)
        times = np.where(half, 0.5 * DURATION, np.inf)
    fire = np.tile(np.arange(n_patterns)[:, None] < n_patterns // 2, (1, trials))
    first = RATES[job["kind"]] / n
    learned = learn_annealed(
        Events.from_latencies(times, DURATION),
        rng.permuted(fire, axis=0),
        rng.normal(0.0, WEIGHT_SCALE, (trials, n)),
        NEURON,
        rates=falling(first, FALL * first, job["epochs"]),
        momentum=MOMENTUM,
        rng=rng,
    )
    # epochs until there was no error, 0 for never; errors in the last epoch
    return {"epochs": learned.epochs.tolist(), "errors": learned.errors.tolist()}


def _curves(done: Done) -> dict[tuple[str, int], Curve]:
    """Loads in ascending order, trials learned, and trials, for each kind and size."""
    counts: dict[tuple[str, int], dict[float, list[int]]] = {}
    for job, result in done:
        at = counts.setdefault((job["kind"], job["n"]), {}).setdefault(job["load"], [0, 0])
        at[0] += sum(epochs > 0 for epochs in result["epochs"])
        at[1] += len(result["epochs"])
    return {
        key: (
            sorted(at),
            [at[load][0] for load in sorted(at)],
            [at[load][1] for load in sorted(at)],
        )
        for key, at in sorted(counts.items())
    }


def _crossing(curve: Curve) -> Capacity | str:
    """Return the half crossing of a curve, or what was found instead."""
    try:
        return half_crossing(*curve)
    except ValueError:  # all or none were learned
        return f"{sum(curve[1])} of {sum(curve[2])} learned"


def _rows(done: Done) -> list[Row]:
    rows = []
    for (kind, n), curve in _curves(done).items():
        found, published = _crossing(curve), PUBLISHED[kind]
        values = "–", "–", "no crossing"
        if isinstance(found, Capacity):
            inside = agreement(published, found.low, found.high)
            values = f"{found.load:.2f}", f"{found.low:.2f} to {found.high:.2f}", inside
        elif isinstance(found, str):
            values = found, "–", "no crossing"
        words = "random latencies" if kind == "latencies" else "half the afferents at one time"
        source = "cited, as a number near which it lies"
        rows.append(Row(f"load half learned, {words}, N = {n}", f"{published:g}", source, *values))
        for load, solved, trials in zip(*curve, strict=True):
            if (kind, n, load) == ("latencies", MANY_N, MANY_LOAD):
                low, high = proportion_interval(solved, trials)
                rows.append(
                    Row(
                        f"learned at load {load:g}, N = {n}",
                        "at least 95 %",
                        "what is asked of this library, not the paper",
                        f"{solved} of {trials}",
                        f"{low:.1%} to {high:.1%}",
                        "reached" if solved >= 0.95 * trials else "not reached",
                    )
                )
    return rows


def _draw(figure: Figure, done: Done) -> None:
    from ..plotting.capacity import capacity_curve
    from ..plotting.style import INK, QUIET, RIVAL, TARGET

    left, right = figure.subplots(1, 2)
    sizes = sorted({n for kind, n in _curves(done) if kind == "latencies"})
    colours = dict(zip(sizes, (QUIET, TARGET, INK), strict=False))
    for (kind, n), curve in _curves(done).items():
        control = kind == "synchronous"
        label = f"half at one time, N = {n}" if control else f"N = {n}"
        colour = RIVAL if control else colours[n]
        capacity_curve(left, *curve, label=label, colour=colour)
    left.legend(fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    for n in sizes:
        by_load: dict[float, list[int]] = {}
        for job, result in done:
            if (job["kind"], job["n"]) == ("latencies", n):
                by_load.setdefault(job["load"], []).extend(e for e in result["epochs"] if e)
        median = [(load, np.median(by_load[load])) for load in sorted(by_load) if by_load[load]]
        if median:
            right.plot(*zip(*median, strict=True), "o-", color=colours[n], label=f"N = {n}")
    right.set(
        xlabel="patterns per afferent", ylabel="epochs of those learned, median", ylim=(0, None)
    )


REPRODUCTION = Reproduction(
    name="capacity-2006",
    shows="how many random latency patterns a tempotron can hold",
    paper="Gütig & Sompolinsky, Nature Neuroscience 9, 420-428 (2006)",
    time="10 minutes on one core",
    quick_lacks=f"60 afferents and {QUICK_EPOCHS} epochs blur the transition and move it down.",
    jobs=_jobs,
    run=_run,
    rows=_rows,
    draw=_draw,
    notes="The rule as published, at a rate that falls: N times it from 0.6 to 0.03 (for the "
    f"control from 0.04 to 0.002) in {EPOCHS} epochs, momentum {MOMENTUM}. These are constants of "
    "this library, not the paper's. At a constant rate half the trials of load 2.5 and 250 "
    "afferents were not learned in 1,500 epochs, whatever the rate and the momentum; with the "
    "falling one all of them were in 220. A trial that would be learned later counts as not "
    "learned, so crossings are lower bounds. The sixteen trials of a job (eight of 1,000 "
    "afferents) share their patterns, with labels and first weights of their own; intervals take "
    "them as independent.",
    size=(8.4, 3.4),
)
