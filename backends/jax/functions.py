"""Pure functions of weights and spike times, as JAX programs are made of.

They take arrays, the weights first, and static constants by keyword, and can be compiled, mapped
and differentiated with ``jax.jit``, ``jax.vmap`` and ``jax.grad`` in any order.  The gradients are
the analytic ones of `tempotron_core`, by ``jax.custom_vjp``.

One rule for shapes: spike times are always a batch, ``(B, N)``, or ``(B, N, S)`` for up to S spikes
per afferent, and weights are ``(O, N)``.  ``jax.vmap`` adds further axes to either.

Spike times that are traced cannot be looked at, so a NaN among them is no error there: it makes
everything that is read from its pattern NaN.  (`Events` made of traced times lose it.)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Neuron, Peak
from tempotron_core.arrays.numbers import positive_float
from tempotron_core.events.units import UnitsWatch
from tempotron_core.networks.silence import SilenceWatch
from tempotron_core.readouts.arguments import check_grid, check_neuron

from . import readouts
from .arguments import floating_array, real_array, refuse_nan, unwrapped
from .kernels import mode
from .neurons import Arrays, Static, join, split
from .settings import own_settings

ArrayLike = jax.Array | NDArray[Any]

_NEURON = Neuron()

REMEDY = (
    "tempotron_core.initial_network makes weights that fire for some hundred patterns, and "
    "fire_like scales a network's"
)


def peak(
    weight: ArrayLike,
    in_spikes: ArrayLike | Events,
    *,
    duration: float | None = None,
    neuron: Neuron = _NEURON,
    grid: tuple[int, float] | None = None,
) -> Peak:
    """Largest membrane potential and the time it is reached.

    Parameters
    ----------
    weight : array, shape (O, N)
        Synaptic weights, float32 or float64, also in an object with ``__jax_array__``, such as a
        Flax parameter.  bfloat16 and float16 are computed with in float32, and so are their
        gradients, which are rounded at the end.
    in_spikes : array, shape (B, N) or (B, N, S), or Events
        Spike times, in any order; a negative time or inf is no spike.  `Events`, sorted once, save
        sorting in every step of a training loop.
    duration : float
        Length of the patterns, in the unit of the spike times; static.  Left out for Events, which
        have their own.
    neuron : Neuron or ParametricNeuron
        Constants of the neurons; static but for those that are arrays, see
        `Neuron.with_constants`.
    grid : (int, float), optional
        ``(n_steps, dt)``: take the maximum over t = 0, dt, ... instead of continuous time; static.

    Returns
    -------
    Peak
        ``v_max`` and ``t_max``, each of shape (B, O).

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype, or ``duration`` is missing, traced, or given
        beside Events.
    ValueError
        If shapes do not fit, ``duration`` or ``grid`` is not valid, or a time is NaN (not looked
        for under ``jax.jit`` and ``jax.vmap``, where NaN comes out).

    See Also
    --------
    tempotron_core.peak : The same on Events, for all array libraries.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from tempotron_backends.jax import peak
    >>> in_spikes = jnp.asarray([[1.0, 3.0, jnp.inf]])
    >>> weight = jnp.asarray([[0.4, 0.5, 0.6]])
    >>> gradient = jax.grad(lambda w: peak(w, in_spikes, duration=50.0).v_max.sum())(weight)
    >>> print(gradient.round(3))
    [[0.988 0.995 0.   ]]
    """
    grid = None if grid is None else check_grid(grid, _checked_neuron(neuron))

    def read(events: Events, w: jax.Array, neuron: Neuron) -> Any:
        return readouts.peak(events, w, neuron, grid=grid)

    found: Peak = _call(read, ("peak", grid), weight, in_spikes, duration, neuron)
    return found


def first_crossing(
    weight: ArrayLike,
    in_spikes: ArrayLike | Events,
    *,
    duration: float | None = None,
    neuron: Neuron = _NEURON,
    min_slope: float = 0.0,
) -> jax.Array:
    """Time at which the membrane potential first exceeds the threshold: the output spike.

    Its result can be the ``in_spikes`` of a next layer.  A silent neuron passes on neither a spike
    nor a gradient.

    Parameters
    ----------
    weight, in_spikes, duration, neuron
        As for `peak`.
    min_slope : float, default 0.0
        Slopes of the potential at the crossing below this count as this in the gradient, which
        bounds that of a potential that barely crosses; static.

    Returns
    -------
    array, shape (B, O)
        Output spike times, inf where the neuron is silent.

    Raises
    ------
    TypeError, ValueError
        As `peak`.

    Warns
    -----
    SilenceWarning
        If no neuron fires in any pattern; once for neurons and a shape of weights, in the first
        ten batches, and only of values that can be looked at: on the processor, and not under
        ``jax.jit`` and ``jax.vmap``.

    See Also
    --------
    tempotron_core.first_crossing : The same on Events, for all array libraries.
    """

    def read(events: Events, w: jax.Array, neuron: Neuron) -> Any:
        return readouts.first_crossing(events, w, neuron, min_slope=min_slope)

    weight, in_spikes = unwrapped(weight), unwrapped(in_spikes)
    name = ("first_crossing", positive_float("min_slope", min_slope, or_zero=True))
    found: jax.Array = _call(read, name, weight, in_spikes, duration, neuron)
    _watch(found, in_spikes, np.shape(weight), neuron)
    return found


def voltage(
    weight: ArrayLike,
    in_spikes: ArrayLike | Events,
    times: ArrayLike,
    *,
    duration: float | None = None,
    neuron: Neuron = _NEURON,
) -> jax.Array:
    """Membrane potential at given times.

    Parameters
    ----------
    weight, in_spikes, duration, neuron
        As for `peak`.
    times : array, shape (T,)
        In any order; differentiable like the spike times.

    Returns
    -------
    array, shape (B, O, T)

    Raises
    ------
    TypeError, ValueError
        As `peak`, also for ``times``.

    See Also
    --------
    tempotron_core.voltage : The same on Events, for all array libraries.
    """
    times = real_array("times", times)
    if times.ndim != 1:
        raise ValueError(f"times must have shape (T,), got {times.shape}")
    refuse_nan("times", times)

    def read(events: Events, w: jax.Array, neuron: Neuron, at: jax.Array) -> Any:
        return readouts.voltage(events, w, neuron, at, method="static")

    found: jax.Array = _call(read, ("voltage",), weight, in_spikes, duration, neuron, times)
    return found


class _Program:
    """A readout and what it is a function of besides arrays: equal if they compute the same.

    What ``jax.jit`` compiles is looked up by this, so that a call compiles once for its shapes.
    """

    def __init__(self, read: Callable[..., Any], *key: Any) -> None:
        self.read = read
        self.key = key

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Program) and self.key == other.key


@own_settings()
def _call(
    read: Callable[..., Any],
    name: tuple[Any, ...],
    weight: ArrayLike,
    in_spikes: ArrayLike | Events,
    duration: Any,
    neuron: Neuron,
    *more: jax.Array,
) -> Any:
    """Check the arguments and run ``read(events, weight, neuron, *more)``."""
    _checked_neuron(neuron)
    weight = floating_array("weight", weight)
    if weight.ndim != 2:
        raise ValueError(f"weight must have shape (O, N), got {weight.shape}")
    if isinstance(in_spikes, Events):
        if duration is not None:
            raise TypeError(
                f"duration must be left out when in_spikes is an Events, which has its own "
                f"({in_spikes.duration}), got {duration!r}"
            )
        return read(in_spikes, weight, neuron, *more)
    if duration is None:
        raise TypeError("duration must be given with an array of spike times, got None")
    if isinstance(duration, jax.core.Tracer):
        raise TypeError(
            "duration must be a number when the program is compiled or mapped, got a traced "
            "value: close over it, or name it in static_argnames of jax.jit"
        )
    duration = positive_float("duration", duration)
    in_spikes = real_array("in_spikes", in_spikes)
    if in_spikes.ndim not in (2, 3):
        raise ValueError(
            f"in_spikes must be a batch of shape (B, N) or (B, N, S), got {in_spikes.shape}"
            + (": one pattern is in_spikes[None]" if in_spikes.ndim == 1 else "")
        )
    if in_spikes.shape[1] != weight.shape[1]:
        raise ValueError(
            f"weight must have one column per afferent, got shape {weight.shape} for in_spikes of "
            f"shape {in_spikes.shape}"
        )
    refuse_nan("in_spikes", in_spikes)
    static, arrays = split(neuron)
    if isinstance(static, Neuron):
        units = _units_of(duration, static)
        if not units.seen:
            units.look(in_spikes, duration, static)
    program = _Program(read, mode(), *name, static, duration)
    return _compiled(program, weight, in_spikes, arrays, *more)


@partial(jax.jit, static_argnums=0)
@own_settings()
def _compiled(
    program: _Program, weight: jax.Array, in_spikes: jax.Array, arrays: Arrays, *more: jax.Array
) -> Any:
    *_, static, duration = program.key
    build = Events.from_latencies if in_spikes.ndim == 2 else Events.from_trains
    found = program.read(build(in_spikes, duration), weight, join(static, arrays), *more)
    # NaN where one is given, else 1; jax.debug_nans would stop at a NaN of our own making
    marks = jax.lax.stop_gradient(jnp.where(jnp.isnan(in_spikes), in_spikes, 1.0))
    mark = jnp.max(marks, axis=tuple(range(1, in_spikes.ndim)), initial=1.0)

    def marked(values: jax.Array) -> jax.Array:
        # a product, not a choice, so that where there is a gradient it is NaN as well
        return values * mark.astype(values.dtype).reshape(-1, *(1,) * (values.ndim - 1))

    return jax.tree.map(marked, found)


def _watch(
    t_spike: jax.Array, in_spikes: ArrayLike | Events, shape: tuple[int, ...], neuron: Neuron
) -> None:
    """Warn of a silent layer, see `SilenceWatch`."""
    watch, name = _watch_of(shape, split(neuron)[0]), f"a layer of weights of shape {shape}"
    if watch.wants(name, t_spike):
        if isinstance(in_spikes, Events):
            received = in_spikes.counts > 0
        else:
            spikes = jnp.asarray(in_spikes).reshape(len(in_spikes), -1)
            received = jnp.any((spikes >= 0) & (spikes < jnp.inf), axis=1)
        watch.look(name, t_spike, received, REMEDY)


@lru_cache(maxsize=64)
def _watch_of(_shape: tuple[int, ...], _neuron: Static) -> SilenceWatch:
    """The one watch over layers of that shape: functions have no state of their own."""
    return SilenceWatch()


@lru_cache(maxsize=64)
def _units_of(_duration: float, _neuron: Neuron) -> UnitsWatch:
    """The one watch over spike times of that duration for that neuron."""
    return UnitsWatch()


def _checked_neuron(neuron: Any) -> Any:
    check_neuron(neuron, parametric=True)
    return neuron
