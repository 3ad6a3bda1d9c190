r"""The scan over sorted spikes: membrane potential and synaptic sum just after every event.

With :math:`s_k = \sum_{f \le k} w_f e^{-(t_k - t_f)/\tau_s}` the state ``(V_k, s_k)`` obeys

.. math:: s_{k+1} = e^{-\Delta/\tau_s} s_k + w_{k+1}, \qquad
          V_{k+1} = e^{-\Delta/\tau} V_k + K(\Delta)\, s_k, \qquad \Delta = t_{k+1} - t_k

whose coefficients never cancel, whatever the two time constants.  Both recurrences are linear, so
events are cut into parts of equal length that are scanned side by side, as if each began at rest.
The ends of the parts are then events themselves, that jump in V and in s; scanned in the same way,
they give the state each part really begins in.  A part is scanned in one of two ways:

* by *cumulative sums*: within a block short enough that :math:`e^{\pm(t - t_c)/\tau_s}` keeps its
  digits, multiplying by it turns the recurrence into a cumulative sum.  That takes the fewest
  passes over the arrays, but long blocks, so many events within a time constant;
* by *steps* through short rows, all rows at once, whatever the times.
"""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import clip, known_true, zeros
from ..kernel import Kernel

__all__ = ["block_length", "decaying_sum", "scan"]

Array = Any

# Longest block in units of the fast time constant.  Exponents reach half of it, and each unit of
# exponent costs half a unit in the last place: 8 in float32, 100 in float64.
_SPAN_FLOAT32 = 16.0
_SPAN_FLOAT64 = 200.0

_ROW = 8  # events in a row


def block_length(times: Array, dtype: Any, kernel: Kernel, *, xp: Any) -> int:
    """Return the longest block, in events, whose spike times [B, K] suit a cumulative sum.

    0 means that none is long enough to be worth it.
    """
    limit = kernel.fast * (_SPAN_FLOAT64 if dtype == xp.float64 else _SPAN_FLOAT32)
    length = int(times.shape[1])
    while length > _ROW:
        first = times[:, ::length]
        last = times[:, length - 1 :: length]
        if last.shape[1] < first.shape[1]:
            last = xp.concat([last, times[:, -1:]], axis=1)
        if known_true(xp.all(last - first <= limit)):
            return length
        length = (length + 1) // 2
    return 0


def scan(times: Array, jumps: Array, kernel: Kernel, block: int, *, xp: Any) -> tuple[Array, Array]:
    """State just after each event.

    Parameters
    ----------
    times : array, shape (B, K)
        Ascending event times; K is a multiple of ``block`` unless that is 0.
    jumps : array, shape (O, B, K)
        What each event adds to the synaptic sum: its weight.
    kernel : Kernel
    block : int
        Events per cumulative sum, see :func:`block_length`; 0 for steps.

    Returns
    -------
    v, s : array, shape (O, B, K)
        Membrane potential and synaptic sum.
    """
    if block == 0:
        return _by_steps(times, None, jumps, kernel, xp)
    dtype = jumps.dtype
    n_outputs, n_patterns, n_events = jumps.shape
    n_blocks = n_events // block
    t = xp.reshape(times, (n_patterns, n_blocks, block))
    from_centre = xp.astype(t - (t[..., :1] + t[..., -1:]) * 0.5, dtype)
    growth_fast = xp.exp(from_centre * (1.0 / kernel.fast))
    decay_fast = 1.0 / growth_fast
    decay_slow = xp.exp(from_centre * (-1.0 / kernel.slow))
    step = kernel.value(xp.astype(t[..., 1:] - t[..., :-1], dtype), xp=xp)
    feed = step / decay_slow[..., 1:]

    w = xp.reshape(jumps, (n_outputs, n_patterns, n_blocks, block))
    s = xp.cumulative_sum(w * growth_fast, axis=-1) * decay_fast
    v = xp.cumulative_sum(s[..., :-1] * feed, axis=-1, include_initial=True) * decay_slow
    if n_blocks > 1:
        v_end, s_end = _by_steps(t[..., -1], v[..., -1], s[..., -1], kernel, xp)
        v_before, s_before = (_one_later(a, xp)[..., None] for a in (v_end, s_end))
        end_before = xp.concat([t[:, :1, 0], t[:, :-1, -1]], axis=-1)[..., None]
        elapsed = _within_memory(t - end_before, dtype, kernel, xp)
        v = v + xp.exp(elapsed * (-1.0 / kernel.slow)) * v_before
        v = v + kernel.value(elapsed, xp=xp) * s_before
        s = s + xp.exp(elapsed * (-1.0 / kernel.fast)) * s_before
    return xp.reshape(v, jumps.shape), xp.reshape(s, jumps.shape)


