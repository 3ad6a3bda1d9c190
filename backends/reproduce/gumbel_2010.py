r"""The largest potential of random weights: an extreme of a Gaussian process.

With K = T/sqrt(tau tau_s) the paper's law is Gumbel's,

.. math:: P(V_{max} < \sigma u) = \exp(-e^{-(u - \mu)/\beta}), \qquad
          \beta = \frac{1}{\sqrt{2 \ln K}}, \quad
          \mu = \sqrt{2 \ln K} - \frac{\ln\ln K + \ln 4\pi}{2\sqrt{2 \ln K}}

the limit of K independent Gaussian numbers.  The potential is smooth, with
:math:`-R''(0)/R(0) = 1/(\tau\tau_s)` for its autocorrelation R, so Rice's rate of upward crossings
of u sigma gives, as crossings of a high level become independent,

.. math:: P(V_{max} < \sigma u) = \Phi(u) \exp\left(-\frac{K}{2\pi} e^{-u^2/2}\right)
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from tempotron_core import Events, Neuron, peak
from tempotron_core.metrics import bootstrap_interval

from .reproduction import Done, Job, Reproduction, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEURON = Neuron(15.0, 3.75, psp_peak=1.0)
UNIT = math.sqrt(NEURON.tau * NEURON.tau_s)
SPIKES_PER_MS = 10.0
OUTPUTS = 32  # weight vectors that read a pattern
KS_SECOND_HAND = {"Gumbel": (0.145, 0.082, 0.151), "Rice": (0.068, 0.042, 0.030)}
SIZES = (67, 1000, 10000)


def gumbel(u: Any, k: float) -> Any:
    """The law of the paper."""
    root = math.sqrt(2.0 * math.log(k))
    mu = root - (math.log(math.log(k)) + math.log(4.0 * math.pi)) / (2.0 * root)
    return np.exp(-np.exp(-(u - mu) * root))


def rice(u: Any, k: float) -> Any:
    """The law of a smooth stationary process."""
    phi = np.vectorize(NormalDist().cdf, otypes=[np.float64])
    return phi(u) * np.exp(-k / (2.0 * math.pi) * np.exp(-0.5 * u * u))


LAWS = {"Gumbel": gumbel, "Rice": rice}


def distance(u: Any, k: float, law: str) -> float:
    """Kolmogorov-Smirnov distance of values from a law."""
    return from_uniform(LAWS[law](u, k))


def from_uniform(ranks: Any) -> float:
    """Kolmogorov-Smirnov distance of a law's probabilities, from uniform."""
    ranks, n = np.sort(ranks), len(ranks)
    above, below = np.arange(1, n + 1) / n - ranks, ranks - np.arange(n) / n
    return float(max(above.max(), below.max()))


def _jobs(quick: bool, seed: int) -> list[Job]:
    sizes = (67, 1000) if quick else SIZES
    return [
        {
            "k": k,
            "patterns": 2 if quick else 8,
            "seed": [seed, k, part],
            "cost": float(k),
        }
        for k in sizes
        for part in range(4 if quick else 16)
    ]


def _run(job: Job) -> dict[str, Any]:
    rng = np.random.default_rng(job["seed"])
    duration = job["k"] * UNIT
    n = round(SPIKES_PER_MS * duration)
    found = []
    for _ in range(job["patterns"]):
        events = Events.from_latencies(rng.uniform(0.0, duration, (1, n)), duration)
        found.append(peak(events, rng.normal(0.0, 1.0, (OUTPUTS, n)), NEURON).v_max[0])
    # Campbell: the variance of the potential far from the start
    sigma = math.sqrt(SPIKES_PER_MS * _energy())
    return {"u": (np.concatenate(found) / sigma).round(6).tolist()}


def _energy() -> float:
    """The integral of K squared."""
    kernel = NEURON.kernel
    product, total = kernel.slow * kernel.fast, kernel.slow + kernel.fast
    return (kernel.rise * product) ** 2 / (2.0 * total)


def _by_k(done: Done) -> dict[int, Any]:
    sizes = sorted({job["k"] for job, _ in done})
    return {
        k: np.concatenate([result["u"] for job, result in done if job["k"] == k]) for k in sizes
    }


def _rows(done: Done) -> list[Row]:
    rows, rng = [], np.random.default_rng(0)
    for k, u in _by_k(done).items():
        here = {law: distance(u, k, law) for law in LAWS}
        for law, of in LAWS.items():
            low, high = bootstrap_interval(of(u, k), from_uniform, rng, times=300)
            second_hand = dict(zip(SIZES, KS_SECOND_HAND[law], strict=True))
            better = law == min(here, key=lambda name: here[name])
            rows.append(
                Row(
                    f"Kolmogorov-Smirnov distance, K = {k:,}, {law}",
                    f"{second_hand[k]:.3f}" if k in second_hand else "–",
                    "second hand, not the paper",
                    f"{here[law]:.3f}",
                    f"{low:.3f} to {high:.3f}",
                    "fits better" if better else "fits worse",
                )
            )
    return rows


def _draw(figure: Figure, done: Done) -> None:
    from ..plotting.style import INK, RIVAL, TARGET

    values = _by_k(done)
    panels = figure.subplots(1, len(values), sharey=True, squeeze=False)[0]
    for axes, (k, u) in zip(panels, values.items(), strict=True):
        x = np.linspace(u.min() - 0.3, u.max() + 0.3, 300)
        axes.hist(u, bins=40, density=True, color=INK, alpha=0.25)
        for law, colour in (("Gumbel", RIVAL), ("Rice", TARGET)):
            axes.plot(x, np.gradient(LAWS[law](x, k), x), color=colour, label=law)
        axes.set(xlabel="largest potential / sigma", title=f"K = {k:,}")
    panels[0].set_ylabel("density")
    panels[0].legend(fontsize=8)


REPRODUCTION = Reproduction(
    name="gumbel-2010",
    shows="the largest potential of random weights, beside two laws of extremes",
    paper="Rubin, Monasson & Sompolinsky, Physical Review Letters 105, 218102 (2010)",
    time="3 minutes on one core",
    quick_lacks="128 or 256 values where there are 4,096, and no K = 10,000.",
    jobs=_jobs,
    run=_run,
    rows=_rows,
    draw=_draw,
    notes="Every afferent spikes once, ten a millisecond, with Gaussian weights. Patterns begin at "
    "rest, as a tempotron's do, which takes some 15 ms off the time in which a maximum can lie. "
    "The formula of the published law was taken second hand too.",
    size=(8.4, 3.0),
)
