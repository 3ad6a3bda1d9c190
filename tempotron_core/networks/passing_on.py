"""What hidden layers pass on: each neuron's first spike, its peak, or all of its spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..arrays.namespace import array_namespace, device_of
from ..events import Events
from ..events.batch import from_latencies, from_trains
from ..neuron import Neuron
from ..readouts.crossing import first_crossing
from ..readouts.crossing_gradient import first_crossing_vjp
from ..readouts.gradient import Gradient, GradientWithConstants
from ..readouts.peak import peak
from ..readouts.peak_gradient import peak_vjp
from ..spiking import output_spikes, output_spikes_vjp

__all__ = ["first_spikes", "passed_on", "respond", "respond_vjp", "spikes_passed_on"]

Array = Any

PASS_ON = ("first_crossing", "peak", "spikes")


def respond(
    events: Events, weight: Array, neuron: Neuron, pass_on: str, max_spikes: int | None
) -> Any:
    """Return what a hidden layer does: spike times [B, O], a `Peak`, or `OutputSpikes`."""
    if pass_on == "peak":
        return peak(events, weight, neuron)
    if pass_on == "spikes":
        return output_spikes(events, weight, neuron, max_spikes=max_spikes)
    return first_crossing(events, weight, neuron)


def spikes_passed_on(found: Any, neuron: Neuron, pass_on: str) -> Array:
    """Return all that a layer passes on, [B, O] or [B, O, S], inf where there is no spike."""
    if pass_on == "spikes":
        return found.times
    if pass_on != "peak":
        return found
    xp = array_namespace(t_max=found.t_max)
    spikes = xp.where(found.v_max > neuron.v_threshold, found.t_max, float("inf"))
    # not silent but unknown, as a first crossing has it
    return xp.where(xp.isnan(found.v_max), float("nan"), spikes)


def first_spikes(spikes: Array) -> Array:
    """Return the first spike of each neuron [B, O], of what `spikes_passed_on` returned."""
    return spikes[:, :, 0] if spikes.ndim == 3 else spikes


def passed_on(
    spikes: Array, reference_times: Sequence[float], events: Events, layer: int
) -> Events:
    """Return a layer's spikes, and the reference spikes, as the input of the next one.

    Parameters
    ----------
    spikes : array, shape (B, O) or (B, O, S)
        What `spikes_passed_on` returned for the layer.
    reference_times : sequence of float
        Spike times of afferents beside the layer's outputs.
    events : Events
        What the network received.
    layer : int
        Its number, for errors.

    Returns
    -------
    Events
    """
    in_trains = spikes.ndim == 3
    if reference_times:
        xp, dtype, device = array_namespace(spikes=spikes), spikes.dtype, device_of(spikes)
        n_patterns = spikes.shape[0]
        reference = [
            xp.full((n_patterns, 1), t, dtype=dtype, device=device) for t in reference_times
        ]
        if in_trains:  # of one spike
            silent = (n_patterns, 1, spikes.shape[2] - 1)
            none = xp.full(silent, float("inf"), dtype=dtype, device=device)
            reference = [xp.concat([one[:, :, None], none], axis=2) for one in reference]
        spikes = xp.concat([spikes, *reference], axis=1)
    make = from_trains if in_trains else from_latencies
    made = make(f"spikes of layer {layer}", spikes, events.duration)
    return replace(made, _units=events._units)  # looked at where it came in


def respond_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    pass_on: str,
    found: Any,
    cotangent: Array,
    *,
    min_slope: float,
    times: bool,
) -> Gradient | GradientWithConstants:
    """Pull a cotangent of the spikes that a hidden layer passed on back to what made them.

    Parameters
    ----------
    events, weight, neuron, pass_on
        As given to `respond`.
    found
        What it returned.
    cotangent : array, shape (B, O) or (B, O, S)
        Derivative of the loss by the spike times, 0 where there is no spike.
    min_slope : float
        Bounds the gradient of grazing spikes; peaks have no such bound.
    times : bool
        Also return the gradient towards the spike times of the input.

    Returns
    -------
    Gradient
        A silent neuron has none.
    """
    if pass_on == "peak":
        nothing = array_namespace(v_max=found.v_max).zeros_like(found.v_max)
        return peak_vjp(events, weight, neuron, found, nothing, cotangent, times=times)
    if pass_on == "spikes":
        return output_spikes_vjp(
            events, weight, neuron, found.times, cotangent, times=times, min_slope=min_slope
        )
    return first_crossing_vjp(
        events, weight, neuron, found, cotangent, times=times, min_slope=min_slope
    )
