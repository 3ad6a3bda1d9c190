"""The CUDA kernels as host C++, for the tests of their numbers."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from cuda_comparison import Forms
from cuda_host.host import build, device, load

import tempotron_backends
from tempotron_backends.fused.cuda import devices
from tempotron_core.arrays import registry


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernels, compiled for the host."""
    if shutil.which("g++") is None:
        pytest.skip("there is no g++ to compile the kernels for the host")
    fcntl = pytest.importorskip("fcntl", reason="processes wait for one another by POSIX locks")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one process compiles, for all
        folder = folder.parent
    path = folder / "kernels.so"
    with open(folder / "kernels.lock", "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        return load(path) if path.exists() else build(path)


@pytest.fixture
def make_forms(library: ctypes.CDLL) -> Iterator[Callable[[int], Forms]]:
    """Fused forms for NumPy arrays by the threads of a block, with no undefined behaviour."""
    assert library.undefined_behaviours() == 0

    def make(n_threads: int) -> Forms:
        on = device(library, n_threads)
        return {name: partial(form, on) for name, form in devices.FUNCTIONS.items()}

    yield make
    assert library.undefined_behaviours() == 0, "see what UBSan says on stderr"


@pytest.fixture
def host() -> tempotron_backends.Backend:
    return tempotron_backends.select("numpy")


@pytest.fixture
def find_forms(monkeypatch: pytest.MonkeyPatch) -> Callable[[Forms], None]:
    """Let the core find these forms for NumPy arrays."""
    registered = registry.implementation

    def find(forms: Forms) -> None:
        def implementation(name: str, array: Any) -> Any:
            is_ours = name == "fused" and isinstance(array, np.ndarray)
            return (lambda _: forms) if is_ours else registered(name, array)

        monkeypatch.setattr(registry, "implementation", implementation)

    return find
