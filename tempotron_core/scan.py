r"""The scan over sorted spikes: membrane potential and synaptic sum just after every event.

With :math:`s_k = \sum_{f \le k} w_f e^{-(t_k - t_f)/\tau_s}` the state ``(V_k, s_k)`` obeys

.. math:: s_{k+1} = e^{-\Delta/\tau_s} s_k + w_{k+1}, \qquad
          V_{k+1} = e^{-\Delta/\tau} V_k + K(\Delta)\, s_k, \qquad \Delta = t_{k+1} - t_k

whose coefficients never cancel, whatever the two time constants.  Both recurrences are linear,
so they run without a loop over events in one of two ways:

* *blocks*: within a block short enough that :math:`e^{\pm(t - t_c)/\tau_s}` keeps its digits,
  multiplying by it turns the recurrence into a cumulative sum;
* *doubling*: after step j every event holds the contribution of the :math:`2^j` events up to it.

Blocks cost a few passes over the array, doubling ``log2`` as many as there are entries.  So
events are scanned in blocks as long as possible, and the blocks' own end states by doubling.
"""

from __future__ import annotations

from typing import Any

from .kernel import Kernel
from .namespace import known_true

__all__ = ["block_length", "scan"]

Array = Any

# Longest block in units of the fast time constant.  Exponents reach half of it, and each unit of
# exponent costs half a unit in the last place: 8 in float32, 100 in float64.
_SPAN_FLOAT32 = 16.0
_SPAN_FLOAT64 = 200.0


def block_length(times: Array, dtype: Any, kernel: Kernel, *, xp: Any) -> int:
    """Return the largest usable block, in events, for spike times [B, K]; 1 means doubling."""
    limit = kernel.fast * (_SPAN_FLOAT64 if dtype == xp.float64 else _SPAN_FLOAT32)
    length = int(times.shape[1])
    while length > 1:
        first = times[:, ::length]
        last = times[:, length - 1 :: length]
        if last.shape[1] < first.shape[1]:
            last = xp.concat([last, times[:, -1:]], axis=1)
        if known_true(xp.all(last - first <= limit)):
            return length
        length = (length + 1) // 2
    return 1


def scan(times: Array, jumps: Array, kernel: Kernel, block: int, *, xp: Any) -> tuple[Array, Array]:
    """State just after each event.

    Parameters
    ----------
    times : array, shape (B, K)
        Ascending event times; K is a multiple of ``block``.
    jumps : array, shape (O, B, K)
        What each event adds to the synaptic sum: its weight.
    kernel : Kernel
    block : int
        Events per block, see :func:`block_length`.

    Returns
    -------
    v, s : array, shape (O, B, K)
        Membrane potential and synaptic sum.
    """
    if block == 1:
        return _doubling(times, None, jumps, kernel, xp=xp)
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
        v_end, s_end = _doubling(t[..., -1], v[..., -1], s[..., -1], kernel, xp=xp)
        at_rest = xp.zeros_like(v_end[..., :1])
        v_before = xp.concat([at_rest, v_end[..., :-1]], axis=-1)[..., None]
        s_before = xp.concat([at_rest, s_end[..., :-1]], axis=-1)[..., None]
        end_before = xp.concat([t[:, :1, 0], t[:, :-1, -1]], axis=-1)[..., None]
        elapsed = xp.astype(t - end_before, dtype)
        v = v + xp.exp(elapsed * (-1.0 / kernel.slow)) * v_before
        v = v + kernel.value(elapsed, xp=xp) * s_before
        s = s + xp.exp(elapsed * (-1.0 / kernel.fast)) * s_before
    return xp.reshape(v, jumps.shape), xp.reshape(s, jumps.shape)


def _doubling(
    times: Array, v: Array | None, s: Array, kernel: Kernel, *, xp: Any
) -> tuple[Array, Array]:
    """Scan events that jump by ``v`` (None: not at all) in potential and ``s`` in synaptic sum."""
    v = xp.zeros_like(s) if v is None else v
    reach = 1
    while reach < s.shape[-1]:
        elapsed = xp.astype(times[:, reach:] - times[:, :-reach], s.dtype)
        v_past, s_past = v[..., :-reach], s[..., :-reach]
        v_now = v[..., reach:] + xp.exp(elapsed * (-1.0 / kernel.slow)) * v_past
        v_now = v_now + kernel.value(elapsed, xp=xp) * s_past
        s_now = s[..., reach:] + xp.exp(elapsed * (-1.0 / kernel.fast)) * s_past
        v = xp.concat([v[..., :reach], v_now], axis=-1)
        s = xp.concat([s[..., :reach], s_now], axis=-1)
        reach *= 2
    return v, s
