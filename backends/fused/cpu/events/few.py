"""Few spikes sorted without a kernel, which takes longer to load than they do.

It is the array form once more, in functions of NumPy's own: the namespace of the standard, which
the array form needs, brings in all parts of NumPy and takes longer to load than a kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["are_few", "sort_few"]

Array = NDArray[Any]

_MOST = 20_000
"""So many entries in all take less time than to load a kernel, and much less than to compile it."""

_n_sorted = [0]


def are_few(times: Array) -> bool:
    """Whether this process has sorted few entries so far, these with them."""
    _n_sorted[0] += times.size
    return _n_sorted[0] <= _MOST


def sort_few(
    times: Array, per_afferent: int, n_afferents: int, duration: float
) -> tuple[Array, Array, Array, Array] | None:
    """Times, afferents, counts and order of `Events` for rows, as `ordering` has them.

    None where a time is NaN.
    """
    if np.isnan(times).any():
        return None
    is_spike = (times >= 0.0) & (times <= times.dtype.type(duration))
    counts = np.count_nonzero(is_spike, axis=1)
    order = np.argsort(np.where(is_spike, times, np.inf), axis=1, kind="stable")
    entry = order[:, : max(1, int(counts.max(initial=0)))]
    present = np.arange(entry.shape[1]) < counts[:, None]
    sorted_times = np.take_along_axis(times, entry, axis=1)
    # padding: the last time, or 0, and nobody
    last = np.maximum(counts - 1, 0)[:, None]
    latest = np.where(counts[:, None] > 0, np.take_along_axis(sorted_times, last, axis=1), 0.0)
    sorted_times = np.where(present, sorted_times, latest.astype(times.dtype))
    afferents = np.where(present, entry // per_afferent, n_afferents)
    integer = np.int32 if max(n_afferents, times.shape[1]) < 2**31 else np.int64
    return sorted_times, afferents.astype(integer), counts, order.astype(integer)
