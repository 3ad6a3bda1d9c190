"""Multi-spike neurons, chunk by chunk: the same as of all patterns at once."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Neuron
from tempotron_core.spiking import critical_threshold, output_spikes

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

from tempotron_backends import sharded  # noqa: E402

NEURON, DURATION, N = Neuron(), 100.0, 20
RNG = np.random.default_rng(5)
LATENCIES = RNG.uniform(0.0, DURATION, (23, N))
WEIGHT = RNG.normal(0.3, 0.3, (3, N))
CHUNKS = da.from_array(LATENCIES, chunks=((9, 0, 4, 10), N))


def test_spikes_and_thresholds_of_all_chunks():
    events = Events.from_latencies(LATENCIES, DURATION)
    expected = output_spikes(events, WEIGHT, NEURON)
    width = expected.times.shape[2]
    lazy = sharded.output_spikes(CHUNKS, WEIGHT, NEURON, DURATION, max_spikes=width + 1)
    assert lazy.times.chunks == ((9, 4, 10), (3,), (width + 1,))
    times, counts = dask.compute(*lazy, scheduler="threads")
    np.testing.assert_array_equal(counts, expected.counts)
    np.testing.assert_array_equal(times[..., :width], expected.times)
    assert np.isinf(times[..., width]).all()
    few = sharded.output_spikes(CHUNKS, WEIGHT, NEURON, DURATION, max_spikes=1)
    np.testing.assert_array_equal(few.counts.compute(), expected.counts)
    found = sharded.critical_threshold(CHUNKS, WEIGHT, NEURON, DURATION, 2)
    pairs = zip(dask.compute(*found), critical_threshold(events, WEIGHT, NEURON, 2), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs)


def test_bad_arguments():
    for change, message in (
        ({"max_spikes": 0}, "max_spikes must be"),
        ({"neuron": Neuron(shunt=True)}, "neuron must have shunt=False"),
        ({"weight": WEIGHT[:, 1:]}, "weight must have one column per afferent"),
        ({"latencies": CHUNKS.rechunk({1: 5})}, "all afferents of a pattern in one chunk"),
    ):
        given = {"latencies": CHUNKS, "weight": WEIGHT, "neuron": NEURON, "max_spikes": 2} | change
        with pytest.raises(ValueError, match=message):
            sharded.output_spikes(duration=DURATION, **given)
    with pytest.raises(ValueError, match="k must be"):
        sharded.critical_threshold(CHUNKS, WEIGHT, NEURON, DURATION, 0)
