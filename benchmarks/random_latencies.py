"""One tempotron learns random latency patterns without an error.

    python benchmarks/random_latencies.py

The task of Gütig and Sompolinsky (Nature Neuroscience 9, 420-428, 2006): every afferent fires once,
at a random time, and half of the patterns, chosen at random, are to make the neuron fire.  The
paper changes the weights after every pattern; here a batch's errors are averaged, and the step
size follows the number of errors that are left.  Learning ends when, counted over all patterns
with one set of weights, every one is on the right side of the threshold.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tempotron_backends.data.tasks import random_latencies
from tempotron_core import Events, Neuron, peak, peak_vjp, voltage
from tempotron_core.learning import Momentum, tempotron_loss

NEURON = Neuron(tau=15.0, tau_s=3.75, v_threshold=1.0, psp_peak=1.0)

BATCH_SIZE = 50
LEARNING_RATE = 0.15  # for the mean over a batch: 0.003 for one pattern
MOMENTUM = 0.9
WEIGHT_SCALE = 0.05  # standard deviation of the first weights, of mean 0
# With at least this part of the patterns wrong the step size is LEARNING_RATE; below, it falls in
# proportion to the number of errors, never under LEAST_STEP of it.  A constant one that is large
# enough to begin with unlearns, near the end, as much as it learns.
MANY_ERRORS = 0.1
LEAST_STEP = 0.02


@dataclass
class Learning:
    """What came of it: the weights, and the errors before and after every epoch."""

    weight: Any
    errors: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def solved(self) -> bool:
        return self.errors[-1] == 0


def count_errors(events: Events, labels: Any, weight: Any, method: str = "auto") -> int:
    """Patterns on the wrong side of the threshold."""
    fires = peak(events, weight, NEURON, method=method).v_max[:, 0] > NEURON.v_threshold
    return int((fires != labels).sum())


def step_size(errors: int, n_patterns: int) -> float:
    part = errors / (MANY_ERRORS * n_patterns)
    return LEARNING_RATE * min(1.0, max(LEAST_STEP, part))


def learn(
    times: Any,
    labels: Any,
    duration: float,
    rng: np.random.Generator,
    *,
    seconds: float = 300.0,
    method: str = "auto",
    report: Callable[[int, int, float], None] = lambda *_: None,
) -> Learning:
    """Learn until there are no errors, or the time is over."""
    start = time.perf_counter()
    events = Events.from_latencies(times, duration)
    weight = rng.normal(0.0, WEIGHT_SCALE, (1, events.n_afferents))
    rule = Momentum(LEARNING_RATE, momentum=MOMENTUM)
    found = Learning(weight)
    while True:
        found.errors.append(count_errors(events, labels, found.weight, method))
        found.seconds = time.perf_counter() - start
        report(len(found.errors) - 1, found.errors[-1], found.seconds)
        if found.solved or found.seconds > seconds:
            return found
        rule.learning_rate = step_size(found.errors[-1], len(labels))
        order = rng.permutation(len(labels))
        for first in range(0, len(order), BATCH_SIZE):
            chosen = order[first : first + BATCH_SIZE]
            batch = events[chosen]
            top = peak(batch, found.weight, NEURON, method=method)
            _, cotangent = tempotron_loss(top.v_max, labels[chosen, None], NEURON.v_threshold)
            gradient = peak_vjp(batch, found.weight, NEURON, top, cotangent, method=method)
            found.weight = rule.step(found.weight, gradient.weight)


def draw(path: str, times: Any, labels: Any, duration: float, found: Learning) -> None:
    """Errors per epoch, and what the neuron makes of a few patterns of each class."""
    from tempotron_backends.plotting.style import INK, RIVAL, TARGET, new_figure

    n_shown = 3
    events = Events.from_latencies(times, duration)
    t = np.linspace(0.0, duration, 1001)
    with new_figure(9.0, 4.4) as figure:
        grid = figure.add_gridspec(n_shown, 3, width_ratios=(1.2, 1.0, 1.0))
        curve = figure.add_subplot(grid[:, 0])
        curve.plot(found.errors, color=INK)
        curve.set(xlabel="epoch", ylabel="patterns", title=f"Wrong, of {len(labels)}")
        curve.set_xlim(0, None)
        curve.set_ylim(0, None)
        kinds = ((True, TARGET, "Should fire"), (False, RIVAL, "Should not fire"))
        first = None
        for column, (fire, colour, title) in enumerate(kinds, start=1):
            chosen = np.nonzero(labels == fire)[0][:n_shown]
            traces = voltage(events[chosen], found.weight, NEURON, t)[:, 0]
            tops = peak(events[chosen], found.weight, NEURON)
            for row in range(len(chosen)):
                panel = figure.add_subplot(grid[row, column], sharex=first, sharey=first)
                first = panel if first is None else first
                panel.axhline(NEURON.v_threshold, color=INK, lw=0.9, linestyle=(0, (4, 3)))
                panel.plot(t, traces[row], color=colour, linewidth=1.2)
                panel.plot(tops.t_max[row], tops.v_max[row], "o", color=colour, markersize=5)
                panel.set(xlim=(0.0, duration), title=title if row == 0 else "")
                panel.tick_params(labelbottom=row == n_shown - 1, labelleft=column == 1)
                panel.set_ylabel("V" if column == 1 else "")
                if row == n_shown - 1:
                    panel.set_xlabel("time (ms)")
        figure.savefig(path, dpi=200)


def now_and_then(epoch: int, errors: int, seconds: float) -> None:
    """Print epochs 0, 1, 2, 4, 8, 16, 32 and so on to 256, every 250th, and the last one."""
    if errors == 0 or epoch % 250 == 0 or (epoch < 500 and epoch & (epoch - 1) == 0):
        print(f"  epoch {epoch:5d}  errors {errors:5d}  {seconds:6.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of task and weights (default 0)")
    parser.add_argument("--afferents", type=int, default=500, help="default 500")
    parser.add_argument("--load", type=float, default=2.0, help="patterns per afferent (default 2)")
    parser.add_argument("--duration", type=float, default=500.0, help="in ms (default 500)")
    parser.add_argument("--seconds", type=float, default=300.0, help="give up then (default 300)")
    parser.add_argument(
        "--method",
        choices=("auto", "pruned"),
        default="auto",
        help="auto: compiled kernels where Numba is installed; pruned: NumPy alone",
    )
    parser.add_argument("--figure", metavar="PATH", help="draw the run into this file")
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    n_patterns = round(args.load * args.afferents)
    times, labels = random_latencies(n_patterns, args.afferents, args.duration, rng)
    print(f"{n_patterns} patterns, {args.afferents} afferents, {args.duration:g} ms")
    if args.method == "auto":  # compiling, or reading what was compiled, is not learning
        learn(times[:2], labels[:2], args.duration, np.random.default_rng(0), seconds=0.0)
    found = learn(
        times,
        labels,
        args.duration,
        rng,
        seconds=args.seconds,
        method=args.method,
        report=now_and_then,
    )
    epochs = len(found.errors) - 1
    if found.solved:
        print(f"no errors after {epochs} epochs, {found.seconds:.2f} s")
    else:
        print(f"gave up after {epochs} epochs, {min(found.errors)} errors at the fewest")
    if args.figure:
        draw(args.figure, times, labels, args.duration, found)


if __name__ == "__main__":
    main()
