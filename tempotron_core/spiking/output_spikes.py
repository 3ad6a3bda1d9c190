"""Every output spike of a neuron that is reset at each of them."""

from __future__ import annotations

from typing import Any, Literal, overload

import array_api_extra as xpx

from ..arrays.namespace import device_of
from ..arrays.numbers import whole_number
from ..arrays.registry import fused
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.integration import Membrane, integrate, with_nobody
from ..membrane.pairs import rows_of
from ..membrane.tiles import tile_bounds
from ..neuron import Neuron
from ..readouts.arguments import is_static
from ..readouts.crossing import first_crossing
from ..readouts.dispatch import differentiable
from .arguments import check_layout, check_spiking, too_close
from .layout import OutputSpikes, OutputTrains, joined_spikes, laid_out, starts_of
from .search import next_spike, spike_at

__all__ = ["output_spikes"]

Array = Any


@overload
def output_spikes(
    events: Events,
    weight: Array,
    neuron: Neuron,
    *,
    max_spikes: int | None = None,
    layout: Literal["padded"] = "padded",
    method: str = "auto",
) -> OutputSpikes: ...


@overload
def output_spikes(
    events: Events,
    weight: Array,
    neuron: Neuron,
    *,
    max_spikes: int | None = None,
    layout: Literal["csr"],
    method: str = "auto",
) -> OutputTrains: ...


@by_groups(join=joined_spikes)
@differentiable
@under_own_settings
def output_spikes(
    events: Events,
    weight: Array,
    neuron: Neuron,
    *,
    max_spikes: int | None = None,
    layout: str = "padded",
    method: str = "auto",
) -> OutputSpikes | OutputTrains:
    r"""Every output spike, exactly, of a neuron that is reset at each [1]_.

    The neuron spikes as its potential exceeds the threshold, and each output spike takes
    ``v_threshold`` from the potential, which decays with the membrane:

    .. math:: V(t) = \sum_{t_f \le t} w_f K(t - t_f)
              - \vartheta \sum_{t_j < t} e^{-(t - t_j)/\tau}

    The potential *reaches* threshold and is 0 after the spike, so that to take the threshold away
    and to set the potential to 0 is the same thing here.

    Parameters
    ----------
    events : Events
        B patterns on N afferents.
    weight : array, shape (O, N)
        Synaptic weights, float32 or float64, in the library and on the device of the events.
    neuron : Neuron
        Resets decay with its ``tau``, be that larger or smaller than ``tau_s``.  ``shunt`` must be
        False.
    max_spikes : int, optional
        Keep the first so many spike times of every train.  The static form needs it, and looks for
        no more.
    layout : {'padded', 'csr'}
        Whether to return `OutputSpikes`, or `OutputTrains`, in which one long train does not size
        all others.
    method : {'auto', 'static', 'pruned'}
        See :func:`peak`.

    Returns
    -------
    OutputSpikes or OutputTrains
        The first spike is at ``first_crossing``, to the last bit, and there is one if and only if
        ``peak(...).v_max > v_threshold``.  Counts are of all spikes; in the static form, of the
        first ``max_spikes``; and 0 where a train is not known, the one that has a NaN.

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype, or arrays come from different libraries.
    ValueError
        If shapes or devices do not fit, the neuron shunts its input, an option is not valid, or
        output spikes follow each other more closely than their times can tell apart.

    References
    ----------
    .. [1] R. Gütig, "Spiking neurons can discover predictive features by aggregate-label
       learning", Science 351, aab4113 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron
    >>> from tempotron_core.spiking import output_spikes
    >>> events = Events.from_latencies(np.asarray([[10.0]]), duration=200.0)
    >>> times, counts = output_spikes(events, np.asarray([[3.0]]), Neuron(20.0, 5.0))
    >>> print(times.round(3), counts)
    [[[11.221 12.863 15.405 22.915]]] [[4]]
    """
    xp = check_spiking(events, weight, neuron)
    check_layout(layout)
    if max_spikes is not None:
        max_spikes = whole_number("max_spikes", max_spikes)
    static = is_static(method, events.times, weight)
    if not static:
        if form := fused("output_spikes", method, weight):
            pair, time, counts = form(events, weight, neuron, max_spikes)
        else:
            pair, time, counts = _by_passes(events, weight, neuron, max_spikes, method, xp)
        return laid_out(pair, time, counts, max_spikes, layout, xp=xp)
    if max_spikes is None or layout == "csr":
        raise ValueError(
            "max_spikes must be given, and layout be 'padded', in the static form (and so under "
            f"tracing): got max_spikes={max_spikes}, layout={layout!r}"
        )
    return _padded(events, weight, neuron, max_spikes, method, xp)


