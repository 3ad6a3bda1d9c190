"""Neurons that find the clues of a count: how soon, by which rule, and what they then do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tempotron_core import Events
from tempotron_core.encoding import delete_spikes, jitter_spikes
from tempotron_core.metrics import bootstrap_interval, proportion_interval, temporal_credit
from tempotron_core.spiking import critical_threshold, output_spikes

from ..data.clues import TASKS, ClueTask, join, pad
from .clue_learning import NEURON, RULES, counts, learn, respond
from .reproduction import Done, Job, Reproduction, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRESH = 200  # trials after learning
DRAWN = 500  # times for an interval
DELETION, JITTER = 0.2, 2.0  # ms
WINDOWS = {
    "within 10 ms of a clue's end": (10.0, 10.0),  # ms before and after
    "in a clue or 10 ms after": (50.0, 10.0),
}
MOMENTUM = {"learning_rate": 3e-5, "trials": 8_000}
ADAM = {"adam": True, "batch": 32, "decay": True, "trials": 64_000}
SETTINGS: dict[str, dict[str, Any]] = {
    "1F1S": MOMENTUM,
    "1F5S": MOMENTUM,
    "5F1S": MOMENTUM,
    "12345": {**ADAM, "learning_rate": 3e-3},
    "5F5S": {**ADAM, "learning_rate": 1e-2},
}
CHEAP = ("truncated", "e_learning")  # enough for the tasks that take long
PUBLISHED_RATE = 1e-5
SEEDS, FEWER, FEWEST = 10, 5, 3
COSTS = {"1F1S": 2.0, "1F5S": 3.0, "5F1S": 4.0, "12345": 9.0, "5F5S": 45.0}
MEASURED = ("clean", "deleted", "jittered", "noisy")
WITH_NOISE = "noisy trials"
NO_NUMBER = "no number of the paper at hand"


def _jobs(quick: bool, seed: int) -> list[Job]:
    if not quick:
        return _all_jobs(seed)
    seeds = {"exact": 2}  # of the other kinds one
    return [
        job
        for job in _all_jobs(seed)
        if job["task"] == "1F1S" and job["seed"][-1] < seeds.get(_kind(job), 1)
    ]


def _all_jobs(seed: int) -> list[Job]:
    found = []
    for number, (task, settings) in enumerate(SETTINGS.items()):
        easy = settings is MOMENTUM
        exact = {"task": task, "rule": "exact", "noise": False, "cost": COSTS[task], **settings}
        long = task == "5F5S"
        others = 1 if long else FEWEST
        kinds = [(exact, FEWER if long else SEEDS)]
        kinds += [({**exact, "rule": rule}, others) for rule in RULES[1:] if easy or rule in CHEAP]
        if easy:
            slower = {"learning_rate": PUBLISHED_RATE, "cost": 2.0 * COSTS[task]}
            kinds += [({**exact, **slower}, FEWER)]
            kinds += [({**exact, "noise": True, "cost": 4.0 * COSTS[task]}, FEWEST)]
        # seeds are those of tasks: all rules meet the same features
        found += [
            {**job, "seed": [seed, number, part]} for job, seeds in kinds for part in range(seeds)
        ]
    return found


def _run(job: Job) -> dict[str, Any]:
    _compile()
    rng = np.random.default_rng(job["seed"])
    task = ClueTask.draw(TASKS[job["task"]], rng)

    def lossy(events: Events) -> Events:
        return delete_spikes(events, DELETION, rng)

    def jittery(events: Events) -> Events:
        return jitter_spikes(events, JITTER, rng)

    def noisy(events: Events) -> Events:
        return lossy(jittery(events))

    given = {key: job[key] for key in ("rule", *SETTINGS[job["task"]])}
    disturb = noisy if job["noise"] else None
    weight, trials, seconds, _ = learn(task, rng, disturb=disturb, **given)
    found = respond(task, weight, rng, disturb)
    fresh = [task.trial(rng) for _ in range(FRESH)]
    trains, wanted = [trial.train for trial in fresh], [task.label(trial) for trial in fresh]
    exact = {
        name: int((counts(trains, weight, change) == wanted).sum())
        for name, change in zip(MEASURED, (None, lossy, jittery, noisy), strict=True)
    }
    events = join(trains, task.n_afferents)
    times = output_spikes(disturb(events) if disturb else events, weight, NEURON).times[:, 0]
    ends, lengths = pad([task.ends(each) for each in fresh]), [each.length for each in trains]
    credit = {}
    for name, window in WINDOWS.items():
        got = temporal_credit(times, ends, lengths, window=window)
        by_chance = got.shifted_precision.mean(), got.shifted_recall.mean()
        credit[name] = [round(float(each), 5) for each in (got.precision, got.recall, *by_chance)]
    return {
        "trials": trials,
        "seconds": round(seconds, 2),
        "response": found.mean.round(4).tolist(),
        "background_hz": round(1000.0 * float(found.background_rate), 4),
        "exact": exact,
        "credit": credit,  # precision, recall, and both of shifted trains
    }


def _compile() -> None:
    """Compile what learns, or read it from disk, so that a job's seconds are its own."""
    rng = np.random.default_rng(0)
    task = ClueTask.draw((1,), rng, n_afferents=10)
    for rule in RULES:
        learn(task, rng, rule=rule, trials=2)
    # of a second spike, which two trials may not ask for
    critical_threshold(join([task.noise(rng)], 10), np.ones((1, 10)), NEURON, 2)


