r"""The gradient of every output spike time, through all the resets before it.

With cotangents :math:`g_k` of the spike times, backwards over the spikes, and with L decaying with
tau in between,

.. math:: \lambda_k = g_k + L, \qquad c_k = -\lambda_k/\sigma_k, \qquad
          L \leftarrow L + \rho_k \lambda_k

are cotangents of the potential without resets (see `history` and `cotangents`).  The threshold and
tau act through the resets as well: with :math:`A_k = \sum_{j<k} e^{-(t_k - t_j)/\tau}`

.. math:: \frac{dE}{d\vartheta} = -\sum_k c_k (1 + A_k), \qquad
          \frac{dE}{d\tau} = \sum_k c_k \Big[\frac{\partial V_0(t_k)}{\partial \tau}
          - \vartheta \sum_{j<k} \frac{t_k - t_j}{\tau^2} e^{-(t_k - t_j)/\tau}\Big].
"""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import device_of
from ..arrays.numbers import positive_float
from ..arrays.registry import fused
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.constants import course
from ..membrane.integration import Membrane
from ..membrane.pairs import over_tiles, rows_of
from ..neuron import Neuron
from ..readouts.arguments import is_static
from ..readouts.constants import Constants, Summed, constants_gradient, summed
from ..readouts.dispatch import constant
from ..readouts.gradient import Gradient, GradientWithConstants, added, as_given
from .arguments import check_spike_times, check_spiking
from .cotangents import pull_back
from .history import History, history_of

__all__ = ["output_spikes_vjp"]

Array = Any


@by_groups("spike_times", "cotangent", join=added)
@constant
def output_spikes_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    spike_times: Array,
    cotangent: Array,
    *,
    times: bool = False,
    constants: bool = False,
    min_slope: float = 0.0,
    method: str = "auto",
) -> Gradient | GradientWithConstants:
    """Pull a cotangent of the output spike times back to the weights and the input times.

    Parameters
    ----------
    events, weight, neuron
        As given to :func:`output_spikes`.
    spike_times : array, shape (B, O, S)
        ``times`` of what :func:`output_spikes` returned for them.
    cotangent : array, shape (B, O, S)
        Derivative of the loss by the times; that of padding is not used.
    times : bool, default False
        Also return the gradient towards the input spike times.
    constants : bool, default False
        Also return the gradient towards the constants of the neuron, summed over all pairs.
    min_slope : float, default 0.0
        As for :func:`first_crossing_vjp`, at every output spike.
    method : {'auto', 'static', 'pruned'}
        See :func:`peak`.

    Returns
    -------
    Gradient or GradientWithConstants
        ``weight``, shape (O, N), ``times`` in the layout the events were built from, or None, and,
        if asked for, ``constants``.

    Raises
    ------
    TypeError, ValueError
        As :func:`output_spikes`, and if ``min_slope`` is negative or not finite.
    """
    xp = check_spiking(events, weight, neuron)
    for name, array in (("spike_times", spike_times), ("cotangent", cotangent)):
        check_spike_times(name, array, events, weight, xp=xp)
    if spike_times.shape != cotangent.shape:
        raise ValueError(
            f"cotangent must have the shape of spike_times, {tuple(spike_times.shape)}, "
            f"got {tuple(cotangent.shape)}"
        )
    found = output_spikes_adjoint(
        events, weight, neuron, spike_times, cotangent, times, min_slope, method, xp
    )
    of_constants = None
    if constants:
        of_constants = output_spikes_constants(
            events, weight, neuron, spike_times, cotangent, min_slope, method, xp
        )
    return as_given(events, *found, of_constants)


