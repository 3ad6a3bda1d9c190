r"""The gradient of critical thresholds, which is bounded.

At a critical threshold the potential with its resets, V, touches the threshold at t*, and what
comes before depends on the threshold as well: a spike comes later if it is higher.  With
:math:`\rho_j = \vartheta^*/(\tau \sigma_j)` at the spikes before t* (see `history`),

.. math:: L_j = e^{-(t^* - t_j)/\tau} \prod_{i > j} (1 + \rho_i), \qquad
          D = 1 + \sum_j (1 + \rho_j) L_j

the cotangents of the potential without resets are :math:`c_j = \rho_j L_j/D` at the spikes and
:math:`c^* = 1/D` at t*.  All are positive and their sum is at most 1, so that no slope needs a
floor; they are taken from their logarithms, since the products overflow.  As the critical threshold
is homogeneous, the sum of :math:`w_i\, d\vartheta^*/dw_i` is the threshold itself.  Constants of
the neuron act through the potential without resets, and tau through the decay of the resets as
well, which take :math:`\vartheta^*` each: the neuron's own threshold does not come in.
"""

from __future__ import annotations

from typing import Any

from ..arrays.registry import fused
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.constants import course
from ..membrane.integration import Membrane
from ..membrane.pairs import over_tiles
from ..neuron import Neuron
from ..readouts.arguments import check_output, is_static
from ..readouts.constants import Constants, Summed, constants_gradient, summed
from ..readouts.dispatch import constant
from ..readouts.gradient import Gradient, GradientWithConstants, added, as_given
from .arguments import check_spiking
from .cotangents import Cusp, pull_back
from .critical_threshold import CriticalThreshold
from .grazes import grazes_of

__all__ = ["critical_threshold_vjp", "slope_floor"]

Array = Any

# Slopes below this part of the steepest one count as it, only against a division by zero where
# two maxima graze at once.
_FLOOR_FLOAT64 = 1e-12
_FLOOR_FLOAT32 = 1e-6


@by_groups("critical", "cotangent", join=added)
@constant
def critical_threshold_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    critical: CriticalThreshold,
    cotangent: Array,
    *,
    times: bool = False,
    constants: bool = False,
    most: int | None = None,
    method: str = "auto",
) -> Gradient | GradientWithConstants:
    """Pull a cotangent of critical thresholds back to the weights and the input times.

    Parameters
    ----------
    events, weight, neuron
        As given to :func:`critical_threshold`.
    critical : CriticalThreshold
        What :func:`critical_threshold` returned for them.
    cotangent : array, shape (B, O)
        Derivative of the loss by ``theta``.
    times : bool, default False
        Also return the gradient towards the input spike times.
    constants : bool, default False
        Also return the gradient towards the constants of the neuron, summed over all pairs.
    most : int, optional
        Largest ``n_before``; the static form needs it.
    method : {'auto', 'static', 'pruned'}
        See :func:`peak`.

    Returns
    -------
    Gradient or GradientWithConstants
        ``weight``, shape (O, N), ``times`` in the layout the events were built from, or None, and,
        if asked for, ``constants``.
        A pair that never rises above rest, or was not looked at, contributes nothing (unless
        :func:`revive_threshold` saw to it).

    Raises
    ------
    TypeError, ValueError
        As :func:`critical_threshold`.

    References
    ----------
    .. [1] R. Gütig, Science 351, aab4113 (2016), supplementary text: the derivative of the
       critical threshold.
    """
    xp = check_spiking(events, weight, neuron)
    if not isinstance(critical, CriticalThreshold):
        raise TypeError(
            "critical must be a CriticalThreshold (what critical_threshold returned), "
            f"got {type(critical).__name__}"
        )
    check_output("critical.theta", critical.theta, events, weight)
    check_output("critical.t", critical.t, events, weight)
    check_output("cotangent", cotangent, events, weight)
    found = critical_threshold_adjoint(
        events, weight, neuron, critical, cotangent, times, most, method, xp
    )
    of_constants = None
    if constants:
        of_constants = critical_threshold_constants(
            events, weight, neuron, critical, cotangent, most, method, xp
        )
    return as_given(events, *found, of_constants)


