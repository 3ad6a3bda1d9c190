"""Sixteen outputs at a time: a vector type for compiled code.

A compiler vectorises a loop over ten outputs badly or not at all: it cannot know that the loop is
short, nor that the arrays of the state do not overlap.  So the kernels say what they mean.  A
`Lanes` value holds sixteen float64 numbers, one per output, in registers.  It is added, multiplied
and compared like a number, and a Python float stands for sixteen equal ones:

    v = load(potential, output)        # sixteen outputs from `output` on
    v = fma(decay, v, gain * load(row, output))
    store(potential, output, v)

Every operation rounds as IEEE 754 says and none is reordered, so results do not depend on how the
compiler arranges them.  All of this exists in compiled code alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

__all__ = [
    "WIDTH",
    "both",
    "divide",
    "either",
    "exponent",
    "first_lane",
    "fma",
    "lanes_of",
    "load",
    "maximum",
    "minimum",
    "not_less",
    "power_of_two",
    "select",
    "splat",
    "store",
]

WIDTH = 16
"""Outputs in one `Lanes` value."""

_DOUBLES = ir.VectorType(ir.DoubleType(), WIDTH)
_BOOLS = ir.VectorType(ir.IntType(1), WIDTH)


class LanesType(types.Type):
    """Sixteen float64 numbers."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


class MaskType(types.Type):
    """Sixteen truth values."""

    def __init__(self) -> None:
        super().__init__(name="LanesMask")


LANES, MASK = LanesType(), MaskType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Any) -> None:
        super().__init__(manager, lanes, _DOUBLES)


@register_model(MaskType)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, mask: Any) -> None:
        super().__init__(manager, mask, _BOOLS)


