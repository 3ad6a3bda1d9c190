"""Functions of Python and NumPy as kernels use them: a few instructions each.

Numba has them in all their forms, as functions that are compiled before the kernel is, for every
kind of arguments.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["INSTEAD"]

_ALIGNMENT = 32  # as that of Numba


def _array_type(shape: Any, dtype: Any) -> Any:
    """Type of the array that such arguments make; None where the dtype is none of a kernel's."""
    kind: Any = None
    if dtype is types.none:
        kind = types.float64
    elif isinstance(dtype, types.DType):
        kind = dtype.dtype
    elif isinstance(dtype, types.NumberClass):
        kind = dtype.instance_type
    n_axes = 1 if isinstance(shape, types.Integer) else len(shape)
    return None if kind is None else types.Array(kind, n_axes, "C")


def _new(zeros: bool) -> Any:
    """Make an intrinsic that makes an array, of zeros or of whatever is there."""

    @intrinsic
    def new(typing_context: Any, shape: Any, dtype: Any = types.none) -> Any:
        result = _array_type(shape, dtype)
        return None if result is None else (result(shape, dtype), generate)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, lengths, given = signature.return_type, arguments[:1], signature.args[:1]
        if not isinstance(given[0], types.Integer):
            lengths, given = cgutils.unpack_tuple(builder, lengths[0]), tuple(given[0])
        shape = [
            context.cast(builder, length, of, types.intp)
            for length, of in zip(lengths, given, strict=True)
        ]
        element = context.get_data_type(kind.dtype)
        item_size = size = context.get_constant(types.intp, context.get_abi_sizeof(element))
        strides: list[Any] = []
        for length in reversed(shape):
            strides.insert(0, size)
            size = builder.mul(size, length)
        memory = context.nrt.meminfo_alloc_aligned(builder, size, _ALIGNMENT)
        data = context.nrt.meminfo_data(builder, memory)
        if zeros:
            cgutils.memset(builder, data, size, 0)
        array = context.make_array(kind)(context, builder)
        array.meminfo, array.parent = memory, cgutils.get_null_value(array.parent.type)
        array.data = builder.bitcast(data, element.as_pointer())
        array.itemsize, array.nitems = item_size, builder.sdiv(size, item_size)
        array.shape = cgutils.pack_array(builder, shape)
        array.strides = cgutils.pack_array(builder, strides)
        return array._getvalue()

    return new


def _extreme(is_better: Callable[[Any, Any], Any]) -> Any:
    """Make an intrinsic that takes the second of two numbers where it is better, as Python does."""

    @intrinsic
    def extreme(typing_context: Any, first: Any, second: Any) -> Any:
        kind = typing_context.unify_types(first, second)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            first, second = (
                context.cast(builder, value, given, kind)
                for value, given in zip(arguments, signature.args, strict=True)
            )
            compare = context.get_function(is_better, types.boolean(kind, kind))
            return builder.select(compare(builder, (second, first)), second, first)

        return kind(first, second), generate

    return extreme


_empty, _zeros = _new(zeros=False), _new(zeros=True)
INSTEAD = {
    (np.empty, 1): _empty,
    (np.empty, 2): _empty,
    (np.zeros, 1): _zeros,
    (np.zeros, 2): _zeros,
    (min, 2): _extreme(operator.lt),
    (max, 2): _extreme(operator.gt),
}
"""What stands for a function that is given so many arguments."""