def critical_threshold_adjoint(
    events: Events,
    weight: Array,
    neuron: Neuron,
    critical: CriticalThreshold,
    cotangent: Array,
    times: bool,
    most: int | None,
    method: str,
    xp: Any,
) -> tuple[Array, Array | None]:
    """Gradients towards the weights [O, N] and, if asked for, the sorted input times [B, K]."""
    static = is_static(method, events.times, weight)
    cotangent = xp.astype(cotangent, weight.dtype)
    floor = slope_floor(weight, neuron, xp)
    if form := fused("critical_threshold_vjp", method, weight):
        found: tuple[Array, Array | None] = form(
            events, weight, neuron, critical, cotangent, times, floor
        )
        return found
    most = _most(critical, most, static, xp)
    critical, cotangent = _by_pair(events, critical, cotangent, xp)

    def of_tile(membrane: Membrane, tile: tuple[slice, slice]) -> tuple[Array, ...]:
        found = CriticalThreshold(*(array[tile] for array in critical))
        grazes = grazes_of(membrane, found, most, neuron, events.duration, floor, static, xp)
        return grazes.at, grazes.share, grazes.slope

    at, share, slope = over_tiles(
        of_tile, events, weight, neuron, n_samples=most + 1, static=static, xp=xp
    )
    by_potential = share * cotangent[..., None]
    cusp = Cusp(critical.t, slope, by_potential[..., -1])
    return pull_back(events, weight, neuron, at, by_potential, times, static, cusp=cusp, xp=xp)


def critical_threshold_constants(
    events: Events,
    weight: Array,
    neuron: Neuron,
    critical: CriticalThreshold,
    cotangent: Array,
    most: int | None,
    method: str,
    xp: Any,
) -> Constants:
    """Gradient towards the constants of the neuron."""
    static = is_static(method, events.times, weight)
    most = _most(critical, most, static, xp)
    floor = slope_floor(weight, neuron, xp)
    cotangent = xp.astype(cotangent, weight.dtype)
    critical, cotangent = _by_pair(events, critical, cotangent, xp)

    def of_tile(membrane: Membrane, tile: tuple[slice, slice]) -> Summed:
        found = CriticalThreshold(*(array[tile] for array in critical))
        grazes = grazes_of(membrane, found, most, neuron, events.duration, floor, static, xp)
        by_potential = grazes.share * cotangent[tile][..., None]
        at, c, age = (xp.permute_dims(a, (1, 0, 2)) for a in (grazes.at, by_potential, grazes.age))
        seen = summed(course(membrane, at, neuron, side="left", xp=xp), c, neuron, xp=xp)
        # resets take the critical threshold each, which is no constant of the neuron
        resets = xp.permute_dims(found.theta, (1, 0)) * xp.sum(c * age, axis=-1)
        return seen._replace(tau=seen.tau - resets)

    return constants_gradient(
        of_tile, events, weight, neuron, n_samples=most + 1, static=static, xp=xp
    )


def slope_floor(weight: Array, neuron: Neuron, xp: Any) -> float:
    """Least slope of a spike."""
    floor = _FLOOR_FLOAT64 if weight.dtype == xp.float64 else _FLOOR_FLOAT32
    return floor * neuron.kernel.rise


def _most(critical: CriticalThreshold, most: int | None, static: bool, xp: Any) -> int:
    """Largest number of spikes before a graze."""
    if most is not None:
        return most
    if static:
        raise ValueError("most must be given in the static form (and so under tracing), got None")
    return int(xp.max(critical.n_before)) if 0 not in critical.n_before.shape else 0


def _by_pair(
    events: Events, critical: CriticalThreshold, cotangent: Array, xp: Any
) -> tuple[CriticalThreshold, Array]:
    """Critical thresholds that can be computed with, and their cotangents, 0 where none counts."""
    lost = xp.isnan(critical.theta)
    # a graze, or where a neuron at rest is to learn: anything but the start of the pattern
    cotangent = xp.where((critical.t > 0.0) | lost, cotangent, 0.0)
    # so that what is not known takes part as any other pair, and is NaN in the end
    cotangent = xp.where(lost & (cotangent != 0.0), float("nan"), cotangent)
    theta = xp.where(lost, 1.0, critical.theta)
    t = xp.where(lost, events.duration, critical.t)
    return CriticalThreshold(theta, t, critical.n_before), cotangent
