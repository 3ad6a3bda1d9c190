"""Streams of NumPy arrays, by compiled kernels.

The form takes checked arguments, as the core asks for it (see `tempotron_core.arrays.registry`).
"""

from __future__ import annotations

import numpy as np

from tempotron_core import Neuron
from tempotron_core.spiking.arguments import too_close
from tempotron_core.spiking.following import StreamState

from ..batch import WORTH_THREADS, Array, usable
from ..lanes import WIDE
from ..layout import weight_rows
from ..threads import n_threads, run, split
from .stream_scan import advance_stream, scan_stream

__all__ = ["follow_stream"]


def follow_stream(
    weight: Array,
    neuron: Neuron,
    state: StreamState,
    times: Array,
    afferents: Array,
    until: float | None,
) -> tuple[StreamState, Array, Array]:
    """Output spikes up to the last event, or without events until a time, and the state then."""
    n_outputs, n_afferents = weight.shape
    n_tiles = -(-n_outputs // len(WIDE))
    width = n_tiles * len(WIDE)
    v, slope, passed = np.zeros((3, width))
    for row, given in zip((v, slope, passed), (state.v, state.slope, state.passed), strict=True):
        row[:n_outputs] = given
    of_neuron = state.event, neuron.kernel.constants, neuron.v_threshold, neuron.tau
    found = [(np.empty(0, times.dtype), np.empty(0, np.int64), True)]
    if until is not None:
        outputs = (row[:n_outputs] for row in (v, slope, passed))
        time, output, apart = advance_stream(until, *of_neuron, *outputs)
        found.append((time.astype(times.dtype), output, apart))
        now, event = until, state.event
    else:
        times, afferents = usable(times), usable(afferents)
        if len(times) < n_afferents:  # only what is needed of the weights
            weight, afferents = weight[:, afferents], np.arange(len(times))
        rows = weight_rows(usable(weight), width)

        def scan(part: tuple[int, int]) -> None:
            tiles = part[0] * len(WIDE), part[1] * len(WIDE)
            found.append(scan_stream(times, afferents, rows, *of_neuron, *tiles, v, slope, passed))

        parts = split(n_tiles, min(n_tiles, n_threads()))
        run(scan, parts, worth=len(times) * width > WORTH_THREADS)
        now = event = float(times[-1])
    if not all(apart for _, _, apart in found):
        raise too_close(times.dtype)
    after = StreamState(now, event, passed[:n_outputs], v[:n_outputs], slope[:n_outputs])
    spikes, which, _ = zip(*found, strict=True)
    return after, np.concatenate(which), np.concatenate(spikes)
