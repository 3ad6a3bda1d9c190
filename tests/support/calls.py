"""Every function of the library that works on arrays, as data for the tests of devices.

Inputs are made once on the host (`host_inputs`) and put on the device under test (`moved`), so that
one list of calls (`every_call`) serves simulated and real devices alike, and NumPy's results
say what is expected of them (`disagreements`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tempotron_core import (
    Events,
    Neuron,
    Tempotron,
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
    soft_peak_time,
    soft_peak_time_vjp,
    voltage,
    voltage_vjp,
)
from tempotron_core.arrays.index_sum import index_sum
from tempotron_core.encoding import GaussianReceptiveFields, encode_latency
from tempotron_core.encoding.features import feature_range
from tempotron_core.learning import Momentum, mse_loss, tempotron_loss
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

N_PATTERNS, N_AFFERENTS, N_SLOTS, N_OUTPUTS, N_SAMPLES, N_FEATURES = 5, 7, 2, 3, 11, 4
DURATION, N_STEPS = 50.0, 50
LAYOUTS = ("latencies", "steps", "trains", "csr")


@dataclass(frozen=True)
class Inputs:
    """Arrays of one library on one device."""

    latencies: Any  # [B, N]
    steps: Any  # [B, N], integers
    trains: Any  # [B, N, S]
    entry_times: Any  # [E]
    entry_afferents: Any  # [E]
    offsets: Any  # [B + 1]
    weight: Any  # [O, N]
    cotangent: Any  # [B, O]
    other_cotangent: Any  # [B, O]
    sample_times: Any  # [T]
    sample_cotangent: Any  # [B, O, T]
    features: Any  # [B, F]
    counted_features: Any  # [B, F], integers
    labels: Any  # [B]
    targets: Any  # [B, O], booleans


def host_inputs(dtype: str, times_dtype: str | None = None) -> Inputs:
    """NumPy arrays in the dtypes given.

    Every afferent spikes. With this seed no peak is so flat, and no crossing so grazing, that
    float32 could not tell its time.
    """
    rng = np.random.default_rng(25)
    times_dtype = times_dtype or dtype
    n_entries = N_PATTERNS * N_AFFERENTS
    pair = N_PATTERNS, N_OUTPUTS
    return Inputs(
        latencies=rng.uniform(0.0, DURATION, (N_PATTERNS, N_AFFERENTS)).astype(times_dtype),
        steps=rng.integers(0, N_STEPS, (N_PATTERNS, N_AFFERENTS)),
        trains=rng.uniform(0.0, DURATION, (N_PATTERNS, N_AFFERENTS, N_SLOTS)).astype(times_dtype),
        entry_times=rng.uniform(0.0, DURATION, n_entries).astype(times_dtype),
        entry_afferents=rng.integers(0, N_AFFERENTS, n_entries),
        offsets=np.asarray([0, 9, 9, 20, 21, n_entries]),
        weight=rng.normal(0.5, 0.8, (N_OUTPUTS, N_AFFERENTS)).astype(dtype),
        cotangent=rng.normal(size=pair).astype(dtype),
        other_cotangent=rng.normal(size=pair).astype(dtype),
        sample_times=rng.uniform(0.0, DURATION, N_SAMPLES).astype(times_dtype),
        sample_cotangent=rng.normal(size=(*pair, N_SAMPLES)).astype(dtype),
        features=rng.uniform(0.0, 1.0, (N_PATTERNS, N_FEATURES)).astype(dtype),
        counted_features=rng.integers(0, 17, (N_PATTERNS, N_FEATURES)),
        labels=rng.integers(0, N_OUTPUTS, N_PATTERNS),
        targets=rng.uniform(size=pair) > 0.5,
    )


def moved(inputs: Inputs, put: Callable[[np.ndarray], Any]) -> Inputs:
    """The same inputs wherever `put` puts them, in their own dtypes."""
    return Inputs(**{field.name: put(getattr(inputs, field.name)) for field in fields(Inputs)})


def events_of(inputs: Inputs, layout: str) -> Events:
    """The patterns as events, through the constructor that `layout` names."""
    if layout == "csr":
        entries = inputs.entry_times, inputs.entry_afferents, inputs.offsets
        return Events.from_csr(*entries, N_AFFERENTS, DURATION)
    if layout == "trains":
        return Events.from_trains(inputs.trains, DURATION)
    return Events.from_latencies(getattr(inputs, layout), DURATION)


# On events: name -> (inputs, events, neuron, method) -> an array, or a tuple of arrays and None

Readout = Callable[[Inputs, Events, Neuron, str], Any]
GRID = (N_STEPS, 1.0)


def _peak_gradient(i: Inputs, e: Events, n: Neuron, m: str) -> Any:
    found = peak(e, i.weight, n, method=m)
    given = found, i.cotangent, i.other_cotangent
    return peak_vjp(e, i.weight, n, *given, times=True, method=m)


def _grid_peak_gradient(i: Inputs, e: Events, n: Neuron, m: str) -> Any:
    found = peak(e, i.weight, n, grid=GRID, method=m)
    return peak_vjp(e, i.weight, n, found, i.cotangent, times=True, grid=GRID, method=m)


def _crossing_gradient(i: Inputs, e: Events, n: Neuron, m: str) -> Any:
    found = first_crossing(e, i.weight, n, method=m)
    given = found, i.cotangent
    return first_crossing_vjp(e, i.weight, n, *given, times=True, min_slope=0.01, method=m)


READOUTS: Mapping[str, Readout] = {
    "peak": lambda i, e, n, m: peak(e, i.weight, n, method=m),
    "peak_vjp": _peak_gradient,
    "peak on a grid": lambda i, e, n, m: peak(e, i.weight, n, grid=GRID, method=m),
    "peak_vjp on a grid": _grid_peak_gradient,
    "first_crossing": lambda i, e, n, m: first_crossing(e, i.weight, n, method=m),
    "first_crossing_vjp": _crossing_gradient,
    "voltage": lambda i, e, n, m: voltage(e, i.weight, n, i.sample_times, method=m),
    "voltage_vjp": lambda i, e, n, m: voltage_vjp(
        e, i.weight, n, i.sample_times, i.sample_cotangent, times=True, method=m
    ),
    "soft_peak_time": lambda i, e, n, m: soft_peak_time(e, i.weight, n, N_STEPS, method=m),
    "soft_peak_time_vjp": lambda i, e, n, m: soft_peak_time_vjp(
        e, i.weight, n, N_STEPS, i.cotangent, times=True, method=m
    ),
}
WITHOUT_SHUNT = tuple(name for name in READOUTS if "grid" in name or "soft" in name)


def _output_spikes(i: Inputs, e: Events, n: Neuron, m: str) -> Any:
    times = output_spikes(e, i.weight, n, max_spikes=4, method=m).times
    given = times, times
    return times, *output_spikes_vjp(e, i.weight, n, *given, times=True, min_slope=0.01, method=m)


def _critical_threshold(i: Inputs, e: Events, n: Neuron, m: str) -> Any:
    how = {"most": 2, "method": m}
    found = critical_threshold(e, i.weight, n, 2, **how)
    by = critical_threshold_vjp(e, i.weight, n, found, i.cotangent, times=True, **how)
    return found.theta, found.t, *by


SPIKING: Mapping[str, Readout] = {  # which take as long as all else
    "output_spikes, output_spikes_vjp": _output_spikes,
    "critical_threshold, critical_threshold_vjp": _critical_threshold,
}


# On arrays: name -> (inputs) -> an array, or a tuple of arrays and None


def _fields(features: Any) -> Any:
    fitted = GaussianReceptiveFields.fit(5, features)
    return (
        *feature_range(features),
        fitted.encode(features, DURATION),
        fitted.encode(features, DURATION, round_times=True),
    )


def _momentum(i: Inputs) -> Any:
    rule = Momentum(0.1, momentum=0.9)
    once = rule.step(i.weight, i.weight)
    return once, rule.step(once, i.weight)


def _rows(i: Inputs) -> Any:
    events = events_of(i, "latencies")
    joined = Events.concat([events[1:3], events[0], events[[4, 3]]])
    return joined.times, joined.to_latencies()


OTHERS: Mapping[str, Callable[[Inputs], Any]] = {
    "events from latencies": lambda i: events_of(i, "latencies").times,
    "events from steps": lambda i: events_of(i, "steps").times,
    "events from trains": lambda i: events_of(i, "trains").times,
    "events selected, joined and made dense": _rows,
    "encode_latency": lambda i: encode_latency(i.features, DURATION),
    "encode_latency of integers": lambda i: encode_latency(
        i.counted_features, DURATION, x_min=0, x_max=16
    ),
    "receptive fields": lambda i: _fields(i.features),
    "receptive fields of integers": lambda i: _fields(i.counted_features),
    "tempotron_loss": lambda i: tempotron_loss(i.cotangent, i.labels, 0.5, margin=0.1),
    "tempotron_loss of targets": lambda i: tempotron_loss(i.cotangent, i.targets, 0.5),
    "mse_loss": lambda i: mse_loss(i.cotangent, i.labels, 0.5),
    "Tempotron.mse_loss": lambda i: Tempotron.mse_loss(i.cotangent, 0.5, i.labels, N_OUTPUTS),
    "Tempotron.psp_kernel": lambda i: Tempotron.psp_kernel(i.latencies, 15.0, 3.75),
    "Momentum": _momentum,
    "index_sum": lambda i: index_sum(i.entry_times, i.entry_afferents, N_AFFERENTS),
}


def _model(i: Inputs, spikes: Any, ret_type: str) -> Any:
    model = Tempotron(N_AFFERENTS, N_OUTPUTS, N_STEPS, weight=i.weight)
    value = model(spikes, ret_type)
    return value, *model.value_and_grad(spikes, ret_type, lambda v: v * 0.5, times=True)


MODELS: Mapping[str, Callable[[Inputs], Any]] = {
    "Tempotron v": lambda i: _model(i, i.latencies, "v"),
    "Tempotron v_max": lambda i: _model(i, i.latencies, "v_max"),
    "Tempotron spikes": lambda i: _model(i, i.latencies, "spikes"),
    "Tempotron v of steps": lambda i: _model(i, i.steps, "v"),
}


def arrays_of(result: Any) -> tuple[Any, ...]:
    """What a call returned, as a tuple of arrays."""
    return tuple(result) if isinstance(result, tuple) else (result,)


NEURONS: Mapping[str, Neuron] = {
    "default": Neuron(),
    "alpha": Neuron(10.0, 10.0, 0.8, psp_peak=1.0),
    "shunt": Neuron(10.0, 5.0, shunt=True),
}


def every_call(
    inputs: Inputs,
    methods: tuple[str, ...] = ("auto", "static"),
    layouts: tuple[str, ...] = LAYOUTS,
    *,
    spiking: bool = True,
) -> dict[str, Any]:
    """The results of every call there is, by a name that says which."""
    found = {name: arrays_of(call(inputs)) for name, call in {**OTHERS, **MODELS}.items()}
    for layout in layouts:
        events = events_of(inputs, layout)
        for which, neuron in NEURONS.items():
            for name, call in READOUTS.items():
                if neuron.shunt and name in WITHOUT_SHUNT:
                    continue
                for method in methods:
                    key = f"{name}, {layout}, {which}, {method}"
                    found[key] = arrays_of(call(inputs, events, neuron, method))
    if spiking:
        events = events_of(inputs, "trains")
        for name, call in SPIKING.items():
            found[name] = arrays_of(call(inputs, events, NEURONS["default"], methods[0]))
    return found


def disagreements(
    found: Mapping[str, Any], expected: Mapping[str, Any], dtype: str
) -> dict[str, str]:
    """What differs by more than rounding between two results of `every_call`, both on the host.

    The same formulas ran in the same precision, so differences are rounding. They are taken
    relative to the largest entry. Gradients of times divide by slopes and curvatures and those of
    the soft argmax multiply the potential by the number of steps, which costs digits. Integers
    become each library's own floating dtype: there float32 is good enough.
    """
    wrong = {}
    assert found.keys() == expected.keys()
    for key, ours in found.items():
        from_integers = "steps" in key or "integers" in key
        costly = "vjp" in key or key.startswith("Tempotron")
        limits = {"float64": (1e-12, 1e-11), "float32": (2e-6, 1e-4)}
        limit = limits["float32" if from_integers else dtype][costly]
        for mine, theirs in zip(ours, expected[key], strict=True):
            if theirs is None and mine is None:
                continue
            if mine.shape != theirs.shape:
                wrong[key] = f"shape {mine.shape}, not {theirs.shape}"
            elif mine.dtype != theirs.dtype and not from_integers:
                wrong[key] = f"dtype {mine.dtype}, not {theirs.dtype}"
            elif not (difference := _difference(mine, theirs)) <= limit:
                wrong[key] = f"{difference} > {limit}"
    return wrong


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference over largest entry; NaN if infinities or NaN are elsewhere."""
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite]):
        return float("nan")
    largest = np.abs(expected[finite]).max(initial=0.0)
    difference = np.abs(found[finite] - expected[finite]).max(initial=0.0)
    return float(difference / largest) if largest > 0.0 else float(difference)


def on_host(results: Mapping[str, Any], to_numpy: Callable[[Any], np.ndarray]) -> dict[str, Any]:
    """The results of `every_call` as NumPy arrays."""
    return {
        key: tuple(None if a is None else to_numpy(a) for a in arrays)
        for key, arrays in results.items()
    }
