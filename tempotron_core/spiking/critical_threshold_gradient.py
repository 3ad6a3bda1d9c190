r"""The gradient of critical thresholds, which is bounded.

At a critical threshold the potential with its resets, V, touches the threshold at t*, and what
comes before depends on the threshold as well: a spike comes later if it is higher.  With
:math:`\rho_j = \vartheta^*/(\tau \sigma_j)` at the spikes before t* (see `history`),

.. math:: L_j = e^{-(t^* - t_j)/\tau} \prod_{i > j} (1 + \rho_i), \qquad
          D = 1 + \sum_j (1 + \rho_j) L_j

the cotangents of the potential without resets are :math:`c_j = \rho_j L_j/D` at the spikes and
:math:`c^* = 1/D` at t*.  All are positive and their sum is at most 1, so that no slope needs a
floor; they are taken from their logarithms, since the products overflow.  As the critical threshold
is homogeneous, the sum of :math:`w_i\, d\vartheta^*/dw_i` is the threshold itself.
"""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import clip, device_of
from ..arrays.registry import fused
from ..events import Events
from ..membrane.integration import Membrane
from ..membrane.sampling import sample
from ..neuron import Neuron
from ..readouts.arguments import check_output, is_static
from ..readouts.dispatch import constant
from ..readouts.gradient import Gradient, as_given
from .arguments import check_spiking
from .cotangents import Cusp, pull_back
from .critical_threshold import CriticalThreshold
from .history import history_of, slope_at_threshold
from .search import LastSpike, next_spike, over_tiles, rows_of, scaled

__all__ = ["critical_threshold_vjp"]

Array = Any

# Slopes below this part of the steepest one count as it, only against a division by zero where
# two maxima graze at once.
_FLOOR_FLOAT64 = 1e-12
_FLOOR_FLOAT32 = 1e-6


@constant
def critical_threshold_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    critical: CriticalThreshold,
    cotangent: Array,
    *,
    times: bool = False,
    most: int | None = None,
    method: str = "auto",
) -> Gradient:
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
    most : int, optional
        Largest ``n_before``; the static form needs it.
    method : {'auto', 'static', 'pruned'}
        See :func:`peak`.

    Returns
    -------
    Gradient
        ``weight``, shape (O, N), and ``times`` in the layout the events were built from, or None.
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
    return as_given(events, *found)


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
    if static and most is None:
        raise ValueError("most must be given in the static form (and so under tracing), got None")
    cotangent = xp.astype(cotangent, weight.dtype)
    floor = _FLOOR_FLOAT64 if weight.dtype == xp.float64 else _FLOOR_FLOAT32
    floor = floor * neuron.kernel.rise
    if form := fused("critical_threshold_vjp", method, weight):
        found: tuple[Array, Array | None] = form(
            events, weight, neuron, critical, cotangent, times, floor
        )
        return found
    if most is None:
        most = int(xp.max(critical.n_before)) if 0 not in critical.n_before.shape else 0
    lost = xp.isnan(critical.theta)
    # a graze, or where a neuron at rest is to learn: anything but the start of the pattern
    cotangent = xp.where((critical.t > 0.0) | lost, cotangent, 0.0)
    # so that what is not known takes part as any other pair, and is NaN in the end
    theta = xp.where(lost, 1.0, critical.theta)
    t = xp.where(lost, events.duration, critical.t)
    critical = CriticalThreshold(theta, t, critical.n_before)

    def of_tile(membrane: Membrane, tile: tuple[slice, slice]) -> tuple[Array, ...]:
        found = CriticalThreshold(*(array[tile] for array in critical))
        return _of_tile(membrane, found, most, neuron, events.duration, floor, static, xp)

    at, share, slope = over_tiles(
        of_tile, events, weight, neuron, n_samples=most + 1, static=static, xp=xp
    )
    by_potential = share * cotangent[..., None]
    lost = (lost & (cotangent != 0.0))[..., None]
    by_potential = xp.where(lost, float("nan"), by_potential)
    cusp = Cusp(critical.t, slope, by_potential[..., -1])
    return pull_back(events, weight, neuron, at, by_potential, times, static, cusp=cusp, xp=xp)


def _of_tile(
    membrane: Membrane,
    critical: CriticalThreshold,
    most: int,
    neuron: Neuron,
    duration: float,
    floor: float,
    static: bool,
    xp: Any,
) -> tuple[Array, Array, Array]:
    """Times [b, o, X] and cotangents by the potential at them, and V' [b, o] before the graze."""
    shape = critical.theta.shape
    theta, t_star, n_before = (xp.reshape(xp.permute_dims(a, (1, 0)), (-1,)) for a in critical)
    dtype = theta.dtype
    rows = rows_of(membrane, xp.arange(theta.shape[0], device=device_of(theta)), xp=xp)
    reached = theta > 0.0
    theta = xp.where(reached, theta, 1.0)
    spikes = _first_spikes(rows, theta, n_before, most, neuron, duration, static, xp)
    history = history_of(rows, spikes, theta, neuron, xp=xp)

    slope = clip(history.slope, floor, None, xp=xp)
    rho = theta[:, None] * (1.0 / neuron.tau) / slope
    since = xp.astype(clip(t_star[:, None] - history.times, 0.0, None, xp=xp), dtype)
    gain = xp.where(history.present, xp.log1p(rho), 0.0)
    later = xp.sum(gain, axis=1, keepdims=True) - xp.cumulative_sum(gain, axis=1)
    nothing = -1e30
    log_left = xp.where(history.present, later - since * (1.0 / neuron.tau), nothing)
    # D is a sum of exponentials, one of them exp(0)
    terms = xp.concat([log_left + gain, xp.zeros_like(theta)[:, None]], axis=1)
    top = xp.max(terms, axis=1, keepdims=True)
    log_d = top + xp.log(xp.sum(xp.exp(terms - top), axis=1, keepdims=True))
    of_spikes = xp.exp(log_left + xp.log(rho) - log_d)
    share = xp.concat([of_spikes, xp.exp(-log_d)], axis=1)
    # padding comes before the graze, and counts for nothing
    at = xp.concat(
        [xp.where(history.present, history.times, t_star[:, None]), t_star[:, None]], axis=1
    )

    _, s = sample(rows, t_star[:, None], neuron.kernel, side="left", xp=xp)
    left = xp.sum(xp.where(history.present, xp.exp(-since * (1.0 / neuron.tau)), 0.0), axis=1)
    before = slope_at_threshold(s[0, :, 0], theta, left, neuron)

    def by_pattern(array: Array) -> Array:
        array = xp.reshape(array, (shape[1], shape[0], *array.shape[1:]))
        return xp.permute_dims(array, (1, 0, *range(2, array.ndim)))

    return by_pattern(at), by_pattern(share), by_pattern(before)


def _first_spikes(
    rows: Membrane,
    theta: Array,
    n_before: Array,
    most: int,
    neuron: Neuron,
    duration: float,
    static: bool,
    xp: Any,
) -> Array:
    """Output spikes [P, most] at thresholds [P], inf behind the first ``n_before``.

    No more than those: at the critical threshold rounding may let the graze itself fire.
    """
    rows = scaled(rows, neuron.v_threshold / theta)
    last: LastSpike | None = None
    found = []
    for n in range(most):
        time, last = next_spike(rows, last, neuron, duration, static, xp=xp)
        found.append(xp.where(n < n_before, time, float("inf")))
    if not found:
        return xp.full_like(rows.times[:, :1], float("inf"))
    return xp.stack(found, axis=1)
