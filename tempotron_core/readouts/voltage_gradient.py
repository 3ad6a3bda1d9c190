"""The gradient of the membrane potential at given times, by the adjoint scan.

The adjoint of the potential is a potential in reversed time: with cotangents g(t) at the sample
times,

    dL/dw_f = U(t_f) = sum over t >= t_f of g(t) K(t - t_f)

is the membrane potential at -t_f of a neuron that gets a spike of weight g(t) at every -t.  So
the gradient runs the same scan over the samples, and reads it at the spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.namespace import device_of, zeros
from ..arrays.registry import fused
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.constants import course
from ..membrane.integration import Membrane, integrate, with_nobody
from ..membrane.sampling import sample
from ..membrane.scan import block_length, scan
from ..membrane.tiles import map_tiles, tile_bounds
from ..neuron import Neuron
from .arguments import check_output, check_readout, is_static
from .constants import Constants, Summed, constants_gradient, summed
from .crossing import crossing_interval
from .dispatch import constant
from .gradient import Gradient, GradientWithConstants, added, as_given, sum_over_afferents
from .voltage import checked_times, membrane_at

__all__ = ["voltage_vjp"]

Array = Any


@by_groups("cotangent", join=added)
@constant
def voltage_vjp(
    events: Events,
    weight: Array,
    neuron: Neuron,
    sample_times: Array,
    cotangent: Array,
    *,
    times: bool = False,
    constants: bool = False,
    method: str = "auto",
) -> Gradient | GradientWithConstants:
    """Pull a cotangent of :func:`voltage` back to the weights and the spike times.

    Parameters
    ----------
    events, weight, neuron
        As given to :func:`voltage`.
    sample_times : array, shape (T,)
        The times of :func:`voltage`.
    cotangent : array, shape (B, O, T)
        Derivative of the loss by the potential.
    times, constants, method
        As for :func:`peak_vjp`.

    Returns
    -------
    Gradient or GradientWithConstants
        As :func:`peak_vjp` returns it.  A sample at exactly a spike's time counts with the slope
        K'(0+) to its right.

    Raises
    ------
    TypeError, ValueError
        As :func:`voltage`, and if ``cotangent`` does not fit.
    """
    xp = check_readout(events, weight, neuron)
    is_static(method)
    sample_times = checked_times("sample_times", events, sample_times, method, xp)
    check_output("cotangent", cotangent, events, weight, sample_times.shape[0])
    found = voltage_adjoint(events, weight, neuron, sample_times, cotangent, times, method, xp)
    of_constants = None
    if constants:
        of_constants = voltage_constants(
            events, weight, neuron, sample_times, cotangent, method, xp
        )
    return as_given(events, *found, of_constants)


def voltage_adjoint(
    events: Events,
    weight: Array,
    neuron: Neuron,
    sample_times: Array,
    cotangent: Array,
    times: bool,
    method: str,
    xp: Any,
) -> tuple[Array, Array | None]:
    """Gradients towards the weights [O, N] and, if asked for, the sorted spike times [B, K]."""
    if form := fused("voltage_vjp", method, weight):
        found: tuple[Array, Array | None] = form(
            events, weight, neuron, sample_times, cotangent, times
        )
        return found
    static = is_static(method, events.times, weight)
    by_output = xp.permute_dims(xp.astype(cotangent, weight.dtype), (1, 0, 2))

    def tiles(patterns: slice, outputs: slice) -> Array:
        return by_output[outputs, patterns, :]

    return tiled_adjoint(events, weight, neuron, sample_times, tiles, times, static, xp)


def tiled_adjoint(
    events: Events,
    weight: Array,
    neuron: Neuron,
    sample_times: Array,
    cotangent: Callable[[slice, slice], Array],
    times: bool,
    static: bool,
    xp: Any,
) -> tuple[Array, Array | None]:
    """The same for cotangents that are made on the way.

    ``cotangent(patterns, outputs)`` returns those of one tile, shape (o, b, T), so that they need
    never exist all at once.
    """
    kernel = neuron.kernel
    padded = with_nobody(weight)
    if sample_times.shape[0] == 0:
        zero_times = xp.zeros_like(events.times) if times else None
        return xp.zeros_like(weight), zero_times
    order = xp.flip(xp.argsort(sample_times, stable=True))
    reversed_times = -xp.take(sample_times, order)
    block = 0
    if not static:
        block = block_length(reversed_times[None, :], weight.dtype, kernel, xp=xp)
    # samples that fill the last block repeat the last one, with a cotangent of zero
    extra = -sample_times.shape[0] % block if block else 0
    last = xp.broadcast_to(reversed_times[-1:], (extra,))
    reversed_times = xp.concat([reversed_times, last])

    n_samples = reversed_times.shape[0]
    patterns, outputs = tile_bounds(events, padded, n_samples=n_samples, static=static)
    weight_rows: list[Array] = []
    time_rows: list[Array] = []
    for b in patterns:
        part = events[b]
        samples = xp.tile(reversed_times[None, :], (len(part), 1))
        for j, o in enumerate(outputs):
            jumps = xp.take(cotangent(b, o), order, axis=2)
            if extra:
                fill = (*jumps.shape[:2], extra)
                jumps = xp.concat([jumps, zeros(fill, weight, xp=xp)], axis=2)
            u, s = scan(samples, jumps, kernel, block, xp=xp)
            adjoint = Membrane(samples, samples, u, s, u[..., -1])
            u, s = sample(adjoint, -part.times, kernel, xp=xp)
            if neuron.shunt:
                used = _before_shunt(part, padded[o, :], neuron, static, xp)
                u, s = xp.where(used, u, 0.0), xp.where(used, s, 0.0)
            row = sum_over_afferents(u, part, xp=xp)
            if b.start == 0:
                weight_rows.append(row)
            else:
                weight_rows[j] = weight_rows[j] + row
            if times:
                w = xp.take(padded[o, :], xp.reshape(part.afferents, (-1,)), axis=1)
                slope = s * kernel.rise - u * (1.0 / kernel.slow)
                towards_times = -xp.sum(xp.reshape(w, u.shape) * slope, axis=0)
                if j == 0:
                    time_rows.append(towards_times)
                else:
                    time_rows[-1] = time_rows[-1] + towards_times
    weight_gradient = xp.concat(weight_rows, axis=0)
    if not times:
        return weight_gradient, None
    return weight_gradient, xp.astype(xp.concat(time_rows, axis=0), events.times.dtype)


def voltage_constants(
    events: Events,
    weight: Array,
    neuron: Neuron,
    sample_times: Array,
    cotangent: Array,
    method: str,
    xp: Any,
) -> Constants:
    """Gradient towards the constants of the neuron."""
    static = is_static(method, events.times, weight)
    by_output = xp.permute_dims(xp.astype(cotangent, weight.dtype), (1, 0, 2))

    def tiles(patterns: slice, outputs: slice) -> Array:
        return by_output[outputs, patterns, :]

    return tiled_constants(events, weight, neuron, sample_times, tiles, static, xp)


def tiled_constants(
    events: Events,
    weight: Array,
    neuron: Neuron,
    sample_times: Array,
    cotangent: Callable[[slice, slice], Array],
    static: bool,
    xp: Any,
) -> Constants:
    """The same for cotangents that are made on the way, as for `tiled_adjoint`."""

    def of_tile(membrane: Membrane, tile: tuple[slice, slice]) -> Summed:
        last = crossing_interval(membrane, neuron, static, xp=xp) if neuron.shunt else None
        query = xp.tile(sample_times[None, :], (membrane.times.shape[0], 1))
        seen = course(membrane, query, neuron, last_event=last, xp=xp)
        return summed(seen, cotangent(*tile), neuron, xp=xp)

    n_samples = sample_times.shape[0]
    return constants_gradient(
        of_tile, events, weight, neuron, n_samples=n_samples, static=static, xp=xp
    )


def sample_time_gradient(
    events: Events,
    weight: Array,
    neuron: Neuron,
    sample_times: Array,
    cotangent: Array,
    static: bool,
    xp: Any,
) -> Array:
    """Gradient towards the sample times, shape (T,): their cotangents times V'(t)."""
    kernel = neuron.kernel

    def of_tile(part: Events, rows: Array) -> tuple[Array, ...]:
        v, s = membrane_at(part, rows, neuron, sample_times, static, xp)
        return (s * kernel.rise - v * (1.0 / kernel.slow),)

    (slope,) = map_tiles(
        of_tile, events, with_nobody(weight), n_samples=sample_times.shape[0], static=static
    )
    by_output = xp.astype(xp.permute_dims(cotangent, (1, 0, 2)), weight.dtype)
    return xp.astype(xp.sum(by_output * slope, axis=(0, 1)), sample_times.dtype)


def _before_shunt(events: Events, rows: Array, neuron: Neuron, static: bool, xp: Any) -> Array:
    """Spikes [o, b, K] that come before the output spike."""
    membrane = integrate(events, rows, neuron.kernel, static=static)
    last = crossing_interval(membrane, neuron, static, xp=xp)
    return xp.arange(events.times.shape[1], device=device_of(rows)) <= last[..., None]
