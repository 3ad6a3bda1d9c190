"""Output spikes of a stream, whose pass over the events goes on where the last one ended.

However a stream is cut, the spikes have to be the same to the last bit.  So a step goes from one
event to the next, and where a piece ends, the state just after its last event is what is kept.
And when an output spikes depends on its state alone, as if nothing more would come: how long the
interval is only decides whether that spike still falls into it.  Bounds that leave an interval out
have room for rounding, so that they never contradict that.
"""

from __future__ import annotations

import math

import numpy as np

from ..compiling.compiled import compiled
from ..lanes import (
    WIDE,
    both,
    either,
    first_lane,
    fma,
    lanes_of,
    load,
    maximum,
    minimum,
    store,
)
from ..membrane.roots import rising_root
from ..membrane.steps import CHUNK, fill_steps, free_state
from .resets import top_after
from .spike_scan import with_room

__all__ = ["advance_stream", "scan_stream"]

_ROOM = 1e-12  # of a state's size; a step loses some 1e-15
_APART = 2e-16  # spikes are no closer, as a part of tau and of the time since the last event
_AT_ONCE = 1e-300  # a time that is none, and yet says that there was a spike


@compiled
def scan_stream(
    times, afferents, rows, event, constants, threshold, tau, first, last, potential, slope, passed,
):  # fmt: skip
    """Find the output spikes of the outputs from ``first`` to ``last`` up to the last event.

    Parameters
    ----------
    times, afferents : array, shape (E,)
    rows : array, shape (N, W)
        Weights; W, ``first`` and ``last`` are multiples of the number of lanes.
    event : float
        Time of the event before the first.
    threshold, tau : float
        What a reset takes away, and the constant with which it decays.
    potential, slope : array, shape (W,)
        State of the outputs: after ``event``, later by ``passed``.  Filled with the new one, just
        after the last event.
    passed : array, shape (W,)
        Filled with zeros.

    Returns
    -------
    found : array, shape (S,)
        Times, of an output in ascending order.
    output : integer array, shape (S,)
    apart : bool
        False if two spikes of an output cannot be told apart; then the search was given up.
    """
    kappa, crest = constants[2], constants[5]
    n_events = times.shape[0]
    u = np.zeros(CHUNK)
    a, b, c, e = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    v_now, d_now = np.empty(len(WIDE)), np.empty(len(WIDE))
    v_after, d_after = np.empty(len(WIDE)), np.empty(len(WIDE))
    found, output, n = np.empty(64, times.dtype), np.empty(64, np.int64), 0
    before = event
    for start in range(0, n_events, CHUNK):
        n_steps = min(CHUNK, n_events - start)
        for i in range(n_steps):
            now = np.float64(times[start + i])
            u[i] = now - before
            before = now
        fill_steps(u, n_steps, constants, a, b, c, e)
        for o in range(first, last, len(WIDE)):
            v, d = load(potential, o, WIDE), load(slope, o, WIDE)
            resumed = np.int64(0)  # lanes that have spiked since the last event
            if start == 0:
                resumed = lanes_of(load(passed, o, WIDE) > 0.0)
            i = 0
            while i < n_steps:
                lanes = np.int64(0)
                while i < n_steps:  # apart from what follows, so that it stays in registers
                    v_next, d_next = fma(b[i], d, a[i] * v), fma(e[i], d, c[i] * v)
                    drive = fma(1.0 / constants[0], v, d)
                    size = maximum(v, 0.0 - v) + constants[0] * maximum(d, 0.0 - d)
                    open_limit = fma(-_ROOM, size, threshold)
                    # below its tangent, and below what is left of V and of the synaptic sum at
                    # the crest of K; where it still rises, below its end
                    bound = minimum(fma(u[i], d, v), fma(crest, drive, maximum(v, 0.0)))
                    ended = either(v_next > open_limit, 0.0 - d_next > 0.0)
                    opens = either(v > threshold, both(bound > open_limit, ended))
                    lanes = lanes_of(opens) | resumed
                    if lanes:
                        break
                    v, d = v_next, fma(kappa, load(rows[afferents[start + i]], o, WIDE), d_next)
                    i += 1
                if lanes == 0:
                    break
                v_next, d_next = fma(b[i], d, a[i] * v), fma(e[i], d, c[i] * v)
                store(v_now, 0, v)
                store(d_now, 0, d)
                store(v_after, 0, v_next)
                store(d_after, 0, d_next)
                origin = event if start + i == 0 else np.float64(times[start + i - 1])
                while lanes:
                    lane = first_lane(lanes)
                    lanes &= lanes - 1
                    start_at = passed[o + lane] if resumed else 0.0
                    v_lane, d_lane, past, found, output, n = _fire(
                        v_now[lane], d_now[lane], start_at, u[i], origin, times[start + i],
                        o + lane, threshold, tau, constants, found, output, n,
                    )  # fmt: skip
                    if n < 0:
                        return found, output, False
                    if past > 0.0:
                        left = max(u[i] - past, 0.0)
                        v_after[lane], d_after[lane] = free_state(v_lane, d_lane, left, constants)
                resumed = np.int64(0)
                v, d = load(v_after, 0, WIDE), load(d_after, 0, WIDE)
                d = fma(kappa, load(rows[afferents[start + i]], o, WIDE), d)
                i += 1
            store(potential, o, v)
            store(slope, o, d)
    passed[first:last] = 0.0
    return found[:n], output[:n], True


@compiled
def advance_stream(until, event, constants, threshold, tau, potential, slope, passed):
    """Find the output spikes until a time without events; arguments and results as above.

    The state of an output that does not spike stays where it was.
    """
    found, output, n = np.empty(64), np.empty(64, np.int64), 0
    for o in range(potential.shape[0]):
        potential[o], slope[o], passed[o], found, output, n = _fire(
            potential[o], slope[o], passed[o], until - event, event, until, o, threshold, tau,
            constants, found, output, n,
        )  # fmt: skip
        if n < 0:
            return found, output, False
    return found[:n], output[:n], True


@compiled
def _fire(
    v, d, past, gap, origin, end, o, threshold, tau, constants, found, output, n,
):  # fmt: skip
    """Add the spikes of one output from ``past`` to ``gap`` after the event at ``origin``.

    Returns
    -------
    v, d, past : float
        Its state, just after the last of them.
    found, output : array
        Longer ones, where they were full.
    n : int
        How many spikes they hold; -1 if two cannot be told apart.
    """
    reached, slope = _spike_after(v, d, gap - past, threshold, constants)
    while reached >= 0.0:
        if past > 0.0 and reached <= _APART * (past + tau):
            return v, d, past, found, output, -1
        past += reached
        if n == found.shape[0]:
            found, output = with_room(found), with_room(output)
        found[n] = min(origin + past, np.float64(end))
        output[n] = o
        n += 1
        v, d = 0.0, slope + threshold / tau
        reached, slope = _spike_after(v, d, gap - past, threshold, constants)
    return v, d, past, found, output, n


@compiled
def _spike_after(v, d, left, threshold, constants):
    """Time from a state to the output spike it leads to, and the slope there.

    The time is -1 if it is not sooner than ``left``.
    """
    if v > threshold:  # by rounding, where the interval before ended
        return _AT_ONCE, d
    room = _ROOM * (abs(v) + constants[0] * abs(d))
    if not (d > 0.0 and v + d * left > threshold - room):
        return -1.0, d
    top, value = top_after(v, d, math.inf, 0.0, 0.0, constants)
    if not value > threshold:
        return -1.0, d
    reached, slope = rising_root(v, d, top, value, threshold, constants)
    return (reached, slope) if reached < left else (-1.0, d)