def output_spikes_adjoint(
    events: Events,
    weight: Array,
    neuron: Neuron,
    spike_times: Array,
    cotangent: Array,
    times: bool,
    min_slope: float,
    method: str,
    xp: Any,
) -> tuple[Array, Array | None]:
    """Gradients towards the weights [O, N] and, if asked for, the sorted input times [B, K]."""
    static = is_static(method, events.times, weight)
    min_slope = positive_float("min_slope", min_slope, or_zero=True)
    spike_times = xp.astype(spike_times, events.times.dtype)
    cotangent = xp.astype(cotangent, weight.dtype)
    if form := fused("output_spikes_vjp", method, weight):
        found: tuple[Array, Array | None] = form(
            events, weight, neuron, spike_times, cotangent, times, min_slope
        )
        return found

    def of_tile(membrane: Membrane, tile: tuple[slice, slice]) -> tuple[Array, ...]:
        of_pairs = spike_times[(*tile, slice(None))], cotangent[(*tile, slice(None))]
        by_potential, _ = _by_potential(membrane, *of_pairs, neuron, min_slope, xp)
        return (xp.permute_dims(by_potential, (1, 0, 2)),)

    (by_potential,) = over_tiles(
        of_tile, events, weight, neuron, n_samples=cotangent.shape[2], static=static, xp=xp
    )
    at = xp.where(xp.isfinite(spike_times), spike_times, events.duration)
    return pull_back(events, weight, neuron, at, by_potential, times, static, xp=xp)


def output_spikes_constants(
    events: Events,
    weight: Array,
    neuron: Neuron,
    spike_times: Array,
    cotangent: Array,
    min_slope: float,
    method: str,
    xp: Any,
) -> Constants:
    """Gradient towards the constants of the neuron."""
    static = is_static(method, events.times, weight)
    min_slope = positive_float("min_slope", min_slope, or_zero=True)
    spike_times = xp.astype(spike_times, events.times.dtype)
    cotangent = xp.astype(cotangent, weight.dtype)

    def of_tile(membrane: Membrane, tile: tuple[slice, slice]) -> Summed:
        of_pairs = spike_times[(*tile, slice(None))], cotangent[(*tile, slice(None))]
        c, history = _by_potential(membrane, *of_pairs, neuron, min_slope, xp)
        left, age = (xp.reshape(a, c.shape) for a in (history.left, history.age))
        at = xp.reshape(history.times, c.shape)
        seen = course(membrane, at, neuron, side="left", xp=xp)
        # the potential has to rise as far as the threshold and what the resets take
        by_threshold = -xp.sum(c * (1.0 + left), axis=-1)
        by_resets = -xp.sum(c * age, axis=-1) * neuron.v_threshold
        found = summed(seen, c, neuron, v_threshold=by_threshold, xp=xp)
        return found._replace(tau=found.tau + by_resets)

    n_samples = cotangent.shape[2]
    return constants_gradient(
        of_tile, events, weight, neuron, n_samples=n_samples, static=static, xp=xp
    )


def _by_potential(
    membrane: Membrane, times: Array, cotangent: Array, neuron: Neuron, min_slope: float, xp: Any
) -> tuple[Array, History]:
    """Cotangents [o, b, S] by the potential without resets at the output spikes of a tile.

    And what the spikes do to each other, those of every pair in a row.
    """
    n_patterns, n_outputs, n_spikes = times.shape

    def by_rows(array: Array) -> Array:
        return xp.reshape(xp.permute_dims(array, (1, 0, 2)), (-1, n_spikes))

    times, cotangent = by_rows(times), by_rows(cotangent)
    rows = rows_of(membrane, xp.arange(times.shape[0], device=device_of(times)), xp=xp)
    threshold = xp.full_like(cotangent[:, 0], neuron.v_threshold)
    history = history_of(rows, times, threshold, neuron, xp=xp)
    slope = xp.where(history.slope < min_slope, min_slope, history.slope)
    rises = history.present & (slope > 0.0)
    per_slope = xp.where(rises, 1.0 / xp.where(rises, slope, 1.0), 0.0)
    per_reset = per_slope * (neuron.v_threshold / neuron.tau)
    later = xp.zeros_like(threshold)  # L
    found = []
    for k in range(n_spikes - 1, -1, -1):
        total = xp.where(history.present[:, k], cotangent[:, k], 0.0) + later
        found.append(-total * per_slope[:, k])
        later = (later + per_reset[:, k] * total) * history.decays[:, k]
    by_potential = xp.stack(found[::-1], axis=1)
    by_potential = xp.where(xp.isnan(times) & (cotangent != 0.0), float("nan"), by_potential)
    return xp.reshape(by_potential, (n_outputs, n_patterns, n_spikes)), history
