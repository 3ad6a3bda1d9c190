"""The kernels as a shared library for the host: how it is built, and launched from NumPy arrays."""

from __future__ import annotations

import ctypes
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from tempotron_backends.fused.cuda.launch import Device

SOURCE = Path(str(files("tempotron_backends.fused.cuda") / "kernels.cu"))
SANITIZERS = ("undefined", "float-divide-by-zero")


class _Argument(ctypes.Structure):
    _fields_ = (("value", ctypes.c_void_p), ("type", ctypes.c_char))


def build(library: Path, *more: str) -> ctypes.CDLL:
    """Compile with UBSan, which counts what it finds in `undefined_behaviours()`, and load."""
    command = ["g++", "-std=c++20", "-O1", "-fPIC", "-shared", "-pthread", "-Wall", "-Wextra"]
    command += ["-Werror", "-Wno-sign-compare", "-Wno-unknown-pragmas"]
    command += [f"-fsanitize={','.join(SANITIZERS)}"]
    command += ["-static-libubsan", f'-DKERNELS="{SOURCE}"', *more]
    command += ["-o", str(library), str(Path(__file__).with_name("driver.cpp"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return load(library)


def load(library: Path) -> ctypes.CDLL:
    """Take a library that is there."""
    return ctypes.CDLL(str(library))


def device(library: ctypes.CDLL, n_threads: int = 128) -> Device:
    """A `Device` that launches on NumPy arrays, with blocks of so many threads."""

    def launch(
        name: str, blocks: tuple[int, int], threads: int, arguments: tuple[Any, ...]
    ) -> None:
        assert 1 <= blocks[0] < 2**31
        assert 1 <= blocks[1] < 2**16
        packed = (_Argument * len(arguments))(*map(_pack, arguments))
        status = library.run(name.encode(), *blocks, threads, packed, len(arguments))
        assert status == 0, f"{name}: {('', 'no such kernel', 'wrong arguments')[status]}"

    return Device(np, launch, n_threads)


def _pack(argument: Any) -> _Argument:
    """An array, a null pointer or a number, and the letter of its type: see driver.cpp."""
    if isinstance(argument, np.ndarray):
        assert argument.flags.c_contiguous
        return _Argument(argument.ctypes.data, argument.dtype.char.encode())
    assert isinstance(argument, np.generic), f"{argument!r} has no type of C++"
    if argument.dtype == np.uintp:
        assert argument == 0
        return _Argument(None, b"0")
    held = np.asarray(argument)
    _held.append(held)
    del _held[:-100]
    return _Argument(held.ctypes.data, held.dtype.char.upper().encode())


_held: list[np.ndarray] = []  # numbers whose addresses are in use
