r"""Weights to start learning from, such that every neuron has something to learn from.

A neuron that never reaches threshold passes no spike on and gets no gradient; one that fires at
once for every pattern tells nothing apart.  Weights are therefore drawn at random and each
neuron's are then scaled by what it does with some of the data: multiplying them by a positive
factor multiplies its potentials by it, so the factor that makes a chosen part of the patterns
exceed the threshold is known at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays.namespace import device_of
from ..arrays.numbers import check_generator, positive_float, whole_number
from ..arrays.settings import under_own_settings
from ..encoding.clock import clock_times, with_clock
from ..events import Events
from ..neuron import Neuron
from ..readouts.arguments import check_readout
from ..readouts.peak import peak
from .layers import hidden_sizes
from .network import Network

__all__ = ["fire_like", "initial_network", "scale_to_fire"]

Array = Any


@under_own_settings
def scale_to_fire(
    events: Events, weight: Array, neuron: Neuron, *, fraction: float, potential: float = 1.0
) -> Array:
    """Scale each neuron's weights so that its potential exceeds a level in a part of the patterns.

    Parameters
    ----------
    events : Events
        Some hundred patterns of the kind to be learned.
    weight : array, shape (O, N)
    neuron : Neuron
        With ``shunt=False``: a shunted potential is not proportional to the weights.
    fraction : float
        Part of the patterns whose largest potential exceeds the level, from 0 to 1 (exclusive),
        rounded down to whole patterns.  With 0 the largest of all reaches it, to rounding.
    potential : float, default 1.0
        The level, in units of the threshold.

    Returns
    -------
    array, shape (O, N)
        A neuron that no pattern drives above rest in that part is turned over (its weights change
        sign) before it is scaled, and left as it was if that does not help.  Potentials of no more
        than rounding error are at rest.

    Raises
    ------
    TypeError
        If an argument has the wrong type, or arrays come from different libraries.
    ValueError
        If shapes do not fit, there are no patterns, the neuron is shunted, or a number is out of
        range.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron, peak
    >>> rng = np.random.default_rng(0)
    >>> events = Events.from_latencies(rng.uniform(0.0, 50.0, (200, 30)), 50.0)
    >>> weight = scale_to_fire(events, rng.normal(size=(4, 30)), Neuron(), fraction=0.3)
    >>> (peak(events, weight, Neuron()).v_max > 1.0).mean(axis=0)
    array([0.3, 0.3, 0.3, 0.3])
    """
    xp = check_readout(events, weight, neuron)
    potential = positive_float("potential", potential)
    if neuron.shunt:
        raise ValueError("neuron must have shunt=False to be scaled, got shunt=True")
    fraction = positive_float("fraction", fraction, or_zero=True)
    if fraction >= 1.0:
        raise ValueError(f"fraction must be from 0 to 1 (exclusive), got {fraction!r}")
    if len(events) == 0:
        raise ValueError("events must hold at least one pattern, got none")
    rank = len(events) - 1 - min(int(fraction * len(events)), len(events) - 1)
    # scaled up, a rounding error would become the potential
    rounding = float(xp.finfo(weight.dtype).eps) * neuron.kernel.psp_peak
    noise = 32.0 * rounding * xp.sum(xp.abs(weight), axis=1)

    def drive_of(weight: Array) -> Array:
        # between two patterns, lest one is at the level itself and rounding decides on it
        ordered = xp.sort(peak(events, weight, neuron).v_max, axis=0)
        return 0.5 * (ordered[rank, :] + ordered[min(rank + 1, len(events) - 1), :])

    drive = drive_of(weight)
    turned = ~(drive > noise)
    drive = xp.where(turned, drive_of(-weight), drive)
    driven = drive > noise
    level = xp.full(
        drive.shape, potential * neuron.v_threshold, dtype=drive.dtype, device=device_of(drive)
    )
    factor = xp.where(driven, level / xp.where(driven, drive, level), xp.ones_like(drive))
    factor = xp.where(turned & driven, -factor, factor)
    return weight * factor[:, None]


def initial_network(
    events: Events,
    hidden: Sequence[int],
    n_outputs: int,
    neuron: Neuron | Sequence[Neuron],
    rng: np.random.Generator,
    *,
    dtype: Any = None,
    fraction: float = 0.3,
    output_potential: float = 0.5,
    output_spread: float = 0.1,
    clock: Any = None,
    **options: Any,
) -> Network:
    """Draw a network whose hidden neurons fire and whose outputs start just below threshold.

    Weights are drawn from normal distributions on the host, so that every backend starts from the
    same.  Hidden layers, one after the other: standard deviation 1 and a mean as large as lets a
    neuron rise on the sum of its inputs, then `scale_to_fire`.  Outputs: all weights nearly equal
    and positive, then scaled so that even the largest potential reaches only a part of the
    threshold.  This silent start lets every output see every pattern, and first learn which to
    fire for.

    Parameters
    ----------
    events : Events
        Some hundred patterns of the kind to be learned.
    hidden : sequence of int
        Neurons of each hidden layer; empty for a single layer.
    n_outputs : int
    neuron : Neuron or sequence of Neuron
        Constants of all layers, or of each.
    rng : numpy.random.Generator
    dtype : dtype, optional
        Of the weights; by default that of the events.
    fraction : float, default 0.3
        Part of the patterns for which a hidden neuron fires.
    output_potential : float, default 0.5
        Largest potential of an output, in units of the threshold.
    output_spread : float, default 0.1
        Standard deviation of the output weights, relative to their mean.
    clock : 'tau', float, sequence of float, or None
        Afferents that fire in every pattern at fixed times, beside those of the events: see
        `tempotron_core.encoding.clock_times`, and `Network`.
    **options
        ``pass_on``, ``reference_times``, ``min_slope`` of `Network`.

    Returns
    -------
    Network
        With weights in the library and on the device of the events.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a number is out of range.
    """
    check_generator(rng)
    if not isinstance(events, Events):
        raise TypeError(f"events must be an Events, got {type(events).__name__}")
    if len(events) == 0:
        raise ValueError("events must hold at least one pattern, got none")
    output_spread = positive_float("output_spread", output_spread, or_zero=True)
    output_potential = positive_float("output_potential", output_potential)
    sizes = [*hidden_sizes(hidden), whole_number("n_outputs", n_outputs)]
    xp = events.xp
    dtype = events.like.dtype if dtype is None else dtype
    if dtype not in (xp.float32, xp.float64):
        raise TypeError(f"dtype must be float32 or float64 of the events' library, got {dtype!r}")
    if not isinstance(neuron, Neuron | Sequence):
        raise TypeError(
            f"neuron must be a Neuron or a sequence of them, got {type(neuron).__name__}"
        )
    neurons = (neuron,) * len(sizes) if isinstance(neuron, Neuron) else tuple(neuron)
    if len(neurons) != len(sizes):
        raise ValueError(
            f"neuron must be one Neuron or one per layer, got {len(neurons)} for {len(sizes)}"
        )
    times = clock_times(clock, events.duration, neurons[0])
    events = with_clock(events, times)
    weights: list[Array] = []
    for layer, size in enumerate(sizes):
        last = layer == len(sizes) - 1
        mean_spikes = max(float(xp.mean(xp.astype(events.counts, events.like.dtype))), 1.0)
        # the sum of n random inputs is of order sqrt(n): a mean of that order is felt beside it
        mean, spread = (1.0, output_spread) if last else (1.0 / math.sqrt(mean_spikes), 1.0)
        drawn = rng.normal(mean, spread, (size, events.n_afferents))
        drawn = drawn.astype(np.float32 if dtype == xp.float32 else np.float64)
        weight = xp.asarray(drawn, device=events.device)
        if weight.dtype != dtype:
            raise ValueError(
                f"dtype must be one that {xp.__name__} can hold, got {dtype} "
                f"(JAX needs jax_enable_x64 for float64)"
            )
        weights.append(
            scale_to_fire(
                events,
                weight,
                neurons[layer],
                fraction=0.0 if last else fraction,
                potential=output_potential if last else 1.0,
            )
        )
        if not last:
            events = _passed_on(events, weights[-1], neurons[layer], options)
    return Network(weights, neurons, clock=times, **options)


def fire_like(
    network: Network, events: Events, *, fraction: float = 0.3, output_potential: float = 0.5
) -> Network:
    """Scale a network's weights to patterns, layer after layer, to the start of `initial_network`.

    Parameters
    ----------
    network : Network
        Random weights of any scale.
    events : Events
        Some hundred patterns of the kind to be learned.
    fraction : float, default 0.3
        Part of the patterns for which a hidden neuron fires.
    output_potential : float, default 0.5
        Largest potential of an output, in units of the threshold.

    Returns
    -------
    Network
        Each neuron's weights are multiplied by one number, see `scale_to_fire`.

    Raises
    ------
    TypeError
        If an argument has the wrong type, or arrays come from different libraries.
    ValueError
        If shapes do not fit, there are no patterns, or a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Network, Neuron, fire_like
    >>> rng = np.random.default_rng(0)
    >>> events = Events.from_latencies(rng.uniform(0.0, 50.0, (200, 30)), 50.0)
    >>> network = Network([rng.normal(size=(40, 30)), rng.normal(size=(3, 40))], Neuron())
    >>> (hidden,) = fire_like(network, events).forward(events).hidden
    >>> print(np.isfinite(hidden).mean().round(3))
    0.3
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, got {type(network).__name__}")
    output_potential = positive_float("output_potential", output_potential)
    options = {name: getattr(network, name) for name in ("pass_on", "reference_times")}
    weights: list[Array] = []
    events = with_clock(events, network.clock)
    *hidden, outputs = network.weights
    for weight, neuron in zip(hidden, network.neurons[:-1], strict=True):
        weights.append(scale_to_fire(events, weight, neuron, fraction=fraction))
        events = _passed_on(events, weights[-1], neuron, options)
    neuron = network.neurons[-1]
    weights.append(scale_to_fire(events, outputs, neuron, fraction=0.0, potential=output_potential))
    return network.with_weights(weights)


def _passed_on(events: Events, weight: Array, neuron: Neuron, options: dict[str, Any]) -> Events:
    """Return what the layer after these weights receives; who receives it makes no difference."""
    n_inputs = weight.shape[0] + len(options.get("reference_times", ()))
    anyone = events.xp.zeros((1, n_inputs), dtype=weight.dtype, device=events.device)
    return Network([weight, anyone], neuron, **options).forward(events).inputs[1]
