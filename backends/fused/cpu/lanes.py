"""Several outputs at a time: a vector type for compiled code.

A compiler vectorises a loop over ten outputs badly or not at all: it cannot know that the loop is
short, nor that the arrays of the state do not overlap.  So the kernels say what they mean.  A
`Lanes` value holds sixteen float64 numbers, or four, one per output, in registers.  It is added,
multiplied and compared like a number, and a Python float stands for as many equal ones:

    v = load(potential, output, WIDE)  # sixteen outputs from `output` on
    v = fma(decay, v, gain * load(row, output, WIDE))
    store(potential, output, v)

How many is told by a tuple of that length, `WIDE` or `NARROW`, or `SINGLE` for one, since the
compiler knows the length of a tuple: a kernel that is given one is compiled for each.  A lane does
the same arithmetic in any, so that results do not depend on it.

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
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

__all__ = [
    "NARROW",
    "SINGLE",
    "WIDE",
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

WIDE, NARROW, SINGLE = tuple(range(16)), tuple(range(4)), (0,)
"""Lanes of a value, by their numbers."""


class LanesType(types.Type):
    """Float64 numbers, one for each lane."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"Lanes({width})")


class MaskType(types.Type):
    """Truth values, one for each lane."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"LanesMask({width})")


def _doubles(width: int) -> Any:
    return ir.VectorType(ir.DoubleType(), width)


def _integers(width: int) -> Any:
    return ir.VectorType(ir.IntType(64), width)


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Any) -> None:
        super().__init__(manager, lanes, _doubles(lanes.width))


@register_model(MaskType)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, mask: Any) -> None:
        super().__init__(manager, mask, ir.VectorType(ir.IntType(1), mask.width))


def _element(context: Any, builder: Any, array_type: Any, array: Any, index: Any, n: int) -> Any:
    """Pointer to the element of a one-dimensional contiguous array, as one to n of them."""
    data = context.make_array(array_type)(context, builder, array).data
    kind = context.get_data_type(array_type.dtype)
    pointer = builder.gep(data, [index])
    return builder.bitcast(pointer, ir.VectorType(kind, n).as_pointer())


def _is_row(array: Any) -> bool:
    return isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C"


@intrinsic
def load(typing_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Elements of a float32 or float64 row, from ``index`` on."""
    if not (_is_row(array) and isinstance(array.dtype, types.Float)):
        return None
    result = LanesType(len(lanes))
    signature = result(array, types.intp, lanes)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        array, index, _ = arguments
        pointer = _element(context, builder, kind, array, index, result.width)
        value = builder.load(pointer)
        value.align = kind.dtype.bitwidth // 8
        if kind.dtype == types.float64:
            return value
        return builder.fpext(value, _doubles(result.width))

    return signature, generate


