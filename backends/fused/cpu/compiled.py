"""Functions compiled by Numba, with the machine code kept on disk where that is possible."""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile at the first call with arguments of a kind, without the interpreter's lock.

    Floating-point operations are neither reordered nor fused, and divisions by zero give what IEEE
    754 says.
    """
    dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
    try:
        dispatcher._cache = _KernelCache(function)
    except RuntimeError:  # no folder to write to
        _warn_uncached()
    return cast(F, dispatcher)


class _KernelCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache, which looks at one file, made to look at every file of the kernels.

    A function's machine code contains that of the functions it calls, so a change in any of them
    makes it stale.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file._source_stamp = _sources()

    def save_overload(self, signature: Any, data: Any) -> None:
        """Save, or say once that it cannot be done."""
        try:
            super().save_overload(signature, data)
        except OSError:
            self.disable()
            _warn_uncached()


@functools.cache
def _sources() -> str:
    """Digest of the source code of all kernels."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@functools.cache  # once per process
def _warn_uncached() -> None:
    warnings.warn(
        "the compiled kernels cannot be kept on disk and are compiled anew in every process: set "
        "NUMBA_CACHE_DIR to a folder that can be written to",
        RuntimeWarning,
        stacklevel=2,
    )
