"""The evaluation figure shows the matrix, and what it is given of wrong patterns and weights."""

from __future__ import annotations

import io
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tempotron_backends.plotting import evaluation_figure

pytest.importorskip("matplotlib")

RNG = np.random.default_rng(0)
LABELS = np.asarray([0, 1, 2, 0, 1, 2, 0, 1])
PREDICTED = np.asarray([0, 1, 1, 2, 1, 2, 1, 1])  # wrong: patterns 2, 3 and 6
# the predicted class outdoes the true one by 0.5, 2 and 1
V_MAX = np.full((8, 3), 0.1)
V_MAX[np.arange(8), PREDICTED] = 0.1 + np.asarray([1, 1, 0.5, 2.0, 1, 1, 1.0, 1])
IMAGES = RNG.random((8, 4, 5))


def titles(figure: Any) -> list[str]:
    return [title for axes in figure.axes if (title := axes.get_title(loc="left"))]


def captions(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[1].texts]


def size_of(figure: Any) -> int:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.tell()


def test_the_matrix_alone() -> None:
    figure = evaluation_figure(LABELS, PREDICTED)
    assert titles(figure) == ["Confusion matrix"]
    assert size_of(figure) > 5000


def test_worst_patterns_come_first() -> None:
    figure = evaluation_figure(LABELS, PREDICTED, v_max=V_MAX, images=IMAGES, heading="a heading")
    assert captions(figure) == ["0 → 2", "0 → 1", "2 → 1"]
    assert titles(figure)[1] == "3 of 8 wrong: true → predicted"
    assert figure.get_suptitle() == "a heading"
    (mosaic,) = figure.axes[1].images
    first = IMAGES[3] - IMAGES[3].min()
    np.testing.assert_allclose(mosaic.get_array()[:4, :5], first / first.max())
    assert size_of(figure) > 5000


def test_without_potentials_patterns_keep_their_order() -> None:
    figure = evaluation_figure(LABELS, PREDICTED, images=IMAGES, n_shown=2)
    assert captions(figure) == ["2 → 1", "0 → 2"]
    assert titles(figure)[1] == "First 2 of 3 wrong: true → predicted"


def test_every_panel() -> None:
    figure = evaluation_figure(
        LABELS,
        PREDICTED,
        names=["zero", "one", "two"],
        v_max=V_MAX,
        images=IMAGES,
        weight=RNG.normal(size=(3, 20)),
        weight_shape=(4, 5),
    )
    assert titles(figure) == ["Confusion matrix", "3 of 8 wrong: true → predicted", "Weights"]
    assert captions(figure)[0] == "zero → two"
    assert [text.get_text() for text in figure.axes[2].texts] == ["zero", "one", "two"]
    assert size_of(figure) > 5000


def test_nothing_is_cut_off_or_overlaps() -> None:
    figure = evaluation_figure(
        LABELS,
        PREDICTED,
        names=["a rather long name", "one", "two"],
        images=IMAGES,
        weight=RNG.normal(size=(3, 40)),
        weight_shape=(4, 5, 2),
        heading="a heading",
    )
    figure.canvas.draw()
    whole = figure.bbox
    panels = [axes.get_tightbbox() for axes in figure.axes[:3]]
    for box in panels:
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1
    for left, right in pairwise(panels):
        assert left.x1 < right.x0


def test_weights_in_place_of_images() -> None:
    figure = evaluation_figure(LABELS, PREDICTED, weight=np.zeros((3, 12)), weight_shape=(2, 3, 2))
    assert titles(figure) == ["Confusion matrix", "Weights"]
    assert size_of(figure) > 5000


def test_no_wrong_pattern() -> None:
    figure = evaluation_figure(LABELS, LABELS, images=IMAGES)
    assert captions(figure) == ["none"]
    assert titles(figure)[1] == "0 of 8 wrong"
    assert size_of(figure) > 5000


def test_long_names_are_shortened_unless_they_become_the_same() -> None:
    given: dict[str, Any] = {"images": IMAGES, "n_shown": 1}
    long = [
        "first of the classes",
        "second class, longer still than that",
        "the third and last one",
    ]
    (caption,) = captions(evaluation_figure(LABELS, PREDICTED, names=long, **given))
    assert caption == "the third and last one → second class, longer still th…"
    same = [f"one common and long beginning, then {i}" for i in range(3)]
    assert captions(evaluation_figure(LABELS, PREDICTED, names=same, **given)) == ["2 → 1"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"predicted": PREDICTED[:3]}, ValueError, r"got shapes \(8,\) and \(3,\)"),
        ({"names": ["a", "b"]}, ValueError, "classes from 0 to 1, got values from 0 to 2"),
        ({"v_max": V_MAX[:, :2]}, ValueError, r"v_max must have shape \(8, 3\), got \(8, 2\)"),
        ({"v_max": V_MAX * np.nan}, ValueError, "v_max must hold numbers, got NaN"),
        ({"images": IMAGES[1:]}, ValueError, r"images must have shape \(8, rows, columns\), got"),
        (
            {"weight": np.zeros((3, 4))},
            ValueError,
            "weight and weight_shape must be given together",
        ),
        ({"weight": np.zeros((3, 4)), "weight_shape": (3, 3)}, ValueError, r"N = 3 \* 3"),
        ({"n_shown": 0}, ValueError, "n_shown must be from 1"),
        ({"n_shown": 2.5}, TypeError, "n_shown must be an integer, got 2.5"),
    ],
)
def test_bad_input(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        evaluation_figure(**{"labels": LABELS, "predicted": PREDICTED} | given)


def test_matplotlib_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'tempotron-core\[train\]'"):
        evaluation_figure(LABELS, PREDICTED)
