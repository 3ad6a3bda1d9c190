"""Patterns that are played faster or slower."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays.host import to_host
from ..arrays.namespace import device_of
from ..arrays.numbers import real_number
from ..arrays.settings import under_own_settings
from ..events import Events, RaggedEvents
from ..events.grouping import by_groups

__all__ = ["warp_time"]


@under_own_settings
def warp_time(events: Events, factor: Any, *, duration: float | None = None) -> Events:
    """Stretch the time of every pattern by a factor.

    Parameters
    ----------
    events : Events or RaggedEvents
        B patterns.
    factor : float, or array_like of shape (B,)
        What spike times are multiplied by; below 1 a pattern is over sooner.
    duration : float, optional
        Length of all patterns afterwards; by default the old one times the largest factor.  Spikes
        are not cut off, so it must not be shorter than that.

    Returns
    -------
    Events or RaggedEvents
        In the layout of those given; a gradient by a spike's time is by the time it has now.

    Raises
    ------
    TypeError
        If ``events`` is no Events, or a factor or the duration no number.
    ValueError
        If a factor is not positive and finite, there is neither one nor one for each pattern, or
        the duration is too short.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events
    >>> from tempotron_core.encoding import warp_time
    >>> events = Events.from_latencies(np.asarray([[10.0, 40.0], [30.0, 20.0]]), 50.0)
    >>> warped = warp_time(events, [0.5, 2.0])
    >>> warped.times
    array([[ 5., 20.],
           [40., 60.]])
    >>> warped.duration
    100.0
    """
    if not isinstance(events, (Events, RaggedEvents)):
        raise TypeError(f"events must be an Events, got {type(events).__name__}")
    try:
        factors = np.asarray(to_host(factor) if hasattr(factor, "shape") else factor, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"factor must be a number or numbers, got {factor!r}") from None
    if factors.shape not in ((), (len(events),)):
        raise ValueError(
            f"factor must be a number or of shape ({len(events)},), got shape {factors.shape}"
        )
    wrong = ~((factors > 0.0) & (factors < np.inf))
    if wrong.any():
        raise ValueError(f"factor must be positive and finite, got {factors[wrong].flat[0]:g}")
    needed = events.duration * float(factors.max(initial=0.0) or 1.0)
    if duration is None:
        duration = needed
    elif not needed <= (duration := real_number("duration", duration)) < np.inf:
        raise ValueError(
            f"duration must be finite and at least {needed:g}, the old one times the largest "
            f"factor, got {duration:g}"
        )
    like = (events.groups[0] if isinstance(events, RaggedEvents) else events).times
    column = np.broadcast_to(factors, (len(events),)).copy()
    given = events.xp.asarray(column, dtype=like.dtype, device=device_of(like))
    return _stretched(events, given, float(duration))


@by_groups("factors")
def _stretched(events: Events, factors: Any, duration: float) -> Events:
    return replace(events, times=events.times * factors[:, None], duration=duration)
