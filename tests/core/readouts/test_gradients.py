"""Analytic gradients against difference quotients of the reference, and against autograd.

Errors are largest absolute difference over largest absolute entry: 1e-7 against difference
quotients (taken in 50 digits, of the brute-force reference), 1e-10 against autograd of a dense V,
1e-11 between backends.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from gradient_batches import gradient_batches, relative_error
from patterns import (
    ELSEWHERE,
    EVERY_TIME_CONSTANTS,
    TIME_CONSTANTS,
    Batch,
    methods,
    place,
    random_batch,
    well_conditioned_crossing,
    well_conditioned_peak,
)
from reference import Constants, ExactTrajectory, jacobian, kernel, mp

import tempotron_backends
from tempotron_core import (
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
    soft_peak_time,
    soft_peak_time_vjp,
    voltage,
    voltage_vjp,
)

QUOTIENT, AUTOGRAD, BACKENDS = 1e-7, 1e-10, 1e-11


def numbered_batches(backend) -> Iterator[tuple[int, Batch]]:
    """The batches with their numbers; NumPy and torch have all.

    JAX, which compiles anew for each shape and each neuron, and array-api-strict, which is slow and
    runs NumPy's form, have one of each layout, equal and nearly equal constants.
    """
    for index, batch in enumerate(gradient_batches()):
        if backend.name in ("numpy", "torch") or index in (0, 3, 5, 8):
            yield index, batch


def contract(batch: Batch, derivatives: dict, cotangents: list[np.ndarray]):
    """Sum cotangent times derivative over patterns and outputs into gradients of both kinds."""
    n_slots = batch.times.shape[2]
    weight_grad = np.zeros(batch.weight.shape)
    time_grad = np.zeros(batch.times.shape)
    for (b, o), (by_weight, by_time) in derivatives.items():
        for row, cotangent in enumerate(cotangents):
            per_afferent = by_weight[row].reshape(-1, n_slots)
            weight_grad[o] += cotangent[b, o] * per_afferent.sum(axis=1)
            time_grad[b] += cotangent[b, o] * by_time[row].reshape(-1, n_slots)
    return weight_grad, batch.source_layout(time_grad)


def cotangents_for(batch: Batch, derivatives: dict, seed: int, count: int) -> list[np.ndarray]:
    """Random numbers where the derivative is decided, zero elsewhere."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(batch.shape)
    for pair in derivatives:
        mask[pair] = 1.0
    return [rng.normal(size=batch.shape) * mask for _ in range(count)]


@lru_cache
def peak_derivatives(batch: Batch, shunt: bool) -> tuple[dict, Counter]:
    """Derivatives of v_max and t_max of every (pattern, output) where both are decided."""
    found, seen = {}, Counter()
    n_patterns, n_outputs = batch.shape
    for b in range(n_patterns):
        for o in range(n_outputs):
            times, weights = batch.spikes(b, o)
            trajectory = batch.trajectory(b, o)
            crossing = trajectory.first_crossing()
            if shunt and crossing.fired:
                if not well_conditioned_crossing(crossing, trajectory, "float64"):
                    continue
                trajectory = trajectory.shunted()
            top = trajectory.peak()
            kind = top.maximum.kind
            if not well_conditioned_peak(top, trajectory, "float64"):
                continue
            if kind in ("end", "rest") and batch.duration in trajectory.group_times:
                continue  # one-sided: a spike at the duration counts only if moved ahead
            first = [w for t, w in trajectory.spikes if t == trajectory.group_times[0]]
            if kind == "rest" and max(first, default=0) > 0:
                continue  # one-sided: excitation that leaves its group ahead of time raises V

            def readout(moved):
                p = (moved.shunted() if shunt else moved).peak()
                return p.v_max, p.t_max

            by_weight, by_time = jacobian(readout, times, weights, batch.constants, batch.duration)
            if kind == "kink":
                group = [i for i, t in enumerate(times) if t == top.t_max]
                total = sum(weights[i] for i in group)
                seen["group"] += len(group) > 1
                for i in group if len(group) > 1 else ():
                    # A convention: moved one by one, the spikes of a group make no derivative.
                    share = weights[i] / total
                    by_time[:, i] = float(top.maximum.slope_left) * share, share
            seen[kind] += 1
            seen["shunted"] += crossing.fired
            found[b, o] = by_weight, by_time
    return found, seen


