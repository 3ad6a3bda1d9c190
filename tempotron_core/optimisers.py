"""Weight updates from gradients."""

from __future__ import annotations

import math
from typing import Any

from .namespace import array_namespace, check_same_device

__all__ = ["Momentum"]

Array = Any


class Momentum:
    r"""Gradient descent with momentum, as the tempotron's learning rule uses it [1]_.

    .. math:: \Delta w_n = -\lambda \frac{\partial E}{\partial w} + \mu \Delta w_{n-1}

    Parameters
    ----------
    learning_rate : float
        Step size :math:`\lambda`, positive.  May be changed between steps.
    momentum : float, default 0
        Part :math:`\mu` of the last change that is repeated, in [0, 1).

    Attributes
    ----------
    delta : array or None
        The last change of the weights.

    Raises
    ------
    ValueError
        If the learning rate is negative or not finite, or the momentum outside [0, 1).

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, "The tempotron: a neuron that learns spike
       timing-based decisions", Nature Neuroscience 9, 420-428 (2006), Methods.

    Examples
    --------
    >>> import numpy as np
    >>> rule = Momentum(0.5, momentum=0.5)
    >>> weight = rule.step(np.asarray([[1.0]]), np.asarray([[1.0]]))
    >>> rule.step(weight, np.asarray([[0.0]]))
    array([[0.25]])
    """

    def __init__(self, learning_rate: float, momentum: float = 0.0) -> None:
        self.learning_rate = learning_rate
        if not (isinstance(momentum, int | float) and 0.0 <= momentum < 1.0):
            raise ValueError(f"momentum must be a number in [0, 1), got {momentum!r}")
        self.momentum = float(momentum)
        self.delta: Array | None = None

    @property
    def learning_rate(self) -> float:
        """Step size of the next update."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        # zero is allowed: a schedule may end there
        if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0.0):
            raise ValueError(f"learning_rate must be a finite number, zero or more, got {value!r}")
        self._learning_rate = float(value)

    def step(self, weight: Array, gradient: Array) -> Array:
        """Return the updated weights; the arguments are left as they are.

        Parameters
        ----------
        weight, gradient : array
            Weights and the gradient of the loss towards them, of one shape.

        Returns
        -------
        array
            Of that shape.

        Raises
        ------
        TypeError
            If they come from different array libraries.
        ValueError
            If they, or the weights of the last step, differ in shape or device.
        """
        last = {} if self.delta is None else {"the last change": self.delta}
        array_namespace(weight=weight, gradient=gradient, **last)
        check_same_device(weight=weight, gradient=gradient, **last)
        if gradient.shape != weight.shape:
            raise ValueError(
                f"gradient must have the shape of weight, {tuple(weight.shape)}, "
                f"got {tuple(gradient.shape)}"
            )
        if self.delta is not None and self.delta.shape != weight.shape:
            raise ValueError(
                f"weight must keep its shape between steps, {tuple(self.delta.shape)}, "
                f"got {tuple(weight.shape)}"
            )
        change = -self.learning_rate * gradient
        if self.delta is not None and self.momentum > 0.0:
            change = change + self.momentum * self.delta
        self.delta = change
        return weight + change

    def __repr__(self) -> str:
        return f"Momentum(learning_rate={self.learning_rate}, momentum={self.momentum})"
