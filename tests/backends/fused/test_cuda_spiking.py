"""Output spikes by the CUDA kernels, run as host C++; see test_cuda_kernel.py."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cuda_comparison import check_spikes, spike_problem

from tempotron_core import Events, Neuron, first_crossing, peak
from tempotron_core.spiking import output_spikes, output_spikes_vjp

ORDERS = [(20.0, 5.0), (5.0, 20.0), (10.0, 10.0), (15.0, 15.0 * (1 - 1e-9))]
CASES = json.loads((Path(__file__).parents[2] / "support" / "multispike_cases.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_cases_solved_in_many_digits(make_forms, find_forms, case):
    find_forms(make_forms(3))
    neuron = Neuron(case["tau"], case["tau_s"], case["theta"], psp_peak=1.0)
    trains = np.full((1, len(case["times"]), max(map(len, case["times"]))), np.inf)
    for afferent, train in enumerate(case["times"]):
        trains[0, afferent, : len(train)] = train
    events = Events.from_trains(trains, case["duration"])
    times, counts = output_spikes(events, np.asarray([case["weights"]]), neuron)
    expected = np.asarray(list(map(float, case["output_spikes"])))
    assert counts.tolist() == [[len(expected)]]
    np.testing.assert_allclose(times[0, 0, : len(expected)], expected, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("n_threads", "order"), [(1, ORDERS[0]), (3, ORDERS[1]), (12, ORDERS[2]), (12, ORDERS[3])]
)
def test_time_constants(make_forms, find_forms, n_threads, order):
    find_forms(make_forms(n_threads))
    assert check_spikes(*spike_problem(1), Neuron(*order, 0.9, psp_peak=1.1)) > 10


@pytest.mark.parametrize(
    ("options", "n_threads"),
    [
        ({"dtype": "float32"}, 3),
        ({"n_outputs": 1, "n_afferents": 65, "drive": 3.0}, 128),  # runs of one event or two
        ({"n_outputs": 33, "n_patterns": 2}, 12),  # three tiles, no runs
        ({"duration": 1e3, "drive": 3.0}, 12),
        ({"drive": 20.0}, 12),  # many in one interval
    ],
    ids=["float32", "one output", "tiles", "sparse", "bursts"],
)
def test_shapes(make_forms, find_forms, options, n_threads):
    find_forms(make_forms(n_threads))
    assert check_spikes(*spike_problem(2, **options), Neuron()) > 10


def test_several_chunks_and_no_spike_in_most(make_forms, find_forms):
    """Runs are passed over, and resets last from one to another."""
    find_forms(make_forms(12))
    events, weight = spike_problem(3, n_afferents=300, duration=3000.0, drive=6.0)
    neuron = Neuron(60.0, 5.0, 5.0, psp_peak=1.0)
    assert 10 < check_spikes(events, weight, neuron) < 0.02 * events.times.size * len(weight)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_one_decision(make_forms, find_forms, dtype):
    """Counts, crossings and peaks say the same, at thresholds an ulp from a peak."""
    find_forms(make_forms(3))
    events, weight = spike_problem(7, n_patterns=5, n_outputs=5, dtype=dtype)
    top = peak(events, weight, Neuron(psp_peak=1.0)).v_max
    for value in np.unique(top[top > 0.0])[::5]:
        for threshold in (np.nextafter(value, value.dtype.type(0)), value):
            neuron = Neuron(v_threshold=float(threshold), psp_peak=1.0)
            times, counts = output_spikes(events, weight, neuron)
            np.testing.assert_array_equal(counts >= 1, top > threshold)
            np.testing.assert_array_equal(times[..., 0], first_crossing(events, weight, neuron))


def test_the_first_spike_is_that_of_the_scan(make_forms):
    """Taken over, as compilers may give two kernels roots that differ in the last bit."""
    forms, (events, weight) = make_forms(3), spike_problem(4)
    on = forms["peak"].args[0]

    def moved(name, blocks, threads, arguments):
        on.launch(name, blocks, threads, arguments)
        if name == "scan":
            t_spike = arguments[9]
            t_spike -= 1e-9

    output_spikes = forms["output_spikes"].func
    given = events, weight, Neuron(), 1
    pair, times, _ = output_spikes(replace(on, launch=moved), *given)
    expected = forms["first_crossing"](*given[:3]).ravel()[pair]
    assert expected.size > 3
    np.testing.assert_array_equal(times, expected - 1e-9)


def test_a_declining_potential_that_resets_have_left_behind(make_forms, find_forms):
    """A run with a spike, in which the potential without resets only falls, to below threshold."""
    find_forms(make_forms(3))
    weight, neuron = np.asarray([[12.0, 0.0, 0.0]]), Neuron(20.0, 5.0)
    events = Events.from_latencies(np.asarray([[0.0, 12.0, 300.0]]), 400.0)
    assert output_spikes(events, weight, neuron).times.max() > 12.0 > neuron.kernel.t_peak
    assert check_spikes(events, weight, neuron) > 10


@pytest.mark.parametrize("n_threads", [2, 12])  # all inputs in one run, and each in one of its own
def test_spikes_at_inputs_and_the_end(make_forms, find_forms, n_threads):
    """An input at a spike does not act before it; the end is rounded up: as just before them."""
    inputs, duration = np.asarray([[0.0, 5.0, 9.0]], dtype="float32"), 90.3
    weight = np.asarray([[3.0, 1.0, 2.0]], dtype="float32")
    times = np.asarray([[[5.0, 9.0, duration]]], dtype="float32")
    assert float(times.max()) > duration
    events = Events.from_latencies(inputs, duration)
    cotangent = np.asarray([[[1.0, -2.0, 0.5]]], dtype="float32")
    find_forms(make_forms(n_threads))
    found, before = (
        output_spikes_vjp(
            events, weight, Neuron(20.0, 5.0), at, cotangent, times=True, min_slope=1e-3
        )
        for at in (times, np.nextafter(times, np.float32(0.0)))
    )
    for ours, theirs in zip(found, before, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_nothing_to_launch(make_forms, find_forms):
    find_forms(make_forms(3))
    for n_patterns, n_afferents, n_outputs in ((0, 3, 2), (3, 3, 0), (3, 0, 2)):
        events = Events.from_latencies(np.ones((n_patterns, n_afferents)), 50.0)
        weight = np.ones((n_outputs, n_afferents))
        times, counts = output_spikes(events, weight, Neuron())
        assert times.shape == (n_patterns, n_outputs, 1)
        assert not counts.any()
        gradient = output_spikes_vjp(events, weight, Neuron(), times, times, times=True)
        assert not gradient.weight.any()
        assert not gradient.times.any()


def test_potentials_that_do_not_stay_finite(make_forms, find_forms):
    """NaN, as the peak is: never a neuron that is silent."""
    find_forms(make_forms(3))
    events = Events.from_latencies(np.asarray([[1.0, 2.0], [np.inf, 1.0]]), 50.0)
    weight = np.asarray([[np.inf, 3.0], [1.0, 3.0]])
    times, counts = output_spikes(events, weight, Neuron())
    np.testing.assert_array_equal(np.isnan(times[..., 0]), [[True, False], [False, False]])
    assert np.isinf(times[0, 0, 1:]).all()
    assert counts[0, 0] == 0
    trains = output_spikes(events, weight, Neuron(), layout="csr")
    assert np.isnan(trains.times).sum() == 1
    ones = np.ones_like(times)
    gradient = output_spikes_vjp(events, weight, Neuron(), times, ones, times=True)
    assert np.isnan(gradient.weight[0]).all()
    assert np.isfinite(gradient.weight[1]).all()
    assert np.isnan(gradient.times[0]).all()


def test_spikes_that_follow_at_once(make_forms, find_forms):
    find_forms(make_forms(3))
    events = Events.from_latencies(np.asarray([[1.0]], dtype="float32"), 50.0)
    with pytest.raises(ValueError, match="weight must be small enough for output spikes"):
        output_spikes(events, np.asarray([[1e9]], dtype="float32"), Neuron())


def test_memory(make_forms, find_forms, monkeypatch):
    """More than there is room for is said before it is taken, as in every form."""
    find_forms(make_forms(3))
    events, weight = spike_problem(1)
    taken = np.empty

    def empty(shape, *arguments, **options):
        if np.size(shape) == 4:
            raise MemoryError
        return taken(shape, *arguments, **options)

    monkeypatch.setattr(np, "empty", empty)
    with pytest.raises(ValueError, match=r"max_spikes must be less than 11, .* got 4 x 3 trains"):
        output_spikes(events, weight, Neuron())


def test_the_same_however_patterns_are_dealt_out(make_forms, find_forms, monkeypatch):
    from tempotron_backends.fused.cuda import launch

    events, weight = spike_problem(5, n_outputs=5)
    strided = replace(events, times=np.asfortranarray(events.times))
    results = []
    for given, limit in ((events, 1 << 16), (events, 1), (strided, 1 << 16)):
        for name in ("MAX_BLOCKS", "MAX_TILES"):
            monkeypatch.setattr(launch, name, min(limit, getattr(launch, name)))
        find_forms(make_forms(2))
        spikes = output_spikes(given, np.asfortranarray(weight), Neuron())
        cotangent = np.cos(np.arange(spikes.times.size)).reshape(spikes.times.shape)
        gradient = output_spikes_vjp(
            given, weight, Neuron(), spikes.times, cotangent, times=True, min_slope=0.01
        )
        results.append([*spikes, *gradient])
        monkeypatch.undo()
    for other in results[1:]:
        for one, another in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, another)
