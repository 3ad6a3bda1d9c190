"""Steps of learning on NumPy arrays, by compiled kernels.

Each function has the arguments and results that `tempotron_core.arrays.registry` describes for
fused forms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tempotron_core import Events, Neuron

from ..batch import Array, Batch, no_rows, usable, worth_threads
from ..readouts.function_gradients import gradient_in_one_piece, peaks_vjp
from ..readouts.functions import peaks, peaks_in_one_piece
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
    """Loss, hits, gradient and the outputs that rise above rest.

    None where labels may be wrong or the loss is not finite.
    """
    given, shape = (events, weight, neuron), (len(events), weight.shape[0])
    if not _serves(shape, weight.dtype, labels, objective, class_weight):
        return None
    # in one piece, the two halves share nothing that would take long to arrange
    batch = None
    if neuron.shunt or worth_threads(events.times, events.counts, weight):
        batch = Batch(events, weight, neuron)
    found = peaks_in_one_piece(*given) if batch is None else peaks(batch, neuron)
    cost = _class_cost(*found, labels, objective, class_weight)
    if cost is None:
        return None
    loss, cotangent, hits, responding = cost
    if batch is None:
        gradient = gradient_in_one_piece(*given, found[1], cotangent, False)
    else:
        gradient, _ = peaks_vjp(batch, neuron, found, cotangent, None, False, None)
    return loss, hits, gradient, responding


def class_cost(
    v_max: Array, labels: Array, objective: Any, class_weight: Array | None
) -> tuple[Array, Array, Array] | None:
    """Loss, cotangent of ``v_max`` and hits.

    None where the arguments may be wrong or the loss is not finite.
    """
    if not _serves(v_max.shape, v_max.dtype, labels, objective, class_weight):
        return None
    found = _class_cost(v_max, no_rows(v_max.dtype), labels, objective, class_weight)
    return None if found is None else found[:3]


def _class_cost(
    v_max: Array, t_max: Array, labels: Array, given: Any, class_weight: Array | None
) -> tuple[Array, Array, Array, Array] | None:
    (n_patterns, n_outputs), dtype, unit = v_max.shape, v_max.dtype, given.v_threshold
    cotangent, responding = np.empty((n_patterns, n_outputs), dtype), np.empty(n_outputs, np.bool_)
    loss, hits, known = cost_of_classes(
        usable(v_max), t_max, usable(labels),
        np.empty(0, dtype) if class_weight is None else usable(class_weight),
        n_outputs // given.neurons_per_class, POOLINGS.index(given.pooling),
        given.pool_temperature * unit, LOSSES.index(given.loss), given.temperature * unit, unit,
        given.margin * unit, cotangent, responding,
    )  # fmt: skip
    cost = np.asarray(loss, dtype)
    # which numbers a potential that is none makes such too is for the definition to say
    if not (known and math.isfinite(cost)):
        return None
    return cost, cotangent, np.asarray(hits, dtype), responding


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
    """Weights and moments after a step; None where dtypes differ, or weights are not [O, N]."""
    dtype = weight.dtype
    if mean is None or square is None:
        mean = square = no_rows(dtype)
    if weight.ndim != 2 or not gradient.dtype == mean.dtype == square.dtype == dtype:
        return None
    after = np.empty((3, *weight.shape), dtype)
    step_adam(
        usable(weight), usable(gradient), usable(mean), usable(square),
        # as an array, since each argument of a kernel takes as long as a thousand weights
        np.asarray([*numbers.values()], dtype), after,
    )  # fmt: skip
    new_weight, new_mean, new_square = after
    return new_weight, new_mean, new_square
