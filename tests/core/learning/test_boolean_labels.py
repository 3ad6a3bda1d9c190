"""One boolean per pattern, and labels of other kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tempotron_core.learning import cross_entropy_loss, mse_loss, tempotron_loss

TRUE = np.asarray([True, False, True, True])
V = np.random.default_rng(2).normal(1.0, 0.5, (4, 2))


def test_booleans_are_two_classes(asarray: Any, to_numpy: Any) -> None:
    weight = asarray(np.asarray([0.5, 2.0]))
    numbers = asarray(TRUE.astype(np.int32))
    for found, expected in (
        (tempotron_loss(asarray(V), asarray(TRUE), 1.0), tempotron_loss(asarray(V), numbers, 1.0)),
        (
            cross_entropy_loss(asarray(V), asarray(TRUE), class_weight=weight),
            cross_entropy_loss(asarray(V), numbers, class_weight=weight),
        ),
        (
            mse_loss(asarray(V), asarray(TRUE), 1.0, class_weight=weight),
            mse_loss(asarray(V), numbers, 1.0, class_weight=weight),
        ),
    ):
        assert float(found[0]) == float(expected[0])
        np.testing.assert_array_equal(to_numpy(found[1]), to_numpy(expected[1]))


def test_booleans_say_whether_the_one_class_fires(asarray: Any, to_numpy: Any) -> None:
    found = tempotron_loss(asarray(V[:, :1]), asarray(TRUE), 1.0)
    expected = tempotron_loss(asarray(V[:, :1]), asarray(TRUE[:, None]), 1.0)
    np.testing.assert_array_equal(to_numpy(found[1]), to_numpy(expected[1]))


def test_other_labels_are_refused_with_a_way_out() -> None:
    three = np.ones((4, 3))
    with pytest.raises(ValueError, match=r"for one or two classes, got \(4,\) for 3"):
        tempotron_loss(three, TRUE, 1.0)
    with pytest.raises(TypeError, match="or one boolean per pattern for two classes"):
        cross_entropy_loss(three, TRUE)
    with pytest.raises(TypeError, match=r"got <U1: numpy\.unique\(labels, return_inverse=True\)"):
        tempotron_loss(three, np.asarray(list("abca")), 1.0)
