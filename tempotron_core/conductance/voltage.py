"""The potential of the conductance-based neuron at given times."""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import array_namespace, check_same_device
from ..arrays.settings import under_own_settings
from ..events import Events
from ..membrane.integration import Membrane
from ..membrane.sampling import locate, picked
from ..membrane.tiles import map_tiles
from .arguments import check_arguments
from .course import course, moments
from .neuron import ConductanceNeuron

__all__ = ["voltage"]

Array = Any


@under_own_settings
def voltage(
    events: Events, gain: Array, excitatory: Array, neuron: ConductanceNeuron, times: Array
) -> Array:
    """Potential at given times, to the precision of the gains.

    Parameters
    ----------
    events : Events
        B patterns on N afferents.
    gain : array, shape (O, N)
        What a spike adds to its afferent's conductance, per unit of time; not negative.
    excitatory : bool array, shape (N,)
        Which afferents are excitatory; the others inhibit.
    neuron : ConductanceNeuron
    times : array, shape (T,)
        In the dtype of the events.

    Returns
    -------
    array, shape (B, O, T)

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype, or arrays come from different libraries.
    ValueError
        If shapes or devices do not fit, or a gain is negative or not known.

    Examples
    --------
    Excitation drives the potential towards its reversal potential, and no further:

    >>> import numpy as np
    >>> from tempotron_core import Events
    >>> from tempotron_core.conductance import ConductanceNeuron, voltage
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0]]), duration=20.0)
    >>> kinds, neuron = np.asarray([True, False]), ConductanceNeuron()
    >>> at = np.asarray([3.0, 9.0])
    >>> print(voltage(events, np.asarray([[9.0, 2.0]]), kinds, neuron, at).round(3))
    [[[4.972 1.358]]]
    """
    xp = check_arguments(events, gain, excitatory, neuron)
    array_namespace(gain=gain, times=times)
    check_same_device(gain=gain, times=times)
    if times.ndim != 1 or times.dtype != events.times.dtype:
        raise ValueError(
            f"times must be {events.times.dtype} of shape (T,), got {times.dtype} of shape "
            f"{tuple(times.shape)}"
        )

    def of_tile(part: Events, rows: Array) -> tuple[Array]:
        seen = course(part, rows, excitatory, neuron, xp=xp)
        query = xp.tile(times[None, :], (len(part), 1))
        membrane = Membrane(seen.times, seen.gap, seen.v, seen.g, seen.v_end)
        k, elapsed, begun = locate(membrane, query, xp=xp)
        v, g, drive = (picked(a, k, xp=xp) for a in (seen.v, seen.g, seen.drive))
        passed, m_0, _ = moments(g, elapsed[None, ...], neuron, xp=xp)
        return (xp.where(begun[None, ...], xp.exp(-passed) * v + drive * m_0, 0.0),)

    (found,) = map_tiles(of_tile, events, gain, n_samples=times.shape[0])
    return xp.permute_dims(found, (1, 0, 2))
