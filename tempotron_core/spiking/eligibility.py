r"""How much each afferent had to do with the potential: the eligibility of the correlation rule.

The correlation of a postsynaptic potential with what the potential is from then on,

.. math:: E_i = \sum_{f: i_f = i} \int_{t_f}^\infty V(t)\, K(t - t_f)\, dt,

is exact in one scan forwards and one backwards.  A kernel that is d old goes on as an exponential
of the slow constant and a new kernel,
:math:`K(u + d) = K(d) e^{-u/\tau_{slow}} + e^{-d/\tau_{fast}} K(u)`, so that two of them have in
common

.. math:: R(d) = \int_0^\infty K(u) K(u + d)\, du
               = K(d) \int_0^\infty K e^{-u/\tau_{slow}} du
               + e^{-d/\tau_{fast}} \int_0^\infty K^2 du

whichever of them came first: what every event is owed is the potential and the synaptic sum just
after it, forwards in time and backwards.  Resets are exponentials of the membrane's own constant,
and have with a kernel in common what the same two integrals say.
"""

from __future__ import annotations

from typing import Any

from ..arrays.index_sum import index_sum
from ..arrays.namespace import clip, device_of
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.grouping import by_groups
from ..membrane.integration import Membrane, with_nobody
from ..membrane.pairs import over_tiles
from ..membrane.sampling import sample
from ..membrane.scan import scan
from ..neuron import Neuron
from .arguments import check_spike_times, check_spiking
from .layout import OutputSpikes

__all__ = ["eligibility"]

Array = Any


@by_groups("spikes")
@under_own_settings
def eligibility(
    events: Events,
    weight: Array,
    neuron: Neuron,
    spikes: OutputSpikes,
    *,
    until: str = "rest",
) -> Array:
    r"""Correlation of every afferent's postsynaptic potentials with the potential [1]_.

    .. math:: E_i = \sum_{f: i_f = i} \int_{t_f}^\infty V(t)\, K(t - t_f)\, dt

    with V reset at the output spikes.

    Parameters
    ----------
    events, weight, neuron
        As given to :func:`output_spikes`.
    spikes : OutputSpikes
        What it returned for them: all output spikes, so without ``max_spikes``.
    until : {'rest', 'duration'}
        Whether to follow the potential until nothing is left of it, or to the end of the pattern.

    Returns
    -------
    array, shape (B, O, N)
        In the unit of potential squared, times the unit of time.

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype, or arrays come from different libraries.
    ValueError
        If shapes or devices do not fit, the neuron shunts its input, or an option is not valid.

    References
    ----------
    .. [1] R. Gütig, "Spiking neurons can discover predictive features by aggregate-label
       learning", Science 351, aab4113 (2016), correlation-based learning.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron
    >>> from tempotron_core.spiking import eligibility, output_spikes
    >>> events = Events.from_latencies(np.asarray([[10.0, 12.0, 90.0]]), duration=200.0)
    >>> weight, neuron = np.asarray([[0.6, 0.6, 0.0]]), Neuron(20.0, 5.0)
    >>> spikes = output_spikes(events, weight, neuron)
    >>> print(eligibility(events, weight, neuron, spikes).round(2))
    [[[10.78 10.43  0.31]]]
    """
    xp = check_spiking(events, weight, neuron)
    if not isinstance(spikes, OutputSpikes):
        raise TypeError(
            "spikes must be OutputSpikes (what output_spikes returned), "
            f"got {type(spikes).__name__}"
        )
    if until not in ("rest", "duration"):
        raise ValueError(f"until must be 'rest' or 'duration', got {until!r}")
    check_spike_times("spikes.times", spikes.times, events, weight, xp=xp)
    times = xp.astype(spikes.times, events.times.dtype)
    padded = with_nobody(weight)

    def of_tile(membrane: Membrane, tile: tuple[slice, slice]) -> tuple[Array, ...]:
        b, o = tile
        part, resets = events[b], xp.permute_dims(times[b, o, :], (1, 0, 2))
        jumps = xp.take(padded[o, :], xp.reshape(part.afferents, (-1,)), axis=1)
        jumps = xp.reshape(jumps, (jumps.shape[0], *part.afferents.shape))
        owed = _of_inputs(membrane, part, jumps, neuron, xp)
        owed = owed - _of_resets(part, resets, neuron, jumps.dtype, xp)
        if until == "duration":
            owed = owed - _afterwards(membrane, part, resets, neuron, xp)
        return (_by_afferent(owed, part, padded.shape[1], xp),)

    (found,) = over_tiles(
        of_tile, events, weight, neuron, n_samples=times.shape[2], static=False, xp=xp
    )
    return found[..., :-1]


