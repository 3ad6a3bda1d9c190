"""The CUDA kernels compared with the Array API form, on the host and on the hardware alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from patterns import TIME_CONSTANTS, Batch, grouped_kinks, random_batch
from reference import Constants

from tempotron_core import Events, Neuron, Peak, first_crossing, first_crossing_vjp, peak, peak_vjp
from tempotron_core.events.changing import map_arrays
from tempotron_core.spiking import OutputSpikes, output_spikes, output_spikes_vjp

Forms = Mapping[str, Callable[..., Any]]


VALUES = {"float64": 1e-12, "float32": 2e-6}


GRADIENTS = {"float64": 1e-11, "float32": 2e-7}  # computed in float64 and rounded once


class Comparison:
    """Calls every fused form and the Array API form, and compares."""

    def __init__(self, forms: Forms, events: Events, weight: np.ndarray, neuron: Neuron) -> None:
        self.forms, self.events, self.weight, self.neuron = forms, events, weight, neuron
        self.exact = replace(events, times=events.times.astype(np.float64))
        self.rows = weight.astype(np.float64)
        largest = np.abs(self.rows).max()
        # Gradients that are zero but for rounding have no size: these are sizes to see them by.
        self.floors = (1e-3 * neuron.kernel.psp_peak, 1e-3 * neuron.kernel.rise * largest)
        self.worst: dict[str, float] = {}
        self.compared = 0

    def note(self, what: str, found: np.ndarray, expected: np.ndarray, scale: Any) -> None:
        """Compare values, relative to a scale, and check that the dtypes allow it."""
        assert found.shape == expected.shape
        limit = VALUES if what == "v_max" else GRADIENTS
        error = (np.abs(found - expected) / scale).max(initial=0.0)
        assert error <= limit[found.dtype.name], what
        name = f"{what} {found.dtype}"
        self.worst[name] = max(self.worst.get(name, 0.0), float(error))
        self.compared += found.size

    def gradients(self, what: str, ours: Any, theirs: Any) -> None:
        """Compare with gradients that are in the layout the events were built from."""
        assert ours[0].dtype == self.weight.dtype
        largest = max(self.floors[0], np.abs(theirs.weight).max())
        self.note(f"{what} by weight", ours[0], theirs.weight, largest)
        assert (ours[1] is None) == (theirs.times is None)
        if ours[1] is not None:
            assert ours[1].dtype == self.events.times.dtype
            largest = max(self.floors[1], np.abs(theirs.times).max())
            by_source = self.events.in_source_layout(ours[1])
            self.note(f"{what} by time", by_source, theirs.times, largest)

    def check(self, seed: int) -> None:
        """Everything there is; cotangents are random and a third of them zero."""
        rng = np.random.default_rng(seed)
        events, weight, neuron = self.events, self.weight, self.neuron
        shape = (2, len(events), len(weight))
        bars = rng.normal(size=shape) * (rng.uniform(size=shape) < 0.67)
        v_bar, t_bar = bars = bars.astype(weight.dtype)

        found = Peak(*self.forms["peak"](events, weight, neuron, None))
        t_spike = self.forms["first_crossing"](events, weight, neuron)
        assert found.v_max.dtype == weight.dtype
        assert found.t_max.dtype == t_spike.dtype == events.times.dtype
        fires = found.v_max > weight.dtype.type(neuron.v_threshold)
        np.testing.assert_array_equal(np.isfinite(t_spike), fires)
        v_max = peak(self.exact, self.rows, neuron, method="pruned").v_max
        self.note("v_max", found.v_max, v_max, self.scale())
        assert (found.v_max >= 0.0).all()
        np.testing.assert_array_equal(found.t_max[found.v_max == 0.0], 0.0)

        for times in (False, True):
            for t_bars in (None, t_bar):
                ours = self.forms["peak_vjp"](
                    events, weight, neuron, found, v_bar, t_bars, times, None
                )
                self.gradients("peak", ours, self.peak_gradient(found, v_bar, t_bars, times))
            for min_slope in (0.0, 0.01):
                ours = self.forms["first_crossing_vjp"](
                    events, weight, neuron, t_spike, t_bar, times, min_slope
                )
                wide = t_spike.astype(np.float64), t_bar.astype(np.float64)
                how = {"times": times, "min_slope": min_slope, "method": "pruned"}
                theirs = first_crossing_vjp(self.exact, self.rows, neuron, *wide, **how)
                self.gradients("crossing", ours, theirs)
            if not neuron.shunt:
                grid = (17, events.duration / 12.0)
                sampled = Peak(*peak(events, weight, neuron, grid=grid, method="pruned"))
                ours = self.forms["peak_vjp"](
                    events, weight, neuron, sampled, v_bar, t_bar, times, grid
                )
                self.gradients("grid", ours, self.peak_gradient(sampled, v_bar, None, times, grid))

    def peak_gradient(
        self, found: Peak, v_bar: Any, t_bar: Any, times: bool, grid: Any = None
    ) -> Any:
        """The Array API form, in float64."""
        wide = Peak(*(each.astype(np.float64) for each in found))
        bars = (None if bar is None else bar.astype(np.float64) for bar in (v_bar, t_bar))
        given = self.exact, self.rows, self.neuron, wide, *bars
        return peak_vjp(*given, times=times, grid=grid, method="pruned")

    def scale(self) -> np.ndarray:
        """S of every pattern and output."""
        padded = np.concatenate([np.abs(self.rows), np.zeros((len(self.rows), 1))], axis=1)
        total = padded[:, self.events.afferents].sum(axis=-1).T
        return self.neuron.kernel.psp_peak * np.maximum(1.0, total)


def events_of(batch: Batch, host: Any, times: str, afferents: str = "int64") -> Events:
    events = replace(batch, times=batch.times.astype(times)).events(host)
    return replace(events, afferents=events.afferents.astype(afferents))


def pattern_batch(times: Any, weight: Any, duration: float, constants: Constants) -> Batch:
    return Batch(constants, duration, np.asarray(times, float)[:, :, None], np.asarray(weight))


def nasty_batches() -> Iterator[tuple[str, Batch]]:
    """What random patterns seldom hold."""
    rng = np.random.default_rng(3)
    for constants in TIME_CONSTANTS:
        yield f"kinks {constants}", grouped_kinks(constants)
    default = Constants()
    for n_spikes in (127, 128, 129, 300):
        drawn = random_batch(rng, 2, 3, max_spikes=n_spikes, n_afferents=11, duration=400.0)
        yield f"{n_spikes} spikes", drawn
    yield "one of everything", pattern_batch([[2.0]], [[1.7]], 50.0, default)
    yield "nothing but silence", pattern_batch([[np.inf, -1.0]] * 3, [[1.0, 2.0]], 50.0, default)
    yield "no excitation", pattern_batch([[1.0, 2.0]], [[-1.0, -2.0], [0.0, 0.0]], 50.0, default)
    ends = [[0.0, 0.0, 50.0, 50.0], [0.0, 50.0, 50.0, 49.9], [50.0, 50.0, 50.0, 0.0]]
    rows = [[1.0, 0.7, 2.0, -3.0], [-1.0, 2.0, -2.0, 1.5]]
    yield "spikes at both ends", pattern_batch(ends, rows, 50.0, default)
    gaps = [[0.0, 1.0, 5e4, 5e4 + 3.0], [0.0, 9e4, 9e4, 1e5]]
    yield "long silences", pattern_batch(gaps, rows, 1e5, default)
    spread = rng.uniform(0.0, 3.75e6, (2, 40))
    yield (
        "a million time constants",
        pattern_batch(spread, rng.normal(0.4, 1.0, (2, 40)), 3.75e6, default),
    )
    # Smooth peaks that float32 rounds onto a spike, from either side.
    starts = rng.uniform(0.0, 20.0, (40, 1)).astype(np.float32)
    onto = (starts.astype(float) + Neuron().kernel.t_peak).astype(np.float32)
    rounded = np.concatenate([starts, onto], axis=1)
    small = [[1.0, -1e-3], [1.0, -1e-9], [1.0, 1e-9]]
    quiet = Constants(v_threshold=2.0)
    yield "peaks at spikes", pattern_batch(rounded, small, 50.0, quiet)
    yield "many outputs", random_batch(rng, 3, 130, max_spikes=20, layout="latencies")


def gradients(forms: Forms, events: Events, weight: np.ndarray, neuron: Neuron) -> list[np.ndarray]:
    """Every result of one small problem, with and without time gradients."""
    v_max, t_max = forms["peak"](events, weight, neuron, None)
    ones = np.broadcast_to(weight.dtype.type(1.0), v_max.shape)  # no strides
    results = [v_max, t_max, forms["first_crossing"](events, weight, neuron)]
    for times in (False, True):
        results += forms["peak_vjp"](
            events, weight, neuron, Peak(v_max, t_max), ones, ones, times, None
        )
        results += forms["first_crossing_vjp"](events, weight, neuron, t_max, ones, times, 0.0)
    return [each for each in results if each is not None]


def spike_problem(
    seed: int, *, n_patterns: int = 4, n_afferents: int = 30, n_outputs: int = 3,
    duration: float = 90.0, drive: float = 1.0, dtype: str = "float64",
) -> tuple[Events, np.ndarray]:  # fmt: skip
    """Two spikes an afferent, some at the same whole numbers, one pattern silent."""
    rng = np.random.default_rng(seed)
    trains = rng.uniform(0.0, 1.1 * duration, (n_patterns, n_afferents, 2))
    whole = rng.random(trains.shape) < 0.3
    trains[whole] = np.rint(trains[whole])
    trains[-1] = np.inf
    weight = drive * rng.normal(0.4, 2.0, (n_outputs, n_afferents)) * n_afferents**-0.5
    return Events.from_trains(trains.astype(dtype), duration), weight.astype(dtype)


def check_spikes(
    events: Events,
    weight: np.ndarray,
    neuron: Neuron,
    put: Callable[[np.ndarray], Any] = np.asarray,
    back: Callable[[Any], np.ndarray] = np.asarray,
) -> int:
    """Output spikes and their gradients, through the core, and how many there are.

    ``put`` takes arrays to the device that has the kernels, and ``back`` brings them home.
    """
    there, rows = map_arrays(events, put), put(weight)
    found = OutputSpikes(*map(back, output_spikes(there, rows, neuron)))
    expected = output_spikes(events, weight, neuron, method="pruned")
    single = np.float32 in (events.times.dtype, weight.dtype)
    assert found.times.dtype == expected.times.dtype
    top = back(peak(there, rows, neuron).v_max)
    np.testing.assert_array_equal(found.counts >= 1, top > weight.dtype.type(neuron.v_threshold))
    crossing = back(first_crossing(there, rows, neuron))
    np.testing.assert_array_equal(found.times[..., 0], crossing)
    np.testing.assert_array_equal(found.counts, expected.counts)
    present = np.isfinite(expected.times)
    np.testing.assert_array_equal(np.isfinite(found.times), present)
    bar = (2e-6 if single else 1e-10) * events.duration
    np.testing.assert_allclose(found.times[present], expected.times[present], rtol=0.0, atol=bar)
    kept = output_spikes(there, rows, neuron, max_spikes=2, layout="csr")
    two = found.times[..., :2]
    np.testing.assert_array_equal(back(kept.times), two[np.isfinite(two)])

    cotangent = np.random.default_rng(0).normal(size=found.times.shape).astype(weight.dtype)
    exact = replace(events, times=events.times.astype(np.float64)), weight.astype(np.float64)
    trains = found.times, cotangent
    for times in (False, True):
        for min_slope in (0.01, 0.1):
            options = {"times": times, "min_slope": min_slope}
            ours = output_spikes_vjp(there, rows, neuron, *map(put, trains), **options)
            wide = (each.astype(np.float64) for each in trains)
            theirs = output_spikes_vjp(*exact, neuron, *wide, **options, method="pruned")
            assert (ours.times is None) == (not times)
            for mine, other in zip(ours, theirs, strict=True):
                if mine is not None:
                    largest = np.abs(other).max(initial=1e-3)
                    allowed = GRADIENTS["float32" if single else "float64"] * largest
                    np.testing.assert_allclose(back(mine), other, rtol=0.0, atol=allowed)
    return int(found.counts.sum())
