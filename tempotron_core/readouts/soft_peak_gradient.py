r"""The gradient of the soft peak time, that of a soft argmax.

Where the value is :math:`m k`, see `soft_peak_time`, the gradient is that of :math:`m s`,

.. math:: s = \sum_t t\, p_t, \quad p = \mathrm{softmax}(T V), \qquad
          \frac{ds}{dV_t} = T p_t (t - s),

whose factor m is not differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..events import Events
from ..events.grouping import by_groups
from ..membrane.integration import with_nobody
from ..neuron import Neuron
from .arguments import check_output, is_static
from .constants import Constants
from .dispatch import constant
from .gradient import Gradient, GradientWithConstants, added, as_given
from .soft_peak import check_soft_peak, sample_steps, sampled
from .voltage_gradient import tiled_adjoint, tiled_constants

__all__ = ["soft_peak_time_vjp"]

Array = Any


@by_groups("cotangent", join=added)
@constant
def soft_peak_time_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    n_steps: int,
    cotangent: Array,
    *,
    times: bool = False,
    constants: bool = False,
    method: str = "auto",
) -> Gradient | GradientWithConstants:
    """Pull a cotangent of :func:`soft_peak_time` back through the soft argmax.

    Parameters
    ----------
    events, weight, neuron, n_steps
        As given to :func:`soft_peak_time`.
    cotangent : array, shape (B, O)
    times, constants, method
        As for :func:`peak_vjp`.

    Returns
    -------
    Gradient or GradientWithConstants
        As :func:`peak_vjp` returns it.

    Raises
    ------
    TypeError, ValueError
        As :func:`soft_peak_time`, and if ``cotangent`` does not fit.
    """
    xp = check_soft_peak(events, weight, neuron)
    check_output("cotangent", cotangent, events, weight)
    found = soft_peak_time_adjoint(events, weight, neuron, n_steps, cotangent, times, method, xp)
    of_constants = None
    if constants:
        of_constants = soft_peak_time_constants(
            events, weight, neuron, n_steps, cotangent, method, xp
        )
    return as_given(events, *found, of_constants)


def soft_peak_time_adjoint(
    events: Events,
    weight: Array,
    neuron: Neuron,
    n_steps: int,
    cotangent: Array,
    times: bool,
    method: str,
    xp: Any,
) -> tuple[Array, Array | None]:
    """Gradients towards the weights [O, N] and, if asked for, the sorted spike times [B, K]."""
    static = is_static(method, events.times, weight)
    steps = sample_steps(events, n_steps, xp)
    of_tile = _by_potential(events, weight, neuron, steps, cotangent, method, xp)
    return tiled_adjoint(events, weight, neuron, steps, of_tile, times, static, xp)


def soft_peak_time_constants(
    events: Events,
    weight: Array,
    neuron: Neuron,
    n_steps: int,
    cotangent: Array,
    method: str,
    xp: Any,
) -> Constants:
    """Gradient towards the constants of the neuron."""
    static = is_static(method, events.times, weight)
    steps = sample_steps(events, n_steps, xp)
    of_tile = _by_potential(events, weight, neuron, steps, cotangent, method, xp)
    return tiled_constants(events, weight, neuron, steps, of_tile, static, xp)


def _by_potential(
    events: Events,
    weight: Array,
    neuron: Neuron,
    steps: Array,
    cotangent: Array,
    method: str,
    xp: Any,
) -> Callable[[slice, slice], Array]:
    """Cotangents [o, b, T] by the samples of the potential, as a function of a tile."""
    padded = with_nobody(weight)
    g = xp.astype(xp.permute_dims(cotangent, (1, 0)), weight.dtype)[..., None]
    t = xp.astype(steps, weight.dtype)
    sharpness = float(steps.shape[0])

    def of_tile(patterns: slice, outputs: slice) -> Array:
        v = sampled(events[patterns], padded[outputs, :], neuron, steps, method, xp)
        largest = xp.max(v, axis=2, keepdims=True)
        sign = 2.0 * xp.astype(largest >= neuron.v_threshold, v.dtype) - 1.0
        # the largest potential is subtracted first, so the exponentials cannot overflow
        p = xp.exp((v - largest) * sharpness)
        p = p / xp.sum(p, axis=2, keepdims=True)
        soft = xp.sum(p * t, axis=2, keepdims=True)
        return g[outputs, patterns, :] * sign * sharpness * p * (t - soft)

    return of_tile
