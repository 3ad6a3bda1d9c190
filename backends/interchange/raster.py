"""Spike rasters to `Events` and back: dense arrays, scipy.sparse and sparse (PyData).

A raster says how many spikes each afferent has in each of T time steps of length dt.  Sparse ones
are read by their entries and never made dense.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from itertools import pairwise, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.arrays.numbers import positive_float

from .._backend import Backend
from .host_arrays import host_array
from .lists import to_spike_list
from .placement import by_pattern, place

__all__ = ["from_rasters", "to_rasters"]

WITHIN_STEP = {"start": 0.0, "middle": 0.5}
FORMS = ("csr", "coo", "dense")

Entries = tuple[tuple[int, ...], tuple[NDArray[Any], ...], NDArray[Any]]
"""Shape, coordinates along each axis, and values of a raster's entries that are not 0."""


def from_rasters(
    rasters: Any,
    dt: float = 1.0,
    *,
    duration: float | None = None,
    at: str = "start",
    axes: str = "BTN",
    backend: Backend | None = None,
    dtype: Any = None,
) -> Events:
    """Read spike rasters: counts of B patterns in T steps on N afferents.

    Parameters
    ----------
    rasters : array, shape (B, T, N), one of shape (T, N), or sequence of those
        Booleans, or numbers of spikes.  Dense arrays of any library, sparse arrays or matrices of
        SciPy in any format, or those of PyData's sparse.
    dt : float, default 1.0
        Length of a step.
    duration : float, optional
        Length of a pattern, ``T * dt`` unless given; spikes after it are left out.
    at : {'start', 'middle'}
        Where in their step spikes are: those of step k at ``k * dt``, the samples of a grid
        ``(T, dt)``, or at ``(k + 0.5) * dt``.
    axes : str, default 'BTN'
        Order of the axes: B patterns, T steps, N afferents; 'TBN' is common for simulators that
        go through time.  Of rasters of two axes, B is passed over.
    backend : Backend, optional
        Where the events are to be; NumPy unless given.
    dtype : {'float32', 'float64'} or dtype, optional
        Of the spike times; the backend's default unless given.

    Returns
    -------
    Events
        In CSR layout.  A count of n is n simultaneous spikes.

    Raises
    ------
    TypeError
        If a raster is no array of booleans or numbers.
    ValueError
        If shapes do not fit, an entry is negative, fractional or not finite, or a sparse array has
        a fill value other than 0.
    """
    dt = positive_float("dt", dt)
    if at not in tuple(WITHIN_STEP):
        raise ValueError(f"at must be 'start' or 'middle', got {at!r}")
    if axes not in map("".join, permutations("BTN")):
        raise ValueError(f"axes must hold each of B, T and N once, got {axes!r}")
    shape, (pattern, step, afferent), values = _entries(rasters, axes)
    n_patterns, n_steps, n_afferents = shape
    if n_steps == 0 and duration is None:
        raise ValueError(f"rasters must have a step at least, got (B, T, N) = {shape}")
    counts = values.astype(np.int64)
    order, offsets = by_pattern(np.repeat(pattern, counts), n_patterns)
    step, afferent = np.repeat(step, counts)[order], np.repeat(afferent, counts)[order]
    times = (step + WITHIN_STEP[at]) * dt
    duration = n_steps * dt if duration is None else duration
    return place(times, afferent, offsets, n_afferents, duration, backend, dtype)


def to_rasters(events: Events, dt: float = 1.0, *, form: str = "csr") -> Any:
    """Write events as spike rasters, on the host.

    Step k counts the spikes from ``k * dt`` to before ``(k + 1) * dt``; a time that only its
    rounding to the dtype of the events takes below ``k * dt`` still belongs to it.  There are as
    many steps as the duration needs, and a spike right at its end belongs to the last.

    Parameters
    ----------
    events : Events
    dt : float, default 1.0
        Length of a step.
    form : {'csr', 'coo', 'dense'}
        A list with a `scipy.sparse.csr_array` (T, N) per pattern, a `sparse.COO` (B, T, N) or a
        `numpy.ndarray` (B, T, N).

    Returns
    -------
    list of scipy.sparse.csr_array, sparse.COO or numpy.ndarray
        Counts, as int32.

    Raises
    ------
    TypeError
        If ``events`` is no Events.
    ValueError
        If ``dt`` or ``form`` is not valid.
    ModuleNotFoundError
        If SciPy or sparse, which the form is of, is not installed.
    """
    dt = positive_float("dt", dt)
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}")
    times, afferents, offsets = to_spike_list(events)
    n_steps = max(1, int(_steps(np.asarray(events.duration), dt, np.ceil)))
    step = np.minimum(_steps(times, dt, np.floor), n_steps - 1)
    pattern = np.repeat(np.arange(len(events)), np.diff(offsets))
    shape = (len(events), n_steps, events.n_afferents)
    if form == "csr":
        sparse = import_module("scipy.sparse")
        ones = np.ones(len(times), dtype=np.int32)
        return [
            # entries at one place are added up on the way from coo to csr
            sparse.coo_array((ones[a:b], (step[a:b], afferents[a:b])), shape=shape[1:]).tocsr()
            for a, b in pairwise(offsets)
        ]
    if form == "coo":
        sparse = import_module("sparse")
        coords = np.stack([pattern, step, afferents])
        return sparse.COO(coords, np.ones(len(times), dtype=np.int32), shape=shape)
    dense = np.zeros(shape, dtype=np.int32)
    np.add.at(dense, (pattern, step, afferents), 1)
    return dense