def _kind(job: Job) -> str:
    rule: str = job["rule"]
    name = {"e_learning": "E-learning", "resume": "ReSuMe"}.get(rule, rule)
    if job["noise"]:
        return f"{name}, {WITH_NOISE}"
    return f"{name}, rate 1e-5" if job["learning_rate"] == PUBLISHED_RATE else name


def _by_kind(done: Done) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Results of each task and kind of rule."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for job, result in done:
        found.setdefault((job["task"], _kind(job)), []).append(result)
    return found


def _rows(done: Done) -> list[Row]:
    found, rng = _by_kind(done), np.random.default_rng(0)
    rows = [_learned(task, kind, results) for (task, kind), results in found.items()]
    for (task, kind), results in found.items():
        if kind == "exact":
            rows += [*_responses(task, results, rng), *_noise(task, results)]
            rows += _credit(task, results, rng)
        elif kind.endswith(WITH_NOISE):
            rows += _noise(task, results, (MEASURED[-1],), f", learned from {WITH_NOISE}")
    return rows


def _learned(task: str, kind: str, results: list[dict[str, Any]]) -> Row:
    trials = [each["trials"] for each in results if each["trials"]]
    low, high = proportion_interval(len(trials), len(results))
    here = f"{len(trials)} of {len(results)} seeds"
    if trials:
        seconds = np.median([each["seconds"] for each in results if each["trials"]])
        here += (
            f": {np.median(trials):,.0f} ({min(trials):,} to {max(trials):,}), "
            f"{seconds:.1f} s of a core"
        )
    reached = "reached" if trials else "not reached"
    if 0 < len(trials) < len(results):
        reached = "reached by some"
    return Row(
        f"{task}: trials to the criterion, {kind}", "–", NO_NUMBER, here,
        f"{low:.0%} to {high:.0%} of seeds", reached,
    )  # fmt: skip


def _responses(
    task: str, results: list[dict[str, Any]], rng: np.random.Generator
) -> tuple[Row, Row]:
    values = np.asarray(TASKS[task])
    clues = values > 0
    ratio = [float((each["response"] / np.maximum(values, 1))[clues].mean()) for each in results]
    low, high = bootstrap_interval(ratio, np.mean, rng, times=DRAWN)
    mean = float(np.mean(ratio))
    rest = [each["background_hz"] for each in results]
    ends = bootstrap_interval(rest, np.mean, rng, times=DRAWN)
    return (
        Row(
            f"{task}: response to a clue over its value", "1", "what the task asks for",
            f"{mean:.3f}", f"{low:.3f} to {high:.3f}",
            "within a tenth" if abs(mean - 1.0) <= 0.1 else "not reached",
        ),
        Row(
            f"{task}: background rate (Hz)", "below 0.1", "the criterion",
            f"{np.mean(rest):.3f}", f"{ends[0]:.3f} to {ends[1]:.3f}",
            "reached" if np.mean(rest) < 0.1 else "not reached",
        ),
    )  # fmt: skip


