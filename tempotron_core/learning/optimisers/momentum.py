"""Gradient descent with momentum."""

from __future__ import annotations

from typing import Any

from .update_rule import UpdateRule, below_one

__all__ = ["Momentum"]

Array = Any


class Momentum(UpdateRule):
    r"""Gradient descent with momentum, as the tempotron's learning rule uses it [1]_.

    .. math:: \Delta w_n = -\lambda \frac{\partial E}{\partial w} + \mu \Delta w_{n-1}

    One instance updates one array.

    Parameters
    ----------
    learning_rate : float
        Step size :math:`\lambda`, zero or more.  May be changed between steps.
    momentum : float, default 0
        Part :math:`\mu` of the last change that is repeated, in [0, 1).
    weight_decay : float, default 0
        Part of the weights, times the step size, that every step takes away besides: decoupled
        from the gradient and from the momentum [2]_.

    Attributes
    ----------
    delta : array or None
        The last change of the weights, decay apart.

    Raises
    ------
    ValueError
        If the learning rate or the decay is negative or not finite, or the momentum outside
        [0, 1).

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, "The tempotron: a neuron that learns spike
       timing-based decisions", Nature Neuroscience 9, 420-428 (2006), Methods.
    .. [2] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", International
       Conference on Learning Representations (2019).

    Examples
    --------
    >>> import numpy as np
    >>> rule = Momentum(0.5, momentum=0.5)
    >>> weight = rule.step(np.asarray([[1.0]]), np.asarray([[1.0]]))
    >>> rule.step(weight, np.asarray([[0.0]]))
    array([[0.25]])
    """

    _NUMBERS = ("learning_rate", "momentum", "weight_decay")
    _ARRAYS = ("delta",)

    def __init__(
        self, learning_rate: float, momentum: float = 0.0, *, weight_decay: float = 0.0
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.momentum = below_one("momentum", momentum)
        self.delta: Array | None = None

    def _change(self, gradient: Array, xp: Any) -> Array:  # noqa: ARG002
        change = -self.learning_rate * gradient
        if self.delta is not None and self.momentum > 0.0:
            change = change + self.momentum * self.delta
        self.delta = change
        return change
