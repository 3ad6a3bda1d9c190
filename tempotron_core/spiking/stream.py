"""Neurons that follow one endless train of events as it comes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from ..arrays.host import to_host
from ..arrays.namespace import array_namespace, check_floating, device_of
from ..arrays.numbers import real_number
from ..arrays.registry import fused, implementation
from ..membrane.tiles import tile_size
from ..neuron import Neuron
from ..readouts.arguments import check_fixed
from ..readouts.dispatch import constant
from .arguments import check_next_events, check_spikes_again
from .following import StreamState, follow_stream

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
        check_fixed(neuron)
        if not isinstance(neuron, Neuron):
            raise TypeError(f"neuron must be a Neuron, got {type(neuron).__name__}")
        check_spikes_again(neuron)
        xp = array_namespace(weight=weight)
        check_floating("weight", weight, xp=xp)
        if weight.ndim != 2:
            raise ValueError(f"weight must have shape (O, N), got {tuple(weight.shape)}")
        detach = implementation("detach", weight)
        self.weight = weight if detach is None else detach(weight)
        self.neuron = neuron
        self._dtype = weight.dtype
        start = _clock("start", start)
        self._state = self._placed(start, start, *np.zeros((3, weight.shape[0])))

    @property
    def time(self) -> float:
        """The clock."""
        return self._state.time

    @constant
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
        afferents = check_next_events(times, afferents, self.weight, self.time, xp=xp)
        if times.shape[0] == 0:
            return self._spikes([], times.dtype, xp)
        return self._follow(times, afferents, None, xp)

    @constant
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
        times = xp.zeros((0,), dtype=self._dtype, device=device)
        afferents = xp.zeros((0,), dtype=xp.argsort(times).dtype, device=device)
        return self._follow(times, afferents, time, xp)

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Return what `restore` needs to go on from here, on this or another device.

        Returns
        -------
        dict of float64 arrays
            NumPy's, so that ``numpy.savez(file, **state)`` keeps them: ``time``, the clock, and
            ``event``, when the last event came; ``v`` and ``slope``, potential and its derivative
            of every output, shape (O,), a time ``passed`` after that.
        """
        return {
            name: np.asarray(value if isinstance(value, float) else to_host(value), np.float64)
            for name, value in self._state._asdict().items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state` of a stream with these weights and constants.

        The arrays are brought to the library and the device of the weights.

        Parameters
        ----------
        state : mapping
            What `state` returned, or ``numpy.load`` read.

        Raises
        ------
        KeyError
            If an entry is missing.
        TypeError, ValueError
            If one does not fit the weights.  The stream stays as it was.
        """
        time, event = (_clock(f"state[{name!r}]", state[name]) for name in ("time", "event"))
        if event > time:
            raise ValueError(f"state['event'] must not be after state['time'], {time}, got {event}")
        arrays = [
            _checked_state(name, state[name], self.weight.shape[0])
            for name in ("passed", "v", "slope")
        ]
        self._state = self._placed(time, event, *arrays)

    def _placed(self, time: float, event: float, *arrays: NDArray[np.float64]) -> StreamState:
        """Bring the arrays of a state to where the weights are."""
        xp = array_api_compat.array_namespace(self.weight)
        # compiled kernels lose no digits between two calls
        dtype = xp.float64 if self._form() else self.weight.dtype
        name = "float64" if dtype == xp.float64 else "float32"
        device = device_of(self.weight)
        return StreamState(
            time, event, *(xp.asarray(a.astype(name), dtype=dtype, device=device) for a in arrays)
        )

    def _form(self) -> Callable[..., Any] | None:
        """The fused form that serves the weights."""
        return fused("follow_stream", "auto", self.weight)

    def _follow(self, times: Array, afferents: Array, until: float | None, xp: Any) -> StreamSpikes:
        """Go on to the last event, or ``until`` a time; the state changes if nothing is wrong."""
        state, found = self._state, []
        if form := self._form():
            parts = [slice(None)]
        else:
            limit = tile_size(self.weight.dtype, device_of(times), xp=xp)
            step = max(1, limit // max(1, self.weight.shape[0]))
            n_events = times.shape[0]
            parts = [slice(e, min(e + step, n_events)) for e in range(0, max(1, n_events), step)]
        for part in parts:
            given = self.weight, self.neuron, state, times[part], afferents[part], until
            after, outputs, time = form(*given) if form else follow_stream(*given, xp=xp)
            state = StreamState(*after)
            found.append((outputs, time))
        if not all(bool(xp.all(xp.isfinite(array))) for array in (state.v, state.slope)):
            raise ValueError(
                "weight must be such that potentials stay finite, got inf or NaN in the potential"
            )
        self._state, self._dtype = state, times.dtype
        return self._spikes(found, times.dtype, xp)

    def _spikes(self, found: list[tuple[Array, Array]], dtype: Any, xp: Any) -> StreamSpikes:
        """Put the spikes of several stretches in the order of time, and then of outputs."""
        device = device_of(self.weight)
        times = xp.zeros((0,), dtype=dtype, device=device)
        times = xp.concat([times, *(time for _, time in found)])
        outputs = xp.zeros((0,), dtype=xp.argsort(times).dtype, device=device)
        outputs = xp.concat([outputs, *(output for output, _ in found)])
        if times.shape[0] < 2:
            return StreamSpikes(times, outputs)
        order = xp.argsort(outputs, stable=True)
        order = xp.take(order, xp.argsort(xp.take(times, order), stable=True))
        times, outputs = xp.take(times, order), xp.take(outputs, order)
        return StreamSpikes(times, outputs)


def _checked_state(name: str, value: Any, n_outputs: int) -> NDArray[np.float64]:
    array = to_host(value)
    if array.shape != (n_outputs,) or array.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"state[{name!r}] must be float32 or float64 of shape ({n_outputs},), "
            f"got {array.dtype} of shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"state[{name!r}] must be finite, got inf or NaN")
    return array.astype(np.float64)


def _clock(name: str, value: Any) -> float:
    time = real_number(name, value)
    if not math.isfinite(time):
        raise ValueError(f"{name} must be finite, got {time}")
    return time
