r"""The threshold at which a neuron would just spike k times.

The number of output spikes never grows with the threshold, so that

.. math:: \vartheta^*_k = \sup\{\vartheta : N(\vartheta) \ge k\}

is unambiguous, and bisection on counts is rigorous.  :math:`\vartheta^*_1` is the largest
potential, and the others lie strictly below one another.  At a critical threshold one maximum of
the potential, with its resets, grazes the threshold.  That maximum need not come after all other
spikes: what comes before it is its history.

To count at another threshold is to count with scaled weights, since the potential and its resets
are proportional to both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import array_api_extra as xpx

from ..arrays.candidates import pick
from ..arrays.namespace import device_of, known_true
from ..arrays.numbers import whole_number
from ..arrays.registry import fused, repeated
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.integration import Membrane, interior_maximum
from ..membrane.pairs import over_tiles, rows_of
from ..neuron import Neuron
from ..readouts.arguments import is_static
from ..readouts.crossing import crossing_interval
from ..readouts.dispatch import differentiable
from ..readouts.peak import peak
from .arguments import check_spiking, per_pair, spikes_asked
from .search import LastSpike, next_spike, scaled, since

__all__ = ["CriticalThreshold", "critical_threshold"]

Array = Any


class CriticalThreshold(NamedTuple):
    """Critical thresholds, and what grazes there.

    Attributes
    ----------
    theta : array, shape (B, O)
        In the unit of ``v_threshold`` and the dtype of the weights; 0 where the potential never
        rises above rest.
    t : array, shape (B, O)
        When the potential grazes it, in the dtype of the events.
    n_before : integer array, shape (B, O)
        Output spikes before that time, at that threshold.
    """

    theta: Array
    t: Array
    n_before: Array


@by_groups("k", "where")
@differentiable
@under_own_settings
def critical_threshold(
    events: Events,
    weight: Array,
    neuron: Neuron,
    k: int | Array,
    *,
    where: Array | None = None,
    most: int | None = None,
    method: str = "auto",
) -> CriticalThreshold:
    """Return the threshold below which a neuron spikes k times or more [1]_.

    Parameters
    ----------
    events, weight
        As for :func:`output_spikes`.
    neuron : Neuron
        Its ``v_threshold`` plays no part but for the default of ``psp_peak``, which stays what it
        is whatever threshold is searched.  ``shunt`` must be False.
    k : int or integer array, shape (B, O)
        Number of output spikes, at least 1.
    where : bool array, shape (B, O), optional
        Pairs to look at; the others get 0.
    most : int, optional
        Largest k there is, which the static form needs where ``k`` is an array.
    method : {'auto', 'static', 'pruned'}
        See :func:`peak`.

    Returns
    -------
    CriticalThreshold
        ``output_spikes(...).counts >= k`` where ``theta > v_threshold``.  For ``k = 1`` it is
        ``peak``, to the last bit.  ``theta`` and ``t`` are NaN where the potential does not stay
        finite.

    Raises
    ------
    TypeError, ValueError
        As :func:`output_spikes`, and if ``k`` is less than 1, or ``where`` does not fit.

    References
    ----------
    .. [1] R. Gütig, "Spiking neurons can discover predictive features by aggregate-label
       learning", Science 351, aab4113 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron
    >>> from tempotron_core.spiking import critical_threshold
    >>> events = Events.from_latencies(np.asarray([[10.0]]), duration=200.0)
    >>> found = critical_threshold(events, np.asarray([[3.0]]), Neuron(20.0, 5.0), 2)
    >>> print(found.theta.round(3), found.t.round(3), found.n_before)
    [[1.791]] [[21.822]] [[1]]
    """
    xp = check_spiking(events, weight, neuron)
    static = is_static(method, events.times, weight)
    shape = (len(events), weight.shape[0])
    if most is None and static and per_pair(k):
        raise ValueError(
            "most, the largest k, must be given where k is an array, in the static form (and so "
            "under tracing): got None"
        )
    passes = k if most is None else whole_number("most", most)
    k = spikes_asked(k, where, events, weight, xp=xp)
    if form := fused("critical_threshold", method, weight):
        return CriticalThreshold(*form(events, weight, neuron, k))
    largest = peak(events, weight, neuron, method=method)
    looked_at = (k > 0) & ~(largest.v_max <= 0.0)  # so NaN where the peak is
    theta = xp.where(looked_at, largest.v_max, 0.0)
    t = xp.where(looked_at, largest.t_max, 0.0)
    n_before = xp.zeros_like(k)
    searched = looked_at & (k > 1) & xp.isfinite(largest.v_max)
    if not static:
        passes = int(xp.max(xp.where(searched, k, 1))) if 0 not in shape else 1

    def of_tile(membrane: Membrane, tile: tuple[slice, slice]) -> tuple[Array, ...]:
        given = (theta[tile], t[tile], n_before[tile])
        return _of_tile(
            membrane, given, k[tile], searched[tile], passes, neuron, events, static, xp
        )

    return CriticalThreshold(*over_tiles(of_tile, events, weight, neuron, static=static, xp=xp))


def _of_tile(
    membrane: Membrane,
    given: tuple[Array, Array, Array],
    k: Array,
    searched: Array,
    most: int,
    neuron: Neuron,
    events: Events,
    static: bool,
    xp: Any,
) -> tuple[Array, ...]:
    """Replace what is given for the peak, each [b, o], where more than one spike is asked for."""
    shape = k.shape
    theta, t, n_before, k, searched = (
        xp.reshape(xp.permute_dims(a, (1, 0)), (-1,)) for a in (*given, k, searched)
    )
    if static:
        pairs = xp.arange(k.shape[0], device=device_of(k))
    else:
        (pairs,) = xp.nonzero(searched)
    if pairs.shape[0] and most > 1:
        rows = rows_of(membrane, pairs, xp=xp)
        highest = xp.where(searched, theta, 1.0)
        wanted = xp.take(k, pairs)
        found = _bisected(
            rows, xp.take(highest, pairs), wanted, most, neuron, events.duration, static, xp
        )
        # a little above, so that rounding does not let the graze itself fire: a compiler may round
        # the same sum otherwise here
        above = found * (1.0 + 4.0 * float(xp.finfo(found.dtype).eps))
        when, before = _graze(rows, above, most, neuron, events.duration, static, xp)
        # place of every pair among those that were searched
        place = xp.cumulative_sum(xp.astype(searched, pairs.dtype)) - 1
        place = pairs if static else xp.where(searched, place, 0)
        theta = xp.where(searched, xp.take(found, place), theta)
        t = xp.where(searched, xp.take(when, place), t)
        n_before = xp.where(searched, xp.take(before, place), n_before)
    by_pattern = (xp.reshape(a, (shape[1], shape[0])) for a in (theta, t, n_before))
    return tuple(xp.permute_dims(a, (1, 0)) for a in by_pattern)


def _bisected(
    rows: Membrane,
    highest: Array,
    k: Array,
    most: int,
    neuron: Neuron,
    duration: float,
    static: bool,
    xp: Any,
) -> Array:
    """Smallest threshold [P] at which fewer than k output spikes are counted."""

    def halved(bracket: tuple[Array, ...]) -> tuple[Array, ...]:
        low, high = bracket
        middle = 0.5 * (low + high)
        reached = _reaches(rows, middle, k, most, neuron, duration, static, xp)
        return xp.where(reached, middle, low), xp.where(reached, high, middle)

    low, high = xp.zeros_like(highest), highest
    steps = 60 if highest.dtype == xp.float64 else 30
    if static:
        return repeated(halved, steps, (low, high))[1]
    # halve until k are reached: the bracket is then small beside its ends
    low = 0.5 * highest
    while True:
        reached = _reaches(rows, low, k, most, neuron, duration, static, xp)
        if bool(xp.all(reached)):
            break
        low, high = xp.where(reached, low, 0.5 * low), xp.where(reached, high, low)
    for _ in range(steps):
        middle = 0.5 * (low + high)
        if known_true(xp.all((middle <= low) | (middle >= high))):
            break
        low, high = halved((low, high))
    return high


def _reaches(
    rows: Membrane,
    theta: Array,
    k: Array,
    most: int,
    neuron: Neuron,
    duration: float,
    static: bool,
    xp: Any,
) -> Array:
    """Whether P pairs reach k output spikes, none more than ``most``, at thresholds [P]."""
    rows = scaled(rows, neuron.v_threshold / theta)
    last: LastSpike | None = None
    reached = xp.zeros_like(k, dtype=xp.bool)
    goes_on = ~reached
    for n in range(1, most + 1):
        time, last = next_spike(rows, last, neuron, duration, static, xp=xp)
        goes_on = goes_on & xp.isfinite(time)
        reached = reached | (goes_on & (k == n))
        if not static and not known_true(xp.any(goes_on & ~reached)):
            break
    return reached


def _graze(
    rows: Membrane, theta: Array, most: int, neuron: Neuron, duration: float, static: bool, xp: Any
) -> tuple[Array, Array]:
    """When each of P pairs comes closest to its threshold from below, and the spikes before.

    A maximum of the potential is an interior one, the end, or a spike behind which it falls.
    """
    rows, kernel = scaled(rows, neuron.v_threshold / theta), neuron.kernel
    n_events = rows.times.shape[1]
    position = xp.arange(n_events, device=device_of(rows.v))[None, None, :]
    best = xp.zeros_like(theta)
    when = xp.zeros_like(rows.times[:, 0])
    integer = xpx.default_dtype(xp, "indexing", device=device_of(theta))
    before = xp.zeros(theta.shape, dtype=integer, device=device_of(theta))
    goes_on = best == 0.0
    last: LastSpike | None = None
    for n in range(most):
        membrane = rows if last is None else since(rows, last, neuron, duration, xp=xp)
        interval = crossing_interval(membrane, neuron, static, xp=xp)
        v, s, gap = membrane.v, membrane.s, membrane.gap
        exists, u, inside = interior_maximum(v, s, gap, kernel, xp=xp)
        falls = (s * kernel.rise <= v * (1.0 / kernel.slow)) & (gap > 0.0)
        at_spike = xp.where(falls & (position <= interval[..., None]), v, 0.0)
        inside = xp.where(exists & (position < interval[..., None]), inside, 0.0)
        highest = xp.maximum(at_spike, inside)
        j = xp.argmax(highest, axis=-1)
        value, rest = pick(highest, j, xp=xp)[0, :], pick(membrane.times, j, xp=xp)[0, :]
        is_inside = pick(inside, j, xp=xp)[0, :] >= value
        rest = rest + xp.astype(xp.where(is_inside, pick(u, j, xp=xp)[0, :], 0.0), rest.dtype)
        at_end = (interval[0, :] == n_events) & (membrane.v_end[0, :] > value)
        value = xp.where(at_end, membrane.v_end[0, :], value)
        rest = xp.where(at_end, duration, rest)
        closer = goes_on & (value > best)
        best, when = xp.where(closer, value, best), xp.where(closer, rest, when)
        before = xp.where(closer, n, before)
        time, last = next_spike(rows, last, neuron, duration, static, xp=xp)
        goes_on = goes_on & xp.isfinite(time)
        if not static and not known_true(xp.any(goes_on)):
            break
    return when, before
