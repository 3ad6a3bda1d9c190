"""The machine, what is installed on it, and how many threads may work."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .._backend import Backend

__all__ = ["check_threads", "describe", "limited_to", "usable_cpus", "versions"]

PACKAGES = (
    "tempotron-core",
    "numpy",
    "numba",
    "torch",
    "jax",
    "cupy-cuda12x",
    "cupy-cuda13x",
    "array-api-compat",
    "array-api-extra",
)


def usable_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_threads(threads: int | None) -> int:
    """Return the number of threads, 2 (or 1, where there is one CPU) unless told."""
    cpus = usable_cpus()
    if threads is None:
        return min(2, cpus)
    if not 1 <= threads <= cpus:
        raise ValueError(f"--threads must be from 1 to the {cpus} CPUs here, got {threads}")
    return threads


@contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """Let this process and those it starts work in that many threads at a time.

    Linux can keep them to that many CPUs, which every library respects.  Elsewhere the fused
    kernels and torch are told, and JAX is not: it has no such setting.
    """
    with ExitStack() as restore:
        if hasattr(os, "sched_setaffinity"):
            before = os.sched_getaffinity(0)
            os.sched_setaffinity(0, sorted(before)[:threads])
            restore.callback(os.sched_setaffinity, 0, before)
        # Ours is read at every call, the other when a library is first imported ...
        for name in ("TEMPOTRON_NUM_THREADS", "OMP_NUM_THREADS"):
            restore.callback(_set_variable, name, os.environ.get(name))
            os.environ[name] = str(threads)
        # ... which may have been.
        if torch := sys.modules.get("torch"):
            restore.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        yield


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def describe() -> dict[str, Any]:
    """What a reader needs to know of the machine."""
    return {
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "usable_cpus": usable_cpus(),
        "memory_bytes": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions(backends: Iterable[Backend]) -> dict[str, str]:
    """Versions of what takes part, as installed."""
    found = {backend.name: backend.version for backend in backends}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        listed = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        listed = ""
    found = re.search(r"^model name\s*:\s*(.+)$", listed, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
