r"""The gradient of the largest potential by the gains.

At fixed t* (the envelope theorem) a gain acts through its conductance alone.  With the state
:math:`(V, g_e, g_i)` carried from event to event, :math:`V \leftarrow \kappa V + J M_0` and
:math:`g \leftarrow e^{-h/\tau_s} g`, over an interval of length h

.. math:: \frac{dV(h)}{dg_x} = -D(h)\,\kappa\,V_0 + E_x M_0 - J M_1

so that, backwards from :math:`p = 1, q_x = 0` at t*,
:math:`q_x \leftarrow e^{-h/\tau_s} q_x + p\,dV(h)/dg_x`, then :math:`p \leftarrow \kappa p`, and
:math:`dV^*/dw_f = q_x` at the event of spike f, x its kind.  That is
:math:`\int_{t_f}^{t^*} \lambda(t) (E_x - V(t)) e^{-(t - t_f)/\tau_s} dt` with
:math:`\lambda(t) = \exp(-\int_t^{t^*} (g_L + g_e + g_i))`, without an integral of an integral.
"""

from __future__ import annotations

from typing import Any

from ..arrays.index_sum import index_sum
from ..arrays.integers import as_index
from ..arrays.namespace import array_namespace, check_floating, check_same_device, clip
from ..arrays.settings import under_own_settings
from ..events import Events
from ..membrane.tiles import tile_bounds
from ..readouts.peak import Peak
from .arguments import check_arguments
from .course import course, linear_scan, moments
from .neuron import ConductanceNeuron

__all__ = ["peak_vjp"]

Array = Any


@under_own_settings
def peak_vjp(
    events: Events,
    gain: Array,
    excitatory: Array,
    neuron: ConductanceNeuron,
    peak: Peak,
    v_cotangent: Array,
) -> Array:
    """Pull cotangents of the peak back to the gains.

    Parameters
    ----------
    events, gain, excitatory, neuron
        As given to :func:`tempotron_core.conductance.peak`.
    peak : Peak
        What it returned for them.
    v_cotangent : array, shape (B, O)
        Derivative of the loss by ``v_max``; pairs where it is 0 cost nothing.

    Returns
    -------
    array, shape (O, N)
        The gradient.  After a step against it,
        :func:`tempotron_core.learning.constrain_signs` keeps gains from falling below 0.

    Raises
    ------
    TypeError, ValueError
        As of ``peak``.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events
    >>> from tempotron_core.conductance import ConductanceNeuron, peak, peak_vjp
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0, 2.0]]), duration=20.0)
    >>> kinds, neuron = np.asarray([True, True, False]), ConductanceNeuron()
    >>> given = events, np.asarray([[0.3, 0.1, 0.2]]), kinds, neuron
    >>> found = peak(*given)
    >>> print(peak_vjp(*given, found, np.ones((1, 1))).round(3))
    [[ 2.793  3.325 -1.5  ]]
    """
    xp = check_arguments(events, gain, excitatory, neuron)
    if not isinstance(peak, Peak):
        raise TypeError(f"peak must be a Peak (what peak() returned), got {type(peak).__name__}")
    n_outputs = gain.shape[0]
    for name, array in (("peak.t_max", peak.t_max), ("v_cotangent", v_cotangent)):
        array_namespace(gain=gain, **{name: array})
        check_same_device(gain=gain, **{name: array})
        check_floating(name, array, xp=xp)
        if tuple(array.shape) != (len(events), n_outputs):
            raise ValueError(
                f"{name} must have shape {(len(events), n_outputs)}, got {tuple(array.shape)}"
            )
    total = xp.zeros_like(gain)
    for b in tile_bounds(events, gain)[0]:
        total = total + _of_patterns(
            events[b], gain, excitatory, neuron, peak.t_max[b, :], v_cotangent[b, :], xp
        )
    return total


def _of_patterns(
    events: Events,
    gain: Array,
    excitatory: Array,
    neuron: ConductanceNeuron,
    t_max: Array,
    v_bar: Array,
    xp: Any,
) -> Array:
    n_outputs, n = gain.shape
    n_patterns, n_events = events.times.shape
    v_bar = xp.astype(xp.reshape(xp.permute_dims(v_bar, (1, 0)), (-1,)), gain.dtype)
    (pairs,) = xp.nonzero(v_bar != 0.0)
    if pairs.shape[0] == 0:
        return xp.zeros_like(gain)
    seen = course(events, gain, excitatory, neuron, xp=xp)
    g, drive, v = (
        xp.take(xp.reshape(a, (-1, n_events)), pairs, axis=0) for a in (seen.g, seen.drive, seen.v)
    )
    pattern = pairs % n_patterns
    times, gap, afferents = (
        xp.take(a, pattern, axis=0) for a in (seen.times, seen.gap, events.afferents)
    )
    t_star = xp.take(xp.reshape(xp.permute_dims(t_max, (1, 0)), (-1,)), pairs)[:, None]
    # of the interval in which t* lies, the part before it; of those after it, nothing
    h = clip(xp.astype(t_star - times, gap.dtype), 0.0, None, xp=xp)
    h = xp.minimum(h, gap)
    passed, m_0, m_1 = moments(g, h, neuron, first=True, xp=xp)
    decay = xp.exp(h * (-1.0 / neuron.tau_s))
    later = xp.cumulative_sum(xp.flip(passed, axis=-1), axis=-1, include_initial=True)
    p = xp.exp(-xp.flip(later[..., :-1], axis=-1))  # of all intervals after this one
    common = -(1.0 - decay) * neuron.tau_s * xp.exp(-passed) * v - drive * m_1
    of_kind = []
    for reversal in (neuron.e_excitatory, neuron.e_inhibitory):
        step = p * (common + reversal * m_0)
        of_kind.append(
            xp.flip(linear_scan(xp.flip(decay, axis=-1), xp.flip(step, axis=-1), xp=xp), axis=-1)
        )
    index = as_index(afferents, xp=xp)
    nobody = xp.zeros((1,), dtype=excitatory.dtype, device=events.device)
    kinds = xp.take(xp.concat([excitatory, nobody]), xp.reshape(index, (-1,)))
    of_event = xp.where(xp.reshape(kinds, index.shape), *of_kind)
    of_event = of_event * xp.take(v_bar, pairs)[:, None]
    output = as_index(pairs // n_patterns, xp=xp)[:, None]
    where = xp.reshape(output * (n + 1) + index, (-1,))
    summed = index_sum(xp.reshape(of_event, (-1,)), where, n_outputs * (n + 1))
    return xp.reshape(summed, (n_outputs, n + 1))[:, :n]