def check_gradients(backend, batch, found, expected, limit):
    weight_grad, time_grad = (backend.to_numpy(array) for array in found)
    assert weight_grad.dtype == batch.weight.dtype
    assert time_grad.dtype == batch.times.dtype
    assert relative_error(weight_grad, expected[0]) <= limit, batch.constants
    assert relative_error(time_grad, expected[1]) <= limit, batch.constants


@pytest.mark.parametrize("readouts", ["v_max", "t_max", "both"])
@pytest.mark.parametrize("shunt", [False, True], ids=["plain", "shunted"])
def test_peak(backend, shunt, readouts):
    """v_max and t_max: smooth peaks, kinks, ends, rest; every layout."""
    for index, batch in numbered_batches(backend):
        derivatives, _ = peak_derivatives(batch, shunt)
        cotangents = cotangents_for(batch, derivatives, index, 2)
        if readouts != "both":
            cotangents[readouts == "v_max"] *= 0.0
        expected = contract(batch, derivatives, cotangents)
        events, weight = batch.events(backend), place(backend, batch.weight)
        neuron = batch.neuron(shunt=shunt)
        top = peak(events, weight, neuron)
        v_bar = place(backend, cotangents[0])
        t_bar = None if readouts == "v_max" else place(backend, cotangents[1])
        found = peak_vjp(events, weight, neuron, top, v_bar, t_bar, times=True)
        check_gradients(backend, batch, found, expected, QUOTIENT)


def test_patterns_hold_every_kind_of_peak():
    """The gradient tests see smooth peaks, kinks, groups of kinks, ends, rest and shunting."""
    seen = Counter()
    for batch in gradient_batches():
        for shunt in (False, True):
            seen += peak_derivatives(batch, shunt)[1]
        seen["crossing"] += len(crossing_derivatives(batch))
    for case in ("smooth", "kink", "group", "end", "rest", "shunted", "crossing"):
        assert seen[case] >= 2, (case, seen)


@pytest.mark.parametrize("which", ["weight", "times"])
def test_only_what_is_asked_for(backend, which):
    """Without ``times`` there is no time gradient, and the weight gradient is the same."""
    batch = gradient_batches()[0]
    events, weight = batch.events(backend), place(backend, batch.weight)
    neuron = batch.neuron()
    top = peak(events, weight, neuron)
    v_bar = place(backend, np.ones(batch.shape))
    weight_grad, time_grad = peak_vjp(events, weight, neuron, top, v_bar, times=which == "times")
    assert (time_grad is None) == (which == "weight")
    both = peak_vjp(events, weight, neuron, top, v_bar, times=True)
    np.testing.assert_array_equal(backend.to_numpy(weight_grad), backend.to_numpy(both[0]))


@lru_cache
def crossing_derivatives(batch: Batch) -> dict:
    """Derivatives of the first crossing of every pair that crosses cleanly."""
    found = {}
    for b in range(batch.shape[0]):
        for o in range(batch.shape[1]):
            trajectory = batch.trajectory(b, o)
            crossing = trajectory.first_crossing()
            if not well_conditioned_crossing(crossing, trajectory, "float64"):
                continue
            found[b, o] = jacobian(
                lambda moved: (moved.first_crossing().time,),
                *batch.spikes(b, o),
                batch.constants,
                batch.duration,
            )
    return found


def test_first_crossing(backend):
    """The crossing's derivatives; silent pairs get none even with a cotangent."""
    for index, batch in numbered_batches(backend):
        derivatives = crossing_derivatives(batch)
        (cotangent,) = cotangents_for(batch, derivatives, index, 1)
        expected = contract(batch, derivatives, [cotangent])
        events, weight = batch.events(backend), place(backend, batch.weight)
        t_spike = first_crossing(events, weight, batch.neuron())
        silent = np.isinf(backend.to_numpy(t_spike))
        cotangent = np.where(silent, 1.0, cotangent)
        found = first_crossing_vjp(
            events, weight, batch.neuron(), t_spike, place(backend, cotangent), times=True
        )
        check_gradients(backend, batch, found, expected, QUOTIENT)


