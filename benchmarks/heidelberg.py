"""Event data of the size of SHD, from an HDF5 file to a trained network, in bounded memory.

    python benchmarks/heidelberg.py --patterns 8000 --spikes 2500

writes a file of that layout (700 channels, 20 classes), encodes it as an event file and goes once
through it, and says how long each took and the largest memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from tempotron_backends import select
from tempotron_backends.data.event_files import EventFile
from tempotron_backends.data.patterns import EventPatterns
from tempotron_backends.data.trial_patterns import write_event_set
from tempotron_backends.recipes.recipe import Recipe
from tempotron_backends.recordings import read_heidelberg
from tempotron_backends.training.experiment import Experiment


def write(path: Path, n_patterns: int, n_spikes: int) -> None:
    rng = np.random.default_rng(0)
    centres = rng.uniform(0.1, 0.9, (20, 700))
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", n_patterns, h5py.vlen_dtype("f2"))
        units = file.create_dataset("spikes/units", n_patterns, h5py.vlen_dtype("u2"))
        for pattern in range(n_patterns):
            count = int(rng.uniform(0.4, 1.6) * n_spikes)
            channel = rng.integers(0, 700, count)
            at = centres[pattern % 20, channel] + rng.normal(0.0, 0.02, count)
            order = np.argsort(at)
            times[pattern], units[pattern] = np.abs(at)[order], channel[order]
        file["labels"] = np.arange(n_patterns) % 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=8000)
    parser.add_argument("--spikes", type=int, default=2500, help="on average")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "shd.h5", args.patterns, args.spikes)
        began = time.perf_counter()
        path = Path(folder) / "shd.events"
        file = write_event_set(read_heidelberg(Path(folder) / "shd.h5"), path, duration=1400.0)
        encoded = time.perf_counter() - began
        patterns = EventPatterns(EventFile.open(path))
        recipe = Recipe(epochs=1, duration=1400.0, neurons_per_class=1, clock="tau", batch_size=64)
        began = time.perf_counter()
        experiment = Experiment.prepare(patterns, recipe, select("numpy"), "float32")
        experiment.train()
        trained = time.perf_counter() - began
        hits = experiment.held_out_hits()
    n_spikes = len(file.times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{args.patterns:,} patterns, {n_spikes:,} spikes, 700 channels, 20 classes")
    print(f"encoded {encoded:.1f} s, {n_spikes / encoded:,.0f} spikes/s")
    print(f"one epoch {trained:.1f} s, {0.75 * n_spikes / trained:,.0f} spikes/s")
    print(f"held out {hits / len(experiment.held_out_index):.1%} right after it")
    print(f"largest memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
