"""Spike lists of the host, pattern by pattern, as events on a backend."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, RaggedEvents
from tempotron_core.arrays.choices import check_choice
from tempotron_core.arrays.integers import check_exact

from .._backend import Backend
from .._selection import select

__all__ = ["LAYOUTS", "by_pattern", "joined", "place", "wasteful"]

LAYOUTS = ("padded", "ragged", "auto")
"""How patterns lie in memory: `Events`, `RaggedEvents`, or the latter where padding is wasteful."""

WASTE = 4
"""Times the memory of the spikes, beyond which padding is wasteful."""


def wasteful(counts: NDArray[Any]) -> bool:
    """Whether padding patterns of so many spikes to the longest takes far more than the spikes."""
    return bool(len(counts)) and len(counts) * int(counts.max()) > WASTE * int(counts.sum())


def joined(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Join spike times in the dtype they have in common; an empty list has none."""
    return np.concatenate(arrays) if arrays else np.zeros(0)


def by_pattern(
    patterns: NDArray[Any], n_patterns: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the order that puts spikes pattern by pattern, and the offsets of the patterns."""
    offsets = np.zeros(n_patterns + 1, dtype=np.int64)
    np.cumsum(np.bincount(patterns, minlength=n_patterns), out=offsets[1:])
    return np.argsort(patterns, kind="stable"), offsets


def place(
    times: NDArray[Any],
    afferents: NDArray[Any],
    offsets: NDArray[Any],
    n_afferents: int,
    duration: float,
    backend: Backend | None,
    dtype: Any,
    layout: str = "padded",
) -> Events:
    """Make events of a host's spike lists, on a backend, in one of `LAYOUTS`.

    Raises
    ------
    TypeError
        If ``backend`` is none.
    ValueError
        If the dtype is no floating-point one, the backend cannot hold it, or it an integer time.
    """
    check_choice("layout", layout, LAYOUTS)
    backend = select("numpy") if backend is None else backend
    if not isinstance(backend, Backend):
        raise TypeError(f"backend must be a Backend (see select), got {type(backend).__name__}")
    wanted = backend.floating_dtype(dtype)
    if times.dtype.kind in "iu":
        check_exact("times", times, wanted, xp=backend.xp)
    ragged = layout == "ragged" or (layout == "auto" and wasteful(np.diff(offsets)))
    kind = RaggedEvents if ragged else Events
    return kind.from_csr(
        backend.from_numpy(times, wanted),
        backend.from_numpy(afferents),
        backend.from_numpy(offsets),
        n_afferents,
        duration,
    )
