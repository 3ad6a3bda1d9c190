"""The membrane potential of a neuron that is reset at its output spikes."""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import clip
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.grouping import by_groups
from ..neuron import Neuron
from ..readouts.voltage import checked_times, voltage
from .arguments import check_spike_times, check_spiking

__all__ = ["voltage_with_resets"]

Array = Any


@by_groups("spike_times")
@under_own_settings
def voltage_with_resets(
    events: Events, weight: Array, neuron: Neuron, spike_times: Array, times: Array
) -> Array:
    r"""Membrane potential at given times, with the resets at output spikes.

    .. math:: V(t) = V_0(t) - \vartheta \sum_{t_k < t} e^{-(t - t_k)/\tau}

    Parameters
    ----------
    events, weight, neuron
        As given to :func:`output_spikes`.
    spike_times : array, shape (B, O, S)
        ``times`` of what it returned for them.
    times : array, shape (T,)
        As for :func:`voltage`.

    Returns
    -------
    array, shape (B, O, T)
        In the unit of ``v_threshold`` and the dtype of the weights: ``v_threshold`` at an output
        spike, 0 just after it.  Under autodiff it follows weights, input and output spikes.

    Raises
    ------
    TypeError, ValueError
        As :func:`output_spikes` and :func:`voltage`.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron
    >>> from tempotron_core.spiking import output_spikes, voltage_with_resets
    >>> events = Events.from_latencies(np.asarray([[10.0]]), duration=200.0)
    >>> weight, neuron = np.asarray([[3.0]]), Neuron(20.0, 5.0)
    >>> spikes = output_spikes(events, weight, neuron)
    >>> times = np.asarray([11.0, 12.0, 20.0, 60.0])
    >>> print(voltage_with_resets(events, weight, neuron, spikes.times, times).round(3))
    [[[0.841 0.527 0.853 0.075]]]
    """
    xp = check_spiking(events, weight, neuron)
    check_spike_times("spike_times", spike_times, events, weight, xp=xp)
    v = voltage(events, weight, neuron, times)
    times = checked_times("times", events, times, "static", xp)[None, None, :]
    memory = neuron.kernel.memory(weight.dtype, xp=xp)
    for k in range(spike_times.shape[2]):
        spike = spike_times[:, :, k][..., None]
        fired = xp.isfinite(spike)
        elapsed = times - xp.where(fired, spike, 0.0)
        x = xp.astype(clip(elapsed, 0.0, memory, xp=xp), weight.dtype)
        left = neuron.v_threshold * xp.exp(x * (-1.0 / neuron.tau))
        v = v - xp.where(fired & (elapsed > 0.0), left, 0.0)
    return v
