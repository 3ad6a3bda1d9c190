"""Time the exact event-driven tempotron against the dense formulation, side by side.

    python benchmarks/against_dense.py

Forward pass and weight gradient of one batch, on plain NumPy (and on torch) against the dense
formulation in torch.  Runs alternate, so that a drift of the machine's speed meets both; the
figures are medians and the ratio is the median of the ratios of neighbouring runs.  Both sides
start from prepared inputs; preparing the events is timed separately.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from dense_grid import forward_and_gradient

from tempotron_core import Events, Neuron, peak, peak_vjp


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patterns", type=int, default=64)
    parser.add_argument("--afferents", type=int, default=500)
    parser.add_argument("--outputs", type=int, default=10)
    parser.add_argument("--duration", type=int, default=500)
    parser.add_argument("--active", type=float, default=1.0, help="fraction of spiking afferents")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    rng = np.random.default_rng(0)
    shape = (args.patterns, args.afferents)
    times = rng.uniform(0.0, args.duration, shape)
    times[rng.random(shape) >= args.active] = -1.0
    times = times.astype(args.dtype)
    bound = args.afferents**-0.5
    weight = rng.uniform(-bound, bound, (args.outputs, args.afferents)).astype(args.dtype)
    neuron = Neuron()
    dense_times, dense_weight = torch.from_numpy(times), torch.from_numpy(weight)

    def dense() -> tuple[torch.Tensor, torch.Tensor]:
        return forward_and_gradient(
            dense_times, dense_weight, args.duration, neuron.tau, neuron.tau_s
        )

    def ours(asarray: Callable[[np.ndarray], object]) -> tuple[Callable[[], object], float]:
        t, w = asarray(times), asarray(weight)
        prepare = seconds(lambda: Events.from_latencies(t, float(args.duration)))
        events = Events.from_latencies(t, float(args.duration))
        ones = asarray(np.ones((args.patterns, args.outputs), args.dtype))

        def run() -> object:
            return peak_vjp(events, w, neuron, peak(events, w, neuron), ones)

        return run, prepare

    # The grid samples the exact potential, so its maximum can only be below, and not by much.
    # In float64: the dense class's exponentials overflow in float32 from 334 steps on.
    exact = peak(Events.from_latencies(times, float(args.duration)), weight, neuron).v_max
    sampled = forward_and_gradient(
        dense_times.double(), dense_weight.double(), args.duration, neuron.tau, neuron.tau_s
    )[0].numpy()
    below = exact - sampled
    assert below.min() > -1e-5, f"the grid exceeds the exact peak by {-below.min()}"
    broken = int(torch.isnan(dense()[0]).sum())

    print(
        f"{args.patterns} patterns, {args.afferents} afferents ({args.active:.0%} active), "
        f"duration {args.duration}, {args.outputs} outputs, {args.dtype}, "
        f"torch with {args.threads} threads"
    )
    print(f"the grid misses up to {below.max():.3g} of the exact peak", end="")
    print(f"; the dense side gives NaN for {broken} of {sampled.size} peaks" if broken else "")
    print(f"{'':8s}{'ours':>12s}{'dense':>12s}{'ratio':>8s}   spread of ratios   prepare events")
    for name, asarray in (("numpy", np.asarray), ("torch", torch.from_numpy)):
        run, prepare = ours(asarray)
        run(), dense()
        pairs = [(seconds(run), seconds(dense)) for _ in range(args.runs)]
        ratios = sorted(theirs / mine for mine, theirs in pairs)
        mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(
            f"{name:8s}{mine * 1e3:9.2f} ms{theirs * 1e3:9.0f} ms{statistics.median(ratios):8.0f}"
            f"   {ratios[0]:.0f} to {ratios[-1]:.0f}{'':10s}{prepare * 1e3:.1f} ms"
        )


if __name__ == "__main__":
    main()
