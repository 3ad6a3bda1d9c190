"""The membrane potential at given times."""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import array_namespace, check_floating, check_known, check_same_device
from ..arrays.registry import fused
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.integration import integrate, with_nobody
from ..membrane.sampling import sample
from ..membrane.tiles import map_tiles
from ..neuron import Neuron
from .arguments import check_readout, is_static
from .crossing import crossing_interval
from .dispatch import differentiable

__all__ = ["voltage"]

Array = Any


@by_groups()
@differentiable
def voltage(
    events: Events, weight: Array, neuron: Neuron, times: Array, *, method: str = "auto"
) -> Array:
    """Membrane potential at given times [1]_.

    Parameters
    ----------
    events, weight
        As for :func:`peak`: B patterns on N afferents, weights of shape (O, N).
    neuron : Neuron
        With ``shunt=True`` input after the first threshold crossing is ignored.
    times : array, shape (T,)
        In any order; converted to the dtype of the events.  The potential is 0 before the first
        spike.
    method : {'auto', 'static', 'pruned'}
        See :func:`peak`.

    Returns
    -------
    array, shape (B, O, T)
        In the unit of ``v_threshold`` and the dtype of the weights.

    Raises
    ------
    TypeError, ValueError
        As :func:`peak`, and if ``times`` do not fit or hold NaN (not looked for if
        ``method='static'``).

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, Nature Neuroscience 9, 420-428 (2006), equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron, voltage
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0]]), duration=50.0)
    >>> times = np.asarray([0.0, 5.0, 10.0])
    >>> print(voltage(events, np.asarray([[1.0, -0.5]]), Neuron(), times).round(3))
    [[[0.    0.587 0.47 ]]]
    """
    xp = check_readout(events, weight, neuron)
    static = is_static(method, events.times, weight)
    times = checked_times("times", events, times, method, xp)
    if form := fused("voltage", method, weight):
        return form(events, weight, neuron, times)

    def of_tile(part: Events, rows: Array) -> tuple[Array, ...]:
        v, _ = membrane_at(part, rows, neuron, times, static, xp)
        return (v,)

    (v,) = map_tiles(of_tile, events, with_nobody(weight), n_samples=times.shape[0], static=static)
    return xp.permute_dims(v, (1, 0, 2))


def membrane_at(
    events: Events, rows: Array, neuron: Neuron, sample_times: Array, static: bool, xp: Any
) -> tuple[Array, Array]:
    """Potential and synaptic sum [o, b, T] of a tile at the sample times."""
    membrane = integrate(events, rows, neuron.kernel, static=static)
    last_event = crossing_interval(membrane, neuron, static, xp=xp) if neuron.shunt else None
    query = xp.tile(sample_times[None, :], (len(events), 1))
    return sample(membrane, query, neuron.kernel, last_event=last_event, xp=xp)


def checked_times(name: str, events: Events, times: Array, method: str, xp: Any) -> Array:
    """Return sample times in the dtype of the events, or raise an error that names them."""
    array_namespace(**{"events.times": events.times, name: times})
    check_same_device(**{"events.times": events.times, name: times})
    if times.ndim != 1:
        raise ValueError(f"{name} must have shape (T,), got {tuple(times.shape)}")
    if not xp.isdtype(times.dtype, "integral"):
        check_floating(name, times, xp=xp)
        # looking at values waits for the device, which 'static' never does
        if method != "static":
            check_known(name, times, xp=xp)
    return xp.astype(times, events.times.dtype)
