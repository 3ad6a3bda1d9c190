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

from .arguments import check_readout
from .events import Events
from .namespace import device_of
from .network import Network
from .neuron import Neuron, positive_float, whole_number
from .peak import peak

__all__ = ["initial_network", "scale_to_fire"]

Array = Any


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
        Part of the patterns whose largest potential exceeds the level, from 0 to 1 (exclusive), to
        within one pattern.  With 0 the largest of all reaches it and none exceeds it.
    potential : float, default 1.0
        The level, in units of the threshold.

    Returns
    -------
    array, shape (O, N)
        A neuron that no pattern drives above rest in that part is turned over (its weights change
        sign) before it is scaled, and left as drawn if that does not help.

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
    if not (isinstance(fraction, int | float) and 0.0 <= fraction < 1.0):
        raise ValueError(f"fraction must be a number from 0 to 1 (exclusive), got {fraction!r}")
    if len(events) == 0:
        raise ValueError("events must hold at least one pattern, got none")
    rank = len(events) - 1 - min(int(fraction * len(events)), len(events) - 1)
    for turned in (1.0, -1.0):
        drive = xp.sort(peak(events, weight, neuron).v_max, axis=0)[rank, :]
        at_rest = ~(drive > 0.0)
        if turned > 0.0:
            weight = xp.where(at_rest[:, None], -weight, weight)
    level = xp.full(
        drive.shape, potential * neuron.v_threshold, dtype=drive.dtype, device=device_of(drive)
    )
    factor = xp.where(at_rest, xp.ones_like(drive), level / xp.where(at_rest, level, drive))
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
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    if not isinstance(events, Events):
        raise TypeError(f"events must be an Events, got {type(events).__name__}")
    output_spread = positive_float("output_spread", output_spread, or_zero=True)
    sizes = [whole_number("hidden", size) for size in hidden]
    sizes.append(whole_number("n_outputs", n_outputs))
    xp = events.xp
    dtype = events.times.dtype if dtype is None else dtype
    neurons = (neuron,) * len(sizes) if isinstance(neuron, Neuron) else tuple(neuron)
    if len(neurons) != len(sizes):
        raise ValueError(
            f"neuron must be one Neuron or one per layer, got {len(neurons)} for {len(sizes)}"
        )
    weights: list[Array] = []
    for layer, size in enumerate(sizes):
        last = layer == len(sizes) - 1
        mean_spikes = max(float(xp.mean(xp.astype(events.counts, dtype))), 1.0)
        # the sum of n random inputs is of order sqrt(n): a mean of that order is felt beside it
        mean, spread = (1.0, output_spread) if last else (1.0 / math.sqrt(mean_spikes), 1.0)
        drawn = rng.normal(mean, spread, (size, events.n_afferents))
        drawn = drawn.astype(np.float32 if dtype == xp.float32 else np.float64)
        weight = xp.asarray(drawn, device=events.device)
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
            # what the next layer receives; who receives it makes no difference
            n_inputs = size + len(options.get("reference_times", ()))
            anyone = xp.zeros((1, n_inputs), dtype=dtype, device=events.device)
            events = (
                Network([weights[-1], anyone], neurons[layer], **options).forward(events).inputs[1]
            )
    return Network(weights, neurons, **options)
