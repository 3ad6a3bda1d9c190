"""Figures are drawn from plain arrays, without a window system, whatever the data are."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest

from tempotron_backends import plotting

pytest.importorskip("matplotlib")

T = np.linspace(0.0, 30.0, 50)
V = np.stack([np.sin(T / 9.0), 1.4 * np.sin(T / 12.0), -T / 30.0])
HISTORY = {"loss": [1.0, 0.5, 0.25], "accuracy": [0.5, 0.8, 0.9], "held_out_accuracy": [0.85]}


def figure(**more: Any) -> Any:
    given: dict[str, Any] = {
        "spike_times": np.asarray([1.0, np.inf, 12.5, -1.0, 29.0]),
        "duration": 30.0,
        "t": T,
        "v": V,
        "v_threshold": 1.0,
        "history": HISTORY,
        "t_max": T[V.argmax(axis=1)],
        "v_max": V.max(axis=1),
        "target": 1,
    }
    return plotting.training_figure(**given | more)


def rendered(drawn: Any) -> np.ndarray:
    from matplotlib.image import imread

    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png")
    buffer.seek(0)
    return imread(buffer)


@pytest.fixture
def axes() -> Any:
    from matplotlib.figure import Figure

    return Figure().subplots()


def test_the_figure_has_a_raster_traces_and_a_curve() -> None:
    drawn = figure(heading="a heading")
    raster, traces, curve = drawn.axes[:3]
    assert raster.get_ylabel() == "afferent"
    assert traces.get_xlabel() == "time (ms)"
    assert curve.get_xlabel() == "epoch"
    assert any("threshold" in text.get_text() for text in traces.texts)
    assert any("85.0%" in text.get_text() for text in curve.texts)
    labels = [text.get_text() for text in traces.get_legend().get_texts()]
    assert labels == ["neuron 1 (should fire)", "neuron 0 (strongest other)"]
    image = rendered(drawn)
    assert image.shape[1] > image.shape[0] > 400
    assert image[..., :3].std() > 0.05


def test_pyplot_is_not_used() -> None:
    if "matplotlib.pyplot" in sys.modules:
        pytest.skip("another test has imported pyplot")
    rendered(figure())
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize(
    "more",
    [
        {"image": np.ones((4, 4)), "weight": np.asarray([1.0, -1.0, 0.5, 0.0, -0.2])},
        {"spike_times": np.full(5, np.inf), "weight": np.ones(5)},
        {"spike_times": np.asarray([[1.0, 2.0], [3.0, np.inf]]), "weight": np.zeros(2)},
        {"v": np.zeros((3, 50)), "t_max": np.zeros(3), "v_max": np.zeros(3)},
        {"v": V[:1], "t_max": T[:1], "v_max": V[:1, 0], "target": 0},
        {"history": {"loss": [], "accuracy": []}},
        {"history": {"loss": [], "accuracy": [], "held_out_accuracy": [0.1]}},
        {"history": {"loss": [0.0], "accuracy": [1.0], "held_out_accuracy": [1.0]}},
    ],
    ids=[
        "image",
        "silence",
        "trains",
        "flat",
        "one neuron",
        "no epoch",
        "only held out",
        "perfect",
    ],
)
def test_special_cases_are_drawn(more: dict[str, Any]) -> None:
    assert rendered(figure(**more)).size


def test_the_raster_draws_spikes_alone(axes: Any) -> None:
    plotting.spike_raster(axes, np.asarray([1.0, np.inf, 12.5, -1.0, 31.0]), 30.0)
    (ticks,) = axes.collections
    places = [segment[0, 0] for segment in ticks.get_segments()]
    assert places == [1.0, 12.5]
    assert axes.get_legend() is None


def test_traces_without_target_or_peaks(axes: Any) -> None:
    plotting.voltage_traces(axes, T, V, 1.0, names=["a", "b", "c"], title="V of t")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["neuron b"]
    assert axes.get_title(loc="left") or axes.get_title() == "V of t"


def test_matplotlib_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'tempotron-core\[train\]'"):
        figure()
