"""Figures are drawn from plain arrays, without a window system, whatever the data are."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest

from tempotron_backends import plotting
from tempotron_backends.plotting.confusion import count_pairs

pytest.importorskip("matplotlib")

T = np.linspace(0.0, 30.0, 50)
V = np.stack([np.sin(T / 9.0), 1.4 * np.sin(T / 12.0), -T / 30.0])
HISTORY = {"loss": [1.0, 0.5, 0.25], "accuracy": [0.5, 0.8, 0.9], "held_out_accuracy": [0.85]}


def figure(**more: Any) -> Any:
    given: dict[str, Any] = {
        "spikes": np.asarray([1.0, np.inf, 12.5, -1.0, 29.0]),
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
    assert [text.get_text() for text in curve.get_legend().get_texts()] == [
        "training",
        "held out 85.0%",
    ]
    assert not curve.texts
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
        {"spikes": np.full(5, np.inf), "weight": np.ones(5)},
        pytest.param(
            {"spikes": np.asarray([[1.0, 2.0], [3.0, np.inf]]), "weight": np.zeros(2)},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"v": np.zeros((3, 50)), "t_max": np.zeros(3), "v_max": np.zeros(3)},
            marks=pytest.mark.slow,
        ),
        {"v": V[:1], "t_max": T[:1], "v_max": V[:1, 0], "target": 0},
        {"history": {"loss": [], "accuracy": []}},
        pytest.param(
            {"history": {"loss": [], "accuracy": [], "held_out_accuracy": [0.1]}},
            marks=pytest.mark.slow,
        ),
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


# -- crossings --------------------------------------------------------------------------------


def test_first_crossings_stand_on_the_threshold(axes: Any) -> None:
    t_spike = np.asarray([12.5, 7.0, np.inf])
    plotting.voltage_traces(axes, T, V, 0.8, t_spike=t_spike, target=1)
    marks = [line for line in axes.lines if line.get_linestyle() == "None"]
    found = sorted(tuple(mark.get_xydata()[0]) for mark in marks)
    assert found == [(7.0, 0.8), (12.5, 0.8)]
    (of_target,) = (mark for mark in marks if mark.get_xdata()[0] == 7.0)
    (trace,) = (line for line in axes.lines if "should fire" in str(line.get_label()))
    assert of_target.get_color() == trace.get_color()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels.count("first crossing") == 1


def test_silent_neurons_have_no_crossing_to_mark(axes: Any) -> None:
    plotting.voltage_traces(axes, T, V, 9.0, t_spike=np.asarray([np.inf, -1.0, 31.0]))
    assert all(line.get_linestyle() != "None" for line in axes.lines)
    assert len(axes.get_legend().get_texts()) == 1


@pytest.mark.parametrize("t_spike", [np.zeros(2), np.asarray([1.0, np.nan, 2.0])])
def test_bad_crossings(axes: Any, t_spike: np.ndarray) -> None:
    with pytest.raises(ValueError, match="t_spike must"):
        plotting.voltage_traces(axes, T, V, 1.0, t_spike=t_spike)


# -- validation accuracy ----------------------------------------------------------------------


def test_validation_accuracy_is_a_second_line(axes: Any) -> None:
    validation = [0.4, 0.6, 0.7]
    plotting.learning_curve(axes, HISTORY | {"validation_accuracy": validation})
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(lines["validation"].get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(lines["validation"].get_ydata(), validation)
    np.testing.assert_array_equal(lines["training"].get_ydata(), HISTORY["accuracy"])
    assert lines["validation"].get_linestyle() != lines["training"].get_linestyle()
    assert axes.get_ylim()[0] < 0.4
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["training", "validation", "held out 85.0%"]


def test_nothing_is_written_over_the_curves() -> None:
    """The legend is above them, wherever they are."""
    history = {"loss": [0.9, 1.0], "accuracy": [1.0, 0.9], "validation_accuracy": [0.6, 1.0]}
    drawn = figure(history=history | {"held_out_accuracy": [1.0]})
    drawn.canvas.draw()
    curve, twin = drawn.axes[2], drawn.axes[-1]
    legend = curve.get_legend().get_window_extent()
    assert not curve.texts
    assert legend.y0 > curve.transData.transform((2.0, 1.0))[1] + 8.0  # half a diamond is 8 pixels
    assert legend.y0 > twin.transData.transform((2.0, 1.0))[1]
    assert curve.bbox.x0 <= legend.x0 < legend.x1 <= curve.bbox.x1
    assert legend.y1 <= curve.bbox.y1


def test_largest_potential_decides_without_a_threshold() -> None:
    drawn = figure(v_threshold=None)
    traces = drawn.axes[1]
    labels = [text.get_text() for text in traces.get_legend().get_texts()]
    assert labels == ["neuron 1 (should be largest)", "neuron 0 (strongest other)"]
    assert not traces.texts
    assert len(traces.lines) == 6  # three traces and their maxima, no line of a threshold


@pytest.mark.parametrize("more", [{}, {"validation_accuracy": []}])
def test_without_validation_there_is_no_legend(axes: Any, more: dict[str, Any]) -> None:
    plotting.learning_curve(axes, HISTORY | {"held_out_accuracy": []} | more)
    assert axes.get_legend() is None
    assert axes.get_ylabel() == "training accuracy"


def test_validation_needs_every_epoch(axes: Any) -> None:
    with pytest.raises(ValueError, match="one validation_accuracy for each of the 3 epochs, got 2"):
        plotting.learning_curve(axes, HISTORY | {"validation_accuracy": [0.1, 0.2]})


# -- receptive fields -------------------------------------------------------------------------


def shown(axes: Any) -> np.ma.MaskedArray:
    (image,) = axes.images
    return image.get_array()


def test_one_neuron_is_one_image(axes: Any) -> None:
    weight = np.asarray([1.0, -4.0, 0.0, 2.0, 3.0, 0.5])
    plotting.receptive_fields(axes, weight, (2, 3))
    np.testing.assert_array_equal(shown(axes), weight.reshape(2, 3))
    (image,) = axes.images
    assert image.norm.vmin == -4.0  # zero has the middle colour
    assert image.norm.vmax == 4.0
    red, green, blue, _ = image.to_rgba(0.0)
    assert min(red, green, blue) > 0.95
    assert not axes.texts


def test_several_neurons_are_a_grid(axes: Any) -> None:
    weight = np.arange(3 * 8.0).reshape(3, 8) + 1.0
    plotting.receptive_fields(axes, weight, (4, 2), names=["a", "b", "c"], title="W")
    canvas = shown(axes)
    np.testing.assert_array_equal(canvas[:4, :2], weight[0].reshape(4, 2))
    np.testing.assert_array_equal(canvas[:4, -2:], weight[1].reshape(4, 2))
    np.testing.assert_array_equal(canvas[-4:, :2], weight[2].reshape(4, 2))
    assert canvas.count() == weight.size  # the rest is gaps
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c"]


def test_several_fields_per_point_are_a_row_for_each_neuron(axes: Any) -> None:
    m, rows, columns = 3, 2, 4
    weight = np.random.default_rng(0).normal(size=(5, rows * columns * m))
    plotting.receptive_fields(axes, weight, (rows, columns, m))
    canvas = shown(axes)
    assert canvas.count() == weight.size
    # feature f, field j is column f * m + j of the weights: so GaussianReceptiveFields orders them
    last = [[weight[4, (r * columns + c) * m + 1] for c in range(columns)] for r in range(rows)]
    np.testing.assert_array_equal(canvas[-rows:, columns + 1 : 2 * columns + 1], last)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2", "3"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0", "1", "2", "3", "4"]


def test_silent_weights_are_drawn(axes: Any) -> None:
    plotting.receptive_fields(axes, np.zeros(4), (2, 2), colour_bar=False)
    assert len(axes.figure.axes) == 1
    assert rendered(axes.figure).size


@pytest.mark.parametrize(
    ("weight", "shape", "names", "message"),
    [
        (np.zeros(5), (2, 3), None, r"N = 2 \* 3 for shape=\(2, 3\), got \(5,\)"),
        (np.zeros((2, 6)), (6,), None, r"shape=\(6,\)"),
        (np.zeros((0, 6)), (2, 3), None, r"got \(0, 6\)"),
        (np.zeros((1, 2, 6)), (2, 3), None, "weight must have shape"),
        (np.full(6, np.nan), (2, 3), None, "weight must be finite"),
        (np.zeros((2, 6)), (2, 3), ["a"], "one name for each of 2, got 1"),
    ],
)
def test_bad_weights(axes: Any, weight: Any, shape: Any, names: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plotting.receptive_fields(axes, weight, shape, names=names)


# -- confusion matrix -------------------------------------------------------------------------

LABELS = np.asarray([0, 0, 1, 1, 1, 2, 3])
PREDICTED = np.asarray([0, 2, 1, 1, 0, 2, 3])


def test_the_confusion_matrix_is_that_of_scikit_learn(axes: Any) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    expected = metrics.confusion_matrix(LABELS, PREDICTED)
    plotting.confusion_matrix(axes, (LABELS, PREDICTED))
    found = np.zeros_like(expected)
    for text in axes.texts:
        column, row = text.get_position()
        found[row, column] = int(text.get_text())
    np.testing.assert_array_equal(found, expected)
    assert axes.get_xlabel() == "predicted class"
    assert axes.get_ylabel() == "true class"


def test_counts_and_pairs_are_drawn_alike() -> None:
    from matplotlib.figure import Figure

    pictures = []
    for given in ((LABELS, PREDICTED), count_pairs(LABELS, PREDICTED)):
        drawn = Figure()
        plotting.confusion_matrix(drawn.subplots(), given, names=["a", "b", "c", "some long name"])
        pictures.append(rendered(drawn))
    np.testing.assert_array_equal(*pictures)


def test_numbers_of_hits_and_errors_can_be_read(axes: Any) -> None:
    counts = np.asarray([[90, 1, 9], [0, 3, 30], [0, 0, 0]])
    plotting.confusion_matrix(axes, counts)
    hits, errors = axes.images
    for text in axes.texts:
        column, row = text.get_position()
        image = hits if row == column else errors
        behind = image.to_rgba(image.get_array()[row, column])[:3]
        ink = np.ones(3) if text.get_color() == "white" else np.full(3, 0.15)
        assert abs(np.mean(behind) - ink.mean()) > 0.25, text


def test_many_classes_have_no_numbers_and_few_ticks(axes: Any) -> None:
    plotting.confusion_matrix(axes, np.eye(50, dtype=np.int64))
    assert not axes.texts
    assert len(axes.get_xticks()) <= 20


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        (np.eye(2), TypeError, "counts must be integers, got float64"),
        (np.zeros((2, 3), dtype=int), ValueError, r"counts must have shape \(C, C\), got \(2, 3\)"),
        (np.zeros((0, 0), dtype=int), ValueError, "counts must have shape"),
        (np.asarray([[1, -2], [0, 1]]), ValueError, "counts must not be negative, got -2"),
        ((LABELS, PREDICTED[1:]), ValueError, r"got shapes \(7,\) and \(6,\)"),
        ((LABELS[:0], PREDICTED[:0]), ValueError, "one class per pattern"),
        ((LABELS * 1.0, PREDICTED), TypeError, "labels must be integer classes, got float64"),
        ((LABELS, PREDICTED - 1), ValueError, "classes from 0 to 3, got values from -1 to 3"),
    ],
)
def test_bad_counts(axes: Any, counts: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plotting.confusion_matrix(axes, counts)


def test_bad_class_names(axes: Any) -> None:
    with pytest.raises(ValueError, match="classes from 0 to 1, got values from 0 to 3"):
        plotting.confusion_matrix(axes, (LABELS, PREDICTED), names=["a", "b"])
    with pytest.raises(ValueError, match="one name for each of 2, got 1"):
        plotting.confusion_matrix(axes, np.eye(2, dtype=int), names=["a"])


# -- patterns as images -----------------------------------------------------------------------


def test_patterns_are_scaled_one_by_one(axes: Any) -> None:
    images = np.stack([np.arange(6.0).reshape(2, 3), np.full((2, 3), 7.0), np.eye(2, 3) * 1e6])
    plotting.pattern_images(axes, images, captions=["x", "y", "z"], n_columns=3)
    canvas = shown(axes)
    np.testing.assert_allclose(canvas[:, :3], images[0] / 5.0)
    np.testing.assert_array_equal(canvas[:, 4:7], 0.0)
    np.testing.assert_array_equal(canvas[:, -3:], np.eye(2, 3))
    assert [text.get_text() for text in axes.texts] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("images", "more", "message"),
    [
        (np.zeros((2, 2)), {}, r"images must have shape \(M, rows, columns\), got \(2, 2\)"),
        (np.zeros((0, 2, 2)), {}, "images must have shape"),
        (np.full((1, 2, 2), np.inf), {}, "images must be finite"),
        (np.zeros((2, 2, 2)), {"captions": ["a"]}, "one per image, got 1"),
        (np.zeros((2, 2, 2)), {"n_columns": 0}, "n_columns must be from 1"),
    ],
)
def test_bad_images(axes: Any, images: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plotting.pattern_images(axes, images, **more)


# -- without matplotlib -----------------------------------------------------------------------


def test_matplotlib_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'tempotron-core\[train\]'"):
        figure()