@intrinsic
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write elements of a float64 row, from ``index`` on."""
    if not (_is_row(array) and array.dtype == types.float64 and isinstance(value, LanesType)):
        return None
    signature = types.void(array, types.intp, value)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, lanes = arguments
        pointer = _element(context, builder, signature.args[0], array, index, value.width)
        builder.store(lanes, pointer).align = 8
        return context.get_dummy_value()

    return signature, generate


def _splat(builder: Any, number: Any, width: int) -> Any:
    nothing = ir.Constant(_doubles(width), ir.Undefined)
    one = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    return builder.shuffle_vector(one, nothing, zeros)


@intrinsic
def splat(typing_context: Any, number: Any, lanes: Any) -> Any:
    """One number in all lanes."""
    result = LanesType(len(lanes))
    return result(types.float64, lanes), lambda _context, builder, _signature, arguments: _splat(
        builder, arguments[0], result.width
    )


def _alike(*given: Any) -> tuple[Any, list[Any]]:
    """Type of the lanes among some operands, and those of all: the others are numbers."""
    lanes = next(t for t in given if isinstance(t, (LanesType, MaskType)))
    kept = (LanesType, MaskType)
    return LanesType(lanes.width), [t if isinstance(t, kept) else types.float64 for t in given]


def _operands(builder: Any, signature: Any, arguments: Any, width: int) -> list[Any]:
    return [
        _splat(builder, value, width) if kind == types.float64 else value
        for kind, value in zip(signature.args, arguments, strict=True)
    ]


def _binary(result: Any, emit: Callable[[Any, Any, Any], Any]) -> Any:
    """Make an intrinsic of two operands, of which one may be a number for all lanes."""

    @intrinsic
    def operation(typing_context: Any, left: Any, right: Any) -> Any:
        lanes, given = _alike(left, right)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return emit(builder, *_operands(builder, signature, arguments, lanes.width))

        return result(lanes.width)(*given), generate

    return operation


def _define(function: Any, result: Any, emit: Callable[[Any, Any, Any], Any]) -> None:
    """Define an operator of two lanes, or of lanes and a number for all of them.

    As the compiler's own operators are: an `overload` would be a function more to compile for every
    kind of operands.
    """

    @type_callable(function)
    def of_lanes(context: Any) -> Any:
        def typer(left: Any, right: Any) -> Any:
            widths = {t.width for t in (left, right) if isinstance(t, LanesType)}
            others = [t for t in (left, right) if not isinstance(t, (LanesType, types.Number))]
            return None if others or len(widths) != 1 else result(*widths)

        return typer

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, wanted = _alike(*signature.args)
        operands = [
            context.cast(builder, value, kind, to)
            for value, kind, to in zip(arguments, signature.args, wanted, strict=True)
        ]
        width = signature.return_type.width
        return emit(builder, *_operands(builder, result(width)(*wanted), operands, width))

    for kinds in ((LanesType, LanesType), (LanesType, types.Number), (types.Number, LanesType)):
        lower_builtin(function, *kinds)(generate)


_define(operator.add, LanesType, lambda b, x, y: b.fadd(x, y))
_define(operator.sub, LanesType, lambda b, x, y: b.fsub(x, y))
_define(operator.mul, LanesType, lambda b, x, y: b.fmul(x, y))
_define(operator.gt, MaskType, lambda b, x, y: b.fcmp_ordered(">", x, y))

divide = _binary(LanesType, lambda b, x, y: b.fdiv(x, y))
not_less = _binary(MaskType, lambda b, x, y: b.fcmp_ordered(">=", x, y))
maximum = _binary(LanesType, lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y))
minimum = _binary(LanesType, lambda b, x, y: b.select(b.fcmp_ordered("<", x, y), x, y))


@intrinsic
def fma(typing_context: Any, factor: Any, lanes: Any, added: Any) -> Any:
    """Return ``factor * lanes + added``, rounded once; one or two may be numbers."""
    result, given = _alike(factor, lanes, added)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        doubles = _doubles(result.width)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(doubles, [doubles] * 3), f"llvm.fma.v{result.width}f64"
        )
        return builder.call(function, _operands(builder, signature, arguments, result.width))

    return result(*given), generate


@intrinsic
def power_of_two(typing_context: Any, shifted: Any) -> Any:
    """Return 2^k, given k + 1.5 * 2^52, in whose last bits the whole number k stands."""
    integers = _integers(shifted.width)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bias = ir.Constant(integers, [1023] * shifted.width)
        exponent = builder.add(builder.bitcast(arguments[0], integers), bias)
        bits = builder.shl(exponent, ir.Constant(integers, [52] * shifted.width))
        return builder.bitcast(bits, _doubles(shifted.width))

    return shifted(shifted), generate


@intrinsic
def exponent(typing_context: Any, lanes: Any) -> Any:
    """Return the whole k for which a positive number is 2^k times one in [0.7071, 1.4142)."""
    integers = _integers(lanes.width)
    half_root = int(np.float64(0.5**0.5).view(np.int64))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], integers)
        above = builder.sub(bits, ir.Constant(integers, [half_root] * lanes.width))
        k = builder.ashr(above, ir.Constant(integers, [52] * lanes.width))
        return builder.sitofp(k, _doubles(lanes.width))

    return lanes(lanes), generate


@intrinsic
def select(typing_context: Any, mask: Any, if_true: Any, if_false: Any) -> Any:
    """Take each lane from ``if_true`` where the mask says so, else from ``if_false``."""
    result, given = _alike(mask, if_true, if_false)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*_operands(builder, signature, arguments, result.width))

    return result(*given), generate


def _logical(name: str) -> Any:
    @intrinsic
    def operation(typing_context: Any, left: Any, right: Any) -> Any:
        return left(left, right), lambda _context, builder, _signature, arguments: getattr(
            builder, name
        )(*arguments)

    return operation


both, either = _logical("and_"), _logical("or_")


@intrinsic
def lanes_of(typing_context: Any, mask: Any) -> Any:
    """Lanes where the mask holds, as the bits of a number: 0 if there are none."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(mask.width)), ir.IntType(64))

    return types.int64(mask), generate


@intrinsic
def first_lane(typing_context: Any, bits: Any) -> Any:
    """Position of the lowest bit set in a number other than 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate
