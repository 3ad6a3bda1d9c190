"""Panels of trials."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tempotron_backends.plotting import (
    class_potentials,
    importance_map,
    trial_raster,
    unit_bars,
)
from tempotron_backends.plotting.style import new_figure
from tempotron_core import Events


@pytest.fixture
def axes():
    with new_figure(4.0, 3.0) as figure:
        yield figure.subplots()
        figure.canvas.draw()  # what cannot be drawn is an error


def test_raster_has_the_trials_of_a_class_together(axes):
    trains = np.asarray([[[10.0, 20.0]], [[30.0, np.inf]], [[40.0, np.inf]]])
    trial_raster(axes, Events.from_trains(trains, 50.0), [1, 0, 1], unit=0, start=-25.0)
    (ticks,) = axes.collections
    segments = [(line[0, 0], line[:, 1].mean()) for line in ticks.get_segments()]
    assert sorted(segments) == [(-15.0, 1.0), (-5.0, 1.0), (5.0, 0.0), (15.0, 2.0)]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0", "1"]
    with pytest.raises(ValueError, match="unit must be from 0 to 0, got 1"):
        trial_raster(axes, Events.from_trains(trains, 50.0), [1, 0, 1], unit=1)


def test_potentials_have_mean_and_spread_of_each_class(axes):
    t = np.linspace(0.0, 10.0, 5)
    v = np.stack([t, t + 2.0, -t])
    class_potentials(axes, t, v, [0, 0, 1], names=["a", "b"], v_threshold=1.0)
    means = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(means["a"], t + 1.0)
    np.testing.assert_allclose(means["b"], -t)
    with pytest.raises(ValueError, match=r"must have shapes \(T,\) and \(B, T\)"):
        class_potentials(axes, t, v[:, :2], [0, 0, 1])


def test_bars_are_those_of_the_largest_values(axes):
    unit_bars(axes, [0.1, -2.0, 3.0, 0.0], names=["w", "x", "y", "z"], most=2, marked=[1])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["y", "x"]
    assert [bar.get_width() for bar in axes.patches] == [3.0, -2.0]


def test_map_has_a_cell_for_each_unit_and_window(axes):
    importance = np.arange(6.0).reshape(2, 3) - 2.0
    importance_map(axes, [0.0, 10.0, 20.0, 25.0], importance, names=["u", "v"], start=-5.0)
    mesh = axes.collections[0]
    np.testing.assert_array_equal(np.ravel(mesh.get_array()), np.ravel(importance))
    assert mesh.get_clim() == (-3.0, 3.0)
    with pytest.raises(ValueError, match=r"shapes \(W \+ 1,\) and \(U, W\)"):
        importance_map(axes, [0.0, 1.0], importance)
