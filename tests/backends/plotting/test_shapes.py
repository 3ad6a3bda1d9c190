"""Panels of the multi-spike neuron, of postsynaptic potentials and of warped patterns."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tempotron_backends.plotting import kernel_shapes, spikes_against_threshold, warped_traces
from tempotron_backends.plotting.style import new_figure
from tempotron_core import Events, Neuron
from tempotron_core.spiking import critical_threshold, output_spikes


@pytest.fixture
def axes():
    with new_figure(4.0, 3.0) as figure:
        yield figure.subplots()
        figure.canvas.draw()  # what cannot be drawn is an error


def test_steps_are_the_counts_at_each_threshold(axes):
    rng = np.random.default_rng(3)
    events = Events.from_latencies(rng.uniform(0.0, 100.0, (1, 30)), 100.0)
    weight = rng.normal(0.2, 0.2, (1, 30))
    theta = [
        critical_threshold(events, weight, Neuron(psp_peak=1.0), k).theta.item()
        for k in range(1, 6)
    ]
    spikes_against_threshold(axes, theta, v_threshold=1.0)
    values, edges, _ = axes.patches[0].get_data()
    for low, high, drawn in zip(edges[:-1], edges[1:], values, strict=True):
        neuron = Neuron(v_threshold=0.5 * (low + high), psp_peak=1.0)
        assert output_spikes(events, weight, neuron).counts.item() == drawn
    (here,) = axes.lines[2].get_ydata()
    assert here == output_spikes(events, weight, Neuron(psp_peak=1.0)).counts.item()


def test_a_threshold_below_all_that_is_drawn_is_not_marked(axes):
    spikes_against_threshold(axes, [2.0, 1.5], v_threshold=1.0)
    assert len(axes.lines) == 2  # the dots and the axis


@pytest.mark.parametrize("theta", [[], [[1.0]], [1.0, 2.0], [1.0, np.nan]])
def test_thresholds_that_do_not_fall_are_refused(axes, theta):
    with pytest.raises(ValueError, match="theta must"):
        spikes_against_threshold(axes, theta)


def test_kernels_reach_their_height_at_their_time(axes):
    neurons = [Neuron(15.0, 3.75), Neuron(10.0, 10.0)]
    kernel_shapes(axes, neurons)
    for line, dot in zip(axes.lines[::2], axes.lines[1::2], strict=True):
        t, v = line.get_data()
        highest = v.argmax()
        np.testing.assert_allclose(t[highest], dot.get_xdata()[0], atol=t[1])
        np.testing.assert_allclose(v[highest], dot.get_ydata()[0], rtol=1e-3)
    with pytest.raises(ValueError, match="one name for each of 2, got 1"):
        kernel_shapes(axes, neurons, names=["one"])
    with pytest.raises(ValueError, match="neurons must hold one"):
        kernel_shapes(axes, [])


def test_warped_traces_have_a_line_for_each_speed(axes):
    t = np.linspace(0.0, 1.0, 5)
    warped_traces(axes, [0.5, 1.0, 2.0], t, np.stack([t, 2 * t, 3 * t]), 1.0)
    drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_array_equal(drawn["× 2"], 3 * t)
    with pytest.raises(ValueError, match=r"shapes \(T,\) and \(2, T\)"):
        warped_traces(axes, [1.0, 2.0], t, np.stack([t, t, t]))
    with pytest.raises(ValueError, match="factors must be positive"):
        warped_traces(axes, [0.0, 2.0], t, np.stack([t, t]))
