"""The multi-spike neuron with a delay for every synapse, and the gradients towards the delays.

As in `delays`, each output neuron sees patterns of its own, and they are worked on one at a time.
"""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import device_of
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.grouping import by_groups
from ..neuron import Neuron
from ..readouts.arguments import check_output
from ..readouts.dispatch import constant
from ..readouts.gradient import Gradient, GradientWithConstants, added
from ..spiking import (
    CriticalThreshold,
    OutputSpikes,
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)
from ..spiking.arguments import check_spike_times, check_spikes_again, per_pair, spikes_asked
from ..spiking.layout import joined_spikes
from .delays import DelayGradient, by_output, check_synapses, shifted

__all__ = [
    "critical_threshold_with_delays",
    "critical_threshold_with_delays_vjp",
    "output_spikes_with_delays",
    "output_spikes_with_delays_vjp",
]

Array = Any


@by_groups(join=joined_spikes)
@under_own_settings
def output_spikes_with_delays(
    events: Events, weight: Array, delay: Array, neuron: Neuron, *, max_spikes: int | None = None
) -> OutputSpikes:
    """Every output spike, with a delay for every synapse.

    Parameters
    ----------
    events : Events
        B patterns on N afferents, before any delay.
    weight, delay : array, shape (O, N)
        As for :func:`tempotron_core.peak_with_delays`.
    neuron, max_spikes
        As for :func:`tempotron_core.spiking.output_spikes`.

    Returns
    -------
    OutputSpikes

    Raises
    ------
    TypeError, ValueError
        As :func:`tempotron_core.spiking.output_spikes`, and if delays do not fit or are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron, output_spikes_with_delays
    >>> events = Events.from_latencies(np.asarray([[1.0, 9.0]]), duration=50.0)
    >>> weight, delay = np.asarray([[1.2, 1.2], [1.2, 1.2]]), np.asarray([[0.0, 0.0], [8.0, 0.0]])
    >>> output_spikes_with_delays(events, weight, delay, Neuron()).counts
    array([[2, 3]])
    """
    xp, delay = _checked(events, weight, delay, neuron)
    if weight.shape[0] == 0:
        return output_spikes(events, weight, neuron, max_spikes=max_spikes)
    found = [
        output_spikes(
            shifted(events, delay[o, :], xp), weight[o : o + 1, :], neuron, max_spikes=max_spikes
        )
        for o in range(weight.shape[0])
    ]
    width = max(each.times.shape[2] for each in found)
    times = [_wider(each.times, width, xp) for each in found]
    return OutputSpikes(
        xp.concat(times, axis=1), xp.concat([each.counts for each in found], axis=1)
    )


@by_groups("spike_times", "cotangent", join=added)
@constant
def output_spikes_with_delays_vjp(
    events: Events,
    weight: Array,
    delay: Array,
    neuron: Neuron,
    spike_times: Array,
    cotangent: Array,
    *,
    min_slope: float = 0.0,
) -> DelayGradient:
    """Pull a cotangent of output spike times back to weights and delays.

    Parameters
    ----------
    events, weight, delay, neuron
        As given to :func:`output_spikes_with_delays`.
    spike_times, cotangent : array, shape (B, O, S)
        The times that it returned, and the derivative of the loss by them.
    min_slope : float, default 0.0
        As for :func:`tempotron_core.spiking.output_spikes_vjp`.

    Returns
    -------
    DelayGradient

    Raises
    ------
    TypeError, ValueError
        As :func:`output_spikes_with_delays`, and if times or cotangent do not fit.
    """
    xp, delay = _checked(events, weight, delay, neuron)
    for name, array in (("spike_times", spike_times), ("cotangent", cotangent)):
        check_spike_times(name, array, events, weight, xp=xp)

    def of_output(seen: Events, one: slice) -> Gradient | GradientWithConstants:
        given = spike_times[:, one, :], cotangent[:, one, :]
        return output_spikes_vjp(
            seen, weight[one, :], neuron, *given, times=True, min_slope=min_slope
        )

    return by_output(of_output, events, weight, delay, xp=xp)