def _steps(times: NDArray[Any], dt: float, rounding: Any) -> NDArray[np.int64]:
    """Return times in steps, rounded by ``rounding`` unless within rounding errors of a step.

    Those are half a unit in the last place of a time, and in double precision that of a step's.
    """
    exact = np.asarray(times, dtype=np.float64)
    steps = exact / dt
    nearest = np.rint(steps)
    error = 0.5 * np.spacing(times) + 2.0 * np.finfo(np.float64).eps * exact
    close = np.abs(exact - nearest * dt) <= error
    whole: NDArray[np.int64] = np.where(close, nearest, rounding(steps)).astype(np.int64)
    return whole


def _entries(rasters: Any, axes: str) -> Entries:
    """Return the entries of all rasters, with axes B, T, N."""
    single = hasattr(rasters, "ndim")
    if not (single or isinstance(rasters, Iterable)) or isinstance(rasters, Events):
        raise TypeError(
            f"rasters must be an array or a sequence of arrays, got {type(rasters).__name__}"
        )
    parts = [rasters] if single else list(rasters)
    names = ["rasters"] if single else [f"rasters[{i}]" for i in range(len(parts))]
    if not parts:
        raise ValueError("rasters must hold at least one raster, got none")
    found = [_read(name, part) for name, part in zip(names, parts, strict=True)]
    if single and len(found[0][0]) == 3:
        (shape, coords, values), places = found[0], [axes.index(axis) for axis in "BTN"]
        return tuple(shape[i] for i in places), tuple(coords[i] for i in places), values
    first = found[0][0]
    for name, (shape, _, _) in zip(names, found, strict=True):
        if len(shape) != 2:
            expected = "three axes, or two for one pattern" if single else "two axes"
            raise ValueError(f"{name} must have {expected}, got shape {shape}")
        if shape != first:
            raise ValueError(f"{name} must have the shape of the first, {first}, got {shape}")
    time, afferent = (0, 1) if axes.index("T") < axes.index("N") else (1, 0)
    sizes = [len(values) for _, _, values in found]
    return (
        (len(found), first[time], first[afferent]),
        (
            np.repeat(np.arange(len(found)), sizes),
            np.concatenate([coords[time] for _, coords, _ in found]),
            np.concatenate([coords[afferent] for _, coords, _ in found]),
        ),
        np.concatenate([values for _, _, values in found]),
    )


def _read(name: str, raster: Any) -> Entries:
    """Return the entries of one raster, checked to be counts."""
    shape, coords, values = _stored(name, raster)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold booleans or numbers of spikes, got {values.dtype}")
    # NaN fails every comparison
    wrong = ~((values >= 0) & (values < np.float64(2**31)) & (values == np.floor(values)))
    if wrong.any():
        raise ValueError(
            f"{name} must hold whole numbers of spikes, from 0 to 2**31 - 1, got {values[wrong][0]}"
        )
    return shape, coords, values


def _stored(name: str, raster: Any) -> Entries:
    """Return the entries of one raster as they are; a library that is not loaded has none."""
    scipy_sparse, pydata = sys.modules.get("scipy.sparse"), sys.modules.get("sparse")
    if scipy_sparse is not None and scipy_sparse.issparse(raster):
        coo = raster.tocoo()
        if not coo.has_canonical_format:  # entries of one place are one entry, also of booleans
            coo = coo.copy() if coo is raster else coo
            coo.sum_duplicates()
        coords = coo.coords if hasattr(coo, "coords") else (coo.row, coo.col)
        return tuple(coo.shape), tuple(coords), coo.data
    if pydata is not None and isinstance(raster, pydata.SparseArray):
        if raster.fill_value != 0:
            raise ValueError(f"{name} must have the fill value 0, got {raster.fill_value}")
        coo = raster.asformat("coo")
        return tuple(coo.shape), tuple(coo.coords), coo.data
    dense = host_array(name, raster)
    coords = np.nonzero(dense) if dense.ndim else ()
    return dense.shape, coords, dense[coords]
