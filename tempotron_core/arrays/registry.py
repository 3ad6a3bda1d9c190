"""Implementations that know a framework: found by the library an array belongs to.

The Array API form in this package is the definition.  A framework can add to it under a name
this package asks for, through an entry point of the group ``tempotron_core.kernels`` that is
named after the library (``numpy``, ``torch``, ...) and loads a dictionary of callables.  Entry
points are loaded at the first call with an array of that library, never at import.

Names asked for:

``index_sum(values, index, length)``
    Sum of values over equal indices: a scatter-add, which the standard lacks.
``is_followed(array)``
    Whether autodiff records what is done with the array; by default its ``requires_grad``.
``detach(array)``
    The array without its part in an autodiff graph.
``in_transform(array)``
    Whether values cannot be looked at, as a graph is being made or a transform is under way.
``compiled(function)``
    A function of Events and arrays, compiled for their shapes: for a framework that is slow call by
    call.
``repeated(step, times, state)``
    ``state = step(state)``, a tuple of arrays, so often: for a framework that would trace, and
    compile, every repetition.
``settings()``
    A context manager under which this package computes with arrays of that library, whatever
    strict mode the user has chosen, see `settings`.
``peak``, ``first_crossing``, ``voltage``, ``soft_peak_time``, ``output_spikes``,
``critical_threshold``
    The function of that name, made differentiable for the framework's autodiff with the analytic
    gradients of this package.
``fused(array)``
    A mapping of fused forms that serve the library and device of the array; empty if none do.
    They take checked arguments and return plain tuples:

    - ``peak(events, weight, neuron, grid)``: v_max and t_max, each (B, O)
    - ``first_crossing(events, weight, neuron)``: t_spike, (B, O)
    - ``voltage(events, weight, neuron, times)``: (B, O, T)
    - ``peak_vjp(events, weight, neuron, peak, v_cotangent, t_cotangent, times, grid)``,
      ``first_crossing_vjp(events, weight, neuron, t_spike, t_cotangent, times, min_slope)`` and
      ``voltage_vjp(events, weight, neuron, sample_times, cotangent, times)``: the gradients towards
      the weights, (O, N), and, if asked for, the sorted spike times, (B, K), 0 on padding
    - ``output_spikes(events, weight, neuron, kept)``: the pair b O + o of every output spike that
      is kept, (E,), the first ``kept`` of a pair, or all for None; its time, (E,); the numbers of
      spikes, (B, O)
    - ``critical_threshold(events, weight, neuron, k)``: theta, t and n_before, each (B, O), zeros
      where ``k``, (B, O), is 0
    - ``output_spikes_vjp(events, weight, neuron, spike_times, cotangent, times, min_slope)`` and
      ``critical_threshold_vjp(events, weight, neuron, critical, cotangent, times, floor)``:
      gradients as above; ``floor`` is the least slope of a spike
    - ``learn_online(events, fire, weight, change, neuron, learning_rate, momentum, orders)``: the
      weights and last changes, (O, N), after epochs of given orders, (E, B) on the host, until one
      has no errors, and the errors of each, (E, O)
    - ``follow_stream(weight, neuron, state, times, afferents, until)``: the state of a stream after
      the last event, or without events ``until`` a time; the outputs that spiked, (S,), in any
      order; their times, (S,)
    - ``class_cost(v_max, labels, objective, class_weight)``: the loss of an `Objective`, (), its
      cotangent, (B, O), and the hits, (); None where an argument may be wrong
    - ``learn_classes(events, labels, weight, neuron, objective, class_weight)``: what one layer
      learns from a batch, without recovery: the loss, (), the hits, (), the gradient, (O, N), and
      the outputs that rise above rest in any pattern, (O,); None where an argument may be wrong
    - ``adam_step(weight, gradient, mean, square, numbers)``: the three after the step, of which the
      moments are None before the first; None where dtypes differ or the weights are not (O, N)
    - ``pick_patterns(events, index)``: times, afferents and counts of patterns whose numbers, (n,),
      are int64 and on the host; None where one is out of range
    - ``keep_spikes(events, order, kept)``: times, afferents, counts and order of patterns of that
      order which lose the spikes that are not kept, (B, K)
    - ``all_within(times, latest)``: whether all times, of any shape, are in [0, latest]
    - ``sort_spikes(times, afferents, starts, lengths, n_afferents, duration, source)``: times,
      afferents, counts and order of `Events`, of rows of times, (B, M), or of lists in (E,), where
      pattern b has ``lengths[b]`` entries from ``starts[b]`` on, both None for rows; the afferents
      are of the shape of the times, or an int: each has so many entries of a row, one after the
      other; the order is what ``source``, (B, M or more), has in the places of entries, unless it
      is None; and None where a time is NaN, or an afferent of a list is out of range
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, distributions
from typing import Any

__all__ = ["compiled", "fused", "implementation", "is_followed", "repeated"]

GROUP = "tempotron_core.kernels"


@functools.cache
def _implementations(library: str) -> Mapping[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for entry_point in _registered():
        if entry_point.name == library:
            found.update(entry_point.load())
    return found


@functools.cache
def _registered() -> list[EntryPoint]:
    """Everything of the group, of a module that is on the path twice what comes first.

    A file of every installed package is read.  `importlib.metadata.entry_points` would parse them
    all, and take several times as long.
    """
    found: list[EntryPoint] = []
    known: set[str] = set()
    for package in distributions():
        if GROUP in (package.read_text("entry_points.txt") or ""):
            own = package.entry_points.select(group=GROUP)
            found += [point for point in own if _top(point) not in known]
            known.update(map(_top, own))
    return found


def _top(point: EntryPoint) -> str:
    return point.module.partition(".")[0]


def implementation(name: str, array: Any) -> Callable[..., Any] | None:
    """Return what is registered under ``name`` for the array's library, or None."""
    kind: Any = type(array)
    return _of_type(kind).get(name)


@functools.cache
def _of_type(kind: type) -> Mapping[str, Callable[..., Any]]:
    return _implementations(kind.__module__.partition(".")[0])


def is_followed(array: Any) -> bool:
    """Whether a framework records what is done with this array."""
    found = implementation("is_followed", array)
    return bool(getattr(array, "requires_grad", False) if found is None else found(array))


def fused(name: str, method: str, array: Any) -> Callable[..., Any] | None:
    """Return the fused form of a readout or gradient for ``method='auto'``, or None."""
    if method != "auto":
        return None
    kind: Any = type(array)
    forms = _of_type(kind).get("fused")  # straight, as it is asked for at every call
    return None if forms is None else forms(array).get(name)


def compiled(function: Callable[..., Any], array: Any) -> Callable[..., Any]:
    """Return a function of Events and arrays, compiled if the array's library gains from it."""
    compile_function = implementation("compiled", array)
    return function if compile_function is None else compile_function(function)


def repeated(
    step: Callable[[tuple[Any, ...]], tuple[Any, ...]], times: int, state: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Apply ``step`` so many times to a tuple of arrays."""
    loop = implementation("repeated", state[0])
    if loop is not None:
        found: tuple[Any, ...] = loop(step, times, state)
        return found
    for _ in range(times):
        state = step(state)
    return state
