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

NEWEST = (0, 68)
"""The newest version of Numba that all of it is known to work with."""

try:
    from . import machine_code

    if numba.version_info.short > NEWEST:
        from .trial import try_out

        try_out()
except Exception as error:  # noqa: BLE001 - it builds on parts of Numba that may move or change
    _known = False
    warnings.warn(
        f"this version of Numba ({numba.__version__}) is not known, so that the kernels are "
        f"compiled anew in every process: {type(error).__name__}: {error}",
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
    if not _known:
        return cast(F, numba.njit(function, nogil=True, error_model="numpy"))
    return cast(F, machine_code.kernel(function))