def _element(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Pointer to the element of a one-dimensional contiguous array, as one to sixteen of them."""
    data = context.make_array(array_type)(context, builder, array).data
    kind = context.get_data_type(array_type.dtype)
    pointer = builder.gep(data, [index])
    return builder.bitcast(pointer, ir.VectorType(kind, WIDTH).as_pointer())


def _is_row(array: Any) -> bool:
    return isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C"


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Sixteen elements of a float32 or float64 row, from ``index`` on."""
    if not (_is_row(array) and isinstance(array.dtype, types.Float)):
        return None
    signature = LANES(array, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _element(context, builder, signature.args[0], *arguments)
        value = builder.load(pointer)
        value.align = signature.args[0].dtype.bitwidth // 8
        if signature.args[0].dtype == types.float64:
            return value
        return builder.fpext(value, _DOUBLES)

    return signature, generate


@intrinsic
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write sixteen elements of a float64 row, from ``index`` on."""
    if not (_is_row(array) and array.dtype == types.float64 and value == LANES):
        return None
    signature = types.void(array, types.intp, LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, value = arguments
        pointer = _element(context, builder, signature.args[0], array, index)
        builder.store(value, pointer).align = 8
        return context.get_dummy_value()

    return signature, generate


def _splat(builder: Any, number: Any) -> Any:
    one = builder.insert_element(
        ir.Constant(_DOUBLES, ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
    )
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(one, ir.Constant(_DOUBLES, ir.Undefined), zeros)


@intrinsic
def splat(typing_context: Any, number: Any) -> Any:
    """Sixteen times one number."""
    return LANES(types.float64), lambda _context, builder, _signature, arguments: _splat(
        builder, arguments[0]
    )


def _binary(result: Any, emit: Callable[[Any, Any, Any], Any]) -> Any:
    """Make an intrinsic of two operands, of which one may be a number for all lanes."""

    @intrinsic
    def operation(typing_context: Any, left: Any, right: Any) -> Any:
        given = [t if t == LANES else types.float64 for t in (left, right)]

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            operands = (
                value if kind == LANES else _splat(builder, value)
                for kind, value in zip(signature.args, arguments, strict=True)
            )
            return emit(builder, *operands)

        return result(*given), generate

    return operation


def _are_lanes(left: Any, right: Any) -> bool:
    numbers = all(t == LANES or isinstance(t, types.Number) for t in (left, right))
    return numbers and LANES in (left, right)


def _overload(function: Any, result: Any, emit: Callable[[Any, Any, Any], Any]) -> None:
    operation = _binary(result, emit)

    @overload(function)
    def of_lanes(left: Any, right: Any) -> Any:
        if not _are_lanes(left, right):
            return None

        def implementation(left: Any, right: Any) -> Any:  # annotated alike, as Numba asks
            return operation(left, right)

        return implementation


_overload(operator.add, LANES, lambda b, x, y: b.fadd(x, y))
_overload(operator.sub, LANES, lambda b, x, y: b.fsub(x, y))
_overload(operator.mul, LANES, lambda b, x, y: b.fmul(x, y))
_overload(operator.gt, MASK, lambda b, x, y: b.fcmp_ordered(">", x, y))

divide = _binary(LANES, lambda b, x, y: b.fdiv(x, y))
not_less = _binary(MASK, lambda b, x, y: b.fcmp_ordered(">=", x, y))
maximum = _binary(LANES, lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y))
minimum = _binary(LANES, lambda b, x, y: b.select(b.fcmp_ordered("<", x, y), x, y))


@intrinsic
def fma(typing_context: Any, factor: Any, lanes: Any, added: Any) -> Any:
    """Return ``factor * lanes + added``, rounded once; the factor may be a number for all lanes."""
    given = [t if t == LANES else types.float64 for t in (factor, lanes, added)]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        operands = [
            value if kind == LANES else _splat(builder, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        kind = ir.FunctionType(_DOUBLES, [_DOUBLES] * 3)
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f64")
        return builder.call(function, operands)

    return LANES(*given), generate


@intrinsic
def power_of_two(typing_context: Any, shifted: Any) -> Any:
    """Return 2^k, given k + 1.5 * 2^52, in whose last bits the whole number k stands."""
    integers = ir.VectorType(ir.IntType(64), WIDTH)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bias = ir.Constant(integers, [1023] * WIDTH)
        exponent = builder.add(builder.bitcast(arguments[0], integers), bias)
        bits = builder.shl(exponent, ir.Constant(integers, [52] * WIDTH))
        return builder.bitcast(bits, _DOUBLES)

    return LANES(LANES), generate


@intrinsic
def exponent(typing_context: Any, lanes: Any) -> Any:
    """Return the whole k for which a positive number is 2^k times one in [0.7071, 1.4142)."""
    integers = ir.VectorType(ir.IntType(64), WIDTH)
    half_root = int(np.float64(0.5**0.5).view(np.int64))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], integers)
        above = builder.sub(bits, ir.Constant(integers, [half_root] * WIDTH))
        k = builder.ashr(above, ir.Constant(integers, [52] * WIDTH))
        return builder.sitofp(k, _DOUBLES)

    return LANES(LANES), generate


@intrinsic
def select(typing_context: Any, mask: Any, if_true: Any, if_false: Any) -> Any:
    """Take each lane from ``if_true`` where the mask says so, else from ``if_false``."""
    return LANES(
        MASK, LANES, LANES
    ), lambda _context, builder, _signature, arguments: builder.select(*arguments)


def _logical(name: str) -> Any:
    @intrinsic
    def operation(typing_context: Any, left: Any, right: Any) -> Any:
        return MASK(MASK, MASK), lambda _context, builder, _signature, arguments: getattr(
            builder, name
        )(*arguments)

    return operation


both, either = _logical("and_"), _logical("or_")


@intrinsic
def lanes_of(typing_context: Any, mask: Any) -> Any:
    """Lanes where the mask holds, as the bits of a number: 0 if there are none."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(WIDTH)), ir.IntType(64))

    return types.int64(MASK), generate


@intrinsic
def first_lane(typing_context: Any, bits: Any) -> Any:
    """Position of the lowest bit set in a number other than 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate
