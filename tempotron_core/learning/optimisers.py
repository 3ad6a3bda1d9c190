"""Weight updates from gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import array_api_compat

from ..arrays.namespace import array_namespace, check_same_device
from ..arrays.numbers import whole_number

__all__ = ["Adam", "Momentum"]

Array = Any


class _Rule:
    """What update rules share: constants that can be changed, arrays that one weight array has.

    ``_NUMBERS`` names the attributes that are numbers, ``_ARRAYS`` those that are None before the
    first step and arrays of the weights' shape after it.
    """

    _NUMBERS: tuple[str, ...] = ("learning_rate", "weight_decay")
    _ARRAYS: tuple[str, ...] = ()

    def __init__(self, learning_rate: float, weight_decay: float) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    @property
    def learning_rate(self) -> float:
        """Step size of the next update."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        # zero is allowed: a schedule may end there
        self._learning_rate = _not_negative("learning_rate", value)

    @property
    def weight_decay(self) -> float:
        """Part of the weights, times the step size, that the next update takes away."""
        return self._weight_decay

    @weight_decay.setter
    def weight_decay(self, value: float) -> None:
        self._weight_decay = _not_negative("weight_decay", value)

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
        kept = {n: getattr(self, n) for n in self._ARRAYS if getattr(self, n) is not None}
        named = {f"{name} of the last step": array for name, array in kept.items()}
        xp = array_namespace(weight=weight, gradient=gradient, **named)
        check_same_device(weight=weight, gradient=gradient, **named)
        if gradient.shape != weight.shape:
            raise ValueError(
                f"gradient must have the shape of weight, {tuple(weight.shape)}, "
                f"got {tuple(gradient.shape)}"
            )
        for array in kept.values():
            if array.shape != weight.shape:
                raise ValueError(
                    f"weight must keep its shape between steps, {tuple(array.shape)}, "
                    f"got {tuple(weight.shape)}"
                )
        change = self._change(gradient, xp)
        if self.weight_decay > 0.0:
            weight = weight - (self.learning_rate * self.weight_decay) * weight
        return weight + change

    def _change(self, gradient: Array, xp: Any) -> Array:
        """Change of the weights that follows from the gradient; keeps what the next step needs."""
        raise NotImplementedError

    def state(self) -> dict[str, Array | float]:
        """All that the next steps depend on, to continue with another time.

        Returns
        -------
        dict of str to float or array
            The constants, and once a step was made the arrays that belong to the weights: those
            in use, which the rule never writes into.
        """
        named = {name: getattr(self, name) for name in (*self._NUMBERS, *self._ARRAYS)}
        return {name: value for name, value in named.items() if value is not None}

    def restore(self, state: Mapping[str, Array | float]) -> None:
        """Continue from a state: the next steps are those of the rule it was taken from.

        Parameters
        ----------
        state : mapping
            What :meth:`state` returned for a rule of the same kind.  The arrays must be in the
            library and on the device of the weights by the next step.

        Raises
        ------
        TypeError
            If it is not a mapping, or a value has the wrong type.
        ValueError
            If an entry is missing, unknown or out of range, or shapes differ; the rule is then
            as it was.
        """
        kind = type(self).__name__
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be a mapping, got {type(state).__name__}")
        given = set(state) & set(self._ARRAYS)
        # all of the arrays, or none before the first step
        expected = {*self._NUMBERS, *(self._ARRAYS if given else ())}
        if expected != set(state):
            missing, unknown = sorted(expected - set(state)), sorted(set(state) - expected, key=str)
            raise ValueError(
                f"state must hold the entries of a {kind}, got {missing or 'none'} missing "
                f"and {unknown or 'none'} unknown"
            )
        arrays = {name: state.get(name) for name in self._ARRAYS}
        for name in given:
            if not array_api_compat.is_array_api_obj(state[name]):
                raise TypeError(
                    f"state must hold an array as {name}, got {type(state[name]).__name__}"
                )
        shapes = {tuple(state[name].shape) for name in given}
        if len(shapes) > 1:
            raise ValueError(f"state must hold arrays of one shape, got {sorted(shapes)}")
        numbers = {name: state[name] for name in self._NUMBERS}
        fresh = self._from_numbers(numbers, stepped=bool(given))
        self.__dict__.update(fresh.__dict__ | arrays)

    def _from_numbers(self, numbers: dict[str, Any], *, stepped: bool) -> _Rule:  # noqa: ARG002
        """Make a rule with these constants, checked; ``stepped`` says whether it has arrays."""
        return type(self)(**numbers)

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={getattr(self, name)}" for name in self._NUMBERS)
        return f"{type(self).__name__}({numbers})"


class Momentum(_Rule):
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
        self.momentum = _below_one("momentum", momentum)
        self.delta: Array | None = None

    def _change(self, gradient: Array, xp: Any) -> Array:  # noqa: ARG002
        change = -self.learning_rate * gradient
        if self.delta is not None and self.momentum > 0.0:
            change = change + self.momentum * self.delta
        self.delta = change
        return change


class Adam(_Rule):
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
        self.beta_1 = _below_one("beta_1", beta_1)
        self.beta_2 = _below_one("beta_2", beta_2)
        if not (isinstance(epsilon, int | float) and 0.0 < epsilon < math.inf):
            raise ValueError(f"epsilon must be a positive, finite number, got {epsilon!r}")
        self.epsilon = float(epsilon)
        self.mean: Array | None = None
        self.square: Array | None = None
        self.n_steps = 0

    def _change(self, gradient: Array, xp: Any) -> Array:
        least = float(xp.finfo(gradient.dtype).smallest_normal)
        if self.epsilon < least:  # it would round to 0, and 0/0 is no number
            raise ValueError(
                f"epsilon must be at least {least} in {gradient.dtype}, got {self.epsilon}"
            )
        mean, square = (1.0 - self.beta_1) * gradient, (1.0 - self.beta_2) * (gradient * gradient)
        if self.mean is not None and self.square is not None:
            mean, square = self.beta_1 * self.mean + mean, self.beta_2 * self.square + square
        self.mean, self.square = mean, square
        self.n_steps += 1
        size = self.learning_rate / (1.0 - self.beta_1**self.n_steps)
        correction = math.sqrt(1.0 - self.beta_2**self.n_steps)
        return -size * mean / (xp.sqrt(square) / correction + self.epsilon)

    def _from_numbers(self, numbers: dict[str, Any], *, stepped: bool) -> Adam:
        n_steps = whole_number("n_steps", numbers.pop("n_steps"), least=0)
        if (n_steps > 0) != stepped:
            raise ValueError(
                f"state must hold mean and square if and only if n_steps is positive, got {n_steps}"
            )
        fresh = type(self)(**numbers)
        fresh.n_steps = n_steps
        return fresh


def _not_negative(name: str, value: float) -> float:
    if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name} must be a finite number, zero or more, got {value!r}")
    return float(value)


def _below_one(name: str, value: float) -> float:
    if not (isinstance(value, int | float) and 0.0 <= value < 1.0):
        raise ValueError(f"{name} must be a number in [0, 1), got {value!r}")
    return float(value)
