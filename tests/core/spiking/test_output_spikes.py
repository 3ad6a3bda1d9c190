"""Output spikes: against brute force, the first crossing, difference quotients; every layout."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from spiking_reference import SpikingReference

import tempotron_backends
from tempotron_core import Events, Neuron, first_crossing, peak
from tempotron_core.spiking import OutputTrains, output_spikes, output_spikes_vjp
from tempotron_core.spiking.layout import check_room

CASES = json.loads((Path(__file__).parents[2] / "support" / "multispike_cases.json").read_text())
ORDERS = [(20.0, 5.0), (5.0, 20.0), (10.0, 10.0), (15.0, 15.0 * (1 - 1e-9))]
FORMS = ("pruned", "static")


def trains_of(times: list[list[float]]) -> np.ndarray:
    """Lists of spike times, one per afferent, as one pattern [1, N, S]."""
    trains = np.full((1, len(times), max(map(len, times))), np.inf)
    for afferent, train in enumerate(times):
        trains[0, afferent, : len(train)] = train
    return trains


def random_trains(seed: int, n_patterns: int = 4, n_afferents: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    trains = rng.uniform(0.0, 110.0, (n_patterns, n_afferents, 2))
    trains[0, :3, 0] = 30.0  # at once
    trains[1, 0, 0], trains[1, 1, 0] = 0.0, 100.0
    trains[2] = np.inf  # silence
    return trains


def random_weights(seed: int, n_outputs: int = 3, n_afferents: int = 12) -> np.ndarray:
    weight = np.random.default_rng(seed).normal(0.3, 0.6, (n_outputs, n_afferents))
    weight[0] *= 4.0  # bursts inside one interval
    return weight


def by_form(form, events, weight, neuron, most=400):
    return output_spikes(
        events, weight, neuron, method=form, max_spikes=most if form == "static" else None
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_cases_solved_in_many_digits(case):
    check_case(tempotron_backends.select("numpy"), case)


@pytest.mark.skip_backend("numpy", reason="it sees every case above")
@pytest.mark.parametrize("case", CASES[1:5:3], ids=lambda case: case["name"])
def test_cases_on_other_backends(backend, case):
    check_case(backend, case)


def check_case(backend, case):
    neuron = Neuron(case["tau"], case["tau_s"], case["theta"], psp_peak=1.0)
    events = Events.from_trains(backend.from_numpy(trains_of(case["times"])), case["duration"])
    weight = backend.from_numpy(np.asarray([case["weights"]]))
    expected = np.asarray(list(map(float, case["output_spikes"])))
    most = len(expected) + 2 if backend.name == "jax" else None
    times, counts = output_spikes(events, weight, neuron, max_spikes=most)
    assert int(backend.to_numpy(counts)[0, 0]) == len(expected)
    found = backend.to_numpy(times)[0, 0]
    np.testing.assert_allclose(found[: len(expected)], expected, rtol=0.0, atol=1e-12)
    assert np.isinf(found[len(expected) :]).all()


@cache
def brute_force(order: tuple[float, float]) -> list[list[list[float]]]:
    """Output spikes of the random patterns, by pattern and output."""
    trains, weight = random_trains(3, 3, 6), random_weights(4, 2, 6)
    found = []
    for pattern in trains:
        times = [float(t) for t in pattern.ravel() if t <= 110.0]
        afferents = [int(i) for i, t in enumerate(pattern.ravel()) if t <= 110.0]
        rows = [tuple(float(row[i // 2]) for i in afferents) for row in weight]
        references = [SpikingReference(tuple(times), w, *order, 0.9, 110.0) for w in rows]
        found.append([[float(t) for t in r.spikes(1.0)] for r in references])
    return found


@pytest.mark.parametrize("order", ORDERS[:2])
@pytest.mark.parametrize("form", FORMS)
def test_random_patterns_against_brute_force(form, order):
    expected = brute_force(order)
    events = Events.from_trains(random_trains(3, 3, 6), 110.0)
    times, counts = by_form(form, events, random_weights(4, 2, 6), Neuron(*order, psp_peak=0.9))
    assert counts.tolist() == [[len(train) for train in row] for row in expected]
    assert counts.max() > 5
    for b, row in enumerate(expected):
        for o, train in enumerate(row):
            np.testing.assert_allclose(times[b, o, : len(train)], train, rtol=0.0, atol=1e-10)


def test_a_large_potential_gives_separate_spikes():
    """One PSP of weight 40 (docs/multispike.md)."""
    events = Events.from_latencies(np.asarray([[1.0]]), 400.0)
    times, counts = output_spikes(events, np.asarray([[40.0]]), Neuron(20.0, 5.0))
    assert counts.tolist() == [[62]]
    assert (np.diff(times[0, 0]) > 0.0).all()


@pytest.mark.parametrize(("order", "count"), [((20.0, 5.0), 8), ((5.0, 20.0), 30)])
def test_resets_decay_with_tau_in_either_order(order, count):
    """The kernel is symmetric in its constants, the reset is not."""
    events = Events.from_latencies(np.asarray([[10.0]]), 200.0)
    weight = np.asarray([[5.0]])
    _, counts = output_spikes(events, weight, Neuron(*order))
    reference = SpikingReference((10.0,), (5.0,), *order, 1.0, 200.0)
    assert counts[0, 0] == len(reference.spikes(1.0))
    assert (counts[0, 0] > 20) == (order[0] < order[1]), count


@pytest.mark.parametrize(
    ("order", "dtype"), [*((order, "float64") for order in ORDERS), (ORDERS[1], "float32")]
)
def test_the_first_is_the_first_crossing_to_the_last_bit(order, dtype):
    trains, weight = random_trains(5).astype(dtype), random_weights(6).astype(dtype)
    events, neuron = Events.from_trains(trains, 110.0), Neuron(*order)
    most = output_spikes(events, weight, neuron).times.shape[2]
    for form in ("auto", *FORMS):
        times, counts = by_form(form, events, weight, neuron, most)
        np.testing.assert_array_equal(
            times[..., 0], first_crossing(events, weight, neuron, method=form)
        )
        fires = peak(events, weight, neuron, method=form).v_max > 1.0
        np.testing.assert_array_equal(counts >= 1, fires)
        assert times.dtype == dtype
        assert ((times[..., 1:] > times[..., :-1]) | np.isinf(times[..., 1:])).all()


@pytest.mark.parametrize("order", ORDERS)
def test_forms_and_dtypes_agree(order):
    trains, weight, neuron = random_trains(7), random_weights(8), Neuron(*order)
    events = Events.from_trains(trains, 110.0)
    times, counts = by_form("pruned", events, weight, neuron)
    static, static_counts = by_form("static", events, weight, neuron, most=times.shape[2])
    np.testing.assert_array_equal(counts, static_counts)
    np.testing.assert_allclose(times, static, rtol=0.0, atol=1e-8)
    narrow = Events.from_trains(trains.astype("float32"), 110.0)
    _, narrow_counts = by_form("pruned", narrow, weight.astype("float32"), neuron)
    assert np.abs(narrow_counts - counts).max() <= 1


def test_backends_agree(backend, dtype):
    name = "float32" if "32" in str(dtype) else "float64"
    trains, weight = random_trains(9).astype(name), random_weights(10).astype(name)
    neuron = Neuron(15.0, 3.75, psp_peak=0.7)
    expected = output_spikes(Events.from_trains(trains, 110.0), weight, neuron, max_spikes=3)
    events = Events.from_trains(backend.from_numpy(trains), 110.0)
    found = output_spikes(events, backend.from_numpy(weight), neuron, max_spikes=3)
    times, counts = map(backend.to_numpy, found)
    kept = np.minimum(expected.counts, 3)
    np.testing.assert_array_equal(np.minimum(counts, 3), kept)
    atol = 1e-10 if name == "float64" else 1e-3
    np.testing.assert_allclose(times, expected.times, rtol=0.0, atol=atol)


# -- layouts ----------------------------------------------------------------------------------


def test_layouts_say_the_same():
    events, weight = Events.from_trains(random_trains(11), 110.0), random_weights(12)
    padded = output_spikes(events, weight, Neuron())
    ragged = output_spikes(events, weight, Neuron(), layout="csr")
    assert isinstance(ragged, OutputTrains)
    per_pattern = padded.counts.sum(axis=1)
    np.testing.assert_array_equal(np.diff(ragged.offsets), per_pattern)
    np.testing.assert_array_equal(ragged.times, padded.times[np.isfinite(padded.times)])
    first = Events.from_trains(padded.times, 110.0)
    second = Events.from_csr(*ragged, weight.shape[0], 110.0)
    np.testing.assert_array_equal(first.times, second.times)
    np.testing.assert_array_equal(first.afferents, second.afferents)


@pytest.mark.parametrize("layout", ["padded", "csr"])
def test_the_first_spikes_of_each_train_can_be_asked_for(layout):
    events, weight = Events.from_trains(random_trains(11), 110.0), random_weights(12)
    everything = output_spikes(events, weight, Neuron())
    assert everything.counts.max() > 3
    found = output_spikes(events, weight, Neuron(), max_spikes=3, layout=layout)
    if layout == "padded":
        np.testing.assert_array_equal(found.times, everything.times[..., :3])
        np.testing.assert_array_equal(found.counts, everything.counts)
    else:
        kept = everything.times[..., :3]
        np.testing.assert_array_equal(found.times, kept[np.isfinite(kept)])


@pytest.mark.parametrize("shape", [(0, 2), (2, 0), (2, 2)])
@pytest.mark.parametrize("layout", ["padded", "csr"])
def test_nothing_to_do(shape, layout):
    n_patterns, n_outputs = shape
    events = Events.from_latencies(np.full((n_patterns, 3), np.inf), 10.0)
    found = output_spikes(events, np.ones((n_outputs, 3)), Neuron(), layout=layout)
    if layout == "padded":
        assert found.times.shape == (*shape, 1)
        assert np.isinf(found.times).all()
        assert found.counts.shape == shape
        assert not found.counts.any()
    else:
        assert found.times.shape == (0,)
        assert found.offsets.tolist() == [0] * (n_patterns + 1)


# -- gradient ---------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("form", FORMS)
def test_gradient_against_difference_quotients(form, order):
    rng = np.random.default_rng(14)
    trains = rng.uniform(0.0, 100.0, (2, 6, 2))
    weight, neuron = rng.normal(0.4, 0.5, (2, 6)), Neuron(*order, psp_peak=0.7)
    found = output_spikes(Events.from_trains(trains, 110.0), weight, neuron)
    assert found.counts.max() > 1
    cotangent = np.where(np.isfinite(found.times), rng.normal(size=found.times.shape), 7.0)

    def loss(trains, weight):
        again = output_spikes(Events.from_trains(trains, 110.0), weight, neuron)
        assert (again.counts == found.counts).all()
        return np.where(np.isfinite(again.times), again.times * cotangent, 0.0).sum()

    gradient = output_spikes_vjp(
        Events.from_trains(trains, 110.0),
        weight,
        neuron,
        found.times,
        cotangent,
        times=True,
        method=form,
    )
    for analytic, place in ((gradient.weight, 1), (gradient.times, 0)):
        for flat in rng.permutation(analytic.size)[:5]:
            index = np.unravel_index(flat, analytic.shape)
            ends = []
            for step in (1e-6, -1e-6):
                given = [trains.copy(), weight.copy()]
                given[place][index] += step
                ends.append(loss(*given))
            quotient = (ends[0] - ends[1]) / 2e-6
            assert abs(analytic[index] - quotient) <= 1e-7 * np.abs(analytic).max()


def test_the_first_spike_alone_has_the_gradient_of_the_first_crossing():
    from tempotron_core import first_crossing_vjp

    events, weight = Events.from_trains(random_trains(15), 110.0), random_weights(16)
    times, _ = output_spikes(events, weight, Neuron())
    cotangent = np.zeros_like(times)
    cotangent[..., 0] = np.random.default_rng(0).normal(size=times.shape[:2])
    found = output_spikes_vjp(events, weight, Neuron(), times, cotangent, times=True)
    expected = first_crossing_vjp(
        events, weight, Neuron(), times[..., 0], cotangent[..., 0], times=True
    )
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=1e-11 * np.abs(theirs).max())


def test_min_slope_bounds_the_gradient_of_grazing_spikes():
    events = Events.from_latencies(np.asarray([[10.0]]), 100.0)
    weight = np.asarray([[1.0 + 1e-10]])
    times, counts = output_spikes(events, weight, Neuron())
    assert counts[0, 0] == 1
    one = np.ones_like(times)
    free = output_spikes_vjp(events, weight, Neuron(), times, one).weight
    bounded = output_spikes_vjp(events, weight, Neuron(), times, one, min_slope=0.1).weight
    assert abs(free[0, 0]) > 1e3
    np.testing.assert_allclose(bounded, -1.0 / 0.1, rtol=1e-6)


# -- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_spikes": 0}, "max_spikes must be from 1"),
        ({"layout": "rows"}, "layout must be 'padded' or 'csr', got 'rows'"),
        ({"method": "static"}, "max_spikes must be given"),
        ({"method": "fast"}, "method must be one of"),
    ],
)
def test_bad_options(options, message):
    events = Events.from_latencies(np.ones((1, 2)), 10.0)
    with pytest.raises(ValueError, match=message):
        output_spikes(events, np.ones((1, 2)), Neuron(), **options)


def test_shunting_is_refused():
    events, neuron = Events.from_latencies(np.ones((1, 2)), 10.0), Neuron(shunt=True)
    with pytest.raises(ValueError, match="neuron must have shunt=False"):
        output_spikes(events, np.ones((1, 2)), neuron)
    with pytest.raises(ValueError, match="neuron must have shunt=False"):
        output_spikes_vjp(events, np.ones((1, 2)), neuron, np.ones((1, 1, 1)), np.ones((1, 1, 1)))


def test_spikes_too_close_to_be_told_apart():
    events = Events.from_latencies(np.asarray([[1.0]]), 10.0)
    with pytest.raises(ValueError, match="weight must be small enough"):
        output_spikes(events, np.asarray([[1e18]]), Neuron())


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 0), (2, 1, 1)])
def test_cotangents_of_another_shape(shape):
    events = Events.from_latencies(np.ones((1, 2)), 10.0)
    times, _ = output_spikes(events, np.ones((1, 2)), Neuron())
    with pytest.raises(ValueError, match="cotangent must have"):
        output_spikes_vjp(events, np.ones((1, 2)), Neuron(), times, np.ones(shape))


def test_more_spikes_than_memory_holds():
    """Said before they are laid out."""
    import array_api_compat.numpy as xp

    with pytest.raises(ValueError, match=r"max_spikes must .* 100000 x 50000 trains of up to 9000"):
        check_room((100_000, 50_000, 9_000), np.ones(1), xp=xp)
