"""Adam with decoupled weight decay."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.numbers import positive_float, whole_number
from ...arrays.registry import fused
from .update_rule import UpdateRule, below_one

__all__ = ["Adam"]

Array = Any

_LEAST = 2.0**-126
"""The smallest normal number of any dtype of weights, which is that of float32."""


class Adam(UpdateRule):
    r"""Steps scaled by running moments of each weight's gradient [1]_, with decoupled decay [2]_.

    .. math:: m_n = \beta_1 m_{n-1} + (1 - \beta_1) g_n, \qquad
              s_n = \beta_2 s_{n-1} + (1 - \beta_2) g_n^2, \qquad
              \Delta w_n = -\lambda \frac{m_n / (1 - \beta_1^n)}
                                         {\sqrt{s_n / (1 - \beta_2^n)} + \epsilon}

    One instance updates one array.  The step size is in the unit of the weights, whatever the
    scale of the loss.

    Parameters
    ----------
    learning_rate : float
        Step size :math:`\lambda`, zero or more.  May be changed between steps.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Parts of the moments that are kept, in [0, 1).
    epsilon : float, default 1e-8
        Gradients well below it make small steps.  Positive, and no smaller than the smallest
        normal number of the weights' dtype.
    weight_decay : float, default 0
        Part of the weights, times the step size, that every step takes away besides.

    Attributes
    ----------
    mean, square : array or None
        The moments m and s, before they are corrected for their start at zero.
    n_steps : int
        Steps made.

    Raises
    ------
    ValueError
        If a constant is out of range.

    References
    ----------
    .. [1] D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", International
       Conference on Learning Representations (2015), algorithm 1.
    .. [2] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", International
       Conference on Learning Representations (2019), algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> rule = Adam(0.5)
    >>> print(rule.step(np.asarray([[1.0, 1.0]]), np.asarray([[-1e-3, 1e3]])).round(3))
    [[1.5 0.5]]
    """

    _NUMBERS = ("learning_rate", "beta_1", "beta_2", "epsilon", "weight_decay", "n_steps")
    _ARRAYS = ("mean", "square")

    def __init__(
        self,
        learning_rate: float,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.beta_1 = below_one("beta_1", beta_1)
        self.beta_2 = below_one("beta_2", beta_2)
        self.epsilon = positive_float("epsilon", epsilon)
        self.mean: Array | None = None
        self.square: Array | None = None
        self.n_steps = 0

    def _at_once(self, weight: Array, gradient: Array) -> Array | None:
        form = fused("adam_step", "auto", weight)
        if form is None or self.epsilon < _LEAST:
            return None
        found = form(weight, gradient, self.mean, self.square, self._of_step(self.n_steps + 1))
        if found is None:
            return None
        updated, self.mean, self.square = found
        self.n_steps += 1
        return updated

    def _change(self, gradient: Array, xp: Any) -> Array:
        least = float(xp.finfo(gradient.dtype).smallest_normal)
        if self.epsilon < least:  # it would round to 0, and 0/0 is no number
            raise ValueError(
                f"epsilon must be at least {least} in {gradient.dtype}, got {self.epsilon}"
            )
        self.n_steps += 1
        by = self._of_step(self.n_steps)
        mean, square = by["add_mean"] * gradient, by["add_square"] * (gradient * gradient)
        if self.mean is not None and self.square is not None:
            mean = by["keep_mean"] * self.mean + mean
            square = by["keep_square"] * self.square + square
        self.mean, self.square = mean, square
        return by["size"] * mean / (xp.sqrt(square) / by["correction"] + by["epsilon"])

    def _of_step(self, n: int) -> dict[str, float]:
        """Constants of the n-th step, in the order that a fused form takes them in."""
        return {
            "keep_mean": self.beta_1,
            "add_mean": 1.0 - self.beta_1,
            "keep_square": self.beta_2,
            "add_square": 1.0 - self.beta_2,
            "size": -self.learning_rate / (1.0 - self.beta_1**n),
            "correction": math.sqrt(1.0 - self.beta_2**n),
            "epsilon": self.epsilon,
            "decay": self.learning_rate * self.weight_decay,
        }

    def _from_numbers(self, numbers: dict[str, Any], *, stepped: bool) -> Adam:
        n_steps = whole_number("n_steps", numbers.pop("n_steps"), least=0)
        if (n_steps > 0) != stepped:
            raise ValueError(
                f"state must hold mean and square if and only if n_steps is positive, got {n_steps}"
            )
        fresh = type(self)(**numbers)
        fresh.n_steps = n_steps
        return fresh