def _by_passes(
    events: Events, weight: Array, neuron: Neuron, max_spikes: int | None, method: str, xp: Any
) -> tuple[Array, Array, Array]:
    """Search until every train has ended; pairs drop out as theirs does.

    Returns
    -------
    pair : integer array, shape (E,)
        b * O + o of every spike that is kept, ascending.
    time : array, shape (E,)
        Within a pair ascending; a pair whose potential does not stay finite has a NaN.
    counts : integer array, shape (B, O)
        Of all spikes.
    """
    n_outputs = weight.shape[0]
    device = device_of(weight)
    integer = xpx.default_dtype(xp, "indexing", device=device)
    first = first_crossing(events, weight, neuron, method=method)
    pairs, times = [], []  # of every spike, pass after pass
    padded = with_nobody(weight)
    patterns, outputs = tile_bounds(events, padded)
    for b in patterns:
        part = events[b]
        for o in outputs:
            membrane = integrate(part, padded[o, :], neuron.kernel, static=False)
            in_tile = xp.permute_dims(first[b, o], (1, 0))
            for which, found in trains(membrane, in_tile, neuron, events.duration, xp=xp):
                pattern = which % len(part) + b.start
                pairs.append(pattern * n_outputs + which // len(part) + o.start)
                times.append(found)
    pair = xp.concat([xp.astype(p, integer) for p in pairs])
    time = xp.concat(times)
    order = xp.argsort(pair, stable=True)  # the spikes of a pair come in their order
    pair, time = xp.take(pair, order), xp.take(time, order)
    starts = starts_of(pair, len(events) * n_outputs, integer, xp)
    counts = xp.reshape(starts[1:] - starts[:-1], (len(events), n_outputs))
    counts = xp.where(xp.isnan(first), xp.zeros_like(counts), counts)
    if max_spikes is not None:
        place = xp.arange(pair.shape[0], dtype=integer, device=device) - xp.take(starts, pair)
        (kept,) = xp.nonzero(place < max_spikes)
        pair, time = xp.take(pair, kept), xp.take(time, kept)
    return pair, time, counts


def trains(
    membrane: Membrane, first: Array, neuron: Neuron, duration: float, *, xp: Any
) -> list[tuple[Array, Array]]:
    """Spikes of every pair of a tile, pass after pass.

    Parameters
    ----------
    membrane : Membrane
        Of O outputs and B patterns.
    first : array, shape (O, B)
        First output spikes, inf where there are none, NaN where they are not known.
    neuron : Neuron
    duration : float

    Returns
    -------
    list of (integer array, array)
        Positions, in a flattened [O, B], of the pairs that spike once more, and when they do.
    """
    time = xp.reshape(first, (-1,))
    (which,) = xp.nonzero(time != float("inf"))
    found = [(which, xp.take(time, which))]
    (which,) = xp.nonzero(xp.isfinite(time))
    time = xp.take(time, which)
    if which.shape[0] == 0:
        return found
    rows = rows_of(membrane, which, xp=xp)
    last = spike_at(rows, time, neuron, xp=xp)
    while True:
        time, spike = next_spike(rows, last, neuron, duration, False, xp=xp)
        (hit,) = xp.nonzero(xp.isfinite(time))
        if hit.shape[0] == 0:
            return found
        if bool(xp.any(xp.take(time, hit) <= xp.take(last.time, hit))):
            raise too_close(time.dtype)
        which, time = xp.take(which, hit), xp.take(time, hit)
        rows, last = rows_of(rows, hit, xp=xp), spike.take(hit, xp=xp)
        found.append((which, time))


def _padded(
    events: Events, weight: Array, neuron: Neuron, max_spikes: int, method: str, xp: Any
) -> OutputSpikes:
    """Make a fixed number of passes over all pairs."""
    first = first_crossing(events, weight, neuron, method=method)
    n_patterns, n_outputs = len(events), weight.shape[0]
    membrane = integrate(events, with_nobody(weight), neuron.kernel, static=True)
    pairs = xp.arange(n_outputs * n_patterns, device=device_of(weight))
    rows = rows_of(membrane, pairs, xp=xp)
    time = xp.reshape(xp.permute_dims(first, (1, 0)), (-1,))
    found = [time]
    last = spike_at(rows, xp.where(xp.isfinite(time), time, 0.0), neuron, xp=xp)
    for _ in range(max_spikes - 1):
        following, spike = next_spike(rows, last, neuron, events.duration, True, xp=xp)
        # a train that has ended stays so
        time = xp.where(xp.isfinite(time), following, float("inf"))
        found.append(time)
        last = spike
    times = xp.reshape(xp.stack(found, axis=-1), (n_outputs, n_patterns, max_spikes))
    times = xp.permute_dims(times, (1, 0, 2))
    integer = xpx.default_dtype(xp, "indexing", device=device_of(weight))
    counts = xp.sum(xp.astype(xp.isfinite(times), integer), axis=-1, dtype=integer)
    return OutputSpikes(times, counts)
