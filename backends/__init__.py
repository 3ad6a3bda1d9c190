"""Backends, kernels and applications for `tempotron_core`.

`select` chooses an array library and a device by name; `available` and `status` say what can be
used here. The modules ``numpy``, ``cupy``, ``torch``, ``jax`` and ``strict`` each describe one
framework and are imported when they are first needed: importing this package loads no framework.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ._backend import Backend, Framework
from ._selection import EXTRAS as _EXTRAS
from ._selection import Status, available, select, status

__all__ = ["Backend", "Framework", "Status", "available", "select", "status"]


def __getattr__(name: str) -> ModuleType:
    """Import a framework's module when it is first asked for: ``tempotron_backends.torch``."""
    if name in _EXTRAS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
