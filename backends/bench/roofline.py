r"""The floor: a bare scan with two accumulators over the same events, compiled.

.. math:: m \leftarrow m\, e^{-\Delta/\tau} + w, \qquad s \leftarrow s\, e^{-\Delta/\tau_s} + w

for every output at every event.  An exact forward pass has this much to do and the maximum to find;
how many times longer it takes says how near it is to what the machine can do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Neuron

__all__ = ["LINE", "make_floor", "missing"]

LINE = 32
"""Rows of weights are padded to this many bytes, so that vector instructions leave no rest."""

WORTH_THREADS = 1 << 16
"""Spikes times outputs from which on threads save more time than it takes to wake them."""


def missing() -> str:
    """Why there is no floor here; empty where there is."""
    try:
        import numba  # noqa: F401
    except ImportError as error:
        return f"no floor without Numba ({error})"
    return ""


def _scan(
    times: NDArray[Any],
    afferents: NDArray[Any],
    counts: NDArray[Any],
    weight: NDArray[Any],
    rate: Any,
    rate_s: Any,
    first: int,
    last: int,
    out: NDArray[Any],
) -> None:
    """Patterns ``first`` to ``last``, into ``out`` [B, 2, O]; rates are in the weight's dtype."""
    n_outputs = weight.shape[1]
    for b in range(first, last):
        m, s = out[b, 0], out[b, 1]
        m[:] = 0
        s[:] = 0
        before = times[b, 0]
        for k in range(counts[b]):
            gap = times[b, k] - before
            before = times[b, k]
            decay, decay_s = math.exp(-gap * rate), math.exp(-gap * rate_s)
            row = weight[afferents[b, k]]
            for o in range(n_outputs):
                m[o] = m[o] * decay + row[o]
                s[o] = s[o] * decay_s + row[o]


@cache
def _compiled() -> Callable[..., None]:
    import numba

    compiled: Callable[..., None] = numba.njit(nogil=True)(_scan)
    return compiled


def make_floor(
    events: Events, weight: NDArray[Any], neuron: Neuron, threads: int
) -> Callable[[], NDArray[Any]]:
    """Return a call that scans all patterns, split evenly between threads.

    Parameters
    ----------
    events : Events
        Of NumPy arrays.
    weight : array, shape (O, N)
        Times and results have its dtype.
    neuron : Neuron
    threads : int

    Returns
    -------
    callable
        It returns the two accumulators at the end of every pattern, shape (B, 2, O padded).
    """
    n_outputs, n_afferents = weight.shape
    lanes = LINE // weight.dtype.itemsize
    width = -(-n_outputs // lanes) * lanes
    rows = np.zeros((n_afferents, width), weight.dtype)
    rows[:, :n_outputs] = weight.T
    times = np.ascontiguousarray(events.times, dtype=weight.dtype)
    afferents = np.ascontiguousarray(events.afferents, dtype=np.int32)
    out = np.empty((len(events), 2, width), weight.dtype)
    rates = (weight.dtype.type(1.0 / neuron.tau), weight.dtype.type(1.0 / neuron.tau_s))
    parts = min(threads, len(events)) if events.n_spikes * n_outputs >= WORTH_THREADS else 1
    bounds = np.linspace(0, len(events), parts + 1).astype(int).tolist()
    first, *others = pairwise(bounds)
    scan = _compiled()

    def part(first: int, last: int) -> None:
        scan(times, afferents, events.counts, rows, *rates, first, last, out)

    pool = ThreadPoolExecutor(max(1, len(others)))  # this thread works as well

    def floor() -> NDArray[Any]:
        submitted = [pool.submit(part, *other) for other in others]
        part(*first)
        for future in submitted:
            future.result()
        return out

    return floor
