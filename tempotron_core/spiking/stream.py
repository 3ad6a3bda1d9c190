"""Neurons that follow one endless train of events as it comes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import array_api_compat

from ..arrays.index_sum import index_sum
from ..arrays.integers import as_index
from ..arrays.namespace import (
    array_namespace,
    check_floating,
    check_same_device,
    clip,
    device_of,
    zeros,
)
from ..arrays.numbers import real_number
from ..arrays.settings import under_own_settings
from ..membrane.integration import Membrane
from ..membrane.scan import block_length, scan
from ..membrane.tiles import tile_size
from ..neuron import Neuron
from ..readouts.crossing import crossing
from .arguments import check_spikes_again
from .output_spikes import trains
from .search import decayed, turn

__all__ = ["Stream", "StreamSpikes"]

Array = Any


class StreamSpikes(NamedTuple):
    """Output spikes of a stream, in the order of time.

    Attributes
    ----------
    times : array, shape (S,)
        On the clock of the stream, in the dtype of its last input times.
    outputs : integer array, shape (S,)
        The output that fired.
    """

    times: Array
    outputs: Array


class Stream:
    """The outputs of a weight matrix on one stream of input spikes, followed as it comes.

    What has happened is kept as the potential and the synaptic sum of each output at the last
    event, so that memory and the cost of an event stay the same for ever.  Between events, times
    are counted from the last one: after hours they have as many digits as in the first second.

    Parameters
    ----------
    weight : array, shape (O, N)
        Synaptic weights, float32 or float64.  The stream lives in their library, on their device.
    neuron : Neuron
        ``shunt`` must be False.
    start : float, default 0.0
        The clock before the first event, at which the neurons are at rest.

    Attributes
    ----------
    time : float
        The clock: when the last event came, or where `advance` got to.

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype.
    ValueError
        If the weights do not have two axes, the neuron shunts its input, or ``start`` is not
        finite.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Neuron
    >>> from tempotron_core.spiking import Stream
    >>> stream = Stream(np.asarray([[1.4, 0.0], [0.7, 0.7]]), Neuron(20.0, 5.0))
    >>> stream.push(np.asarray([10.0, 15.0]), np.asarray([0, 1]))
    StreamSpikes(times=array([13.40729642]), outputs=array([0]))
    >>> stream.advance(30.0)
    StreamSpikes(times=array([16.83295953]), outputs=array([1]))
    >>> stream.time
    30.0
    """

    def __init__(self, weight: Array, neuron: Neuron, *, start: float = 0.0) -> None:
        if not isinstance(neuron, Neuron):
            raise TypeError(f"neuron must be a Neuron, got {type(neuron).__name__}")
        check_spikes_again(neuron)
        xp = array_namespace(weight=weight)
        check_floating("weight", weight, xp=xp)
        if weight.ndim != 2:
            raise ValueError(f"weight must have shape (O, N), got {tuple(weight.shape)}")
        self.weight, self.neuron = weight, neuron
        self.time = _clock("start", start)
        self._v = zeros((weight.shape[0],), weight, xp=xp)
        self._s = zeros((weight.shape[0],), weight, xp=xp)
        self._dtype = weight.dtype

    @under_own_settings
    def push(self, times: Array, afferents: Array) -> StreamSpikes:
        """Take in events, and return the output spikes up to the last of them.

        Parameters
        ----------
        times : array, shape (E,)
            Ascending, none before ``time``; float64 for digits that last.
        afferents : integer array, shape (E,)
            From 0 to N - 1.

        Returns
        -------
        StreamSpikes

        Raises
        ------
        TypeError
            If the arrays have the wrong dtypes, or come from another library than the weights.
        ValueError
            If shapes or devices do not fit, times go back or are not finite, or there is no such
            afferent.  The stream stays as it was.
        """
        xp = array_namespace(weight=self.weight, times=times, afferents=afferents)
        afferents = self._checked(times, afferents, xp)
        self._dtype = times.dtype
        n_outputs, n_events = self.weight.shape[0], times.shape[0]
        step = max(1, tile_size(self.weight.dtype, device_of(times), xp=xp) // max(1, n_outputs))
        found = []
        for e in range(0, n_events, step):
            part = slice(e, min(e + step, n_events))
            found.append(self._follow(times[part], afferents[part], None, xp))
        return self._joined(found, xp)

    @under_own_settings
    def advance(self, time: float) -> StreamSpikes:
        """Let time pass without events, and return the output spikes until then.

        Parameters
        ----------
        time : float
            On the clock of the stream, not before its ``time``.

        Returns
        -------
        StreamSpikes

        Raises
        ------
        ValueError
            If it is, or is not finite.  The stream stays as it was.
        """
        xp = array_api_compat.array_namespace(self.weight)
        time = _clock("time", time)
        if time < self.time:
            raise ValueError(f"time must not be before the stream's, {self.time}, got {time}")
        device = device_of(self.weight)
        nothing = xp.zeros((0,), dtype=self._dtype, device=device)
        return self._joined([self._follow(nothing, None, time, xp)], xp)

    def state(self) -> dict[str, Array | float]:
        """Return what `restore` needs to go on from here.

        Returns
        -------
        dict
            ``time``, the clock, and ``v`` and ``s``, potentials and synaptic sums of shape (O,).
        """
        return {"time": self.time, "v": self._v, "s": self._s}

    def restore(self, state: Mapping[str, Array | float]) -> None:
        """Go on from a `state` of a stream with these weights and constants.

        Parameters
        ----------
        state : mapping
            What `state` returned, its arrays in the library and on the device of the weights.

        Raises
        ------
        KeyError
            If an entry is missing.
        TypeError, ValueError
            If one does not fit the weights.  The stream stays as it was.
        """
        time = _clock("state['time']", state["time"])
        arrays = {f"state[{name!r}]": state[name] for name in ("v", "s")}
        array_namespace(weight=self.weight, **arrays)
        check_same_device(weight=self.weight, **arrays)
        for name, array in arrays.items():
            if array.dtype != self.weight.dtype or array.shape != self._v.shape:  # type: ignore[union-attr]
                raise ValueError(
                    f"{name} must be {self.weight.dtype} of shape {tuple(self._v.shape)}, "
                    f"got {array.dtype} of shape {tuple(array.shape)}"  # type: ignore[union-attr]
                )
        self.time, self._v, self._s = time, *arrays.values()

    def _checked(self, times: Array, afferents: Array, xp: Any) -> Array:
        """Return the afferents in the index dtype; raise unless the events can come now."""
        check_same_device(weight=self.weight, times=times, afferents=afferents)
        check_floating("times", times, xp=xp)
        if not xp.isdtype(afferents.dtype, "integral"):
            raise TypeError(f"afferents must be integers, got {afferents.dtype}")
        if times.ndim != 1 or afferents.shape != times.shape:
            raise ValueError(
                "times and afferents must have one axis of the same length, "
                f"got shapes {tuple(times.shape)} and {tuple(afferents.shape)}"
            )
        afferents = as_index(afferents, xp=xp)
        if times.shape[0] == 0:
            return afferents
        if not bool(xp.all(xp.isfinite(times))):
            raise ValueError("times must be finite, got inf or NaN")
        if bool(xp.any(times[1:] < times[:-1])):
            e = int(xp.argmax(xp.astype(times[1:] < times[:-1], xp.int8)))
            raise ValueError(
                f"times must ascend, got {float(times[e])} before {float(times[e + 1])}"
            )
        if float(times[0]) < self.time:
            raise ValueError(
                f"times must not go back behind the stream's, {self.time}, got {float(times[0])}"
            )
        low, high = int(xp.min(afferents)), int(xp.max(afferents))
        if low < 0 or high >= self.weight.shape[1]:
            raise ValueError(
                f"afferents must be from 0 to {self.weight.shape[1] - 1}, "
                f"got values from {low} to {high}"
            )
        return afferents

    def _follow(
        self, times: Array, afferents: Array | None, until: float | None, xp: Any
    ) -> tuple[Array, Array]:
        """Go on to the last event, or ``until`` a time; return outputs and times of spikes."""
        neuron, kernel, dtype = self.neuron, self.neuron.kernel, self.weight.dtype
        n_outputs, device = self.weight.shape[0], device_of(self.weight)
        # the state is an event of its own, at time 0, that adds the synaptic sum
        begin = xp.zeros((1,), dtype=times.dtype, device=device)
        since = xp.concat([begin, times - self.time])[None, :]
        duration = float(since[0, -1]) if until is None else until - self.time
        jumps = self._s[:, None]
        if afferents is not None:
            jumps = xp.concat([jumps, xp.take(self.weight, afferents, axis=1)], axis=1)
        block = block_length(since, dtype, kernel, xp=xp)
        if block and since.shape[1] % block:
            block = 0
        v, s = scan(since, jumps[:, None, :], kernel, block, xp=xp)
        left = xp.astype(clip(since, 0.0, kernel.memory(dtype, xp=xp), xp=xp), dtype)
        v = v + xp.exp(left * (-1.0 / kernel.slow)) * self._v[:, None, None]
        end = xp.full((1, 1), duration, dtype=times.dtype, device=device)
        gap = xp.astype(xp.concat([since[:, 1:], end], axis=1) - since, dtype)
        last = clip(gap[:, -1], 0.0, kernel.memory(dtype, xp=xp), xp=xp)
        v_end = v[..., -1] * xp.exp(last * (-1.0 / kernel.slow))
        v_end = v_end + s[..., -1] * kernel.value(last, xp=xp)
        s_end = s[..., -1] * xp.exp(last * (-1.0 / kernel.fast))
        membrane = Membrane(since, gap, v, s, v_end)

        _, first = crossing(membrane, neuron, duration, False, xp=xp)
        spikes = trains(membrane, first, neuron, duration, xp=xp)
        outputs = xp.concat([which for which, _ in spikes])
        found = xp.concat([time for _, time in spikes])
        resets = decayed(duration - found, neuron, dtype, xp=xp) * neuron.v_threshold
        resets = index_sum(resets, outputs, n_outputs)
        self._v = v_end[:, 0] - resets
        self._s = s_end[:, 0] + resets * turn(neuron)
        origin, self.time = self.time, float(times[-1]) if until is None else until
        return outputs, found + origin

    def _joined(self, found: list[tuple[Array, Array]], xp: Any) -> StreamSpikes:
        """Put the spikes of several stretches in the order of time."""
        device = device_of(self.weight)
        nothing = xp.zeros((0,), dtype=self._dtype, device=device)
        times = xp.concat([nothing, *(time for _, time in found)])
        none = xp.zeros((0,), dtype=xp.argsort(nothing).dtype, device=device)
        outputs = xp.concat([none, *(output for output, _ in found)])
        order = xp.argsort(times, stable=True)
        return StreamSpikes(xp.take(times, order), xp.take(outputs, order))


def _clock(name: str, value: Any) -> float:
    time = real_number(name, value)
    if not math.isfinite(time):
        raise ValueError(f"{name} must be finite, got {time}")
    return time
