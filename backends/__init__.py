"""Backends, kernels and applications for `tempotron_core`.

`select` chooses an array library and a device by name; `available` and `status` say what can be
used here. The modules ``numpy``, ``cupy``, ``torch``, ``jax`` and ``strict`` each describe one
framework and are imported when they are first needed: importing this package loads no framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._backend import Backend, Framework
    from ._selection import Status, available, select, status

__all__ = ["Backend", "Framework", "Status", "available", "select", "status"]

# Imported when they are first asked for, so that ``tempotron --help`` does not wait for NumPy.
_MODULE_OF = dict.fromkeys(("Backend", "Framework"), "_backend")
_MODULE_OF |= dict.fromkeys(("Status", "available", "select", "status"), "_selection")
_FRAMEWORKS = ("numpy", "cupy", "torch", "jax", "strict")


def __getattr__(name: str) -> Any:
    """Import what is handed on, or a framework's module, ``tempotron_backends.torch``."""
    if name in _MODULE_OF:
        found = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = found
        return found
    if name in _FRAMEWORKS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
