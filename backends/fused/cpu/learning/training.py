"""Steps of learning on NumPy arrays, by compiled kernels.

Each function has the arguments and results that `tempotron_core.arrays.registry` describes for
fused forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tempotron_core import Events, Neuron

from ..batch import Array, Batch, usable
from ..readouts.function_gradients import peaks_vjp
from ..readouts.functions import peaks
from .adam_step import step_adam
from .class_cost import LOSSES, POOLINGS, cost_of_classes

__all__ = ["adam_step", "class_cost", "learn_classes"]

_RANGE = {
    np.dtype(kind): (float(np.finfo(kind).smallest_normal), float(np.finfo(kind).max))
    for kind in (np.float32, np.float64)
}
_INT64 = np.dtype(np.int64)


def learn_classes(
    events: Events,
    labels: Array,
    weight: Array,
    neuron: Neuron,
    objective: Any,
    class_weight: Array | None,
) -> tuple[Array, Array, Array, Array] | None:
    """Loss, hits, gradient and the outputs that rise above rest; None where labels may be wrong."""
    shape = len(events), weight.shape[0]
    if not _serves(shape, weight.dtype, labels, objective, class_weight):
        return None
    batch = Batch(events, weight, neuron)
    found = peaks(batch, neuron)
    cost = _class_cost(found[0], labels, objective, class_weight)
    if cost is None:
        return None
    loss, cotangent, hits = cost
    gradient, _ = peaks_vjp(batch, neuron, found, cotangent, None, False, None)
    return loss, hits, gradient, np.any(found[1] > 0.0, axis=0)


def class_cost(
    v_max: Array, labels: Array, objective: Any, class_weight: Array | None
) -> tuple[Array, Array, Array] | None:
    """Loss, cotangent of ``v_max`` and hits; None where the arguments may be wrong."""
    if not _serves(v_max.shape, v_max.dtype, labels, objective, class_weight):
        return None
    return _class_cost(v_max, labels, objective, class_weight)


def _class_cost(
    v_max: Array, labels: Array, given: Any, class_weight: Array | None
) -> tuple[Array, Array, Array] | None:
    cotangent = np.empty_like(v_max)
    weight = np.empty(0, v_max.dtype) if class_weight is None else class_weight
    loss, hits, known = cost_of_classes(
        usable(v_max), usable(labels), usable(weight), v_max.shape[1] // given.neurons_per_class,
        POOLINGS.index(given.pooling), given.pool_temperature * given.v_threshold,
        LOSSES.index(given.loss), given.temperature * given.v_threshold, given.v_threshold,
        given.margin * given.v_threshold, cotangent,
    )  # fmt: skip
    if not known:
        return None
    return np.asarray(loss, v_max.dtype), cotangent, np.asarray(hits, v_max.dtype)


def _serves(
    shape: tuple[int, ...], dtype: Any, labels: Array, given: Any, class_weight: Array | None
) -> bool:
    """Whether the cost of potentials of that shape and dtype is what the kernel works out."""
    n_classes, left = divmod(shape[1], given.neurons_per_class)
    least, most = _RANGE[dtype]
    return (
        left == 0
        and n_classes >= 2
        and labels.dtype == _INT64
        and labels.shape == shape[:1]
        and given.pooling in POOLINGS
        and given.loss in LOSSES
        and least <= given.temperature * given.v_threshold <= most
        and least <= given.pool_temperature * given.v_threshold <= most
        and 0.0 < given.v_threshold <= most
        and 0.0 <= given.margin * given.v_threshold <= most
        and (class_weight is None or _are_weights(class_weight, n_classes, dtype))
    )


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
    before = np.empty((2, 0), dtype)
    moments = (before[0], before[1]) if mean is None or square is None else (mean, square)
    arrays = weight, gradient, *moments
    if any([array.dtype != dtype for array in arrays]):  # noqa: C419 - is faster
        return None
    flat = [usable(array).ravel() for array in arrays]
    after = np.empty((3, *shape), dtype)
    step_adam(*flat, *map(dtype.type, numbers.values()), *after.reshape(3, -1))
    return after[0], after[1], after[2]
