r"""How the capacity grows with the length of patterns: slower than any logarithm.

With K = T/sqrt(tau tau_s), the number of independent potentials in a pattern, theory has the
capacity grow like

.. math:: \alpha_c \approx \frac{\ln\ln K}{2\ln 2} + \mathrm{const}

for large K.  Two conventions are fitted: in ln ln K, and in ln ln (K/8), which has another constant
in the argument and the same limit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tempotron_core import Events, Neuron
from tempotron_core.metrics import Capacity, half_crossing
from tempotron_core.metrics.intervals import normal_quantile

from .annealing import falling, learn_annealed
from .reproduction import Done, Job, Reproduction, Row, agreement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEURON = Neuron(15.0, 3.75, psp_peak=1.0)
UNIT = math.sqrt(NEURON.tau * NEURON.tau_s)
N, QUICK_N, TRIALS = 200, 60, 16
SIZES = (10, 24, 67, 160, 320)
LOADS = (2.5, 2.75, 3.0, 3.25, 3.5)
OFTEN = 500.0  # ms, for each of which, begun or whole, an afferent has a spike
EPOCHS, QUICK_EPOCHS = 480, 160
# The first rate times N, and the spread of first weights, at one spike in 500 ms.  Where there are
# more both have to be smaller for potentials to change alike.
RATE, FALL, MOMENTUM, WEIGHT_SCALE = 0.6, 0.05, 0.95, 0.05
THEORY = 1.0 / (2.0 * math.log(2.0))
CONVENTIONS = {"ln ln K": 1.0, "ln ln (K/8)": 8.0}
SECOND_HAND = 2.58  # how far finite neurons lie above the second


def _jobs(quick: bool, seed: int) -> list[Job]:
    n = QUICK_N if quick else N
    return [
        {
            "k": k,
            "n": n,
            "load": load,
            "epochs": QUICK_EPOCHS if quick else EPOCHS,
            "seed": [seed, k, n, round(100 * load)],
            "cost": load * n * n * _spikes(k),
        }
        for k in ((12, 67, 384) if quick else SIZES)
        for load in ((1.0, 1.5, 2.0, 2.5, 3.0) if quick else LOADS)
    ]


def _spikes(k: int) -> int:
    """Spikes of each afferent: longer patterns need them for as many in a time constant."""
    return max(1, round(k * UNIT / OFTEN))


def _run(job: Job) -> dict[str, Any]:
    rng = np.random.default_rng(job["seed"])
    n, n_patterns, duration = job["n"], round(job["load"] * job["n"]), job["k"] * UNIT
    fire = np.tile(np.arange(n_patterns)[:, None] < n_patterns // 2, (1, TRIALS))
    often = duration / (OFTEN * _spikes(job["k"]))  # how much rarer spikes are
    first, spread = RATE / n * often, WEIGHT_SCALE * math.sqrt(often)
    times = rng.uniform(0.0, duration, (n_patterns, n, _spikes(job["k"])))
    learned = learn_annealed(
        Events.from_trains(times, duration),
        rng.permuted(fire, axis=0),
        rng.normal(0.0, spread, (TRIALS, n)),
        NEURON,
        rates=falling(first, FALL * first, job["epochs"]),
        momentum=MOMENTUM,
        rng=rng,
    )
    return {"epochs": learned.epochs.tolist(), "errors": learned.errors.tolist()}


def _capacities(done: Done) -> dict[int, Capacity]:
    """The capacity of each K where some trials were learned and others not."""
    counts: dict[int, dict[float, list[int]]] = {}
    for job, result in done:
        at = counts.setdefault(job["k"], {}).setdefault(job["load"], [0, 0])
        at[0] += sum(epochs > 0 for epochs in result["epochs"])
        at[1] += len(result["epochs"])
    found = {}
    for k, of_k in sorted(counts.items()):
        loads = sorted(of_k)
        try:
            found[k] = half_crossing(loads, *zip(*(of_k[load] for load in loads), strict=True))
        except ValueError:  # all or none were learned
            continue
    return found


class Line(NamedTuple):
    """A fit of capacities against the double logarithm of K over a divisor.

    Attributes
    ----------
    slope, low, high : float
        With its 95 % interval.
    level : float
        Where it meets the ordinate.
    above : float
        The mean of the capacities less the theory's slope times the double logarithm.
    """

    slope: float
    low: float
    high: float
    level: float
    above: float


def fit_line(capacities: dict[int, Capacity], divisor: float) -> Line | None:
    """Fit by least squares, capacities weighted by their intervals; None for fewer than three.

    The interval of the slope is widened where capacities scatter by more than their intervals say.
    """
    usable = {k: c for k, c in capacities.items() if math.isfinite(c.high - c.low)}
    if len(usable) < 3:
        return None
    x = np.log(np.log(np.asarray(list(usable)) / divisor))
    y = np.asarray([each.load for each in usable.values()])
    width = 2.0 * normal_quantile(0.95)
    error = np.asarray([max(c.high - c.low, 1e-3) / width for c in usable.values()])
    share = error**-2 / (error**-2).sum()
    x_mean, y_mean = share @ x, share @ y
    spread = (error**-2) @ (x - x_mean) ** 2
    slope = float((error**-2) @ ((x - x_mean) * (y - y_mean)) / spread)
    rest = ((y - y_mean - slope * (x - x_mean)) / error) ** 2
    scatter = max(1.0, float(rest.sum()) / (len(x) - 2))
    half = normal_quantile(0.95) * math.sqrt(scatter / float(spread))
    above = float(share @ (y - THEORY * x))
    return Line(slope, slope - half, slope + half, float(y_mean - slope * x_mean), above)


def _rows(done: Done) -> list[Row]:
    capacities = _capacities(done)
    rows = [
        Row(
            f"load half learned, K = {k}", "–", "no number at hand", f"{found.load:.2f}",
            f"{found.low:.2f} to {found.high:.2f}", "–",
        )
        for k, found in capacities.items()
    ]  # fmt: skip
    for name, divisor in CONVENTIONS.items():
        line = fit_line(capacities, divisor)
        if line is None:
            continue
        rows.append(
            Row(
                f"slope against {name}", f"{THEORY:.4f}", "1/(2 ln 2), the theory's limit",
                f"{line.slope:.2f}", f"{line.low:.2f} to {line.high:.2f}",
                agreement(THEORY, line.low, line.high),
            )
        )  # fmt: skip
        second = divisor != 1.0
        rows.append(
            Row(
                f"how far above {THEORY:.4f} {name}", f"{SECOND_HAND}" if second else "–",
                "second hand, not the paper" if second else "–", f"{line.above:.2f}", "–", "–",
            )
        )  # fmt: skip
    return rows


def _draw(figure: Figure, done: Done) -> None:
    from ..plotting.style import INK, QUIET, TARGET

    capacities = _capacities(done)
    panels = figure.subplots(1, len(CONVENTIONS), sharey=True)
    for axes, (name, divisor) in zip(panels, CONVENTIONS.items(), strict=True):
        x = np.log(np.log(np.asarray(list(capacities)) / divisor))
        y = np.asarray([each.load for each in capacities.values()])
        ends = np.asarray([(c.load - c.low, c.high - c.load) for c in capacities.values()])
        ends = np.where(np.isfinite(ends), ends, 0.0)
        axes.errorbar(x, y, ends.T, fmt="o", color=INK, markersize=4, elinewidth=0.8)
        line = fit_line(capacities, divisor)
        if line is not None:
            ends_x = np.asarray([x.min(), x.max()])
            label = f"here, slope {line.slope:.2f}"
            axes.plot(ends_x, line.level + line.slope * ends_x, color=TARGET, label=label)
            theory = line.above + THEORY * ends_x
            axes.plot(ends_x, theory, "--", color=QUIET, label=f"theory, slope {THEORY:.2f}")
            axes.legend(fontsize=8)
        axes.set_xlabel(name)
        axes.locator_params(axis="x", nbins=5)
        axes.margins(x=0.12)
    panels[0].set_ylabel("load half learned")


REPRODUCTION = Reproduction(
    name="capacity-2010",
    shows="how the capacity grows with the length of patterns",
    paper="Rubin, Monasson & Sompolinsky, Physical Review Letters 105, 218102 (2010)",
    time="4 minutes on one core",
    quick_lacks=f"{QUICK_N} afferents in {QUICK_EPOCHS} epochs learn less of longer patterns, so "
    "that the slope has the wrong sign.",
    jobs=_jobs,
    run=_run,
    rows=_rows,
    draw=_draw,
    notes=f"{N} afferents, of a spike for every 500 ms and one at least, and the rule of 2006 at a "
    "falling rate, as in capacity-2006: what is learned later than that counts as not learned, so "
    "capacities are lower bounds. Theory is for many afferents and large K. Its slope is the same "
    "in both conventions; the first, ln ln K, is the one to read, for ln ln (K/8) is steep where K "
    "is not much larger than 8.",
    size=(7.2, 3.4),
)
