"""Functions compiled by Numba."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., Any])

if numba.config.DISABLE_JIT:
    raise ImportError("NUMBA_DISABLE_JIT is set")

try:
    from . import machine_code
except ImportError as error:  # it builds on parts of Numba that may move
    _known = False
    warnings.warn(
        f"this version of Numba ({numba.__version__}) is not known, so that the kernels are "
        f"compiled anew in every process: {error}",
        RuntimeWarning,
        stacklevel=2,
    )
else:
    _known = True


def compiled(function: F) -> F:
    """Compile at the first call with arguments of a kind, without the interpreter's lock.

    Floating-point operations are neither reordered nor fused, and divisions by zero give what IEEE
    754 says.
    """
    options = {"nogil": True, "error_model": "numpy"}
    if not _known:
        return cast(F, numba.njit(function, **options))
    options |= {"nopython": True, "boundscheck": None}
    options |= {"no_cfunc_wrapper": True}  # a function pointer for C is taken of none
    return cast(F, machine_code.Kernel(function, targetoptions=options))
