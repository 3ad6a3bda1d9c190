"""Decisions about patterns that are played faster or slower, with conductances and currents.

A neuron learns which of random patterns to fire for, each of one spike per afferent.  Then every
pattern is stretched by a factor between 1/beta and beta, evenly in its logarithm.  Input shortens
the time constant of a neuron with conductances, and faster input more so; that of a neuron with
currents stays.  Training may meet stretched patterns too, by new factors in every epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tempotron_core import Events, Neuron
from tempotron_core import peak as current_peak
from tempotron_core import voltage as current_voltage
from tempotron_core.conductance import ConductanceNeuron, peak, peak_vjp, voltage
from tempotron_core.encoding import warp_time
from tempotron_core.learning import learn_online
from tempotron_core.metrics import bootstrap_interval

from .reproduction import Done, Job, Reproduction, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEURON = ConductanceNeuron()  # 100 ms at rest, 1 ms, reversal at 5 and -1, threshold 1
CURRENTS = Neuron(100.0, 1.0, psp_peak=1.0)  # the same membrane, which no input changes
DURATION, WARPED = 500.0, 0.5  # ms; the factor of the first figure
LARGEST = (1.0, 1.25, 1.5, 2.0, 2.5)
TRAINED_WITH = (1.0, 2.5)
EPOCHS = {"conductances": 20, "currents": 200}
TRIALS, BATCH, TESTS = 10, 10, 5  # of a job; patterns of a step; factors of a pattern in a test
RATE, MOMENTUM = 5e-4, 0.9
RATE_CURRENTS, MOMENTUM_CURRENTS, SCALE_CURRENTS = 0.1, 0.95, 0.05  # the rate over N
EXCITES, INHIBITS = 0.012, 0.06  # mean gains to start from: balanced, peaks below the threshold


def _jobs(quick: bool, seed: int) -> list[Job]:
    n, patterns, parts = (100, 20, 1) if quick else (500, 100, 2)
    return [
        {
            "kind": kind,
            "trained_with": largest,
            "n": n,
            "patterns": patterns,
            "seed": [seed, part],  # the same patterns for all
            "cost": n * patterns * (20.0 if kind == "conductances" else 1.0),
        }
        for largest in TRAINED_WITH
        for part in range(parts)
        for kind in EPOCHS
    ]


def _run(job: Job) -> dict[str, Any]:
    rng = np.random.default_rng(job["seed"])
    n, n_patterns = job["n"], job["patterns"]
    events = Events.from_latencies(rng.uniform(0.0, DURATION, (n_patterns, n)), DURATION)
    half = np.tile(np.arange(n_patterns)[:, None] < n_patterns // 2, (1, TRIALS))
    labels = rng.permuted(half, axis=0)

    def warped(largest: float) -> Events:
        """The patterns as they are met, each stretched by a factor of its own."""
        return warp_time(events, largest ** rng.uniform(-1.0, 1.0, n_patterns))

    learner = (_Conductances if job["kind"] == "conductances" else _Currents)(n, rng)
    epochs = EPOCHS[job["kind"]]
    for epoch in range(epochs):  # the rate falls to a twentieth
        learner.learn(warped(job["trained_with"]), labels, 0.05 ** (epoch / epochs), rng)
    wrong = [
        np.mean([(learner.fires(warped(each)) != labels).mean(axis=0) for _ in range(TESTS)], 0)
        for each in LARGEST
    ]
    kept = learner.fires(warp_time(events, WARPED)) == learner.fires(events)
    return {"wrong": np.round(wrong, 6).tolist(), "kept": kept.mean(axis=0).round(6).tolist()}


class _Conductances:
    """Neurons with conductances, which learn from errors by the exact gradient."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self.excitatory = np.arange(n) % 2 == 0
        scale = 500.0 / n  # as strong an input from fewer afferents
        mean = np.where(self.excitatory, EXCITES, INHIBITS) * scale
        self.gain = mean * rng.uniform(0.0, 2.0, (TRIALS, n))
        self.change = np.zeros_like(self.gain)
        self.rate = RATE * scale

    def fires(self, events: Events) -> Any:
        return peak(events, self.gain, self.excitatory, NEURON).v_max > NEURON.v_threshold

    def learn(self, events: Events, labels: Any, slower: float, rng: np.random.Generator) -> None:
        for those in np.array_split(rng.permutation(len(events)), max(1, len(events) // BATCH)):
            some = events[those]
            found = peak(some, self.gain, self.excitatory, NEURON)
            wrong = (found.v_max > NEURON.v_threshold) != labels[those]
            up = np.where(wrong, np.where(labels[those], 1.0, -1.0), 0.0)
            step = peak_vjp(some, self.gain, self.excitatory, NEURON, found, up)
            now = MOMENTUM * self.change + self.rate * slower * step
            self.change = np.where(wrong.any(axis=0)[:, None], now, self.change)
            moved = np.where(wrong.any(axis=0)[:, None], self.gain + now, self.gain)
            self.gain = np.maximum(moved, 0.0)


class _Currents:
    """Neurons with currents, which learn by the rule of 2006."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self.weight = rng.normal(0.0, SCALE_CURRENTS, (TRIALS, n))
        self.change = np.zeros_like(self.weight)

    def fires(self, events: Events) -> Any:
        return current_peak(events, self.weight, CURRENTS).v_max > CURRENTS.v_threshold

    def learn(self, events: Events, labels: Any, slower: float, rng: np.random.Generator) -> None:
        self.weight, self.change, _ = learn_online(
            events, labels, self.weight, CURRENTS,
            learning_rate=slower * RATE_CURRENTS / self.weight.shape[1],
            momentum=MOMENTUM_CURRENTS, epochs=1, rng=rng, change=self.change,
        )  # fmt: skip


def _found(done: Done, name: str) -> dict[tuple[str, float], Any]:
    """What was measured of all trials, for each kind and training."""
    parts: dict[tuple[str, float], list[Any]] = {}
    for job, result in done:
        parts.setdefault((job["kind"], job["trained_with"]), []).append(result[name])
    return {key: np.concatenate(each, axis=-1) for key, each in sorted(parts.items())}


def _trained(largest: float) -> str:
    return f"trained with factors up to {largest:g}" if largest > 1.0 else "trained without"


def _rows(done: Done) -> list[Row]:
    rng = np.random.default_rng(0)
    kept, wrong = _found(done, "kept"), _found(done, "wrong")
    measured = [(f"class kept at factor {WARPED:g}", kept)] + [
        (f"wrong at factors up to {each:g}", {key: part[level] for key, part in wrong.items()})
        for level, each in enumerate(LARGEST)
    ]
    rows = []
    for quantity, found in measured:
        for largest in TRAINED_WITH:
            ends: dict[str, tuple[float, float]] = {}
            for kind in EPOCHS:
                values = found[kind, largest]
                low, high = ends[kind] = bootstrap_interval(values, np.mean, rng)
                rows.append(
                    Row(
                        f"{quantity}, {kind}, {_trained(largest)}",
                        "–",
                        "a figure of the paper whose numbers were not at hand",
                        f"{values.mean():.2%}",
                        f"{low:.2%} to {high:.2%}",
                        _beside(ends),
                    )
                )
    return rows


def _beside(ends: dict[str, tuple[float, float]]) -> str:
    """How currents stand beside conductances, by their intervals."""
    if len(ends) < 2:
        return "–"
    (low, high), (low_here, high_here) = ends.values()
    if high_here < low:
        return "less than with conductances"
    return "more than with conductances" if low_here > high else "as with conductances"


def _draw(figure: Figure, done: Done) -> None:
    from ..plotting.style import RIVAL, TARGET

    grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1.0))
    right = figure.add_subplot(grid[:, 1])
    colours = dict(zip(EPOCHS, (TARGET, RIVAL), strict=True))
    for (kind, largest), wrong in _found(done, "wrong").items():
        right.errorbar(
            LARGEST, wrong.mean(axis=1), wrong.std(axis=1) / np.sqrt(wrong.shape[1]),
            fmt="o--" if largest > 1.0 else "o-", color=colours[kind], markersize=4,
            linewidth=1.2, elinewidth=0.8, label=f"{kind}, {_trained(largest)}",
        )  # fmt: skip
    right.set(xlabel="largest factor of the test patterns", ylabel="part decided wrongly")
    right.set_ylim(top=1.35 * right.get_ylim()[1])  # room for the legend
    right.legend(fontsize=7, loc="upper left")
    top = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=top)
    top.tick_params(labelbottom=False)
    for axes, (kind, traces) in zip((top, below), _traces().items(), strict=True):
        for (factor, v), style in zip(traces.items(), ("-", (0, (2, 1))), strict=True):
            time = np.linspace(0.0, DURATION, len(v))
            axes.plot(
                time, v, linestyle=style, linewidth=1.0, color=colours[kind],
                label=f"factor {factor:g}",
            )  # fmt: skip
        low, high = axes.get_ylim()
        axes.set(ylabel=f"potential\n({kind})", ylim=(low, high + 0.25 * (high - low)))
        axes.legend(fontsize=7, loc="upper right", ncols=2)
    below.set_xlabel("time / factor (ms)")


def _traces() -> dict[str, dict[float, Any]]:
    """Potentials of a pattern and of the same at half its length, on random synapses."""
    rng = np.random.default_rng(2009)
    events = Events.from_latencies(rng.uniform(0.0, DURATION, (1, 500)), DURATION)
    excitatory = np.arange(500) % 2 == 0
    size = rng.uniform(0.0, 2.0, (1, 500))
    gain = size * np.where(excitatory, EXCITES, INHIBITS)
    # what such a synapse brings at rest, as a current
    weight = size * np.where(excitatory, NEURON.e_excitatory * EXCITES, -INHIBITS)
    found: dict[str, dict[float, Any]] = {kind: {} for kind in EPOCHS}
    for factor in (1.0, WARPED):
        played = warp_time(events, factor)
        times = np.linspace(0.0, played.duration, 1001)
        of_gain = voltage(played, gain, excitatory, NEURON, times)
        found["conductances"][factor] = of_gain[0, 0]
        found["currents"][factor] = current_voltage(played, weight, CURRENTS, times)[0, 0]
    return found


REPRODUCTION = Reproduction(
    name="time-warp-2009",
    shows="how decisions stand patterns played faster or slower, by conductances and by currents",
    paper="Gütig & Sompolinsky, PLoS Biology 7, e1000141 (2009)",
    time="3 minutes on one core",
    quick_lacks="100 afferents and 20 patterns; ten trials where there are twenty.",
    jobs=_jobs,
    run=_run,
    rows=_rows,
    draw=_draw,
    notes="Constants are the paper's (leak 1/(100 ms), synapses of 1 ms, reversal at 5 and -1, "
    "threshold 1, 500 afferents of which half excite), and so are patterns of one spike per "
    "afferent in 500 ms; the load (0.2 patterns per afferent), the first gains and the rates are "
    "this library's. The neuron with currents has the same time constants, 100 ms and 1 ms, free "
    "weights, and 200 epochs where the other has 20. Ten trials share their patterns. Bars are "
    "standard errors.",
    size=(9.0, 3.8),
)
