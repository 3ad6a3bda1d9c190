"""Properties that hold for every pattern, on examples that hypothesis draws.

Drawn from a fixed seed (``derandomize``), so that a run gives what the last one gave.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import Constants

from tempotron_core import (
    Events,
    Neuron,
    first_crossing,
    peak,
    peak_vjp,
    voltage,
)

# spikes within a few ticks of the raster are examples too
pytestmark = pytest.mark.filterwarnings("ignore::tempotron_core.UnitsWarning")

PROPERTIES = settings(max_examples=60, derandomize=True, deadline=None, database=None)
DURATION = 64.0


# Times on a raster of 1/16 stay exact under shifts and powers of two, so that a property that holds
# in real numbers is not blurred by rounding the inputs.
def raster(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(int(low * 16), int(high * 16)).map(lambda k: k / 16.0)


WEIGHTS = st.integers(-96, 96).map(lambda k: k / 32.0)
NEURONS = st.sampled_from(
    [
        Neuron(),
        Neuron(10.0, 5.0, 0.7),
        Neuron(3.75, 15.0, psp_peak=0.5),
        Neuron(8.0, 8.0),
        Neuron(8.0, 8.0 * (1.0 + 1e-10)),
        Neuron(40.0, 0.5),
    ]
)


@st.composite
def patterns(draw, *, latest: float = DURATION, least: int = 0):
    """(times [1, N, S], weights [1, N]): one to four afferents, each with up to three spikes."""
    n_afferents = draw(st.integers(1, 4))
    spike = st.one_of(raster(0.0, latest), st.sampled_from([-1.0, np.inf]))
    row = st.lists(spike, min_size=3, max_size=3)
    times = draw(st.lists(row, min_size=n_afferents, max_size=n_afferents))
    weights = draw(st.lists(WEIGHTS, min_size=n_afferents, max_size=n_afferents))
    times, weights = np.asarray(times)[None], np.asarray(weights)[None]
    assume(((times >= 0) & np.isfinite(times)).sum() >= least)
    return times, weights


def scale_of(times: np.ndarray, weights: np.ndarray, neuron: Neuron) -> float:
    """S of the error bars."""
    counts = ((times[0] >= 0) & (times[0] <= DURATION)).sum(axis=1)
    return neuron_psp_peak(neuron) * max(1.0, float((np.abs(weights[0]) * counts).sum()))


def neuron_psp_peak(neuron: Neuron) -> float:
    return neuron.v_threshold if neuron.psp_peak is None else neuron.psp_peak


def answers(times, weights, neuron, duration=DURATION):
    """v_max, t_max, t_spike of the one pattern and output, as Python floats."""
    events = Events.from_trains(times, duration)
    v_max, t_max = peak(events, weights, neuron)
    t_spike = first_crossing(events, weights, neuron)
    return float(v_max[0, 0]), float(t_max[0, 0]), float(t_spike[0, 0])


def potential_at(times, weights, neuron, t, duration=DURATION) -> float:
    events = Events.from_trains(times, duration)
    return float(voltage(events, weights, neuron, np.asarray([t]))[0, 0, 0])


def check_same(found, expected, tolerance, neuron, potential):
    """Equal heights; times that may differ only where two peaks or a graze compete.

    `potential` gives V of the transformed pattern, so that a time is judged by what V is there.
    """
    (v_max, t_max, t_spike), (expected_v, expected_t, expected_spike) = found, expected
    assert abs(v_max - expected_v) <= tolerance
    assert abs(potential(t_max) - expected_v) <= 4 * tolerance
    assert abs(potential(expected_t) - v_max) <= 4 * tolerance
    if abs(expected_v - neuron.v_threshold) > 4 * tolerance:
        assert np.isfinite(t_spike) == np.isfinite(expected_spike)
    for time in (t_spike, expected_spike):
        if np.isfinite(time):
            assert abs(potential(time) - neuron.v_threshold) <= 4 * tolerance


@PROPERTIES
@given(patterns(), NEURONS, st.randoms(use_true_random=False))
def test_afferents_may_be_permuted(pattern, neuron, random):
    """The order of afferents, with their weights, is of no account."""
    times, weights = pattern
    order = list(range(times.shape[1]))
    random.shuffle(order)
    moved = times[:, order], weights[:, order]
    check_same(
        answers(*moved, neuron),
        answers(times, weights, neuron),
        1e-13 * scale_of(times, weights, neuron),
        neuron,
        lambda t: potential_at(*moved, neuron, t),
    )


@PROPERTIES
@given(patterns(), NEURONS)
def test_gradients_follow_permuted_afferents(pattern, neuron):
    """Reversed afferents: reversed gradients."""
    times, weights = pattern
    results = []
    for order in (slice(None), slice(None, None, -1)):
        events = Events.from_trains(times[:, order].copy(), DURATION)
        rows = weights[:, order].copy()
        top = peak(events, rows, neuron)
        results.append((top, peak_vjp(events, rows, neuron, top, np.ones((1, 1)), times=True)))
    (top, ours), (other, theirs) = results
    assume(top.t_max == other.t_max)
    size = max(1.0, np.abs(ours[1]).max())
    np.testing.assert_allclose(theirs[0][:, ::-1], ours[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(theirs[1][:, ::-1], ours[1], rtol=0, atol=1e-12 * size)


@PROPERTIES
@given(patterns(latest=DURATION), NEURONS, raster(0.0, 100.0))
def test_time_shift(pattern, neuron, shift):
    """All spikes and the end moved by one amount: the peak and the crossing move with them."""
    times, weights = pattern
    moved = np.where(times >= 0, times + shift, times)
    found = answers(moved, weights, neuron, DURATION + shift)
    v_max, t_max, t_spike = answers(times, weights, neuron)
    at_rest = v_max == 0.0 and t_max == 0.0
    check_same(
        found,
        (v_max, 0.0 if at_rest else t_max + shift, t_spike + shift),
        1e-13 * scale_of(times, weights, neuron),
        neuron,
        lambda t: potential_at(moved, weights, neuron, t, DURATION + shift),
    )


@PROPERTIES
@given(patterns(), NEURONS, st.sampled_from([0.25, 0.5, 2.0, 1024.0, 0.3, 7.1]))
def test_joint_rescaling_of_times_and_constants(pattern, neuron, factor):
    """The unit of time is free: powers of two even to the last bit of the times."""
    times, weights = pattern
    other = Neuron(
        neuron.tau * factor, neuron.tau_s * factor, neuron.v_threshold, psp_peak=neuron.psp_peak
    )
    moved = np.where(times >= 0, times * factor, times)
    duration = DURATION * factor
    moved = np.where(times == DURATION, duration, moved)
    found = answers(moved, weights, other, duration)
    v_max, t_max, t_spike = answers(times, weights, neuron)
    exact = factor in (0.25, 0.5, 2.0, 1024.0)
    # Rounded constants and times are other constants and times: a few units in the last place.
    nearly_equal = 0 < abs(neuron.tau - neuron.tau_s) < 1e-3
    tolerance = scale_of(times, weights, neuron) * (1e-13 if exact else 1e-11)
    assume(exact or not nearly_equal)
    check_same(
        found,
        (v_max, min(t_max * factor, duration), t_spike * factor),
        tolerance,
        neuron,
        lambda t: potential_at(moved, weights, other, t, duration),
    )
    if exact:
        assert found[0] == v_max
        assert found[1] == t_max * factor


@PROPERTIES
@given(patterns(least=1), NEURONS, st.integers(2, 4))
def test_weight_split_over_simultaneous_spikes(pattern, neuron, parts):
    """One spike of weight w, or several at that time whose weights add up to w."""
    times, weights = pattern
    shares = np.full(parts, 0.5 ** (parts - 1))
    shares[: parts - 1] = 0.5 ** np.arange(1, parts)  # 1/2, 1/4, ..., and the last one again
    split_times = np.repeat(times, parts, axis=1)
    split_weights = (weights[:, :, None] * shares).reshape(1, -1)
    check_same(
        answers(split_times, split_weights, neuron),
        answers(times, weights, neuron),
        1e-13 * scale_of(times, weights, neuron),
        neuron,
        lambda t: potential_at(split_times, split_weights, neuron, t),
    )
    whole, split = (
        peak_gradient(t, w, neuron) for t, w in ((times, weights), (split_times, split_weights))
    )
    if whole[2] == split[2]:  # the same peak time, to the last bit
        size = max(1.0, np.abs(whole[1]).max())
        per_spike = split[1].reshape(times.shape[1], parts, -1).sum(axis=1)
        np.testing.assert_allclose(per_spike, whole[1][0], rtol=0, atol=1e-12 * size)
        repeated = np.repeat(whole[0], parts, axis=1)
        np.testing.assert_allclose(split[0], repeated, rtol=0, atol=1e-12)


def peak_gradient(times, weights, neuron):
    events = Events.from_trains(times, DURATION)
    top = peak(events, weights, neuron)
    gradients = peak_vjp(events, weights, neuron, top, np.ones((1, 1)), times=True)
    return *gradients, float(top.t_max[0, 0])


@PROPERTIES
@given(patterns(), NEURONS, st.sampled_from([0.125, 0.5, 4.0, 0.3, 17.0]))
def test_positive_factor_scales_the_peak(pattern, neuron, factor):
    """V is linear in the weights, so a positive factor scales its peak."""
    times, weights = pattern
    v_max, t_max, _ = answers(times, weights, neuron)
    scaled, time, _ = answers(times, weights * factor, neuron)
    tolerance = 1e-13 * factor * scale_of(times, weights, neuron)
    assert abs(scaled - factor * v_max) <= tolerance
    if factor in (0.125, 0.5, 4.0):
        assert scaled == factor * v_max
        assert time == t_max


@PROPERTIES
@given(patterns(latest=40.0), NEURONS, st.lists(raster(0.0, 20.0), min_size=1, max_size=4), WEIGHTS)
def test_appended_inhibition_after_the_peak(pattern, neuron, late, weight):
    """Inhibition that arrives after the peak leaves the peak where it is."""
    times, weights = pattern
    v_max, t_max, t_spike = answers(times, weights, neuron)
    assume(t_max < DURATION)
    extra = np.full((1, 1, max(times.shape[2], len(late))), np.inf)
    extra[0, 0, : len(late)] = [max(t_max, 0.0) + 0.03125 + t for t in late]
    wide = np.full((1, times.shape[1], extra.shape[2]), np.inf)
    wide[:, :, : times.shape[2]] = times
    more = np.concatenate([wide, extra], axis=1)
    rows = np.concatenate([weights, [[-abs(weight)]]], axis=1)
    found = answers(more, rows, neuron)
    tolerance = 1e-13 * scale_of(more, rows, neuron)
    assert abs(found[0] - v_max) <= tolerance
    assert abs(potential_at(times, weights, neuron, found[1]) - v_max) <= 4 * tolerance
    if np.isfinite(t_spike):  # the crossing lies before the peak
        assert abs(found[2] - t_spike) <= 1e-12 * DURATION or abs(v_max - 1) < 1e-6


@PROPERTIES
@given(patterns(), NEURONS, st.lists(raster(64.0625, 900.0), min_size=1, max_size=4))
def test_spikes_after_the_duration_are_ignored(pattern, neuron, late):
    """To the last bit, in every readout and gradient."""
    times, weights = pattern
    extra = np.full((1, times.shape[1], len(late)), np.asarray(late))
    more = np.concatenate([times, extra], axis=2)
    assert answers(more, weights, neuron) == answers(times, weights, neuron)
    weight_grad, time_grad, _ = peak_gradient(more, weights, neuron)
    expected = peak_gradient(times, weights, neuron)
    np.testing.assert_array_equal(weight_grad, expected[0])
    np.testing.assert_array_equal(time_grad[:, :, : times.shape[2]], expected[1])
    np.testing.assert_array_equal(time_grad[:, :, times.shape[2] :], 0.0)


@PROPERTIES
@given(patterns(), NEURONS)
def test_swapped_time_constants(pattern, neuron):
    """K is symmetric in tau and tau_s."""
    times, weights = pattern
    other = Neuron(neuron.tau_s, neuron.tau, neuron.v_threshold, psp_peak=neuron.psp_peak)
    check_same(
        answers(times, weights, other),
        answers(times, weights, neuron),
        2e-13 * scale_of(times, weights, neuron),
        neuron,
        lambda t: potential_at(times, weights, other, t),
    )


@PROPERTIES
@given(patterns(), NEURONS, raster(0.0, DURATION))
def test_no_potential_lies_above_the_peak(pattern, neuron, t):
    """v_max bounds V at any time, and so does the threshold before the first crossing."""
    times, weights = pattern
    v_max, _, t_spike = answers(times, weights, neuron)
    v = potential_at(times, weights, neuron, t)
    tolerance = 1e-13 * scale_of(times, weights, neuron)
    assert v <= v_max + tolerance
    if t < t_spike:
        assert v <= neuron.v_threshold + tolerance


@PROPERTIES
@given(patterns(), NEURONS)
def test_every_constructor_gives_one_answer(pattern, neuron):
    """Trains, CSR lists and single-spike afferents that say the same."""
    times, weights = pattern
    expected = answers(times, weights, neuron)
    n_afferents, n_slots = times.shape[1:]
    csr = Events.from_csr(
        times.reshape(-1),
        np.repeat(np.arange(n_afferents), n_slots),
        np.asarray([0, times.size]),
        n_afferents,
        DURATION,
    )
    single = Events.from_latencies(times.reshape(1, -1), DURATION)
    for events, rows in ((csr, weights), (single, np.repeat(weights, n_slots, axis=1))):
        v_max, t_max = peak(events, rows, neuron)
        t_spike = first_crossing(events, rows, neuron)
        assert (v_max[0, 0], t_max[0, 0], t_spike[0, 0]) == expected


@PROPERTIES
@given(patterns(), NEURONS)
def test_peak_agrees_with_the_reference(pattern, neuron):
    """The bar of v_max, on what hypothesis comes up with."""
    from reference import ExactTrajectory

    times, weights = pattern
    constants = Constants(neuron.tau, neuron.tau_s, neuron.v_threshold, neuron_psp_peak(neuron))
    per_spike = np.repeat(weights[0], times.shape[2]).tolist()
    trajectory = ExactTrajectory(times.reshape(-1).tolist(), per_spike, constants, DURATION)
    v_max, _, _ = answers(times, weights, neuron)
    assert abs(v_max - trajectory.peak().v_max) <= 1e-12 * trajectory.scale
