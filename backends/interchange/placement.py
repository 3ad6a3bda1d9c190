"""Spike lists of the host, pattern by pattern, as events on a backend."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.arrays.integers import check_exact

from .._backend import Backend
from .._selection import select

__all__ = ["by_pattern", "joined", "place"]


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
) -> Events:
    """Make events of a host's spike lists, on a backend.

    Raises
    ------
    TypeError
        If ``backend`` is none.
    ValueError
        If the dtype is no floating-point one, the backend cannot hold it, or it an integer time.
    """
    backend = select("numpy") if backend is None else backend
    if not isinstance(backend, Backend):
        raise TypeError(f"backend must be a Backend (see select), got {type(backend).__name__}")
    wanted = backend.floating_dtype(dtype)
    if times.dtype.kind in "iu":
        check_exact("times", times, wanted, xp=backend.xp)
    return Events.from_csr(
        backend.from_numpy(times, wanted),
        backend.from_numpy(afferents),
        backend.from_numpy(offsets),
        n_afferents,
        duration,
    )
