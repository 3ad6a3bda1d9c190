"""Random variations of spike patterns: moved spikes, lost spikes, moved images.

All random numbers are drawn on the host, for all K columns of ``events.times``; every array library
sees the same ones.  The results are Events like any others.  A gradient towards spike times
(``times=True``) comes back in the layout of the events that were varied: each spike's entry holds
the derivative by the time it has now, and a lost spike's entry is 0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays.namespace import device_of
from ..arrays.numbers import check_generator, positive_float, whole_number
from ..arrays.registry import fused, is_followed
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.changing import changed
from ..events.grouping import by_groups
from ..events.rearranging import present, rearranged, resorted

__all__ = ["delete_spikes", "jitter_spikes", "shift_image"]

Array = Any


@by_groups()
@under_own_settings
def jitter_spikes(events: Events, sigma: float, rng: np.random.Generator) -> Events:
    """Add Gaussian noise to every spike time.

    A spike that would leave [0, duration] is reflected at the border, as often as it takes, so that
    none is lost and none gathers at the ends.

    Parameters
    ----------
    events : Events
    sigma : float
        Standard deviation of the noise, in the unit of the times; 0 or more.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    Events
        Sorted anew.  Gradients are by the times as they are now; by the time that a spike had
        before, the derivative has the opposite sign if it was reflected (an odd number of times).

    Raises
    ------
    TypeError
        If ``events`` is no Events, ``sigma`` no number or ``rng`` no Generator.
    ValueError
        If ``sigma`` is negative or not finite.
    """
    _check(events, rng)
    sigma = positive_float("sigma", sigma, or_zero=True)
    xp, times = events.xp, events.times
    noise = sigma * rng.standard_normal(tuple(times.shape))
    period = 2.0 * events.duration
    moved = (times + _like(times, noise, xp)) % period
    moved = xp.where(moved > events.duration, period - moved, moved)
    return resorted(events, xp.where(present(events), moved, -1.0))


@by_groups()
@under_own_settings
def delete_spikes(events: Events, probability: float, rng: np.random.Generator) -> Events:
    """Lose every spike with a probability, each on its own.

    Parameters
    ----------
    events : Events
    probability : float
        From 0 to 1.
    rng : numpy.random.Generator
        Decides which.

    Returns
    -------
    Events
        With as many columns as before.

    Raises
    ------
    TypeError
        If ``events`` is no Events, ``probability`` no number or ``rng`` no Generator.
    ValueError
        If ``probability`` is not from 0 to 1.
    """
    _check(events, rng)
    probability = positive_float("probability", probability, or_zero=True)
    if probability > 1.0:
        raise ValueError(f"probability must be from 0 to 1, got {probability}")
    kept = rng.random(tuple(events.times.shape)) >= probability
    return _only(events, events.xp.asarray(kept, device=events.device))


@by_groups()
@under_own_settings
def shift_image(
    events: Events,
    shape: tuple[int, int],
    max_shift: int,
    rng: np.random.Generator,
    *,
    channels: int = 1,
    channels_first: bool = False,
) -> Events:
    """Move every pattern, an image, by a random number of whole pixels along each axis.

    Spikes keep their times and move to other afferents.  Those that leave the frame are lost, and
    what the frame moves away from stays silent.

    Parameters
    ----------
    events : Events
        The first ``rows * columns * channels`` afferents are those of an image, row by row: pixel
        (r, c) is number ``r * columns + c``.  Further afferents are no part of it and stay as they
        are.
    shape : (int, int)
        Rows and columns.
    max_shift : int
        Largest shift; each one from ``-max_shift`` to ``max_shift`` is as likely.
    rng : numpy.random.Generator
        Source of the shifts.
    channels : int, default 1
        Afferents of each pixel (receptive fields, polarities): number ``pixel * channels + c``.
    channels_first : bool, default False
        If true, they are number ``c * rows * columns + pixel`` instead.

    Returns
    -------
    Events
        With as many columns as before.

    Raises
    ------
    TypeError
        If ``events`` is no Events, ``rng`` no Generator, or a size no integer.
    ValueError
        If ``shape`` is not two positive sizes, the image has more afferents than the events,
        ``channels < 1`` or ``max_shift < 0``.
    """
    _check(events, rng)
    try:
        rows, columns = shape
    except (TypeError, ValueError):
        raise ValueError(f"shape must be (rows, columns), got {shape!r}") from None
    rows = whole_number("shape[0]", rows, least=1)
    columns = whole_number("shape[1]", columns, least=1)
    channels = whole_number("channels", channels, least=1)
    max_shift = whole_number("max_shift", max_shift, least=0)
    n_image = rows * columns * channels
    if n_image > events.n_afferents:
        raise ValueError(
            f"shape must fit the afferents: {rows} x {columns} pixels of {channels} afferent(s) "
            f"are {n_image}, got events on {events.n_afferents}"
        )
    shifts = rng.integers(-max_shift, max_shift, (len(events), 2), endpoint=True)
    down, across = (_like(events.afferents, shifts[:, i, None], events.xp) for i in (0, 1))
    afferents = events.afferents
    pixel = afferents % (rows * columns) if channels_first else afferents // channels
    row = pixel // columns
    column = pixel - row * columns + across
    row = row + down
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    outside_image = afferents >= n_image
    step = (down * columns + across) * (1 if channels_first else channels)
    moved = events.xp.where(outside_image, afferents, afferents + step)
    return _only(replace(events, afferents=moved), outside_image | inside)


def _only(events: Events, kept: Array) -> Events:
    """Leave out the spikes that are not ``kept`` [B, K].

    They cannot just become spikes of nobody in their places, as padding is: compiled kernels have
    no weight for it, and count on padding being last.
    """
    form = fused("keep_spikes", "auto", events.like)
    if form is not None and type(events) is Events and not is_followed(events.times):
        names = "times", "afferents", "counts", "order"
        return changed(events, **dict(zip(names, form(events, events.order, kept), strict=True)))
    xp = events.xp
    kept = kept & present(events)
    order = xp.argsort(xp.astype(~kept, xp.int8), axis=1, stable=True)
    counts = xp.astype(xp.count_nonzero(kept, axis=1), events.counts.dtype)
    return rearranged(events, order, counts)


def _like(array: Array, host: NDArray[Any], xp: Any) -> Array:
    """Values of a host array in the dtype and on the device of ``array``."""
    return xp.asarray(host, dtype=array.dtype, device=device_of(array))


def _check(events: Events, rng: np.random.Generator) -> None:
    if not isinstance(events, Events):
        raise TypeError(f"events must be an Events, got {type(events).__name__}")
    check_generator(rng)
