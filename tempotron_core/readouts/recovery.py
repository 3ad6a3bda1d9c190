r"""Bring neurons back that have fallen silent: a time to learn at where the potential never rises.

A neuron whose drive is all inhibitory has its largest potential, the resting one, at t = 0, where
the gradient is zero: without potential, no gradient, and it is lost to learning.  What it needs is
another time to be read at.  A common increase of all weights by :math:`\delta` raises the
potential by :math:`\delta \sum_f K(t - t_f)`, so it helps most at

.. math:: t_r = \arg\max_t \sum_f K(t - t_f)

which depends on the pattern alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..arrays.choices import check_choice
from ..arrays.namespace import clip, device_of
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.integration import with_nobody
from ..membrane.tiles import tile_bounds
from ..neuron import Neuron
from .arguments import check_output, check_readout, is_static
from .peak import Peak, peak

__all__ = ["revive"]

Array = Any

_AT = ("eligibility", "end")


@by_groups("found")
@under_own_settings
def revive(
    events: Events, weight: Array, neuron: Neuron, found: Peak, *, at: str = "eligibility"
) -> Peak:
    r"""Replace the peaks of neurons at rest by the potential at a time that they can learn at.

    Given the result, :func:`peak_vjp` returns the exact gradient towards the weights of the
    potential at that time, :math:`\sum_f K(t_r - t_f)`.  Towards the spike times it returns the
    derivative at fixed :math:`t_r`: no spike but one at the very end falls on it, so no kink is
    involved.  Under autodiff the values returned follow weights and spike times, :math:`t_r`
    included.

    Parameters
    ----------
    events, weight, neuron
        As given to :func:`peak`.
    found : Peak
        What :func:`peak` returned for them, on the exact clock.
    at : {'eligibility', 'end'}
        'eligibility': the time at which the sum of the pattern's postsynaptic potentials, each of
        weight 1, is largest; one more :func:`peak` of a single neuron, shared by all outputs.
        'end': the duration.

    Returns
    -------
    Peak
        For every pair at rest (``t_max`` is 0) whose pattern has spikes, that time and the
        potential at it, which up to rounding is 0 or less.  All other pairs are as in ``found``.

    Raises
    ------
    TypeError, ValueError
        As :func:`peak`, and if ``found`` does not fit or ``at`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron, peak, peak_vjp
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0]]), duration=50.0)
    >>> weight, neuron, ones = np.asarray([[-0.5, -0.25]]), Neuron(), np.ones((1, 1))
    >>> found = peak(events, weight, neuron)
    >>> print(peak_vjp(events, weight, neuron, found, ones).weight)
    [[0. 0.]]
    >>> found = revive(events, weight, neuron, found)
    >>> print(found.t_max.round(3), peak_vjp(events, weight, neuron, found, ones).weight.round(3))
    [[9.096]] [[0.989 0.993]]
    """
    xp = check_readout(events, weight, neuron)
    if not isinstance(found, Peak):
        raise TypeError(f"found must be a Peak (what peak() returned), got {type(found).__name__}")
    for name, array in (("found.v_max", found.v_max), ("found.t_max", found.t_max)):
        check_output(name, array, events, weight)
    check_choice("at", at, _AT)
    if at == "end":
        read_at = xp.where(events.counts > 0, xp.ones_like(events.times[:, 0]), 0.0)
        read_at = read_at * events.duration
    else:
        # a neuron that never fires is not shunted, so neither is what it is compared with
        n_afferents = events.n_afferents
        eligibility = xp.ones((1, n_afferents), dtype=weight.dtype, device=device_of(weight))
        read_at = peak(events, eligibility, replace(neuron, shunt=False)).t_max[:, 0]
    resting = found.t_max == 0.0  # without spikes, read_at and the potential are 0 as well
    v = _potential_at(events, weight, neuron, read_at, xp)
    return Peak(
        xp.where(resting, xp.astype(v, found.v_max.dtype), found.v_max),
        xp.where(resting, xp.astype(read_at, found.t_max.dtype)[:, None], found.t_max),
    )


def _potential_at(events: Events, weight: Array, neuron: Neuron, times: Array, xp: Any) -> Array:
    """Potential, shape (B, O), at one time per pattern."""
    kernel = neuron.kernel
    memory = kernel.memory(weight.dtype, xp=xp)
    x = clip(times[:, None] - events.times, 0.0, memory, xp=xp)
    psp = kernel.value(xp.astype(x, weight.dtype), xp=xp)
    padded = with_nobody(weight)
    static = is_static("auto", events.times, weight)
    patterns, outputs = tile_bounds(events, padded, static=static)
    rows = []
    for b in patterns:
        afferents = events.afferents[b, :]
        parts = []
        for o in outputs:
            w = xp.take(padded[o, :], xp.reshape(afferents, (-1,)), axis=1)
            w = xp.reshape(w, (w.shape[0], *afferents.shape))
            parts.append(xp.sum(w * psp[b, :], axis=2))
        rows.append(xp.concat(parts, axis=0))
    return xp.permute_dims(xp.concat(rows, axis=1), (1, 0))
