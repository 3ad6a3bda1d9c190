r"""One output spike after the other, for many pairs of a pattern and an output at once.

The potential of a neuron that is reset at its output spikes :math:`t_1 < t_2 < \dots` is

.. math:: V(t) = V_0(t) - \theta \sum_{t_j < t} e^{-(t - t_j)/\tau}

with :math:`V_0` the potential without resets.  A reset is itself a state of the membrane: with
``R`` the sum of all resets at the last output spike, ``R exp(-(t - t_R)/tau)`` is taken from the
potential, and where tau is the *faster* of the two constants it is, in the terms of
`Kernel` (which knows a slow and a fast one),

.. math:: R e^{-x/\tau} = R e^{-x/\tau_{slow}} - \frac{R \beta}{\kappa} K(x),

so that :math:`R \beta/\kappa` is added to the synaptic sum.  Either way what follows a spike is an
ordinary membrane, and the next spike is the first crossing of that.  All sums are referred to the
last spike: a common origin would overflow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..arrays.candidates import pick
from ..arrays.namespace import clip, device_of
from ..membrane.integration import Membrane
from ..neuron import Neuron
from ..readouts.crossing import crossing

__all__ = [
    "LastSpike",
    "after_spike",
    "decayed",
    "next_spike",
    "scaled",
    "since",
    "spike_at",
    "turn",
]

Array = Any


@dataclass(frozen=True)
class LastSpike:
    """The last output spike of P pairs.

    Attributes
    ----------
    event : integer array, shape (P,)
        Input event that starts the interval it lies in.
    time : array, shape (P,)
        In the dtype of the events.
    resets : array, shape (P,)
        Sum of all resets at that time, its own included.
    s : array, shape (P,)
        Synaptic sum just after it.
    """

    event: Array
    time: Array
    resets: Array
    s: Array

    def take(self, index: Array, *, xp: Any) -> LastSpike:
        """Those of some pairs."""
        return LastSpike(*(xp.take(a, index) for a in (self.event, self.time, self.resets, self.s)))


def since(rows: Membrane, last: LastSpike, neuron: Neuron, duration: float, *, xp: Any) -> Membrane:
    """Membrane of P pairs from their last output spike on.

    The spike takes the place of the event before it, with a potential of exactly 0; earlier events
    are at rest.
    """
    n_events = rows.times.shape[1]
    dtype = rows.v.dtype
    position = xp.arange(n_events, dtype=last.event.dtype, device=device_of(last.event))[None, :]
    here, later = position == last.event[:, None], position > last.event[:, None]
    left = last.resets[:, None] * decayed(rows.times - last.time[:, None], neuron, dtype, xp=xp)
    v = xp.where(later, rows.v[0, ...] - left, 0.0)
    s = rows.s[0, ...] + left * turn(neuron)
    s = xp.where(later, s, xp.where(here, last.s[:, None], 0.0))
    times = xp.where(here, last.time[:, None], rows.times)
    end = xp.full((times.shape[0], 1), duration, dtype=times.dtype, device=device_of(times))
    following = xp.concat([rows.times[:, 1:], end], axis=1)
    gap = xp.where(here, xp.astype(following - times, dtype), rows.gap)
    v_end = rows.v_end[0, :] - last.resets * decayed(duration - last.time, neuron, dtype, xp=xp)
    return Membrane(times, gap, v[None, ...], s[None, ...], v_end[None, :], rows.sparse)


def spike_at(rows: Membrane, time: Array, neuron: Neuron, *, xp: Any) -> LastSpike:
    """Describe the first output spikes of P pairs, at times [P] that are known."""
    before = xp.sum(xp.astype(rows.times < time[:, None], xp.int32), axis=1)
    return after_spike(rows, xp.where(before > 0, before - 1, 0), time, None, neuron, xp=xp)


def after_spike(
    membrane: Membrane,
    event: Array,
    time: Array,
    last: LastSpike | None,
    neuron: Neuron,
    *,
    xp: Any,
) -> LastSpike:
    """Describe the spikes at ``time`` [P], in the intervals ``event`` [P] of ``membrane``."""
    kernel, dtype = neuron.kernel, membrane.v.dtype
    s, start = (pick(a, event[None, :], xp=xp)[0, :] for a in (membrane.s, membrane.times))
    elapsed = xp.astype(clip(time - start, 0.0, kernel.memory(dtype, xp=xp), xp=xp), dtype)
    s = s * xp.exp(elapsed * (-1.0 / kernel.fast)) + neuron.v_threshold * turn(neuron)
    resets = xp.full(s.shape, neuron.v_threshold, dtype=dtype, device=device_of(s))
    if last is not None:
        resets = resets + last.resets * decayed(time - last.time, neuron, dtype, xp=xp)
    return LastSpike(event, time, resets, s)


def next_spike(
    rows: Membrane,
    last: LastSpike | None,
    neuron: Neuron,
    duration: float,
    static: bool,
    *,
    xp: Any,
) -> tuple[Array, LastSpike]:
    """Return the next output spike's time [P], inf where there is none, and its description.

    The description is meaningless where there is none.
    """
    membrane = rows if last is None else since(rows, last, neuron, duration, xp=xp)
    interval, time = (a[0, :] for a in crossing(membrane, neuron, duration, static, xp=xp))
    fires = xp.isfinite(time)
    event = xp.where(fires, interval, 0)
    at = xp.where(fires, time, 0.0)
    return time, after_spike(membrane, event, at, last, neuron, xp=xp)


def scaled(rows: Membrane, factor: Array) -> Membrane:
    """Potentials and sums of P pairs, each times a factor [P]."""
    v, s = (a * factor[None, :, None] for a in (rows.v, rows.s))
    return replace(rows, v=v, s=s, v_end=rows.v_end * factor[None, :])


def turn(neuron: Neuron) -> float:
    """What a reset of 1 adds to the synaptic sum in the terms of the kernel."""
    return neuron.reset_excess / neuron.kernel.rise


def decayed(elapsed: Array, neuron: Neuron, dtype: Any, *, xp: Any) -> Array:
    """What is left of a reset after that time; all of it before."""
    memory = neuron.kernel.memory(dtype, xp=xp)
    elapsed = xp.astype(clip(elapsed, 0.0, memory, xp=xp), dtype)
    return xp.exp(elapsed * (-1.0 / neuron.tau))
