"""What update rules share: a step's checks, weight decay, and a state to continue from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import array_api_compat
import numpy as np

from ...arrays.namespace import array_namespace, check_same_device, namespace_of
from ...arrays.settings import under_own_settings

__all__ = ["UpdateRule", "below_one"]

Array = Any


class UpdateRule:
    """Constants that can be changed, and the arrays that belong to one array of weights.

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
        kept = {n: array for n in self._ARRAYS if (array := getattr(self, n)) is not None}
        if not _are_alike(weight, gradient, *kept.values()):
            self._check(weight, gradient, kept)
        updated = self._at_once(weight, gradient)
        return self._updated(weight, gradient) if updated is None else updated

    @staticmethod
    def _check(weight: Array, gradient: Array, kept: Mapping[str, Array]) -> None:
        """Raise unless they, and what is kept of the last step, are alike."""
        named = {f"{name} of the last step": array for name, array in kept.items()}
        array_namespace(weight=weight, gradient=gradient, **named)
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

    def _at_once(self, weight: Array, gradient: Array) -> Array | None:  # noqa: ARG002
        """Do what `_updated` does by a fused form, or return None where there is none."""
        return None

    @under_own_settings
    def _updated(self, weight: Array, gradient: Array) -> Array:
        """Return the weights after the step; keeps what the next one needs."""
        change = self._change(gradient, namespace_of(weight))
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

    def _from_numbers(self, numbers: dict[str, Any], *, stepped: bool) -> UpdateRule:  # noqa: ARG002
        """Make a rule with these constants, checked; ``stepped`` says whether it has arrays."""
        return type(self)(**numbers)

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={getattr(self, name)}" for name in self._NUMBERS)
        return f"{type(self).__name__}({numbers})"


def below_one(name: str, value: object) -> float:
    """Return a constant in [0, 1) as a float; errors call it ``name``."""
    if not (isinstance(value, int | float) and 0.0 <= value < 1.0):
        raise ValueError(f"{name} must be a number in [0, 1), got {value!r}")
    return float(value)


def _are_alike(weight: Array, *others: Array) -> bool:
    """Whether it can be seen at a glance that they are NumPy's own arrays of one shape."""
    if type(weight) is not np.ndarray:
        return False
    shape = weight.shape
    return all([type(array) is np.ndarray and array.shape == shape for array in others])  # noqa: C419 - is faster


def _not_negative(name: str, value: object) -> float:
    if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name} must be a finite number, zero or more, got {value!r}")
    return float(value)
