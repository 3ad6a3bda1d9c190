r"""A clock: reference spikes at the same times in every pattern, from afferents of their own.

The largest potential of a neuron does not change if all its spikes come later by the same time, so
when something happens, counted from the start of a trial, is nothing it can see.  Beside afferents
that fire at fixed times, it is: what the neuron then reads is the order of a spike and a reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays.namespace import device_of
from ..arrays.numbers import positive_float
from ..arrays.plain import check_plain
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.grouping import by_groups
from ..events.rearranging import present, resorted
from ..neuron import Neuron

__all__ = ["clock_times", "fixed_times", "with_clock", "without_clock"]

Array = Any

PER_TAU = "tau"
"""The clock that ticks once every membrane time constant."""

MOST = 10_000
"""Spikes of a clock; more are a mistake in the unit of its period."""


def clock_times(clock: Any, duration: float, neuron: Neuron) -> tuple[float, ...]:
    """Return when a clock fires in a pattern.

    Parameters
    ----------
    clock : 'tau', float, sequence of float, or None
        ``'tau'``: every membrane time constant of the neuron, from time 0.  A number: as often as
        that, from time 0.  A sequence: at these times, up to the duration.  None: never.
    duration : float
        Length of a pattern, in the unit of the time constants.
    neuron : Neuron

    Returns
    -------
    tuple of float
        In the order given; a clock that ticks leaves out the end of the pattern, where a spike has
        no effect.

    Raises
    ------
    TypeError
        If the clock is of another kind.
    ValueError
        If its period is not positive, it ticks more than 10,000 times, or a time is negative, not
        finite, or beyond the duration.

    Examples
    --------
    >>> from tempotron_core import Neuron
    >>> from tempotron_core.encoding import clock_times
    >>> clock_times("tau", 50.0, Neuron(tau=15.0)), clock_times([5.0, 20.0], 50.0, Neuron())
    ((0.0, 15.0, 30.0, 45.0), (5.0, 20.0))
    """
    duration = positive_float("duration", duration)
    if clock is None:
        return ()
    if not isinstance(neuron, Neuron):
        raise TypeError(f"neuron must be a Neuron, got {type(neuron).__name__}")
    if isinstance(clock, str) and clock != PER_TAU:
        raise ValueError(f"clock must be {PER_TAU!r}, a period, times or None, got {clock!r}")
    if (
        isinstance(clock, Iterable)
        and not isinstance(clock, str)
        and getattr(clock, "ndim", 1) != 0
    ):
        times = fixed_times("clock", clock)
        if max(times, default=0.0) > duration:
            raise ValueError(
                f"clock must fire up to the duration, {duration}, got {max(times)} among its times"
            )
        return times
    period = neuron.tau if clock == PER_TAU else positive_float("clock", clock)
    if duration / period > MOST:
        raise ValueError(
            f"clock must tick at most {MOST} times in a pattern of {duration}, got one tick every "
            f"{period}"
        )
    return tuple(k * period for k in range(MOST + 1) if k * period < duration)


def fixed_times(name: str, times: Any) -> tuple[float, ...]:
    """Return times that are the same in every pattern as Python floats, checked."""
    check_plain(name, times)
    try:
        given = tuple(times)
    except TypeError:
        kind = type(times).__name__
        raise TypeError(f"{name} must be a sequence of times, got {kind}") from None
    return tuple(positive_float(name, t, or_zero=True) for t in given)


@by_groups()
@under_own_settings
def with_clock(events: Events, times: Any) -> Events:
    """Add afferents that fire once in every pattern, each at its own time.

    Parameters
    ----------
    events : Events
        B patterns on N afferents, made and sliced in any way, of any library.
    times : sequence of C floats
        When the new afferents fire, from 0 to the duration; see `clock_times`.

    Returns
    -------
    Events
        The patterns on N + C afferents, the new ones last, as if they had been given so: gradients
        towards spike times have rows, or in lists entries at the end of each pattern, for the new
        afferents as well.  Simultaneous spikes of the patterns come first.

    Raises
    ------
    TypeError
        If ``events`` is no Events, or ``times`` no sequence of numbers.
    ValueError
        If a time is negative, not finite, or beyond the duration.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events
    >>> from tempotron_core.encoding import with_clock
    >>> events = Events.from_latencies(np.asarray([[12.0, 4.0]]), duration=40.0)
    >>> with_clock(events, [0.0, 20.0]).to_latencies()
    array([[12.,  4.,  0., 20.]])
    """
    if not isinstance(events, Events):
        raise TypeError(f"events must be an Events, got {type(events).__name__}")
    fixed = fixed_times("times", times)
    if max(fixed, default=0.0) > events.duration:
        raise ValueError(
            f"times must be at most the duration of the events, {events.duration}, got {max(fixed)}"
        )
    if not fixed:
        return events
    xp, n_new, n_old = events.xp, len(fixed), events.times.shape[1]

    def row(values: Any, like: Array) -> Array:
        placed = xp.asarray(values, dtype=like.dtype, device=device_of(like))
        return xp.broadcast_to(placed[None, :], (len(events), len(values)))

    # new places in the source follow the old ones; what lay behind those moves on
    shape, first, own, idle = _places(events, n_new)
    order = xp.where(events.order >= first, events.order + (len(own) + len(idle)), events.order)
    numbers = row(range(events.n_afferents, events.n_afferents + n_new), events.afferents)
    wider = replace(
        events,
        times=xp.concat([events.times, row(fixed, events.times)], axis=1),
        afferents=xp.concat([events.afferents, numbers], axis=1),
        order=xp.concat(
            [order[:, :n_old], first + row(own, order), order[:, n_old:], first + row(idle, order)],
            axis=1,
        ),
        n_afferents=events.n_afferents + n_new,
        source_shape=shape,
        source_lengths=None if events.source_lengths is None else events.source_lengths + n_new,
    )
    spiking = xp.concat([present(events), numbers >= 0], axis=1)
    return resorted(wider, xp.where(spiking, wider.times, -1.0))


def without_clock(gradient: Array, events: Events, n_times: int) -> Array:
    """Leave the clock's part out of a gradient towards spike times.

    Parameters
    ----------
    gradient : array
        In the layout of ``events``.
    events : Events
        From `with_clock`.
    n_times : int
        Spikes of the clock, C.

    Returns
    -------
    array
        In the layout of the events that were given to `with_clock`.
    """
    xp, shape = events.xp, events.source_shape
    if shape is not None:
        return gradient[:, : shape[0] - n_times, ...]
    ends = xp.cumulative_sum(events.source_lengths)
    entry = xp.arange(gradient.shape[0], dtype=ends.dtype, device=events.device)
    pattern = xp.searchsorted(ends, entry, side="right")
    (kept,) = xp.nonzero(entry < xp.take(ends, pattern) - n_times)
    return xp.take(gradient, kept, axis=0)


def _places(
    events: Events, n_new: int
) -> tuple[tuple[int, ...] | None, Array, list[int], list[int]]:
    """Where spikes of new afferents lie in the source: its shape, and places in a pattern.

    Returns the shape of a pattern, where the new places begin (an int, or per pattern), and,
    counted from there, those of the spikes and those that stay empty.
    """
    shape = events.source_shape
    if shape is None:
        first = events.xp.astype(events.source_lengths, events.order.dtype)[:, None]
        return None, first, list(range(n_new)), []
    if len(shape) == 1:
        return (shape[0] + n_new,), shape[0], list(range(n_new)), []
    n_afferents, n_slots = shape
    width = max(n_slots, 1)  # trains with room for no spike get room for one
    first = n_afferents * n_slots
    place = np.arange(first, (n_afferents + n_new) * width) - first
    own = np.arange(n_afferents, n_afferents + n_new) * width - first
    return (n_afferents + n_new, width), first, own.tolist(), np.setdiff1d(place, own).tolist()
