"""What JAX's programs call: the fused forms of NumPy, on arrays that share XLA's buffers.

A call is told by a text: its name, the neuron and other constants, in JSON, so that it means the
same in every process.  One that begins with a star is mapped: arrays have one more axis in front,
of length 1 where they are the same for all.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events, Neuron
from tempotron_core.spiking.critical_threshold_gradient import slope_floor
from tempotron_core.spiking.layout import laid_out

from ..fused.choice import for_numpy

__all__ = ["CALLS", "run"]

Array = NDArray[Any]


def run(text: str, arguments: list[Array], results: list[Array]) -> None:
    """Fill the results of a call, one of `CALLS`."""
    mapped = text.startswith("*")
    name, layout, neuron, options = _read(text.removeprefix("*"))
    form = for_numpy(None)[name.partition(" ")[0]]
    for m in range(len(results[0]) if mapped else 1):
        given = [a[m if len(a) > 1 else 0] for a in arguments] if mapped else arguments
        times, afferents, counts, weight, *more = given
        events = Events(times, afferents, counts, afferents, *layout)
        found = CALLS[name](form, (events, weight, neuron), more, options)
        for result, values in zip(results, found, strict=True):
            result[m if mapped else ...] = values


@functools.lru_cache(maxsize=256)
def _read(text: str) -> tuple[str, tuple[int, float], Neuron, dict[str, Any]]:
    options = json.loads(text)
    layout = options.pop("n_afferents"), options.pop("duration")
    return options.pop("name"), layout, Neuron(**options.pop("neuron")), options


Given = tuple[Events, Array, Neuron]


def _grid(options: dict[str, Any]) -> tuple[int, float] | None:
    return None if options["grid"] is None else tuple(options["grid"])


def _peak(form: Any, given: Given, more: Any, options: Any) -> Any:
    del more
    return form(*given, _grid(options))


def _peak_vjp(times: bool, form: Any, given: Given, more: Any, options: Any) -> Any:
    v_max, t_max, v_bar, t_bar = more
    # a time that nobody asks for is as good as none, and costs less
    t_bar = t_bar if t_bar.any() else None
    return (form(*given, (v_max, t_max), v_bar, t_bar, times, _grid(options))[times],)


def _first_crossing(form: Any, given: Given, more: Any, options: Any) -> Any:
    del more, options
    return (form(*given),)


def _first_crossing_vjp(times: bool, form: Any, given: Given, more: Any, options: Any) -> Any:
    return (form(*given, *more, times, options["min_slope"])[times],)


def _voltage(form: Any, given: Given, more: Any, options: Any) -> Any:
    del options
    (at,) = more
    found = form(*given, at)
    # NumPy's caller has been told of it; a traced time could not be looked at
    found[:, :, np.isnan(at)] = np.nan
    return (found,)


def _voltage_vjp(times: bool, form: Any, given: Given, more: Any, options: Any) -> Any:
    del options
    found = form(*given, *more, times)[times]
    return (np.full_like(found, np.nan) if np.isnan(more[0]).any() else found,)


def _output_spikes(form: Any, given: Given, more: Any, options: Any) -> Any:
    del more
    most = options["max_spikes"]
    pair, time, counts = form(*given, most, most)
    found = laid_out(pair, time, counts, most, "padded", xp=np).times
    times = np.full((*counts.shape, most), np.inf, found.dtype)
    times[..., : found.shape[2]] = found
    return times, counts


def _output_spikes_vjp(times: bool, form: Any, given: Given, more: Any, options: Any) -> Any:
    at, cotangent = more
    cotangent = cotangent.astype(given[1].dtype, copy=False)
    return (form(*given, at, cotangent, times, options["min_slope"])[times],)


def _critical_threshold(form: Any, given: Given, more: Any, options: Any) -> Any:
    del options
    return form(*given, *more)


def _critical_threshold_vjp(times: bool, form: Any, given: Given, more: Any, options: Any) -> Any:
    del options
    *critical, cotangent = more
    _, weight, neuron = given
    floor = slope_floor(weight, neuron, np)
    return (form(*given, critical, cotangent, times, floor)[times],)


def _both(call: Callable[..., Any], name: str) -> dict[str, Callable[..., Any]]:
    """A gradient towards the weights, and towards the times."""
    return {name: functools.partial(call, False), f"{name} times": functools.partial(call, True)}


CALLS: dict[str, Callable[..., Any]] = {
    "peak": _peak,
    "first_crossing": _first_crossing,
    "voltage": _voltage,
    "output_spikes": _output_spikes,
    "critical_threshold": _critical_threshold,
    **_both(_peak_vjp, "peak_vjp"),
    **_both(_first_crossing_vjp, "first_crossing_vjp"),
    **_both(_voltage_vjp, "voltage_vjp"),
    **_both(_output_spikes_vjp, "output_spikes_vjp"),
    **_both(_critical_threshold_vjp, "critical_threshold_vjp"),
}
"""By name, of which the first word is that of the form: from a form and arguments to results."""
