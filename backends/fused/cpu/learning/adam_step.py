"""A step of Adam in one pass over the weights, by the operations that the core makes in turn."""

from __future__ import annotations

import numpy as np

from ..compiling.compiled import compiled

__all__ = ["step_adam"]


@compiled
def step_adam(weight, gradient, mean, square, numbers, after):
    """Fill the weights and moments after the step, [3, O, N]; ``numbers`` are of their dtype.

    ``mean`` and ``square`` are empty before the first step.
    """
    keep_mean, add_mean, keep_square, add_square = numbers[0], numbers[1], numbers[2], numbers[3]
    size, correction, epsilon, decay = numbers[4], numbers[5], numbers[6], numbers[7]
    new_weight, new_mean = after[0].reshape(-1), after[1].reshape(-1)
    new_square, later = after[2].reshape(-1), mean.size > 0
    weight, gradient = weight.reshape(-1), gradient.reshape(-1)
    mean, square = mean.reshape(-1), square.reshape(-1)
    for i in range(weight.shape[0]):
        g, w = gradient[i], weight[i]
        m, s = add_mean * g, add_square * (g * g)
        if later:
            m, s = keep_mean * mean[i] + m, keep_square * square[i] + s
        new_mean[i], new_square[i] = m, s
        if decay > 0.0:
            w = w - decay * w
        new_weight[i] = w + size * m / (np.sqrt(s) / correction + epsilon)
