"""Kernels compiled by one process of pytest-xdist for all of them."""

from __future__ import annotations

import functools
import zlib
from pathlib import Path
from typing import Any


def share_compilation(folder: Path) -> None:
    """Let this process wait for a kernel that another one compiles, and read it from the cache.

    A cold run of two processes would compile each kernel twice: more than a minute of each.  A lock
    on one byte of a file in `folder` stands for a kernel and the kinds of its arguments.
    """
    try:
        import fcntl

        from numba.core.compiler_lock import global_compiler_lock
        from numba.core.dispatcher import Dispatcher
    except ImportError:  # no such locks on this system, or no Numba
        return
    file = open(folder / "lock", "wb")  # noqa: SIM115 - for as long as the process lives
    compile_alone = Dispatcher.compile

    @functools.wraps(compile_alone)
    def compile_once(self: Any, sig: Any) -> Any:
        if self._cache.cache_path is None:  # nothing to read from
            return compile_alone(self, sig)
        function = self.py_func
        byte = zlib.crc32(f"{function.__module__}.{function.__qualname__}{sig}".encode())
        with global_compiler_lock:  # threads of this process first: no two wait for one another
            fcntl.lockf(file, fcntl.LOCK_EX, 1, byte)
            try:
                return compile_alone(self, sig)
            finally:
                fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)

    Dispatcher.compile = compile_once