def _integrals(neuron: Neuron) -> tuple[float, float, float, float]:
    """Integrals of K e^{-u/slow}, K^2, K e^{-u/tau} and e^{-u/slow} e^{-u/tau}, from 0 on."""
    kernel = neuron.kernel
    slow, fast, membrane = 1.0 / kernel.slow, 1.0 / kernel.fast, 1.0 / neuron.tau
    with_slow = kernel.rise / (2.0 * slow * (slow + fast))
    squared = kernel.rise**2 / (2.0 * slow * fast * (slow + fast))
    with_reset = kernel.rise / ((slow + membrane) * (fast + membrane))
    return with_slow, squared, with_reset, 1.0 / (slow + membrane)


def _of_inputs(membrane: Membrane, part: Events, jumps: Array, neuron: Neuron, xp: Any) -> Array:
    """What the potential without resets owes to every event, [o, b, k]."""
    with_slow, squared, _, _ = _integrals(neuron)
    n_events = jumps.shape[-1]
    v, s = membrane.v[..., :n_events], membrane.s[..., :n_events]
    times = -xp.flip(part.times, axis=1)
    later_v, later_s = scan(times, xp.flip(jumps, axis=-1), neuron.kernel, 0, xp=xp)
    v = v + xp.flip(later_v, axis=-1)
    s = s + xp.flip(later_s, axis=-1) - jumps  # an event meets itself once
    return v * with_slow + s * squared


def _of_resets(part: Events, resets: Array, neuron: Neuron, dtype: Any, xp: Any) -> Array:
    """What the resets at the output spikes [o, b, S] take from it, [o, b, k]."""
    _, _, with_reset, both = _integrals(neuron)
    kernel = neuron.kernel
    shape = (*resets.shape[:2], part.times.shape[1])
    spikes = xp.reshape(resets, (-1, resets.shape[2]))
    query = xp.reshape(xp.tile(part.times[None, ...], (shape[0], 1, 1)), (spikes.shape[0], -1))
    # padding lies at the end, and resets nothing
    jumps = xp.astype(xp.isfinite(spikes), dtype)
    spikes = xp.where(xp.isfinite(spikes), spikes, part.duration)
    earlier = _trace(spikes, jumps, kernel, xp)
    u, s = sample(earlier, query, kernel, xp=xp)
    before = _decaying(u, s, neuron)
    later = _trace(-xp.flip(spikes, axis=1), xp.flip(jumps, axis=1), kernel, xp)
    u, s = sample(later, -query, kernel, side="left", xp=xp)
    owed = before * with_reset + u * both + s * with_reset
    return xp.reshape(owed, shape) * neuron.v_threshold


def _afterwards(membrane: Membrane, part: Events, resets: Array, neuron: Neuron, xp: Any) -> Array:
    """What comes of all that after the end of the pattern, [o, b, k]."""
    with_slow, squared, with_reset, both = _integrals(neuron)
    kernel, dtype = neuron.kernel, membrane.v.dtype
    end = xp.full_like(part.times[:, :1], part.duration)
    v, s = sample(membrane, end, kernel, xp=xp)
    spiked = xp.isfinite(resets)
    elapsed = xp.astype(part.duration - xp.where(spiked, resets, part.duration), dtype)
    elapsed = clip(elapsed, 0.0, kernel.memory(dtype, xp=xp), xp=xp)
    left = xp.where(spiked, xp.exp(elapsed * (-1.0 / neuron.tau)), 0.0)
    reset = xp.sum(left, axis=-1, keepdims=True) * neuron.v_threshold
    age = xp.astype(end - part.times, dtype)
    age = clip(age, 0.0, kernel.memory(dtype, xp=xp), xp=xp)[None, ...]
    old, new = kernel.value(age, xp=xp), xp.exp(age * (-1.0 / kernel.fast))
    by_old = v * (0.5 * kernel.slow) + s * with_slow - reset * both
    by_new = v * with_slow + s * squared - reset * with_reset
    return old * by_old + new * by_new


def _trace(times: Array, jumps: Array, kernel: Any, xp: Any) -> Membrane:
    v, s = scan(times, jumps[None, ...], kernel, 0, xp=xp)
    return Membrane(times, times, v, s, v[..., -1])


def _decaying(u: Array, s: Array, neuron: Neuron) -> Array:
    """Sum of exponentials of tau from that of the fast constant and of the kernel."""
    if neuron.tau < neuron.tau_s:
        return s
    return s + u * (neuron.kernel.beta / neuron.kernel.rise)


def _by_afferent(owed: Array, part: Events, n_bins: int, xp: Any) -> Array:
    """Sum what events [o, b, k] are owed over those of an afferent, [b, o, n_bins]."""
    n_outputs, n_patterns, _ = owed.shape
    pairs = xp.arange(n_outputs * n_patterns, device=device_of(owed)) * n_bins
    pairs = xp.reshape(pairs, (n_outputs, n_patterns, 1))
    bins = xp.reshape(xp.astype(part.afferents, pairs.dtype)[None, ...] + pairs, (-1,))
    total = index_sum(xp.reshape(owed, (-1,)), bins, n_outputs * n_patterns * n_bins)
    return xp.permute_dims(xp.reshape(total, (n_outputs, n_patterns, n_bins)), (1, 0, 2))
