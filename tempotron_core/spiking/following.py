"""The state that a stream goes on from, and how it does."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..arrays.index_sum import index_sum
from ..arrays.namespace import clip, device_of, zeros
from ..membrane.integration import Membrane
from ..membrane.scan import block_length, scan
from ..neuron import Neuron
from ..readouts.crossing import crossing
from .output_spikes import trains
from .search import decayed, turn

__all__ = ["StreamState", "follow_stream"]

Array = Any


class StreamState(NamedTuple):
    """Where O outputs are.

    Attributes
    ----------
    time : float
        The clock.  All spikes up to it have been given.
    event : float
        When the last event came, or the stream began: no later than ``time``.
    passed : array, shape (O,)
        From then to where ``v`` and ``slope`` are, no later than ``time``.
    v, slope : array, shape (O,)
        Membrane potential and its derivative.
    """

    time: float
    event: float
    passed: Array
    v: Array
    slope: Array


def follow_stream(
    weight: Array,
    neuron: Neuron,
    state: StreamState,
    times: Array,
    afferents: Array,
    until: float | None,
    *,
    xp: Any,
) -> tuple[StreamState, Array, Array]:
    """Go on to the last event, or without events ``until`` a time.

    Parameters
    ----------
    weight : array, shape (O, N)
    neuron : Neuron
    state : StreamState
    times, afferents : array, shape (E,)
        E is 0 if, and only if, there is an ``until``.
    until : float or None

    Returns
    -------
    StreamState
        With all outputs at its ``time``.
    outputs, times : array, shape (S,)
        Spikes, in any order; their times in the dtype of the events.

    Raises
    ------
    ValueError
        If output spikes follow each other more closely than their times can tell apart.
    """
    kernel, dtype, device = neuron.kernel, weight.dtype, device_of(weight)
    v_start, s_start = _at_the_clock(state, neuron, dtype, xp)
    # the state is an event of its own, at time 0, that adds the synaptic sum
    begin = xp.zeros((1,), dtype=times.dtype, device=device)
    since = xp.concat([begin, times - state.time])[None, :]
    duration = float(since[0, -1]) if until is None else until - state.time
    jumps = xp.concat([s_start[:, None], xp.take(weight, afferents, axis=1)], axis=1)
    block = block_length(since, dtype, kernel, xp=xp)
    if block and (extra := -since.shape[1] % block):  # events without a jump fill the last block
        since = xp.concat([since, xp.broadcast_to(since[:, -1:], (1, extra))], axis=1)
        jumps = xp.concat([jumps, zeros((jumps.shape[0], extra), weight, xp=xp)], axis=1)
    v, s = scan(since, jumps[:, None, :], kernel, block, xp=xp)
    left = xp.astype(clip(since, 0.0, kernel.memory(dtype, xp=xp), xp=xp), dtype)
    v = v + xp.exp(left * (-1.0 / kernel.slow)) * v_start[:, None, None]
    end = xp.full((1, 1), duration, dtype=times.dtype, device=device)
    gap = xp.astype(xp.concat([since[:, 1:], end], axis=1) - since, dtype)
    last = clip(gap[:, -1], 0.0, kernel.memory(dtype, xp=xp), xp=xp)
    v_end, s_end = _later(v[..., -1], s[..., -1], last, neuron, xp)
    membrane = Membrane(since, gap, v, s, v_end)

    _, first = crossing(membrane, neuron, duration, False, xp=xp)
    spikes = trains(membrane, first, neuron, duration, xp=xp)
    outputs = xp.concat([which for which, _ in spikes])
    found = xp.concat([time for _, time in spikes])
    resets = decayed(duration - found, neuron, dtype, xp=xp) * neuron.v_threshold
    resets = index_sum(resets, outputs, weight.shape[0])
    v_end = v_end[:, 0] - resets
    s_end = s_end[:, 0] + resets * turn(neuron)
    slope = s_end * kernel.rise - v_end * (1.0 / kernel.slow)
    now = float(times[-1]) if until is None else until
    after = StreamState(now, now, xp.zeros_like(v_end), v_end, slope)
    return after, outputs, found + state.time


def _at_the_clock(state: StreamState, neuron: Neuron, dtype: Any, xp: Any) -> tuple[Array, Array]:
    """Potential and synaptic sum of each output at the clock; there are no spikes before it."""
    kernel = neuron.kernel
    v, slope = (xp.astype(a, dtype) for a in (state.v, state.slope))
    s = (slope + v * (1.0 / kernel.slow)) * (1.0 / kernel.rise)
    elapsed = clip(
        (state.time - state.event) - state.passed, 0.0, kernel.memory(dtype, xp=xp), xp=xp
    )
    return _later(v, s, xp.astype(elapsed, dtype), neuron, xp)


def _later(v: Array, s: Array, elapsed: Array, neuron: Neuron, xp: Any) -> tuple[Array, Array]:
    """Return the state after a time without spikes."""
    kernel = neuron.kernel
    v = v * xp.exp(elapsed * (-1.0 / kernel.slow)) + s * kernel.value(elapsed, xp=xp)
    return v, s * xp.exp(elapsed * (-1.0 / kernel.fast))
