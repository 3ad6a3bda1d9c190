"""Frameworks made ready for tests, and the accelerators that this machine has."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType

import pytest

from tempotron_backends import Backend, select, status


def prepare_jax(jax: ModuleType) -> None:
    """Switch on the 64-bit types, which the library leaves to its user."""
    jax.config.update("jax_enable_x64", True)


def prepare_torch(torch: ModuleType) -> None:
    """Keep torch from spreading small operations over every processor core."""
    torch.set_num_threads(1)


PREPARE: dict[str, Callable[[ModuleType], None]] = {"jax": prepare_jax, "torch": prepare_torch}


ACCELERATORS = ("cupy:cuda", "torch:cuda", "jax:cuda", "torch:mps", "torch:xpu")


@cache
def obtain(name: str) -> Backend | str:
    """The backend, or the reason why there is none."""
    framework = name.partition(":")[0]
    try:
        module = pytest.importorskip(framework)
    except pytest.skip.Exception:
        return f"{framework} is not installed"
    PREPARE.get(framework, lambda _: None)(module)
    try:
        return select(name)
    except ValueError:
        rows = {str(row).removesuffix(":0"): row.reason for row in status()}
        return f"{name}: {rows.get(name, 'no such device')}"


def obtain_or_skip(name: str) -> Backend:
    obtained = obtain(name)
    if isinstance(obtained, str):
        pytest.skip(obtained)
    return obtained