def test_grazing_crossing_is_clipped(backend):
    """A crossing at almost no slope: a finite gradient, bounded by ``min_slope``."""
    constants = Constants(10.0, 5.0)
    weight = np.asarray([[1.0 + 1e-13]])
    batch = Batch(constants, 60.0, np.asarray([[[2.0]]]), weight)
    events, rows = batch.events(backend), place(backend, weight)
    t_spike = first_crossing(events, rows, batch.neuron())
    assert np.isfinite(backend.to_numpy(t_spike)).all()
    ones = place(backend, np.ones((1, 1)))
    for min_slope in (0.0, 1e-3):
        found = first_crossing_vjp(
            events, rows, batch.neuron(), t_spike, ones, times=True, min_slope=min_slope
        )
        weight_grad, time_grad = (backend.to_numpy(array) for array in found)
        assert np.isfinite(weight_grad).all()
        assert np.isfinite(time_grad).all()
        if min_slope:
            np.testing.assert_allclose(weight_grad, -1.0 / min_slope, rtol=1e-6)
    # An exact graze, slope 0: still no NaN, no infinity.
    exact = place(backend, np.asarray([[2.0 + 10.0 * math.log(2.0)]]))
    found = first_crossing_vjp(events, rows, batch.neuron(), exact, ones, times=True)
    assert all(np.isfinite(backend.to_numpy(array)).all() for array in found)


@lru_cache
def voltage_derivatives(batch: Batch, samples: tuple[float, ...]) -> dict:
    return {
        (b, o): jacobian(
            lambda moved: [moved.voltage(t) for t in samples],
            *batch.spikes(b, o),
            batch.constants,
            batch.duration,
        )
        for b in range(batch.shape[0])
        for o in range(batch.shape[1])
    }


def test_voltage(backend):
    """V at given times, none of them a spike's own."""
    for index, batch in numbered_batches(backend):
        rng = np.random.default_rng(index)
        samples = rng.uniform(0.0, batch.duration, 7)
        cotangent = rng.normal(size=(*batch.shape, 7))
        expected = contract(
            batch,
            voltage_derivatives(batch, tuple(samples.tolist())),
            list(np.moveaxis(cotangent, 2, 0)),
        )
        found = voltage_vjp(
            batch.events(backend),
            place(backend, batch.weight),
            batch.neuron(),
            place(backend, samples),
            place(backend, cotangent),
            times=True,
        )
        check_gradients(backend, batch, found, expected, QUOTIENT)


@lru_cache
def soft_derivatives(batch: Batch, n_steps: int) -> dict:
    found = {}
    for b in range(batch.shape[0]):
        for o in range(batch.shape[1]):
            sign = batch.trajectory(b, o).soft_peak_time(n_steps)[2]
            found[b, o] = jacobian(
                lambda moved, sign=sign: (sign * moved.soft_peak_time(n_steps)[1],),
                *batch.spikes(b, o),
                batch.constants,
                batch.duration,
            )
    return found


def test_soft_peak_time(backend):
    """The gradient of m s; weights small enough that the softmax is not one-hot."""
    n_steps = 12
    few = backend.name == "jax"
    for index, time_constants in enumerate(TIME_CONSTANTS[:2] if few else TIME_CONSTANTS[:5]):
        rng = np.random.default_rng(60 + index)
        constants = Constants(*time_constants, 0.3, 1.0)
        batch = random_batch(
            rng, 3, 2, max_spikes=4, n_afferents=4, constants=constants, duration=12.0
        )
        # Off the raster: there a quotient and the convention K'(0+) would differ.
        on_raster = (batch.times == np.rint(batch.times)) & np.isfinite(batch.times)
        times = np.where(on_raster & (batch.times >= 0), batch.times * 0.9 + 0.317, batch.times)
        batch = replace(batch, times=times, weight=batch.weight * 0.3)
        expected = contract(
            batch,
            soft_derivatives(batch, n_steps),
            [cotangent := rng.normal(size=batch.shape)],
        )
        found = soft_peak_time_vjp(
            batch.events(backend),
            place(backend, batch.weight),
            batch.neuron(),
            n_steps,
            place(backend, cotangent),
            times=True,
        )
        check_gradients(backend, batch, found, expected, QUOTIENT)
        values = backend.to_numpy(
            soft_peak_time(
                batch.events(backend), place(backend, batch.weight), batch.neuron(), n_steps
            )
        )
        for b in range(3):
            for o in range(2):
                hard, _, _ = batch.trajectory(b, o).soft_peak_time(n_steps)
                assert values[b, o] == hard or (hard == 0 and values[b, o] in (0.0, -1.0))


# ------------------------------------------------------------------------------ autograd


