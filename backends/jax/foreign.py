"""Functions on NumPy arrays as targets of XLA's foreign function interface, on the processor.

XLA calls a C function with a frame of pointers to its buffers, see ``xla/ffi/api/c_api.h``, which
ships with jaxlib: the structures below are those of that header, as far as they are needed, and the
version that is announced is the header's.  The function is a callback of ctypes.  It holds the
interpreter's lock while it wraps the buffers in arrays, some microseconds, and compiled kernels let
go of it.  What is called is told by a text that is part of the program, so that a program kept on
disk finds it in another process.
"""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Callable, Sequence
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

__all__ = ["TARGET", "api_version", "register"]

Array = NDArray[Any]

TARGET = "tempotron_kernel"

METADATA = 1
"""Type of the extension that asks for the version, once, at registration."""

INVALID_ARGUMENT = 3

DTYPES = {4: np.int32, 5: np.int64, 11: np.float32, 12: np.float64}


class _Version(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("extension", c_void_p), ("major", c_int), ("minor", c_int)]


class _Metadata(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("version", _Version)]


class _Extension(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("type", c_int), ("next", c_void_p), ("metadata", POINTER(_Metadata)),
    ]  # fmt: skip


class _Buffer(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("extension", c_void_p), ("dtype", c_int), ("data", c_void_p),
        ("rank", c_int64), ("dims", POINTER(c_int64)),
    ]  # fmt: skip


class _Buffers(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("extension", c_void_p), ("n", c_int64), ("types", c_void_p),
        ("values", POINTER(POINTER(_Buffer))),
    ]  # fmt: skip


class _Text(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t)]


class _Attributes(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("extension", c_void_p), ("n", c_int64), ("types", c_void_p),
        ("names", c_void_p), ("values", POINTER(POINTER(_Text))),
    ]  # fmt: skip


class _Error(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("extension", c_void_p), ("message", c_char_p), ("code", c_int),
    ]  # fmt: skip


_MAKE_ERROR = ctypes.CFUNCTYPE(c_void_p, POINTER(_Error))


class _Api(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("extension", c_void_p), ("version", _Version), ("internal", c_void_p),
        ("make_error", _MAKE_ERROR),
    ]  # fmt: skip


class _Frame(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("extension", POINTER(_Extension)), ("api", POINTER(_Api)),
        ("context", c_void_p), ("stage", c_int), ("arguments", _Buffers), ("results", _Buffers),
        ("attributes", _Attributes),
    ]  # fmt: skip


_HANDLER = ctypes.CFUNCTYPE(c_void_p, POINTER(_Frame))

_kept: list[Any] = []
"""The function that XLA may call as long as the process lives."""


@functools.cache
def api_version() -> tuple[int, int]:
    """Major and minor version of the interface that jaxlib speaks, of the header it ships.

    Raises
    ------
    OSError, ValueError
        If there is no such header, or no version in it.
    """
    header = Path(jax.ffi.include_dir(), "xla", "ffi", "api", "c_api.h").read_text("utf-8")
    found = [re.search(rf"#define XLA_FFI_API_{part} (\d+)", header) for part in ("MAJOR", "MINOR")]
    if found[0] is None or found[1] is None:
        raise ValueError("no version of the interface in xla/ffi/api/c_api.h")
    return int(found[0][1]), int(found[1][1])


def register(function: Callable[[str, list[Array], list[Array]], None]) -> None:
    """Let XLA call ``function(text, arguments, results)``, which fills the results.

    Raises
    ------
    Exception
        Of whatever kind, if this JAX cannot do so.
    """
    if _kept:
        return
    jax.devices("cpu")  # a function refused before there is a backend would break it
    major, minor = api_version()

    def handle(frame: Any) -> int | None:
        call = frame.contents
        extension = call.extension
        if extension and extension.contents.type == METADATA:
            version = extension.contents.metadata.contents.version
            version.major, version.minor = major, minor
            return None
        try:
            text = call.attributes.values[0].contents
            read = ctypes.string_at(text.data, text.length).decode()
            function(read, _arrays(call.arguments), _arrays(call.results))
        except BaseException as error:  # noqa: BLE001 - nobody else would see it
            message = f"{type(error).__name__}: {error}".encode()
            told = _Error(ctypes.sizeof(_Error), None, message, INVALID_ARGUMENT)
            made: int = call.api.contents.make_error(ctypes.byref(told))
            return made
        return None

    handler = _HANDLER(handle)
    capsule: Any = jax.ffi.pycapsule(handler)  # type: ignore[no-untyped-call]
    jax.ffi.register_ffi_target(TARGET, capsule, platform="cpu")
    _kept.append(handler)


def _arrays(buffers: Any) -> list[Array]:
    """Arrays that share the memory of buffers."""
    return [_array(buffers.values[i].contents) for i in range(buffers.n)]


def _array(buffer: Any) -> Array:
    shape: Sequence[int] = buffer.dims[: buffer.rank]
    dtype = np.dtype(DTYPES[buffer.dtype])
    n_bytes = dtype.itemsize
    for length in shape:
        n_bytes *= length
    if n_bytes == 0:
        return np.empty(shape, dtype)
    memory: Any = (ctypes.c_char * n_bytes).from_address(buffer.data)
    return np.frombuffer(memory, dtype).reshape(shape)
