"""Neurons as JAX programs take them: constants that are arrays, and what is static of the rest.

A `Neuron` is static, and part of what is compiled.  Of a `ParametricNeuron` the arrays are
arguments of the program, so that a new value compiles nothing anew; it is a pytree of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax import export

from tempotron_core import Neuron, ParametricNeuron
from tempotron_core.neuron import CONSTANTS
from tempotron_core.readouts.constants import Constants
from tempotron_core.traced import TracedNeuron, traced

__all__ = ["Arrays", "Frame", "Static", "join", "split", "to_arrays", "traced_neuron"]

Arrays = tuple[Any, ...]
"""The constants of a neuron that are arrays, in the order of `CONSTANTS`."""


class Frame(NamedTuple):
    """What is static of a `ParametricNeuron`."""

    numbers: tuple[tuple[str, float | None], ...]
    shunt: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The constants that are arrays."""
        numbers = dict(self.numbers)
        return tuple(name for name in CONSTANTS if name not in numbers)


Static = Neuron | Frame
"""The part of a neuron that programs are compiled for."""


def split(neuron: Neuron | ParametricNeuron | TracedNeuron) -> tuple[Static, Arrays]:
    """What is static of a neuron, and its arrays."""
    if isinstance(neuron, Neuron):
        return neuron, ()
    constants = {name: getattr(neuron, name) for name in CONSTANTS}
    fixed = {n: v for n, v in constants.items() if v is None or isinstance(v, float)}
    arrays = tuple(value for name, value in constants.items() if name not in fixed)
    return Frame(tuple(fixed.items()), neuron.shunt), arrays


def join(static: Static, arrays: Arrays) -> Neuron | ParametricNeuron:
    """The neuron that was `split`."""
    if isinstance(static, Neuron):
        return static
    named = dict(zip(static.names, arrays, strict=True))
    return ParametricNeuron(**dict(static.numbers), **named, shunt=static.shunt)


def traced_neuron(static: Static, arrays: Arrays, weight: jax.Array) -> Any:
    """The neuron in the form that a program computes with."""
    neuron = join(static, arrays)
    return neuron if isinstance(neuron, Neuron) else traced(neuron, weight)


def to_arrays(static: Static, arrays: Arrays, gradient: Callable[[], Constants]) -> Arrays:
    """Cotangents of the arrays, of a gradient that is taken only where there are any."""
    if isinstance(static, Neuron):
        return ()
    found = gradient()
    pairs = zip(static.names, arrays, strict=True)
    return tuple(getattr(found, name).astype(array.dtype) for name, array in pairs)


def _flatten(neuron: ParametricNeuron) -> tuple[Arrays, Static]:
    static, arrays = split(neuron)
    return arrays, static


def _written(static: Static) -> bytes:
    assert isinstance(static, Frame)
    return json.dumps([dict(static.numbers), static.shunt]).encode()


def _read(written: bytes | bytearray) -> Static:
    numbers, shunt = json.loads(written)
    return Frame(tuple(numbers.items()), shunt)


jax.tree_util.register_pytree_node(ParametricNeuron, _flatten, join)  # type: ignore[arg-type]
export.register_pytree_node_serialization(
    ParametricNeuron,
    serialized_name="tempotron_core.ParametricNeuron",
    serialize_auxdata=_written,
    deserialize_auxdata=_read,
)
