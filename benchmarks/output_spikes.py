"""Output spikes and their gradient beside those of exact-event-adjoint.

    pip install --no-deps exact-event-adjoint==0.2.0
    python benchmarks/output_spikes.py

The same neurons and patterns, of one spike an afferent, in both; each forwards and with the
gradient of all spike times by weights and inputs, in float64 on one thread, as the processor's own
time.  `--spikes` is how many spikes exact-event-adjoint looks for in every train; only as many
are compared.  It looks for a potential above threshold at input spikes and at the crests of their
kernels, so that one which exceeds it only in between is missed; those trains are not alike.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable
from typing import Any

os.environ["TEMPOTRON_NUM_THREADS"] = "1"

import numpy as np
import torch
from exact_event_adjoint.extended import ExactSaltationMultiSpikeFunction

from tempotron_core import Events, Neuron
from tempotron_core.spiking import output_spikes, output_spikes_vjp

TAU, TAU_S, THRESHOLD, DURATION = 20.0, 5.0, 1.0, 100.0


def same_neuron() -> Neuron:
    """Theirs has a kernel that rises with a slope of 1."""
    crest = TAU * TAU_S / (TAU - TAU_S) * math.log(TAU / TAU_S)
    difference = math.exp(-crest / TAU) - math.exp(-crest / TAU_S)
    return Neuron(TAU, TAU_S, THRESHOLD, psp_peak=TAU * TAU_S / (TAU - TAU_S) * difference)


def fastest(call: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Seconds of the processor for the fastest of some calls, and what it returned."""
    best, found = math.inf, None
    for _ in range(runs):
        begin = time.process_time()
        found = call()
        best = min(best, time.process_time() - begin)
    return best, found


def compare(n_patterns: int, n_afferents: int, n_outputs: int, n_spikes: int, runs: int) -> None:
    """Print both times and how the results differ."""
    rng = np.random.default_rng(0)
    latencies = rng.uniform(0.0, 0.8 * DURATION, (n_patterns, n_afferents))
    weight = rng.normal(2.0 / n_afferents, 0.7 * n_afferents**-0.5, (n_outputs, n_afferents))
    events, neuron = Events.from_latencies(latencies, DURATION), same_neuron()

    def ours(chosen: Any = True) -> tuple[Any, Any]:
        spikes = output_spikes(events, weight, neuron, max_spikes=n_spikes)
        cotangent = np.where(np.isfinite(spikes.times) & chosen, 1.0, 0.0)
        return spikes, output_spikes_vjp(
            events, weight, neuron, spikes.times, cotangent, times=True
        )

    inputs = torch.tensor(latencies, requires_grad=True)
    weights = torch.tensor(weight, requires_grad=True)
    constants = n_spikes, TAU, TAU_S, THRESHOLD, 0.0, DURATION

    def theirs(chosen: Any = True) -> Any:
        times = ExactSaltationMultiSpikeFunction.apply(inputs, weights, *constants)
        loss = (times * torch.asarray(chosen)).sum()
        return times, torch.autograd.grad(loss, (weights, inputs))

    ours()  # compiles
    seconds, (spikes, _) = fastest(ours, 10 * runs)
    their_seconds, (times, _) = fastest(theirs, runs)
    found = np.where(np.isfinite(spikes.times), spikes.times, DURATION)
    apart = np.abs(found - times.detach().numpy()).max(axis=2)
    same = apart < 1e-6
    (_, gradient), (_, (by_weight, by_time)) = ours(same[:, :, None]), theirs(same[:, :, None])
    of_gradient = max(
        np.abs(mine - other.numpy()).max() / np.abs(mine).max()
        for mine, other in ((gradient.weight, by_weight), (gradient.times, by_time))
    )
    print(
        f"{n_patterns} x {n_afferents} -> {n_outputs}, {n_spikes} spikes: "
        f"{1e3 * seconds:.2f} ms, exact-event-adjoint {1e3 * their_seconds:.0f} ms, "
        f"{their_seconds / seconds:.0f} times\n"
        f"    alike: {same.mean():.2%} of the trains, spikes within {apart[same].max():.1e} ms, "
        f"gradient within {of_gradient:.1e}\n"
        f"    more spikes than asked for: {(spikes.counts > n_spikes).mean():.0%} of the trains, "
        f"up to {spikes.counts.max()}"
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--spikes", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for shape in ((8, 20, 4), (32, 50, 10), (64, 100, 10)):
        compare(*shape, options.spikes, options.runs)


if __name__ == "__main__":
    main()