def _noise(
    task: str,
    results: list[dict[str, Any]],
    measured: tuple[str, ...] = MEASURED,
    learned: str = "",
) -> list[Row]:
    words = {
        "clean": "fresh trials counted exactly",
        "deleted": f"with {DELETION:.0%} of the spikes lost",
        "jittered": f"with {JITTER:g} ms of jitter",
        "noisy": "with both",
    }
    rows = []
    for name in measured:
        right, of = sum(each["exact"][name] for each in results), FRESH * len(results)
        low, high = proportion_interval(right, of)
        asked = ("95 %", "the criterion") if name == "clean" else ("–", NO_NUMBER)
        verdict = "–" if name != "clean" else "reached" if right >= 0.95 * of else "not reached"
        rows.append(
            Row(
                f"{task}: {words[name]}{learned}",
                *asked,
                f"{right / of:.1%}",
                f"{low:.1%} to {high:.1%}",
                verdict,
            )
        )  # fmt: skip
    return rows


def _credit(task: str, results: list[dict[str, Any]], rng: np.random.Generator) -> list[Row]:
    rows = []
    for window in WINDOWS:
        values = np.asarray([each["credit"][window] for each in results])
        for number, name in enumerate(("precision", "recall")):
            here, shifted = values[:, number], values[:, number + 2]
            low, high = bootstrap_interval(here, np.mean, rng, times=DRAWN)
            gain, _ = bootstrap_interval(here - shifted, np.mean, rng, times=DRAWN)
            rows.append(
                Row(
                    f"{task}: {name} of spikes {window}", "–", NO_NUMBER,
                    f"{here.mean():.1%}, shifted trains {shifted.mean():.1%}",
                    f"{low:.1%} to {high:.1%}", "above chance" if gain > 0.0 else "by chance",
                )
            )  # fmt: skip
    return rows


def _draw(figure: Figure, done: Done) -> None:
    from ..plotting.clues import part_bars, responses, trials_to_criterion
    from ..plotting.style import FAINT, QUIET, RIVAL, TARGET

    found = _by_kind(done)
    (first, second), (third, fourth) = figure.subplots(2, 2)
    trials_to_criterion(
        first, {key: [each["trials"] for each in results] for key, results in found.items()}
    )
    exact = {task: results for (task, kind), results in found.items() if kind == "exact"}
    responses(
        second,
        {task: [each["response"] for each in results] for task, results in exact.items()},
        {task: TASKS[task] for task in exact},
    )
    shares = {
        name: [[each["exact"][name] / FRESH for each in results] for results in exact.values()]
        for name in MEASURED
    }
    labels = ("clean", f"{100.0 * DELETION:g} % lost", f"{JITTER:g} ms of jitter", "both")
    part_bars(third, list(exact), dict(zip(labels, shares.values(), strict=True)))
    third.set_ylabel("trials counted exactly")
    window = list(WINDOWS)[1]
    kinds = ("precision", "recall", "precision, shifted", "recall, shifted")
    parts = {
        kind: [[each["credit"][window][number] for each in results] for results in exact.values()]
        for number, kind in enumerate(kinds)
    }
    part_bars(fourth, list(exact), parts, (TARGET, RIVAL, QUIET, FAINT))
    fourth.set_ylabel(f"spikes {window}")


REPRODUCTION = Reproduction(
    name="clues-2016",
    shows="how a neuron finds the clues of a count, by several rules",
    paper="Gütig, Science 351, aab4113 (2016)",
    time="17 minutes on one core",
    quick_lacks="one task of five, with two seeds of the exact rule and one of each other, which "
    "say nothing of many clues, of values that differ, or of how often a rule fails.",
    jobs=_jobs,
    run=_run,
    rows=_rows,
    draw=_draw,
    notes="Only the paper's abstract and what others say of its protocol were at hand: no number "
    "beside these is its own. The first three tasks are learned with momentum 0.99 and a rate of "
    "3e-5 (the paper's, second hand, is 1e-5), the last two by Adam in batches of 32 with a rate "
    "that falls to 0. Truncated is the threshold-driven rule without the earlier spikes' part "
    "(TDP2); exact is that with it. ReSuMe and E-learning are told when to spike, too: evenly over "
    "the second half of a clue. ReSuMe and the correlation rule were left out of the last two "
    "tasks: on 12345 they had not come to an end after a minute. Noise moves and deletes spikes "
    f"of features and background alike, and those who learn from {WITH_NOISE} meet the criterion "
    "on such. A clue that asks for five spikes counts as five that end together: few of its spikes "
    "can lie within 10 ms of that.",
    size=(9.4, 6.8),
)
