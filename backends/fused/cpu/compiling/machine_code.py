"""Machine code of Numba that is quick to load, and kept on disk where that is possible.

Numba's public ways start its whole compiler before they look for what is there.
"""

from __future__ import annotations

import functools
import hashlib
import io
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding as llvm
from numba.core import types
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache
from numba.core.environment import Environment, lookup_environment
from numba.core.registry import CPUDispatcher
from numba.core.runtime import _nrt_python
from numba.core.types.misc import unliteral
from numba.np import numpy_support

from .collector import collector_paused
from .notices import say_compiling, warn_damaged, warn_uncached
from .whole import KernelCompiler, PartCompiler

__all__ = ["Kernel", "kernel"]

_OPTIONS = {"nopython": True, "nogil": True, "error_model": "numpy", "boundscheck": None}


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """Numba's dispatcher, quick to make and to load."""

    _opened: Any = None

    def __init__(
        self,
        py_func: Callable[..., Any],
        locals: Any = None,  # noqa: A002 - Numba's name
        targetoptions: Any = None,
        pipeline_class: Any = KernelCompiler,
    ) -> None:
        super().__init__(py_func, locals, targetoptions, pipeline_class)

    @property
    def _cache(self) -> Any:
        """Where machine code is kept: looked for when the function is called, which many never are.

        What a kernel calls is loaded with it.
        """
        if self._opened is None:
            try:
                self._opened = _KernelCache(self.py_func)
            except RuntimeError:  # no folder to write to
                self._opened = _NoCache()
                warn_uncached()
        return self._opened

    @_cache.setter
    def _cache(self, _: Any) -> None:
        """Pass over the cache that Numba starts with, which keeps nothing."""

    @functools.cached_property
    def part(self) -> _Part:
        """What stands for it in the kernels that call it."""
        options = self.targetoptions | {"no_cpython_wrapper": True}
        return _Part(self.py_func, targetoptions=options, pipeline_class=PartCompiler)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Compile for a kernel: a counter that starts at 0 as an integer, not as the number 0."""
        return self.part.get_call_template(tuple(map(unliteral, args)), kws)

    def get_overload(self, sig: Any) -> Any:
        """Return what a kernel calls."""
        return self.part.get_overload(sig)

    def compile(self, sig: Any) -> Any:
        """Compile, or load what was compiled before."""
        with collector_paused():
            return super().compile(sig)

    def typeof_pyval(self, val: Any) -> Any:
        """Tell the type of a plain array without NumPy's masked ones, which Numba asks after."""
        if type(val) is not np.ndarray:
            return super().typeof_pyval(val)
        kind = types.Array(
            numpy_support.from_dtype(val.dtype),
            val.ndim,
            numpy_support.map_layout(val),
            readonly=not val.flags.writeable,
        )
        self._types_active_call.add(kind)
        return kind

    def _compilation_chain_init_hook(self) -> None:
        """Load no extensions of Numba, of which kernels use none."""


def kernel(function: Callable[..., Any]) -> Kernel:
    """Make a kernel of a function."""
    # a function pointer for C is taken of none
    return Kernel(function, targetoptions=_OPTIONS | {"no_cfunc_wrapper": True})


class _Part(CPUDispatcher):  # type: ignore[misc]
    """A function as kernels call it, which Python cannot."""

    def _compilation_chain_init_hook(self) -> None:
        """Load no extensions of Numba, of which kernels use none."""

    def add_overload(self, cres: Any) -> None:
        """Keep what was compiled, without an address."""
        self.overloads[tuple(cres.signature.args)] = cres


class _KernelCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache, which looks at one file, made to look at all that a function is compiled from.

    Its machine code contains that of the functions it calls, so a change in any of them makes it
    stale.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        sources = _sources(Path(function.__code__.co_filename))
        self._cache_file = _CheckedFile(self.cache_path, self._impl.filename_base, sources)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Load, or say once that what is not there is compiled now."""
        # Numba's own way starts its whole compiler first, which takes longer than all the rest
        _name_runtime()
        with self._guard_against_spurious_io_errors():
            found = self._load_overload(signature, target_context)
        if found is None:
            say_compiling()
        return found

    def save_overload(self, signature: Any, data: Any) -> None:
        """Save, or say once that it cannot be done."""
        try:
            super().save_overload(signature, data)
        except OSError:
            self.disable()
            warn_uncached()


class _NoCache(NullCache):  # type: ignore[misc]
    """Keeps nothing."""

    def load_overload(self, signature: Any, target_context: Any) -> None:  # noqa: ARG002
        """Say once that everything is compiled now."""
        say_compiling()


class _CheckedFile(IndexDataCacheFile):  # type: ignore[misc]
    """The files of a function, where damaged ones count as missing and are written anew.

    Numba would raise an error at every call, in every process, or run machine code that has been
    changed.
    """

    def _dump(self, content: Any) -> bytes:
        """Pickle with its digest behind it, which Numba's own way of reading passes over."""
        pickled: bytes = super()._dump(content)
        return pickled + _digest(pickled)

    def _load_index(self) -> dict[Any, str]:
        try:
            found: dict[Any, str] = super()._load_index()
            if found:  # of these very sources, so with a digest: those of others are not read
                with open(self._index_path, "rb") as file:
                    pickle.load(file)  # the version of Numba
                    _checked(file.read())
        except FileNotFoundError:
            return {}
        except Exception:  # noqa: BLE001 - unpickling raises anything
            warn_damaged(self._cache_path)
            return {}
        return found

    def _load_data(self, name: str) -> Any:
        try:
            stored = _checked(Path(self._data_path(name)).read_bytes())
            return _CodeLoader(io.BytesIO(stored)).load()
        except ValueError:
            warn_damaged(self._cache_path)
            return None


@functools.cache
def _name_runtime() -> None:
    """Let machine code find the functions by which it asks for memory."""
    for name, address in _nrt_python.c_helpers.items():
        llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


class _CodeLoader(pickle.Unpickler):
    """Loads machine code without the modules of Numba whose functions it contains.

    They are what an error would name, and kernels raise none.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Look up a class, or a function that makes an object."""
        if (module, name) == ("numba.core.environment", "_rebuild_env"):
            return _environment
        return super().find_class(module, name)


def _environment(module: str, constants: list[Any], name: str) -> Environment:
    """Make what compiled code calls its globals and constants."""
    found = lookup_environment(name)
    if found is None:
        known = sys.modules.get(module)
        found = Environment({"__name__": module} if known is None else known.__dict__)
        found.consts[:] = constants
        found.env_name = name
        Environment._memo[name] = found
    return found


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _checked(stored: bytes) -> bytes:
    """Return data that are followed by their digest."""
    size = len(stored) - hashlib.sha256().digest_size
    if size < 0 or _digest(stored[:size]) != stored[size:]:
        raise ValueError("damaged")
    return stored[:size]


@functools.cache
def _sources(path: Path) -> str:
    """Digest of the source code of a module and of those of our own that it imports from."""
    found, waiting = dict[Path, bytes](), [path, Path(__file__)]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found[module] = module.read_bytes()
            waiting += _imported(module, found[module])
    digest = hashlib.sha256()
    for module in sorted(found):
        digest.update("/".join(module.parts[-2:]).encode() + found[module])
    return digest.hexdigest()


def _imported(module: Path, source: bytes) -> list[Path]:
    """Files that a module names after one dot or more, in a line of its own."""
    lines = re.findall(rb"^from \.(\.*)([\w.]+) import", source, re.MULTILINE)
    return [
        module.parents[len(up)].joinpath(*name.decode().split(".")).with_suffix(".py")
        for up, name in lines
    ]
