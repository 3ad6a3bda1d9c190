"""Compiling every kernel ahead of its first call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tempotron_core import Events, Neuron
from tempotron_core.networks.learning_step import Objective
from tempotron_core.spiking.following import StreamState

from .compiling import notices
from .events import picking, preparing
from .events.ordering import sort_patterns
from .learning import online as learning
from .learning import training
from .readouts import function_gradients as gradients
from .readouts import functions
from .readouts.peak_scan import scan_peaks
from .spiking import functions as spiking
from .spiking import streaming

__all__ = ["cache_folder", "compile_ahead"]

DTYPES = ("float32", "float64")


def compile_ahead() -> Iterator[str]:
    """Call every kernel once with times and weights of each dtype; both of one, as is usual.

    Yields
    ------
    str
        What is ready now; its machine code is read where it was compiled before.
    """
    notices.told.append("by the caller")
    for dtype in DTYPES:
        # in narrow lanes and in wide ones
        for calls in zip(*(_calls(np.dtype(dtype), n) for n in (1, 9)), strict=True):
            for _, call in calls:
                call()
            yield f"{calls[0][0]} ({dtype})"


def cache_folder() -> str:
    """Return the folder under which machine code is kept; an empty text if it is not."""
    kernels: tuple[Any, ...] = scan_peaks, sort_patterns
    kept = {kernel._cache.cache_path for kernel in kernels}
    return "" if None in kept else os.path.commonpath(kept)


def _calls(dtype: np.dtype[Any], n_outputs: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield each kernel's name and a call that takes all of it, on two spikes."""
    times, weight = np.asarray([[1.0, 2.0]], dtype), np.ones((n_outputs, 2), dtype)
    ones, sampled = np.ones((1, n_outputs), dtype), np.asarray([3.0], dtype)
    yield "all_within", lambda: gradients.all_within(times, 50.0)
    one_list = np.zeros(1, np.int64), np.full(1, 2)  # few rows would be sorted without a kernel
    yield "sort_spikes", lambda: preparing.sort_spikes(times[0], 1, *one_list, 2, 50.0, None)
    again = np.zeros((1, 2), np.int32)
    yield (
        "sort_spikes again",
        lambda: preparing.sort_spikes(times, again, None, None, 2, 50.0, again),
    )
    listed = times[0], np.zeros(2, np.int64), np.zeros(1, np.int64), np.full(1, 2)
    yield "sort_spikes of lists", lambda: preparing.sort_spikes(*listed, 2, 50.0, None)
    events, neuron = Events.from_latencies(times, 50.0), Neuron()
    yield "keep_spikes", lambda: picking.keep_spikes(events, events.order, again > 0)
    yield "pick_patterns", lambda: picking.pick_patterns(events, np.zeros(1, np.int64))
    given, shunted = (events, weight, neuron), (events, weight, Neuron(shunt=True))
    found, t_spike = (ones, 8.0 * ones), 8.0 * ones
    yield "peak", lambda: functions.peak(*given, None)
    yield "peak on a grid", lambda: functions.peak(*given, (5, 1.0))
    yield "peak_vjp", lambda: gradients.peak_vjp(*given, found, ones, None, False, None)
    yield (
        "peak_vjp by times",
        lambda: gradients.peak_vjp(*given, found, ones, ones, True, None),
    )
    yield "first_crossing", lambda: functions.first_crossing(*given)
    yield (
        "first_crossing_vjp",
        lambda: gradients.first_crossing_vjp(*given, t_spike, ones, True, 0.0),
    )
    yield "voltage", lambda: functions.voltage(*shunted, sampled)
    yield (
        "voltage_vjp",
        lambda: gradients.voltage_vjp(*given, sampled, ones[:, :, None], True),
    )
    k, spikes = np.full((1, n_outputs), 2), np.full((1, n_outputs, 1), 3.0, dtype)
    yield "output_spikes", lambda: spiking.output_spikes(*given, None)
    yield (
        "output_spikes_vjp",
        lambda: spiking.output_spikes_vjp(*given, spikes, spikes, True, 0.0),
    )
    yield "critical_threshold", lambda: spiking.critical_threshold(*given, k)
    critical = ones, 8.0 * ones, np.zeros((1, n_outputs), np.int64)
    yield (
        "critical_threshold_vjp",
        lambda: spiking.critical_threshold_vjp(*given, critical, ones, True, 1e-6),
    )
    two, labels = np.ones((1, 2), dtype), np.zeros(1, np.int64)
    objective = Objective(neurons_per_class=1)
    yield "class_cost", lambda: training.class_cost(two, labels, objective, None)
    of_two = events, labels, np.ones((2, 2), dtype), neuron, objective, None
    yield "learn_classes", lambda: training.learn_classes(*of_two)
    numbers = dict.fromkeys("abcdefgh", 0.5)
    yield "adam_step", lambda: training.adam_step(weight, weight, weight, weight, numbers)
    fire, order = np.ones((1, n_outputs), bool), np.zeros((1, 1), np.int64)
    yield (
        "learn_online",
        lambda: learning.learn_online(events, fire, weight, weight, neuron, 0.1, 0.1, order),
    )
    begin = StreamState(0.0, 0.0, *np.zeros((3, n_outputs)))
    stream = weight, neuron, begin, times[0], np.arange(2)
    yield "follow_stream", lambda: streaming.follow_stream(*stream, None)
    yield "follow_stream until a time", lambda: streaming.follow_stream(*stream, 3.0)