def torch_batch(batch: Batch):
    torch = pytest.importorskip("torch")
    times = torch.tensor(batch.times, dtype=torch.float64, requires_grad=True)
    weight = torch.tensor(batch.weight, dtype=torch.float64, requires_grad=True)
    return torch, times, weight, pytest.importorskip("dense").potential


def test_peak_against_autograd(backend):
    """v_max and t_max at the fixed peak time: V and -V'/V'' of the dense V by autograd."""
    for index, batch in numbered_batches(backend):
        torch, times, weight, potential = torch_batch(batch)
        smooth = {
            pair: derivative
            for pair, derivative in peak_derivatives(batch, False)[0].items()
            if batch.trajectory(*pair).peak().maximum.kind == "smooth"
        }
        v_bar, t_bar = cotangents_for(batch, smooth, index, 2)
        events, rows = batch.events(backend), place(backend, batch.weight)
        top = peak(events, rows, batch.neuron())
        t_max = torch.tensor(np.array(backend.to_numpy(top.t_max)), requires_grad=True)
        v = potential(times, weight, t_max[:, :, None], batch.constants, batch.duration)
        (slope,) = torch.autograd.grad(v.sum(), t_max, create_graph=True)
        (curvature,) = torch.autograd.grad(slope.sum(), t_max, retain_graph=True)
        mask = torch.tensor(v_bar != 0.0)
        curvature = torch.where(mask, curvature, -1.0)
        for v_cotangent, t_cotangent in ((v_bar, None), (0.0 * v_bar, t_bar), (v_bar, t_bar)):
            total = (torch.tensor(v_cotangent) * v[:, :, 0]).sum()
            if t_cotangent is not None:
                total = total - (torch.tensor(t_cotangent) / curvature * slope).sum()
            expected = torch.autograd.grad(total, (weight, times), retain_graph=True)
            found = peak_vjp(
                events,
                rows,
                batch.neuron(),
                top,
                place(backend, v_cotangent),
                None if t_cotangent is None else place(backend, t_cotangent),
                times=True,
            )
            by_time = batch.source_layout(expected[1].numpy())
            check_gradients(backend, batch, found, (expected[0].numpy(), by_time), AUTOGRAD)


def test_first_crossing_against_autograd(backend):
    """-V/V' of the dense V at the fixed crossing."""
    for index, batch in numbered_batches(backend):
        torch, times, weight, potential = torch_batch(batch)
        (cotangent,) = cotangents_for(batch, crossing_derivatives(batch), index, 1)
        events, rows = batch.events(backend), place(backend, batch.weight)
        t_spike = first_crossing(events, rows, batch.neuron())
        at = np.where(cotangent != 0.0, backend.to_numpy(t_spike), 0.0)
        at = torch.tensor(at, requires_grad=True)
        v = potential(times, weight, at[:, :, None], batch.constants, batch.duration)
        (slope,) = torch.autograd.grad(v.sum(), at, retain_graph=True)
        slope = torch.where(torch.tensor(cotangent != 0.0), slope, 1.0)
        total = -(torch.tensor(cotangent) / slope * v[:, :, 0]).sum()
        weight_grad, time_grad = torch.autograd.grad(total, (weight, times))
        found = first_crossing_vjp(
            events, rows, batch.neuron(), t_spike, place(backend, cotangent), times=True
        )
        expected = weight_grad.numpy(), batch.source_layout(time_grad.numpy())
        check_gradients(backend, batch, found, expected, AUTOGRAD)


def test_voltage_against_autograd(backend):
    """V at given times, spikes' own included: there the slope counts as K'(0+)."""
    for index, batch in numbered_batches(backend):
        torch, times, weight, potential = torch_batch(batch)
        rng = np.random.default_rng(index)
        on_spikes = batch.times[(batch.times >= 0) & (batch.times <= batch.duration)][:8]
        samples = np.concatenate([on_spikes, rng.uniform(0.0, batch.duration, 9), [0.0]])
        cotangent = rng.normal(size=(*batch.shape, samples.size))
        at = torch.tensor(np.broadcast_to(samples, cotangent.shape).copy())
        v = potential(times, weight, at, batch.constants, batch.duration)
        events, rows = batch.events(backend), place(backend, batch.weight)
        found_v = voltage(events, rows, batch.neuron(), place(backend, samples))
        np.testing.assert_allclose(
            backend.to_numpy(found_v), v.detach().numpy(), rtol=0, atol=1e-12
        )
        expected = torch.autograd.grad((torch.tensor(cotangent) * v).sum(), (weight, times))
        found = voltage_vjp(
            events,
            rows,
            batch.neuron(),
            place(backend, samples),
            place(backend, cotangent),
            times=True,
        )
        by_time = batch.source_layout(expected[1].numpy())
        check_gradients(backend, batch, found, (expected[0].numpy(), by_time), AUTOGRAD)


