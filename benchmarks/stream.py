"""A stream of many events in constant memory.

    python benchmarks/stream.py
    python benchmarks/stream.py --events 1000000 --piece 1000 --outputs 16

Random events come in pieces.  Each line tells how many have been followed, at what pace, and the
largest memory that the process has used.  The beginning of the stream, of `--compared` events, is
then given to `output_spikes` as one pattern, whose spikes must be the same.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from tempotron_core import Events, Neuron
from tempotron_core.spiking import Stream, output_spikes

NEURON = Neuron(tau=20.0, tau_s=5.0, v_threshold=1.0, psp_peak=1.0)
N_AFFERENTS, RATE = 500, 0.005  # spikes per ms and afferent
MEAN, DEVIATION = 0.0, 0.1  # of the weights
GIVEN = 1_000_000  # events that are drawn at once


def pieces(n_events: int, length: int) -> Iterator[tuple[Any, Any]]:
    """Poisson trains of all afferents, `length` events at a time; the same for any length."""
    rng = np.random.default_rng(0)
    now, drawn = 0.0, 0
    while drawn < n_events:
        n = min(GIVEN, n_events - drawn)
        times = now + np.cumsum(rng.exponential(1.0 / (N_AFFERENTS * RATE), n))
        afferents = rng.integers(0, N_AFFERENTS, n)
        for e in range(0, n, length):
            yield times[e : e + length], afferents[e : e + length]
        now, drawn = float(times[-1]), drawn + n


def largest_memory() -> float:
    """In MiB, so far."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


def compare(weight: Any, n_events: int, times: Any, outputs: Any) -> None:
    """Compare the spikes of the beginning of the stream with those of one pattern."""
    given = [np.concatenate(a) for a in zip(*pieces(n_events, GIVEN), strict=True)]
    duration = float(given[0][-1])
    events = Events.from_csr(*given, np.asarray([0, n_events]), N_AFFERENTS, duration)
    expected = output_spikes(events, weight, NEURON, layout="csr")
    order = np.lexsort((expected.outputs, expected.times))
    inside = times <= duration
    same = np.array_equal(outputs[inside], expected.outputs[order])
    apart = np.abs(times[inside] - expected.times[order]).max(initial=0.0) if same else np.nan
    print(
        f"batch call on {n_events:,} events of {duration:.3g} ms: {len(order):,} spikes, "
        f"{'the same outputs' if same else 'OTHER OUTPUTS'}, times within {apart:.1e} ms "
        f"({apart / duration:.1e} of the duration)"
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--piece", type=int, default=100_000, help="events in one push")
    parser.add_argument("--outputs", type=int, default=1)
    parser.add_argument("--compared", type=int, default=1_000_000, help="events also as a pattern")
    options = parser.parse_args()

    weight = np.random.default_rng(1).normal(MEAN, DEVIATION, (options.outputs, N_AFFERENTS))
    Stream(weight, NEURON).push(*next(pieces(1, 1)))  # compiles
    stream = Stream(weight, NEURON)
    n, n_spikes, seconds, kept = 0, 0, 0.0, []
    report = options.events // 10
    for times, afferents in pieces(options.events, options.piece):
        begin = time.process_time()
        found = stream.push(times, afferents)
        seconds += time.process_time() - begin
        if n < options.compared:
            kept.append(found)
        n, n_spikes = n + len(times), n_spikes + len(found.times)
        if n >= report:
            report += options.events // 10
            print(
                f"{n:,} events, {stream.time / 3.6e6:.2f} h, {n_spikes:,} spikes: "
                f"{n / seconds / 1e6:.1f} million events a second of the processor, "
                f"{largest_memory():.0f} MiB at most"
            )
    spikes = [np.concatenate(a) for a in zip(*kept, strict=True)]
    compare(weight, min(options.compared, options.events), *spikes)


if __name__ == "__main__":
    main()
