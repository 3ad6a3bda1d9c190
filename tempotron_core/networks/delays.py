r"""Conduction delays, and their gradients from those of the spike times.

A spike that afferent i sends at :math:`t_f` arrives at :math:`t_f + d_i`, so

.. math:: \frac{dL}{dd_i} = \sum_{f: i_f = i} \frac{dL}{dt_f}

over all patterns.  With a delay for every synapse, :math:`d_{oi}`, each output neuron sees
patterns of its own: they are made, sorted and worked on for one neuron at a time.  That costs O
sorts of all spikes, and as many again for the gradient, where one delay per afferent costs one
and none; memory does not grow with O.

A spike that is delayed past the duration, or advanced to before 0, is lost.  As a delay passes
that point the potential stays continuous at the end (K(0) = 0) but not at the start, and a lost
spike has no gradient that would bring it back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ..arrays.index_sum import index_sum
from ..arrays.namespace import (
    array_namespace,
    check_floating,
    check_same_device,
    known_int,
    known_true,
    zeros,
)
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.grouping import by_groups
from ..events.rearranging import resorted
from ..neuron import Neuron
from ..readouts.arguments import check_output, check_readout
from ..readouts.dispatch import constant
from ..readouts.gradient import Gradient, GradientWithConstants, added
from ..readouts.peak import Peak, peak
from ..readouts.peak_gradient import peak_vjp

__all__ = [
    "DelayGradient",
    "by_output",
    "check_synapses",
    "delay_gradient",
    "delayed",
    "peak_with_delays",
    "peak_with_delays_vjp",
    "shifted",
]

Array = Any


class DelayGradient(NamedTuple):
    """Gradient of a loss.

    Attributes
    ----------
    weight, delay : array, shape (O, N)
    """

    weight: Array
    delay: Array


@by_groups()
@under_own_settings
def delayed(events: Events, delay: Array) -> Events:
    """Let every spike arrive later by the delay of its afferent.

    Differentiable by the framework's autodiff where :func:`peak` is.

    Parameters
    ----------
    events : Events
        B patterns on N afferents, made and sliced in any way.
    delay : array, shape (N,)
        In the unit of the spike times; may be negative.  Float32 or float64, converted to the
        dtype of the times; not checked for NaN under tracing.

    Returns
    -------
    Events
        Sorted anew.  Spikes past the duration or before 0 are lost.  It keeps the layout of
        ``events``: a gradient towards its spike times has the shape it had.

    Raises
    ------
    TypeError
        If ``events`` is no Events, or ``delay`` has the wrong dtype or library.
    ValueError
        If shape or device do not fit, or a delay is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0, 9.0]]), duration=10.0)
    >>> delayed(events, np.asarray([4.0, 1.0, 2.0])).to_latencies()
    array([[ 5.,  4., inf]])
    """
    xp = _check_delay(events, delay, (getattr(events, "n_afferents", 0),))
    return shifted(events, xp.astype(delay, events.times.dtype), xp)


@under_own_settings
def delay_gradient(delayed_events: Events, time_gradient: Array) -> Array:
    """Sum a gradient towards spike times over the spikes of each afferent.

    Parameters
    ----------
    delayed_events : Events
        What :func:`delayed` returned.
    time_gradient : array, shape (B, N), (B, N, S) or (E,)
        ``peak_vjp(delayed_events, ..., times=True).times``, or that of another readout.

    Returns
    -------
    array, shape (N,)
        Gradient towards the delays, in the dtype of ``time_gradient``.

    Raises
    ------
    TypeError
        If ``delayed_events`` is no Events, or the gradient has the wrong dtype or library.
    ValueError
        If shape or device do not fit.
    """
    xp = _check_events("delayed_events", delayed_events)
    named = {"delayed_events.times": delayed_events.times, "time_gradient": time_gradient}
    array_namespace(**named)
    check_same_device(**named)
    check_floating("time_gradient", time_gradient, xp=xp)
    shape: tuple[int | None, ...]
    if delayed_events.source_shape is None:
        shape = (known_int(xp.sum(delayed_events.source_lengths)),)
    else:
        shape = (len(delayed_events), *delayed_events.source_shape)
    if tuple(time_gradient.shape) != shape and not (shape == (None,) and time_gradient.ndim == 1):
        raise ValueError(f"time_gradient must have shape {shape}, got {tuple(time_gradient.shape)}")
    if delayed_events.source_shape is not None:
        axes = tuple(axis for axis in range(time_gradient.ndim) if axis != 1)
        return xp.sum(time_gradient, axis=axes)
    return _sum_of_lists(delayed_events, time_gradient, xp)


@by_groups()
@under_own_settings
def peak_with_delays(events: Events, weight: Array, delay: Array, neuron: Neuron) -> Peak:
    """Largest potential and its time, with a delay for every synapse.

    Works on one output neuron at a time, see the module's notes on cost.

    Parameters
    ----------
    events : Events
        B patterns on N afferents, before any delay.
    weight : array, shape (O, N)
        Synaptic weights, float32 or float64.
    delay : array, shape (O, N)
        Delay of each synapse, in the unit of the spike times; see :func:`delayed`.
    neuron : Neuron

    Returns
    -------
    Peak
        ``v_max`` and ``t_max``, each of shape (B, O).

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype, or arrays come from different libraries.
    ValueError
        If shapes or devices do not fit, or a delay is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> events = Events.from_latencies(np.asarray([[1.0, 9.0]]), duration=50.0)
    >>> weight, delay = np.asarray([[0.6, 0.6], [0.6, 0.6]]), np.asarray([[0.0, 0.0], [8.0, 0.0]])
    >>> print(peak_with_delays(events, weight, delay, Neuron()).v_max.round(3))
    [[1.07 1.2 ]]
    """
    xp, delay = check_synapses(events, weight, delay, neuron)
    if weight.shape[0] == 0:
        return peak(events, weight, neuron)
    found = [
        peak(shifted(events, delay[o, :], xp), weight[o : o + 1, :], neuron)
        for o in range(weight.shape[0])
    ]
    return Peak(*(xp.concat(list(arrays), axis=1) for arrays in zip(*found, strict=True)))


@by_groups("found", "v_cotangent", join=added)
@constant
def peak_with_delays_vjp(
    events: Events,
    weight: Array,
    delay: Array,
    neuron: Neuron,
    found: Peak,
    v_cotangent: Array,
) -> DelayGradient:
    """Pull a cotangent of the peaks back to weights and delays.

    Works on one output neuron at a time, see the module's notes on cost.

    Parameters
    ----------
    events, weight, delay, neuron
        As given to :func:`peak_with_delays`.
    found : Peak
        What it returned for them.
    v_cotangent : array, shape (B, O)
        Derivative of the loss by ``v_max``.

    Returns
    -------
    DelayGradient
        ``weight`` and ``delay``, each of shape (O, N).

    Raises
    ------
    TypeError, ValueError
        As :func:`peak_with_delays`, and if ``found`` or the cotangent does not fit.
    """
    xp, delay = check_synapses(events, weight, delay, neuron)
    if not isinstance(found, Peak):
        raise TypeError(
            f"found must be a Peak (what peak_with_delays() returned), got {type(found).__name__}"
        )
    for name, array in (
        ("found.v_max", found.v_max),
        ("found.t_max", found.t_max),
        ("v_cotangent", v_cotangent),
    ):
        check_output(name, array, events, weight)

    def of_output(seen: Events, one: slice) -> Gradient | GradientWithConstants:
        own = Peak(found.v_max[:, one], found.t_max[:, one])
        return peak_vjp(seen, weight[one, :], neuron, own, v_cotangent[:, one], times=True)

    return by_output(of_output, events, weight, delay, xp=xp)


def by_output(
    of_output: Callable[[Events, slice], Gradient | GradientWithConstants],
    events: Events,
    weight: Array,
    delay: Array,
    *,
    xp: Any,
) -> DelayGradient:
    """Collect the gradients of all outputs, each with delays of its own.

    Parameters
    ----------
    of_output : callable
        From what an output received, and the output as a slice, to its gradient, ``times``
        included.
    events, weight, delay
        As for :func:`peak_with_delays`, checked.
    """
    if weight.shape[0] == 0:
        return DelayGradient(xp.zeros_like(weight), xp.zeros_like(delay))
    to_weight, to_delay = [], []
    for o in range(weight.shape[0]):
        seen = shifted(events, delay[o, :], xp)
        gradient = of_output(seen, slice(o, o + 1))
        to_weight.append(gradient.weight)
        to_delay.append(delay_gradient(seen, gradient.times)[None, :])
    return DelayGradient(xp.concat(to_weight, axis=0), xp.concat(to_delay, axis=0))


def shifted(events: Events, delay: Array, xp: Any) -> Events:
    """Delay the spikes and sort them; ``delay`` [N] is in the dtype of the times."""
    of_spike = xp.concat([delay, zeros((1,), delay, xp=xp)])  # the last one is of padding
    of_spike = xp.take(of_spike, xp.reshape(events.afferents, (-1,)))
    times = events.times + xp.reshape(of_spike, events.times.shape)
    return resorted(events, xp.where(events.afferents < events.n_afferents, times, -1.0))


def _sum_of_lists(events: Events, values: Array, xp: Any) -> Array:
    """Sum values (E,) of spike lists over the spikes of each afferent, shape (N,)."""
    lengths: Array = events.source_lengths
    start = xp.cumulative_sum(lengths) - lengths
    entry = xp.astype(start, lengths.dtype)[:, None]
    entry = entry + xp.astype(events.order[:, : events.times.shape[1]], lengths.dtype)
    present = events.afferents < events.n_afferents  # padding has no entry, and nobody's bin
    entry = xp.reshape(xp.where(present, entry, 0), (-1,))
    if values.shape[0] == 0:
        return zeros((events.n_afferents,), values, xp=xp)
    bins = xp.reshape(events.afferents, (-1,))
    return index_sum(xp.take(values, entry), bins, events.n_afferents + 1)[:-1]


def _check_events(name: str, events: Events) -> Any:
    if not isinstance(events, Events):
        raise TypeError(f"{name} must be an Events, got {type(events).__name__}")
    return events.xp


def _check_delay(events: Events, delay: Array, shape: tuple[int, ...]) -> Any:
    """Return the namespace; raise unless the delays fit the events."""
    xp = _check_events("events", events)
    array_namespace(**{"events.times": events.times, "delay": delay})
    check_same_device(**{"events.times": events.times, "delay": delay})
    check_floating("delay", delay, xp=xp)
    if tuple(delay.shape) != shape:
        raise ValueError(f"delay must have shape {shape}, got {tuple(delay.shape)}")
    if math.prod(shape) and known_true(xp.any(~xp.isfinite(delay))):
        raise ValueError("delay must be finite, got NaN or infinite ones")
    return xp


def check_synapses(
    events: Events, weight: Array, delay: Array, neuron: Neuron
) -> tuple[Any, Array]:
    """Return the namespace and the delays [O, N] in the dtype of the times."""
    xp = check_readout(events, weight, neuron)
    _check_delay(events, delay, tuple(weight.shape))
    return xp, xp.astype(delay, events.times.dtype)