@by_groups("k", "where")
@under_own_settings
def critical_threshold_with_delays(
    events: Events,
    weight: Array,
    delay: Array,
    neuron: Neuron,
    k: int | Array,
    *,
    where: Array | None = None,
    most: int | None = None,
) -> CriticalThreshold:
    """Threshold below which a neuron spikes k times or more, with a delay for every synapse.

    Parameters
    ----------
    events, weight, delay, neuron
        As for :func:`output_spikes_with_delays`.
    k, where, most
        As for :func:`tempotron_core.spiking.critical_threshold`.

    Returns
    -------
    CriticalThreshold

    Raises
    ------
    TypeError, ValueError
        As :func:`tempotron_core.spiking.critical_threshold`, and if delays do not fit or are not
        finite.
    """
    xp, delay = _checked(events, weight, delay, neuron)
    if weight.shape[0] == 0:
        return critical_threshold(events, weight, neuron, k, where=where, most=most)
    spikes_asked(k, where, events, weight, xp=xp)  # an error before any work
    of_all: Array = k
    found = []
    for o in range(weight.shape[0]):
        one = slice(o, o + 1)
        asked = of_all[:, one] if per_pair(k) else k
        looked_at = None if where is None else where[:, one]
        seen = shifted(events, delay[o, :], xp)
        found.append(
            critical_threshold(seen, weight[one, :], neuron, asked, where=looked_at, most=most)
        )
    return CriticalThreshold(*(xp.concat(list(a), axis=1) for a in zip(*found, strict=True)))


@by_groups("critical", "cotangent", join=added)
@constant
def critical_threshold_with_delays_vjp(
    events: Events,
    weight: Array,
    delay: Array,
    neuron: Neuron,
    critical: CriticalThreshold,
    cotangent: Array,
    *,
    most: int | None = None,
) -> DelayGradient:
    """Pull a cotangent of critical thresholds back to weights and delays.

    Parameters
    ----------
    events, weight, delay, neuron
        As given to :func:`critical_threshold_with_delays`.
    critical : CriticalThreshold
        What it returned.
    cotangent : array, shape (B, O)
        Derivative of the loss by ``theta``.
    most : int, optional
        As for :func:`tempotron_core.spiking.critical_threshold_vjp`.

    Returns
    -------
    DelayGradient

    Raises
    ------
    TypeError, ValueError
        As :func:`critical_threshold_with_delays`, and if ``critical`` or the cotangent do not fit.
    """
    xp, delay = _checked(events, weight, delay, neuron)
    if not isinstance(critical, CriticalThreshold):
        raise TypeError(
            "critical must be a CriticalThreshold (what critical_threshold_with_delays returned), "
            f"got {type(critical).__name__}"
        )
    check_output("critical.theta", critical.theta, events, weight)
    check_output("cotangent", cotangent, events, weight)

    def of_output(seen: Events, one: slice) -> Gradient | GradientWithConstants:
        own = CriticalThreshold(*(array[:, one] for array in critical))
        return critical_threshold_vjp(
            seen, weight[one, :], neuron, own, cotangent[:, one], times=True, most=most
        )

    return by_output(of_output, events, weight, delay, xp=xp)


def _checked(events: Events, weight: Array, delay: Array, neuron: Neuron) -> tuple[Any, Array]:
    """Return the namespace and the delays in the dtype of the times."""
    found = check_synapses(events, weight, delay, neuron)
    check_spikes_again(neuron)
    return found


def _wider(times: Array, width: int, xp: Any) -> Array:
    """Pad trains [B, 1, S] to a width."""
    missing = (*times.shape[:2], width - times.shape[2])
    if not missing[2]:
        return times
    silent = xp.full(missing, float("inf"), dtype=times.dtype, device=device_of(times))
    return xp.concat([times, silent], axis=2)