def decaying_sum(times: Array, jumps: Array, kernel: Kernel, block: int, *, xp: Any) -> Array:
    """The synaptic sum of `scan` alone, [O, B, K]."""
    if block == 0:
        return _by_steps(times, None, jumps, kernel, xp)[1]
    n_outputs, n_patterns, n_events = jumps.shape
    t = xp.reshape(times, (n_patterns, n_events // block, block))
    from_centre = xp.astype(t - (t[..., :1] + t[..., -1:]) * 0.5, jumps.dtype)
    growth = xp.exp(from_centre * (1.0 / kernel.fast))
    s = xp.cumulative_sum(xp.reshape(jumps, (n_outputs, *t.shape)) * growth, axis=-1) / growth
    if t.shape[1] > 1:
        _, s_end = _by_steps(t[..., -1], None, s[..., -1], kernel, xp)
        end_before = xp.concat([t[:, :1, 0], t[:, :-1, -1]], axis=-1)[..., None]
        elapsed = _within_memory(t - end_before, jumps.dtype, kernel, xp)
        s = s + xp.exp(elapsed * (-1.0 / kernel.fast)) * _one_later(s_end, xp)[..., None]
    return xp.reshape(s, jumps.shape)


def _by_steps(
    times: Array, v_jumps: Array | None, s_jumps: Array, kernel: Kernel, xp: Any
) -> tuple[Array, Array]:
    """Scan events that jump by ``v_jumps`` (None: not at all) and ``s_jumps``, each [O, B, K]."""
    n_outputs, n_patterns, n_events = s_jumps.shape
    length = min(n_events, _ROW)
    extra = -n_events % length
    if extra:  # events without a jump, at the time of the last, fill the last row
        times = xp.concat([times, xp.broadcast_to(times[:, -1:], (n_patterns, extra))], axis=1)
        none = zeros((n_outputs, n_patterns, extra), s_jumps, xp=xp)
        s_jumps = xp.concat([s_jumps, none], axis=2)
        v_jumps = None if v_jumps is None else xp.concat([v_jumps, none], axis=2)

    def by_position(a: Array) -> Array:
        """Event i of every row first: shape (length, ..., B, rows)."""
        a = xp.reshape(a, (*a.shape[:-1], a.shape[-1] // length, length))
        return xp.permute_dims(a, (a.ndim - 1, *range(a.ndim - 1)))

    t = by_position(times)
    s_jumps = by_position(s_jumps)
    v_jumps = None if v_jumps is None else by_position(v_jumps)
    before = xp.concat([times[:, :1], t[-1, :, :-1]], axis=1)  # the end of the row before
    gap = t - xp.concat([before[None, ...], t[:-1, ...]], axis=0)
    gap = _within_memory(gap, s_jumps.dtype, kernel, xp)
    slow, fast = xp.exp(gap * (-1.0 / kernel.slow)), xp.exp(gap * (-1.0 / kernel.fast))
    psp = kernel.value(gap, xp=xp)

    def step(i: int, v: Array, s: Array) -> tuple[Array, Array]:
        v = slow[i, ...] * v + psp[i, ...] * s
        s = fast[i, ...] * s + s_jumps[i, ...]
        return (v if v_jumps is None else v + v_jumps[i, ...]), s

    rest = xp.zeros_like(s_jumps[0, ...])
    v, s = rest, rest
    if t.shape[2] > 1:
        v, s = (rest if v_jumps is None else v_jumps[0, ...]), s_jumps[0, ...]
        for i in range(1, length):
            v, s = step(i, v, s)
        v, s = (_one_later(a, xp) for a in _by_steps(t[-1, ...], v, s, kernel, xp))
    all_v, all_s = [], []
    for i in range(length):
        v, s = step(i, v, s)
        all_v.append(v)
        all_s.append(s)
    shape = (n_outputs, n_patterns, n_events + extra)
    v, s = (xp.reshape(xp.stack(a, axis=-1), shape) for a in (all_v, all_s))
    return (v[..., :n_events], s[..., :n_events]) if extra else (v, s)


def _one_later(state: Array, xp: Any) -> Array:
    """State [..., n] after each part as the state before each: the first begins at rest."""
    return xp.concat([xp.zeros_like(state[..., :1]), state[..., :-1]], axis=-1)


def _within_memory(elapsed: Array, dtype: Any, kernel: Kernel, xp: Any) -> Array:
    """Cut times short that leave nothing of a state."""
    return xp.astype(clip(elapsed, None, kernel.memory(dtype, xp=xp), xp=xp), dtype)
