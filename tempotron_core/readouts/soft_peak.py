r"""The peak time as SpikingJelly's tempotron passes it between layers.

With the potential sampled at t = 0, 1, ..., T - 1, :math:`k = \mathrm{argmax}_t V_t` and m = +1
where the maximum reaches the threshold, -1 elsewhere, the value is :math:`m k`.
"""

from __future__ import annotations

from typing import Any

from ..arrays.numbers import whole_number
from ..arrays.registry import fused
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.integration import with_nobody
from ..membrane.tiles import map_tiles
from ..neuron import Neuron
from .arguments import check_readout, grid_times, is_static
from .dispatch import differentiable
from .voltage import membrane_at

__all__ = ["soft_peak_time"]

Array = Any


@by_groups()
@differentiable
def soft_peak_time(
    events: Events, weight: Array, neuron: Neuron, n_steps: int, *, method: str = "auto"
) -> Array:
    """Signed time step of the largest sample: negative where the threshold is not reached.

    Parameters
    ----------
    events, weight
        As for :func:`peak`: B patterns on N afferents, weights of shape (O, N).
    neuron : Neuron
        ``shunt`` must be false.
    n_steps : int
        Samples are taken at t = 0, 1, ..., n_steps - 1.
    method : {'auto', 'static', 'pruned'}
        See :func:`peak`.

    Returns
    -------
    array, shape (B, O)
        In the dtype of the weights.  A silent neuron whose largest sample is at t = 0 gives -1:
        -0 would read as a spike at 0.

    Raises
    ------
    TypeError, ValueError
        As :func:`peak`, and if ``n_steps`` is below 1 or the neuron shunts.
    """
    xp = check_soft_peak(events, weight, neuron)
    static = is_static(method, events.times, weight)
    steps = sample_steps(events, n_steps, xp)

    def of_tile(part: Events, rows: Array) -> tuple[Array, ...]:
        v = sampled(part, rows, neuron, steps, method, xp)
        k = xp.astype(xp.argmax(v, axis=2), v.dtype)
        fires = xp.max(v, axis=2) >= neuron.v_threshold
        return (xp.where(fires, k, xp.where(k > 0.0, -k, -1.0)),)

    (t,) = map_tiles(of_tile, events, with_nobody(weight), n_samples=steps.shape[0], static=static)
    return xp.permute_dims(t, (1, 0))


def sampled(
    events: Events, rows: Array, neuron: Neuron, steps: Array, method: str, xp: Any
) -> Array:
    """Potential [o, b, T] of a tile, by the same arithmetic as the largest sample of `peak`."""
    if form := fused("voltage", method, rows):
        return xp.permute_dims(form(events, rows[:, :-1], neuron, steps), (1, 0, 2))
    static = is_static(method, events.times, rows)
    return membrane_at(events, rows, neuron, steps, static, xp)[0]


def check_soft_peak(
    events: Events, weight: Array, neuron: Neuron, *, parametric: bool = False
) -> Any:
    """`check_readout`, and a neuron that does not shunt."""
    xp = check_readout(events, weight, neuron, parametric=parametric)
    if neuron.shunt:
        raise ValueError("neuron must have shunt=False for a soft peak time, got shunt=True")
    return xp


def sample_steps(events: Events, n_steps: int, xp: Any) -> Array:
    """Times 0, 1, ..., n_steps - 1 in the dtype and on the device of the events."""
    return grid_times((whole_number("n_steps", n_steps), 1.0), events.times, xp)
