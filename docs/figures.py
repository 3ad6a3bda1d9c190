"""Draw the figures of mathematics.md.

    python docs/figures.py [FOLDER]

writes them into ``docs/images``, or the folder given.  They are kept in the repository, so that the
pages show them without being built.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tempotron_backends.plotting.style import (
    FAINT,
    INK,
    QUIET,
    RIVAL,
    TARGET,
    new_figure,
)
from tempotron_core import Events, Neuron, first_crossing, peak, voltage
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
    voltage_with_resets,
)

IMAGES = Path(__file__).parent / "images"
DASHES = (0, (4, 3))
NEURON = Neuron(tau=15.0, tau_s=3.75)


def one_pattern(spikes: list[float], duration: float) -> Events:
    return Events.from_latencies(np.asarray([spikes]), duration)


def trace(
    spikes: list[float], weights: list[float], t: Any, neuron: Neuron = NEURON
) -> Any:
    """Membrane potential of one neuron at the times ``t``."""
    events = one_pattern(spikes, float(max(t.max(), *spikes)) + 1.0)
    return voltage(events, np.asarray([weights]), neuron, t)[0, 0]


def slope(spikes: list[float], weights: list[float], at: float) -> float:
    """Slope of the potential just before a time, from the spikes before it."""
    before = [(s, w) for s, w in zip(spikes, weights, strict=True) if s < at]
    t = np.asarray([at, at + 1e-6])
    low, high = trace([s for s, _ in before], [w for _, w in before], t)
    return float((high - low) / 1e-6)


def mark(
    axes: Any, x: float, y: float, text: str, offset: tuple[float, float], **how: Any
) -> None:
    axes.annotate(text, (x, y), xytext=offset, textcoords="offset points", **how)


def point_out(
    axes: Any, x: float, y: float, text: str, at: tuple[float, float], colour: str
) -> None:
    """Write a text beside the curves, with a line to what it names."""
    line = {"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkB": 2.0}
    axes.annotate(text, (x, y), xytext=at, arrowprops=line, color=colour, ha="center")


def kernel(path: Path) -> None:
    """The postsynaptic potential: its two exponentials, and its shape for several constants."""
    x = np.linspace(0.0, 60.0, 601)
    with new_figure(9.0, 3.0) as figure:
        parts, shapes = figure.subplots(1, 2)
        v0 = 2.1165347359575305
        slow, fast = v0 * np.exp(-x / 15.0), v0 * np.exp(-x / 3.75)
        parts.plot(x, slow, color=QUIET, label=r"$v_0\,e^{-x/\tau}$")
        parts.plot(
            x, fast, color=QUIET, linestyle=DASHES, label=r"$v_0\,e^{-x/\tau_s}$"
        )
        parts.plot(x, slow - fast, color=TARGET, linewidth=1.9, label=r"$K(x)$")
        top = 15.0 * 3.75 / 11.25 * np.log(4.0)
        parts.plot(
            [top, top, 0.0], [0.0, 1.0, 1.0], color=INK, linewidth=0.8, linestyle=":"
        )
        parts.plot(top, 1.0, "o", color=TARGET, markersize=6)
        mark(parts, top, 1.0, r"$(t_\mathrm{peak},\ P)$", (36, 8))
        parts.set(title=r"A difference of exponentials: $\tau = 15$, $\tau_s = 3.75$")
        parts.legend(loc="upper right")
        for tau_s, colour in (
            (1.0, FAINT),
            (3.75, TARGET),
            (7.5, QUIET),
            (15.0, RIVAL),
        ):
            v = trace([0.0], [1.0], x, Neuron(15.0, tau_s))
            shapes.plot(
                x, v, color=colour, linewidth=1.9, label=rf"$\tau_s = {tau_s:g}$"
            )
        shapes.set(title=r"One height for all constants: $\tau = 15$")
        shapes.legend(loc="upper right")
        for axes in (parts, shapes):
            axes.set(xlim=(0, 60), ylim=(0, None), xlabel="$x$ (ms)")
        figure.savefig(path)


def state(path: Path) -> None:
    """The pair (V, s) from spike to spike, and the two parts of V within one interval."""
    spikes, weights = [5.0, 14.0, 24.0, 38.0], [0.8, 0.9, -0.9, 0.7]
    t = np.linspace(0.0, 60.0, 2401)
    v = trace(spikes, weights, t)
    synapse = sum(
        w * np.where(t >= f, np.exp(-np.maximum(t - f, 0.0) / 3.75), 0.0)
        for f, w in zip(spikes, weights, strict=True)
    )
    k, end = 1, 2  # the interval that is taken apart
    inside = (t >= spikes[k]) & (t <= spikes[end])
    u = t[inside] - spikes[k]
    v_k = trace(spikes, weights, np.asarray([spikes[k]]))[0]
    decay = np.exp(-u / 15.0) * v_k
    with new_figure(9.0, 3.8) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1.0))
        for f in spikes:
            for axes in (upper, lower):
                axes.axvline(f, color=FAINT, linewidth=0.8, zorder=0)
        upper.fill_between(
            t[inside], 0.0, decay, color=TARGET, alpha=0.15, linewidth=0
        )
        upper.fill_between(
            t[inside], decay, v[inside], color=RIVAL, alpha=0.2, linewidth=0
        )
        upper.plot(t, v, color=TARGET, linewidth=1.9)
        upper.plot(
            spikes,
            trace(spikes, weights, np.asarray(spikes)),
            "o",
            color=TARGET,
            ms=5,
        )
        mark(upper, spikes[k], v_k, "$V_k$", (-17, 6))
        upper.text(spikes[k] + 6.5, 0.22, r"$e^{-u/\tau}\,V_k$", ha="center")
        upper.annotate(
            r"$K(u)\,s_k$",
            (spikes[k] + 5.5, 0.85),
            xytext=(28.5, 1.15),
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8},
        )
        upper.set(
            ylabel="$V$", title="Membrane potential: continuous, with kinks at spikes"
        )
        lower.plot(t, synapse, color=RIVAL, linewidth=1.9)
        lower.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
        for f, index in ((spikes[k], "k"), (spikes[end], "{k+1}")):
            mark(lower, f, -0.7, f"$t_{index}$", (-5, 0), ha="right")
        lower.set(xlim=(0, 60), xlabel="time (ms)", ylabel="$s$")
        lower.set_title("Fast trace: jumps by the weight")
        figure.savefig(path)


CASES = (
    ("1. At rest", [8.0, 20.0], [-0.8, -0.5], 60.0),
    ("2. At a spike: a kink", [8.0, 14.0, 18.0], [0.7, 0.8, -1.6], 60.0),
    ("3. Between spikes", [8.0, 16.0, 40.0], [0.8, 0.7, -0.5], 60.0),
    ("4. At the end", [8.0, 20.0, 56.0], [0.4, -0.5, 1.6], 60.0),
)


def maxima(path: Path) -> None:
    """The four places where the largest potential can be."""
    with new_figure(9.0, 2.7) as figure:
        panels = figure.subplots(1, 4, sharey=True)
        for axes, (title, spikes, weights, duration) in zip(
            panels, CASES, strict=True
        ):
            t = np.linspace(0.0, duration, 2401)
            for f, w in zip(spikes, weights, strict=True):
                axes.axvline(
                    f, color=TARGET if w > 0 else RIVAL, linewidth=0.9, alpha=0.5
                )
            axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
            axes.plot(t, trace(spikes, weights, t), color=INK, linewidth=1.7)
            top = peak(one_pattern(spikes, duration), np.asarray([weights]), NEURON)
            axes.plot(
                top.t_max[0, 0],
                top.v_max[0, 0],
                "o",
                color=RIVAL,
                ms=7,
                clip_on=False,
            )
            axes.set(xlim=(0, duration), xlabel="time (ms)", title=title)
        panels[0].set(ylabel="$V$")
        figure.savefig(path)


def search(path: Path) -> None:
    """Bounds by tangents, and the steps towards a crossing."""
    spikes = [
        3.0,
        7.0,
        10.0,
        14.0,
        19.0,
        23.0,
        27.0,
        33.0,
        37.0,
        40.0,
        44.0,
        48.0,
        52.0,
        56.0,
    ]
    weights = [
        0.4,
        -0.3,
        0.5,
        -0.7,
        0.4,
        -0.3,
        0.8,
        0.7,
        -0.9,
        -0.3,
        0.4,
        0.3,
        -0.6,
        0.3,
    ]
    t = np.linspace(0.0, 60.0, 2401)
    v = trace(spikes, weights, t)
    at_spikes = trace(spikes, weights, np.asarray(spikes))
    best = float(at_spikes.max())
    with new_figure(9.0, 3.3) as figure:
        bounds, crossing = figure.subplots(1, 2, width_ratios=(1.45, 1.0))
        bounds.axhline(best, color=INK, linewidth=0.9, linestyle=DASHES)
        mark(bounds, 60.0, best, "best at a spike", (0, 3), ha="right", fontsize=8)
        ends = [*spikes[1:], 60.0]
        for k, (start, end) in enumerate(zip(spikes, ends, strict=True)):
            bounds.axvline(start, color=FAINT, linewidth=0.8, zorder=0)
            rise = slope(spikes[: k + 1], weights[: k + 1], start + 1e-9)
            bound = at_spikes[k] + rise * (end - start)
            if rise <= 0.0:
                continue
            open_ = bound > best
            colour = RIVAL if open_ else QUIET
            bounds.plot(
                [start, end], [at_spikes[k], bound], color=colour, linewidth=1.3
            )
        bounds.plot(t, v, color=TARGET, linewidth=1.9)
        bounds.plot(spikes, at_spikes, "o", color=TARGET, markersize=5)
        bounds.plot([], [], color=RIVAL, label="tangent passes the best: solve")
        bounds.plot([], [], color=QUIET, label="tangent stays below: rule out")
        bounds.legend(loc="upper left", fontsize=8, handlelength=1.2)
        bounds.set(xlim=(0, 60), ylim=(-0.55, 2.4), xlabel="time (ms)", ylabel="$V$")
        bounds.set_title("Which intervals can hold the maximum")

        u = np.linspace(0.0, 9.0, 901)
        f = trace([0.0], [1.35], u) - 1.0
        top = 15.0 * 3.75 / 11.25 * np.log(4.0)
        crossing.axhline(0.0, color=INK, linewidth=0.9, linestyle=DASHES)
        crossing.plot(u, f, color=TARGET, linewidth=1.9, label=r"$V - \theta$")
        at = top
        for step, colour in ((1, RIVAL), (2, QUIET)):
            value, first, second = derivatives(at, 1.35)
            value -= 1.0
            parabola = value + first * (u - at) + 0.5 * second * (u - at) ** 2
            label = "parabola at the top" if step == 1 else "and at its root"
            near = u < at + 1.8
            crossing.plot(
                u[near], parabola[near], color=colour, linewidth=1.3, label=label
            )
            crossing.plot(at, value, "o", color=colour, markersize=6, zorder=3)
            at -= 2.0 * value / (first + np.sqrt(first**2 - 2.0 * value * second))
        exact = first_crossing(
            one_pattern([0.0], 30.0), np.asarray([[1.35]]), NEURON
        )[0, 0]
        crossing.plot(exact, 0.0, "o", color=TARGET, markersize=6, zorder=4)
        crossing.legend(loc="lower right")
        crossing.set(xlim=(0, 9), ylim=(-1.0, 0.5), xlabel="$u$ (ms)")
        crossing.set_title("From the top to the crossing")
        figure.savefig(path)


def derivatives(x: float, weight: float) -> tuple[float, float, float]:
    """Value, slope and curvature of a single postsynaptic potential."""
    v0 = 2.1165347359575305 * weight
    slow, fast = v0 * np.exp(-x / 15.0), v0 * np.exp(-x / 3.75)
    return slow - fast, fast / 3.75 - slow / 15.0, slow / 15.0**2 - fast / 3.75**2


def gradients(path: Path) -> None:
    """What a small change does to a smooth peak, to a kink and to a crossing."""
    with new_figure(9.0, 3.1) as figure:
        smooth, kink, crossing = figure.subplots(1, 3)
        t = np.linspace(5.0, 30.0, 2001)
        spikes, weights, more = [4.0, 10.0], [0.7, 0.6], [0.7, 0.68]
        old, new = trace(spikes, weights, t), trace(spikes, more, t)
        i, j = int(old.argmax()), int(new.argmax())
        smooth.plot(t, old, color=QUIET, linewidth=1.9)
        smooth.plot(t, new, color=TARGET, linewidth=1.9)
        smooth.plot([t[i], t[i]], [old[i], new[i]], color=INK, linewidth=1.2)
        middle = 0.5 * (old[i] + new[i])
        point_out(
            smooth,
            t[i],
            middle,
            r"$\partial V(t^\ast)/\partial w$",
            (16.0, 0.95),
            INK,
        )
        smooth.plot(t[i], old[i], "o", color=QUIET, markersize=6)
        smooth.plot(t[j], new[j], "o", color=TARGET, markersize=6)
        smooth.set(xlim=(9, 27), ylim=(0.65, 1.35), title="Smooth peak")

        t = np.linspace(10.0, 22.0, 2401)
        spikes, weights, moved = (
            [5.0, 11.0, 14.0],
            [0.6, 0.9, -2.4],
            [5.0, 11.0, 15.0],
        )
        old, new = trace(spikes, weights, t), trace(moved, weights, t)
        kink.plot(t, old, color=QUIET, linewidth=1.9)
        kink.plot(t, new, color=TARGET, linewidth=1.9)
        v, rise = old.max(), slope(spikes, weights, 14.0)
        kink.plot(
            [13.0, 15.6],
            [v - 1.0 * rise, v + 1.6 * rise],
            ":",
            color=INK,
            linewidth=1.2,
        )
        mark(kink, 15.6, v + 1.6 * rise, "slope $L$", (5, -3))
        kink.plot(14.0, v, "o", color=QUIET, markersize=6)
        kink.plot(15.0, new.max(), "o", color=TARGET, markersize=6)
        kink.annotate(
            "",
            (15.1, 1.5),
            xytext=(13.9, 1.5),
            arrowprops={"arrowstyle": "->", "color": RIVAL},
        )
        kink.text(14.5, 1.52, r"$\delta_j$", ha="center", color=RIVAL)
        kink.set(
            xlim=(11, 18), ylim=(0.55, 1.6), title="Kink: an inhibitory spike moves"
        )

        t = np.linspace(0.0, 14.0, 2001)
        spikes, weights, more = [0.5, 4.0], [0.9, 0.35], [0.9, 0.42]
        old, new = trace(spikes, weights, t), trace(spikes, more, t)
        crossing.plot(t, old, color=QUIET, linewidth=1.9)
        crossing.plot(t, new, color=TARGET, linewidth=1.9)
        crossing.axhline(1.0, color=INK, linewidth=0.9, linestyle=DASHES)
        a, b = (float(t[np.nonzero(x > 1.0)[0][0]]) for x in (old, new))
        high = float(np.interp(a, t, new))
        crossing.plot([b, a], [1.0, 1.0], color=RIVAL, linewidth=2.2)
        crossing.plot([a, a], [1.0, high], color=INK, linewidth=1.2)
        middle = 0.5 * (1.0 + high)
        point_out(
            crossing, a, middle, r"$\partial V(\hat t)/\partial w$", (6.2, 0.94), INK
        )
        middle = 0.5 * (a + b)
        point_out(
            crossing,
            middle,
            1.0,
            r"$\partial \hat t/\partial w$",
            (4.85, 1.08),
            RIVAL,
        )
        crossing.plot(a, 1.0, "o", color=QUIET, markersize=6)
        crossing.plot(b, 1.0, "o", color=TARGET, markersize=6)
        crossing.set(xlim=(4.4, 7.4), ylim=(0.85, 1.2), title="Crossing")
        for axes in (smooth, kink, crossing):
            axes.set(xlabel="time (ms)")
        smooth.set(ylabel="$V$")
        figure.savefig(path)


def thresholds(path: Path) -> None:
    """A potential with resets, and how its spikes move as the threshold rises."""
    spikes = [[5.0, 12.0, 17.0, 34.0, 45.0, 51.0, 74.0, 80.0]]
    weight = np.asarray([[1.1, 1.2, -0.9, 0.8, 1.3, 0.8, 1.2, 0.9]])
    events, neuron = (
        one_pattern(spikes[0], 110.0),
        Neuron(15.0, 3.75, 1.0, psp_peak=1.0),
    )
    t = np.linspace(0.0, 110.0, 4401)
    found = output_spikes(events, weight, neuron)
    count = int(found.counts[0, 0])
    with new_figure(9.0, 3.6) as figure:
        left, right = figure.subplots(1, 2)
        free = voltage(events, weight, neuron, t)[0, 0]
        v = voltage_with_resets(events, weight, neuron, found.times, t)[0, 0]
        left.plot(t, free, color=QUIET, linewidth=1.2, linestyle=DASHES)
        left.plot(t, v, color=TARGET, linewidth=1.9)
        left.axhline(neuron.v_threshold, color=INK, linewidth=0.9, linestyle=DASHES)
        left.vlines(found.times[0, 0], 2.6, 2.8, color=RIVAL, linewidth=2.2)
        mark(left, 62.0, 2.1, "$V_0$", (6, 2), color=QUIET)
        mark(left, 110.0, neuron.v_threshold, r"$\vartheta$", (3, -3))
        left.set(xlim=(0, 110), ylim=(-0.6, 2.85), xlabel="time (ms)", ylabel="$V$")
        left.set(title=f"{count} spikes")

        for threshold in np.linspace(0.6, 2.7, 1401):
            other = replace(neuron, v_threshold=float(threshold))
            times = output_spikes(events, weight, other).times[0, 0]
            right.plot(
                times, np.full(times.shape, threshold), ".", color=TARGET, ms=1.5
            )
        for k in range(1, count + 2):
            theta, when, before = (
                float(a[0, 0]) for a in critical_threshold(events, weight, neuron, k)
            )
            right.hlines(theta, 0.0, 110.0, color=FAINT, linewidth=0.8, zorder=0)
            last = before == k - 1
            right.plot(when, theta, "o", color=RIVAL if last else INK, markersize=6)
            mark(right, 110.0, theta, str(k), (3, -3))
        right.axhline(neuron.v_threshold, color=INK, linewidth=0.9, linestyle=DASHES)
        right.set(xlim=(0, 110), ylim=(0.7, 2.7), xlabel="time (ms)")
        right.set(ylabel=r"threshold $\vartheta$", title="Spikes at every threshold")
        figure.savefig(path)


def bounded(path: Path) -> None:
    """A spike appears with an infinite derivative; its threshold has a bounded one."""
    events, neuron = (
        one_pattern([2.0, 8.0, 18.0], 60.0),
        Neuron(15.0, 3.75, 1.0, psp_peak=1.0),
    )
    ws = np.linspace(0.3, 1.2, 451)
    one = np.ones((1, 1))
    times, slopes, theta, of_theta = [], [], [], []
    for w in ws:
        weight = np.asarray([[0.9, 0.7, w]])
        critical = critical_threshold(events, weight, neuron, 2)
        theta.append(critical.theta[0, 0])
        gradient = critical_threshold_vjp(events, weight, neuron, critical, one)
        of_theta.append(gradient.weight[0, 2])
        found = output_spikes(events, weight, neuron, max_spikes=2).times
        fires = found.shape[2] > 1 and np.isfinite(found[0, 0, 1])
        times.append(found[0, 0, 1] if fires else np.nan)
        slopes.append(np.nan)
        if fires:
            second = np.asarray([[[0.0, 1.0]]])
            of_time = output_spikes_vjp(events, weight, neuron, found, second)
            slopes[-1] = of_time.weight[0, 2]
    with new_figure(9.0, 3.2) as figure:
        values, derivatives = figure.subplots(1, 2)
        values.plot(ws, theta, color=TARGET, linewidth=1.9)
        values.axhline(1.0, color=INK, linewidth=0.9, linestyle=DASHES)
        values.set(
            xlabel="a weight $w$", ylabel=r"$\vartheta^\ast_2$", xlim=(0.3, 1.2)
        )
        values.yaxis.label.set_color(TARGET)
        time = values.twinx()
        time.plot(ws, times, color=RIVAL, linewidth=1.9)
        time.set_ylabel("second spike $t_2$ (ms)", color=RIVAL)
        time.spines.right.set_visible(True)
        derivatives.plot(ws, of_theta, color=TARGET, linewidth=1.9)
        derivatives.plot(ws, slopes, color=RIVAL, linewidth=1.9)
        derivatives.axhline(1.0, color=QUIET, linewidth=0.9, linestyle=DASHES)
        mark(derivatives, 1.0, 1.0, "peak of $K$", (0, 4), color=QUIET)
        name = r"$\partial\vartheta^\ast_2/\partial w$"
        mark(derivatives, 1.0, 0.6, name, (0, -16), color=TARGET)
        name = r"$\partial t_2/\partial w$ (ms)"
        mark(derivatives, 0.58, -4.0, name, (4, -8), color=RIVAL)
        derivatives.set(xlabel="a weight $w$", xlim=(0.3, 1.2), ylim=(-8.0, 2.0))
        derivatives.set(title="Derivatives")
        values.set(title="The second spike and its threshold")
        figure.savefig(path)


FIGURES = {
    "kernel": kernel,
    "state": state,
    "maxima": maxima,
    "search": search,
    "gradients": gradients,
    "thresholds": thresholds,
    "bounded": bounded,
}


def main(folder: Path) -> None:
    for name, draw in FIGURES.items():
        draw(folder / f"mathematics_{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