def test_grid_peak_against_autograd(backend):
    """v_max on a raster, spikes on the raster included; t_max there is constant."""
    for index, batch in numbered_batches(backend):
        if index >= 5:
            break
        batch = replace(batch, duration=24.0, times=np.rint(batch.times * 24.0 / batch.duration))
        torch, times, weight, potential = torch_batch(batch)
        at = torch.arange(24.0, dtype=torch.float64).expand(*batch.shape, 24)
        v = potential(times, weight, at, batch.constants, batch.duration)
        top_two = torch.topk(v, 2, dim=2).values.detach()
        apart = (top_two[:, :, 0] - top_two[:, :, 1] > 1e-9).numpy()
        cotangent = np.random.default_rng(index).normal(size=batch.shape) * apart
        # Exact ties share a gradient in torch's max(): take the first sample, as argmax does.
        first = v.argmax(dim=2, keepdim=True)
        total = (torch.tensor(cotangent) * torch.gather(v, 2, first)[:, :, 0]).sum()
        expected = torch.autograd.grad(total, (weight, times))
        events, rows = batch.events(backend), place(backend, batch.weight)
        grid = (24, 1.0)
        top = peak(events, rows, batch.neuron(), grid=grid)
        found = peak_vjp(
            events, rows, batch.neuron(), top, place(backend, cotangent), times=True, grid=grid
        )
        by_time = batch.source_layout(expected[1].numpy())
        check_gradients(backend, batch, found, (expected[0].numpy(), by_time), AUTOGRAD)


# --------------------------------------------------------------------- between backends


def all_gradients(where, batch, put, method):
    """Every gradient of a batch, on the host."""
    events, rows = batch.events(where), place(where, batch.weight)
    neuron, shunted = batch.neuron(), batch.neuron(shunt=True)
    v_bar, t_bar, spike_bar, samples, sample_bar, shunt_bar = (place(where, a) for a in put)
    how = {"times": True, "constants": True, "method": method}
    top = peak(events, rows, neuron, method=method)
    cut = peak(events, rows, shunted, method=method)
    spike = first_crossing(events, rows, neuron, method=method)
    gradients = {
        "peak": peak_vjp(events, rows, neuron, top, v_bar, t_bar, **how),
        "shunted": peak_vjp(events, rows, shunted, cut, shunt_bar, **how),
        "crossing": first_crossing_vjp(events, rows, neuron, spike, spike_bar, **how),
        "voltage": voltage_vjp(events, rows, neuron, samples, sample_bar, **how),
        "soft": soft_peak_time_vjp(events, rows, neuron, 20, v_bar, **how),
    }
    found = {}
    for name, gradient in gradients.items():
        found[name, "weight"] = where.to_numpy(gradient.weight)
        found[name, "time"] = where.to_numpy(gradient.times)
        of_constants = [where.to_numpy(array) for array in gradient.constants]
        found[name, "constants"] = np.stack(of_constants)
    return found


def test_backends_agree(backend):
    """Every gradient here and on NumPy; on NumPy itself, the static path and the pruned one."""
    host = tempotron_backends.select("numpy")
    method = "static" if backend.name == "numpy" else "auto"
    for index, batch in numbered_batches(backend):
        v_bar, t_bar = cotangents_for(batch, peak_derivatives(batch, False)[0], index, 2)
        (shunt_bar,) = cotangents_for(batch, peak_derivatives(batch, True)[0], index, 1)
        (spike_bar,) = cotangents_for(batch, crossing_derivatives(batch), index, 1)
        rng = np.random.default_rng(index)
        samples = rng.uniform(0.0, batch.duration, 6)
        sample_bar = rng.normal(size=(*batch.shape, 6))
        put = (v_bar, t_bar, spike_bar, samples, sample_bar, shunt_bar)
        ours = all_gradients(host, batch, put, "auto")
        theirs = all_gradients(backend, batch, put, method)
        for name, expected in ours.items():
            assert relative_error(theirs[name], expected) <= BACKENDS, (name, batch.constants)


