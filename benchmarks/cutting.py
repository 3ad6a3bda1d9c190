"""Trials cut out of a recording: a million spikes of 500 units, 5,000 trials, on one core.

python benchmarks/cutting.py
"""

from __future__ import annotations

import time
import tracemalloc

import numpy as np

from tempotron_backends.recordings import Recording, Trials

N_SPIKES, N_UNITS, N_TRIALS = 1_000_000, 500, 5_000


def main() -> None:
    rng = np.random.default_rng(0)
    times = rng.uniform(0.0, float(N_TRIALS), N_SPIKES)
    units = rng.integers(0, N_UNITS, N_SPIKES)
    labels = rng.integers(0, 4, N_TRIALS)
    trials = Trials.from_arrays(np.arange(N_TRIALS) + 0.05, labels, time_unit="s")
    span = (0.0, N_TRIALS + 1.0)
    read, cut = [], []
    for _ in range(6):  # the first compiles kernels
        began = time.perf_counter()
        recording = Recording.from_spikes(times, units, time_unit="s", span=span)
        read.append(time.perf_counter() - began)
        began = time.perf_counter()
        labelled = recording.trials(trials, before=50.0, after=900.0)
        cut.append(time.perf_counter() - began)
    print(f"{recording}\n{labelled}")
    print(f"sorted in {min(read[1:]):.3f} s, cut in {min(cut[1:]):.3f} s, first {cut[0]:.3f} s")
    tracemalloc.start()
    recording.trials(trials, before=50.0, after=900.0)
    print(f"peak memory of cutting {tracemalloc.get_traced_memory()[1] / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
