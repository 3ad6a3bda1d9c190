"""The cost of classes, its cotangent and the hits, pattern by pattern.

What `tempotron_core.learning` has as a dozen passes over small arrays: the pooling of each class's
neurons, a loss of the pooled values, and its way back to the neurons.
"""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled

__all__ = ["LOSSES", "POOLINGS", "cost_of_classes"]

POOLINGS = ("max", "mean", "logsumexp")
LOSSES = ("cross_entropy", "tempotron", "mse")
"""In the kernels, their numbers."""


@compiled
def cost_of_classes(
    v_max, t_max, labels, class_weight, n_classes, pooling, pool_temperature, loss, temperature,
    threshold, margin, cotangent, responding,
):  # fmt: skip
    """Fill the cotangent [B, O]; return the cost, the hits, and whether all labels are classes.

    ``class_weight`` has one number per class, or none if all count the same.  Filled is also which
    outputs are ``responding`` [O]: rise above rest in any pattern, by ``t_max``, unless that has no
    rows.
    """
    responding[:] = False
    for b in range(t_max.shape[0]):
        for o in range(t_max.shape[1]):
            responding[o] |= t_max[b, o] > 0.0
    n_patterns = v_max.shape[0]
    values, towards = np.empty(n_classes), np.empty(n_classes)
    cost, hits = 0.0, 0
    for b in range(n_patterns):
        label = labels[b]
        if not 0 <= label < n_classes:
            return cost, hits, False
        share = 1.0 / n_patterns
        if class_weight.shape[0] > 0:
            share *= class_weight[label]
        _pool(v_max, b, pooling, pool_temperature, values)
        best = 0
        for c in range(1, n_classes):
            if values[c] > values[best] or (np.isnan(values[c]) and not np.isnan(values[best])):
                best = c
        hits += best == label
        if loss == 0:
            cost += share * _cross_entropy(values, label, values[best], temperature, towards)
        else:
            cost += share * _errors(values, label, threshold, margin, loss == 2, towards)
        _pull_back(v_max, b, pooling, pool_temperature, share, towards, cotangent)
    return cost, hits, True


@compiled
def _largest(v, b, first, size):
    """Position of the largest of some values, the first of several; of NaN if there is one."""
    best = first
    for o in range(first + 1, first + size):
        if v[b, o] > v[b, best] or (np.isnan(v[b, o]) and not np.isnan(v[b, best])):
            best = o
    return best


@compiled
def _pool(v, b, pooling, temperature, values):
    """Fill one value per class from those of its neurons."""
    size = v.shape[1] // values.shape[0]
    for c in range(values.shape[0]):
        first = c * size
        if size == 1:
            values[c] = v[b, first]
            continue
        largest = np.float64(v[b, _largest(v, b, first, size)])
        if pooling == 0:
            values[c] = largest
            continue
        total = 0.0
        for o in range(first, first + size):
            total += v[b, o] if pooling == 1 else np.exp((v[b, o] - largest) / temperature)
        values[c] = total / size if pooling == 1 else largest + temperature * np.log(total / size)


@compiled
def _pull_back(v, b, pooling, temperature, share, towards, cotangent):
    """Share the cotangents of the pooled values out among their neurons."""
    size = v.shape[1] // towards.shape[0]
    for c in range(towards.shape[0]):
        first, of_class = c * size, share * towards[c]
        if size == 1:
            cotangent[b, first] = of_class
            continue
        best = _largest(v, b, first, size)
        largest, total = np.float64(v[b, best]), 0.0
        if pooling == 2:
            for o in range(first, first + size):
                total += np.exp((v[b, o] - largest) / temperature)
        for o in range(first, first + size):
            if pooling == 2:
                cotangent[b, o] = of_class * np.exp((v[b, o] - largest) / temperature) / total
            elif pooling == 1:
                cotangent[b, o] = of_class / size
            else:
                cotangent[b, o] = of_class if o == best else 0.0


@compiled
def _cross_entropy(values, label, largest, temperature, towards):
    """-log of the softmax at the label, and its derivative by the values."""
    total = 0.0
    for c in range(values.shape[0]):
        towards[c] = np.exp((values[c] - largest) / temperature)
        total += towards[c]
    for c in range(values.shape[0]):
        towards[c] = (towards[c] / total - (c == label)) / temperature
    return np.log(total) - (values[label] - largest) / temperature


@compiled
def _errors(values, label, threshold, margin, squared, towards):
    """Distances from the threshold of the classes on its wrong side, or their squares."""
    cost = 0.0
    for c in range(values.shape[0]):
        fires = c == label
        excess = values[c] - (threshold + (margin if fires else -margin))
        # negated, so that NaN is wrong either way and shows
        wrong = not (excess > 0.0 if fires else excess <= 0.0)
        towards[c] = 0.0
        if wrong and squared:
            cost += excess * excess
            towards[c] = 2.0 * excess
        elif wrong:
            towards[c] = -1.0 if fires else 1.0
            cost += towards[c] * excess
    return cost