# ------------------------------------------------------------------------ special points


def one_pattern(times: list[float], weights: list[float], constants=None, duration=80.0):
    """One spike per afferent, one output."""
    constants = constants or Constants()
    array = np.asarray(times)[None, :, None]
    return Batch(constants, duration, array, np.asarray(weights)[None, :], "latencies")


def gradients_of(backend, batch, v_bar=1.0, t_bar=None, method="auto"):
    events, rows = batch.events(backend), place(backend, batch.weight)
    top = peak(events, rows, batch.neuron(), method=method)
    ones = np.ones(batch.shape)
    found = peak_vjp(
        events,
        rows,
        batch.neuron(),
        top,
        place(backend, v_bar * ones),
        None if t_bar is None else place(backend, t_bar * ones),
        times=True,
        method=method,
    )
    return [backend.to_numpy(array)[0] for array in found]


KINKS = {
    "single": ([0.0, 2.0, 5.0], [1.0, 0.5, -4.0]),
    "pair": ([0.0, 2.0, 5.0, 5.0], [1.0, 0.5, -3.0, -1.0]),
    "mixed signs": ([0.0, 2.0, 5.0, 5.0, 5.0], [1.0, 0.5, -3.0, 1.0, -2.0]),
    "zero weight": ([0.0, 2.0, 5.0, 5.0], [1.0, 0.5, -4.0, 0.0]),
    "later spikes": ([0.0, 2.0, 5.0, 5.0, 9.0, 30.0], [1.0, 0.5, -3.0, -1.0, 0.3, -1.0]),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == "later spikes" else ELSEWHERE) for n in KINKS]
)
@pytest.mark.parametrize("time_constants", EVERY_TIME_CONSTANTS)
def test_kink(backend, time_constants, name):
    """At a kink of the group G: dV*/dt_j = L w_j / W and dt*/dt_j = w_j / W for j in G."""
    times, weights = KINKS[name]
    constants = Constants(*time_constants)
    if 1.0 in time_constants:  # K peaks after 4.65: move the kink into the rise
        times = [t * 0.5 for t in times]
    batch = one_pattern(times, weights, constants)
    trajectory = batch.trajectory(0, 0)
    top = trajectory.peak()
    assert top.maximum.kind == "kink"
    assert top.gap > 1e-3
    at = float(top.t_max)
    group = np.asarray(times) == at
    total = sum(w for w, member in zip(weights, group, strict=True) if member)
    share = np.where(group, np.asarray(weights) / total, 0.0)
    left = float(top.maximum.slope_left)

    before = np.asarray(times) < at
    k = [kernel(mp.mpf(at) - t, constants) if t < at else (0, 0, 0) for t in times]
    by_weight = np.asarray([float(row[0]) for row in k])
    by_time = -np.asarray(weights) * np.asarray([float(row[1]) for row in k]) * before
    by_time = by_time + left * share

    for method in methods(backend):
        weight_grad, time_grad = gradients_of(backend, batch, method=method)
        assert relative_error(weight_grad, by_weight) <= AUTOGRAD
        assert relative_error(time_grad, by_time) <= AUTOGRAD
        assert abs(time_grad.sum()) <= 1e-13 * np.abs(time_grad).max()

        weight_grad, time_grad = gradients_of(backend, batch, 0.0, 1.0, method)
        np.testing.assert_array_equal(weight_grad, np.zeros(len(times)))
        np.testing.assert_allclose(time_grad, share, rtol=0.0, atol=1e-14)

    # The convention's sum over the group is the derivative by the group's common time, a true one.
    h = mp.mpf("1e-15")
    quotient = [
        (moved[1] - moved[0]) / (2 * h)
        for moved in zip(
            *(
                (found.v_max, found.t_max)
                for found in (
                    ExactTrajectory(
                        [t + sign * h if t == at else mp.mpf(t) for t in times],
                        weights,
                        constants,
                        batch.duration,
                    ).peak()
                    for sign in (-1, 1)
                )
            ),
            strict=True,
        )
    ]
    assert abs(float(quotient[0]) - left) <= 1e-9
    assert abs(float(quotient[1]) - 1.0) <= 1e-9


