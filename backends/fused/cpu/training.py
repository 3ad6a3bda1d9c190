"""Steps of learning on NumPy arrays, by compiled kernels.

Each function has the arguments and results that `tempotron_core.arrays.registry` describes for
fused forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .adam_step import step_adam
from .class_cost import LOSSES, POOLINGS, cost_of_classes
from .functions import Array, usable

__all__ = ["adam_step", "class_cost"]

_RANGE = {
    np.dtype(kind): (float(np.finfo(kind).smallest_normal), float(np.finfo(kind).max))
    for kind in (np.float32, np.float64)
}
_INT64 = np.dtype(np.int64)


def class_cost(
    v_max: Array, labels: Array, objective: Any, class_weight: Array | None
) -> tuple[Array, Array, Array] | None:
    """Loss, cotangent of ``v_max`` and hits; None where the arguments may be wrong."""
    given = objective
    n_classes, left = divmod(v_max.shape[1], given.neurons_per_class)
    weight = np.empty(0, v_max.dtype) if class_weight is None else class_weight
    temperature = given.temperature * given.v_threshold
    pool_temperature = given.pool_temperature * given.v_threshold
    margin = given.margin * given.v_threshold
    least, most = _RANGE[v_max.dtype]
    if (
        left
        or n_classes < 2
        or labels.dtype != _INT64
        or labels.shape != v_max.shape[:1]
        or given.pooling not in POOLINGS
        or given.loss not in LOSSES
        or not least <= temperature <= most
        or not least <= pool_temperature <= most
        or not (0.0 < given.v_threshold <= most and 0.0 <= margin <= most)
        or (class_weight is not None and not _are_weights(weight, n_classes, v_max.dtype))
    ):
        return None
    cotangent = np.empty_like(v_max)
    loss, hits, known = cost_of_classes(
        usable(v_max), usable(labels), usable(weight), n_classes, POOLINGS.index(given.pooling),
        pool_temperature, LOSSES.index(given.loss), temperature, given.v_threshold, margin,
        cotangent,
    )  # fmt: skip
    if not known:
        return None
    return np.asarray(loss, v_max.dtype), cotangent, np.asarray(hits, v_max.dtype)


def _are_weights(weight: Array, n_classes: int, dtype: Any) -> bool:
    """Whether there is a finite number, 0 or more, for every class."""
    right = weight.shape == (n_classes,) and weight.dtype == dtype
    return bool(right and np.all(np.isfinite(weight) & (weight >= 0.0)))


def adam_step(
    weight: Array,
    gradient: Array,
    mean: Array | None,
    square: Array | None,
    numbers: Mapping[str, float],
) -> tuple[Array, Array, Array] | None:
    """Weights and moments after a step; None where dtypes differ."""
    dtype, shape = weight.dtype, weight.shape
    moments = [np.empty(0, dtype) if array is None else array for array in (mean, square)]
    arrays = [weight, gradient, *moments]
    if any(array.dtype != dtype for array in arrays):
        return None
    flat = [usable(array).reshape(-1) for array in arrays]
    after = np.empty((3, *shape), dtype)
    kind = dtype.type
    step_adam(*flat, *(kind(number) for number in numbers.values()), *after.reshape(3, -1))
    return after[0], after[1], after[2]