def test_common_shift(backend):
    """Moving all spikes together moves the peak and leaves its height alone."""
    for _, batch in numbered_batches(backend):
        derivatives, _ = peak_derivatives(batch, False)
        events, rows = batch.events(backend), place(backend, batch.weight)
        top = peak(events, rows, batch.neuron())
        for b, o in derivatives:
            kind = batch.trajectory(b, o).peak().maximum.kind
            if kind not in ("smooth", "kink"):
                continue
            one = np.zeros(batch.shape)
            one[b, o] = 1.0
            one = place(backend, one)
            for v_bar, t_bar, total in ((one, None, 0.0), (0.0 * one, one, 1.0)):
                _, time_grad = peak_vjp(events, rows, batch.neuron(), top, v_bar, t_bar, times=True)
                time_grad = backend.to_numpy(time_grad)
                size = max(1.0, np.abs(time_grad).max())
                assert abs(time_grad.sum() - total) <= 1e-9 * size


SILENT = {
    "no spikes": ([-1.0, math.inf, 90.0], [1.0, 1.0, 1.0]),
    "inhibition only": ([3.0, 5.0, 9.0], [-1.0, -0.2, -3.0]),
    "zero weights": ([3.0, 5.0, 9.0], [0.0, 0.0, 0.0]),
    "spike at the duration": ([80.0, -1.0, math.inf], [1.0, 1.0, 1.0]),
    "inhibition at 0": ([0.0, 0.0, 4.0], [-1.0, -0.5, -0.5]),
}


@pytest.mark.parametrize("name", SILENT)
def test_silence(backend, name):
    """The peak is the rest at t = 0: every gradient is exactly zero."""
    batch = one_pattern(*SILENT[name])
    top = peak(batch.events(backend), place(backend, batch.weight), batch.neuron())
    assert backend.to_numpy(top.v_max) == 0.0
    assert backend.to_numpy(top.t_max) == 0.0
    for v_bar, t_bar in ((1.0, None), (0.0, 1.0), (2.0, -3.0)):
        for gradient in gradients_of(backend, batch, v_bar, t_bar):
            np.testing.assert_array_equal(gradient, np.zeros(3))


def test_peak_at_the_duration(backend):
    """V still rises at the end: the height has a gradient, the time has none."""
    batch = one_pattern([76.0, 77.5, 79.0], [1.0, 0.4, -0.1])
    trajectory = batch.trajectory(0, 0)
    assert trajectory.peak().maximum.kind == "end"
    weight_grad, time_grad = gradients_of(backend, batch)
    by_weight, by_time = jacobian(
        lambda moved: (moved.peak().v_max,),
        *batch.spikes(0, 0),
        batch.constants,
        batch.duration,
    )
    assert relative_error(weight_grad, by_weight[0]) <= QUOTIENT
    assert relative_error(time_grad, by_time[0]) <= QUOTIENT
    for gradient in gradients_of(backend, batch, v_bar=0.0, t_bar=1.0):
        np.testing.assert_array_equal(gradient, np.zeros(3))


def test_spikes_at_the_duration_with_the_peak_there(backend):
    """A one-sided point: the late spike's derivative lies between those from its two sides."""
    batch = one_pattern([76.0, 77.5, 80.0], [1.0, 0.4, -2.0])
    _, time_grad = gradients_of(backend, batch)
    weight_grad, _ = gradients_of(backend, batch)
    slope = float(batch.trajectory(0, 0).evaluate(80.0, 2)[1])
    assert weight_grad[2] == 0.0
    # Later it is ignored: 0. Earlier it cuts the rise short, at the slope before it.
    assert -1e-12 <= time_grad[2] <= slope * (1 + 1e-12)
    without = one_pattern([76.0, 77.5], [1.0, 0.4])
    expected_weight, expected_time = gradients_of(backend, without)
    np.testing.assert_allclose(weight_grad[:2], expected_weight, rtol=1e-12)
    np.testing.assert_allclose(time_grad[:2], expected_time, rtol=1e-12)


def test_zero_cotangents(backend):
    """No error, no gradient: exact zeros in the right shapes."""
    for batch in gradient_batches()[:3]:
        events, rows = batch.events(backend), place(backend, batch.weight)
        top = peak(events, rows, batch.neuron())
        zero = place(backend, np.zeros(batch.shape))
        weight_grad, time_grad = peak_vjp(events, rows, batch.neuron(), top, zero, zero, times=True)
        shape = batch.source_layout(batch.times).shape
        np.testing.assert_array_equal(backend.to_numpy(weight_grad), np.zeros(batch.weight.shape))
        np.testing.assert_array_equal(backend.to_numpy(time_grad), np.zeros(shape))
