"""Fixtures that run a test on every backend.

They are `backend`, `xp`, `device`, `dtype`, `asarray` and `to_numpy`. `device` is deliberately not
the default one for array-api-strict, so that any array made without ``device=`` is an error. A
test that a framework cannot pass says so with ``@pytest.mark.skip_backend("jax", reason="...")``,
one that adds little there to what it takes with ``slow_backend``, likewise.
JAX compiles every operation for every shape and dtype, which takes more time than all the rest:
there a test is slow unless it is marked ``on_jax``, as one of each public function and property
is (tests/backends/jax has JAX's own).
A framework is imported by the first test that runs on it. With TEMPOTRON_TEST_CUDA=1 in the
environment, torch and JAX are also tested on the first CUDA device, as CuPy is where it is
installed.

NumPy runs every combination of a test's parameters. What the other backends add to it is not
another sweep over them: each runs as many combinations as show it every value of every parameter
(JAX one, in single precision), and the rest are marked `slow` (see `shown_elsewhere`).
"""

from __future__ import annotations

import gc
import os
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable
from enum import Enum
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from accelerators import PREPARE
from compiled_once import share_compilation

from tempotron_backends import Backend, select

# Read by XLA when JAX starts: one thread, errors only, and no grabbing of all GPU memory.  The
# suite compiles hundreds of small programs and runs each a few times, so they are not optimised,
# which takes half of the time.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


class Backends(Enum):
    """Every backend that tests run on, as the name that `select` takes."""

    NUMPY = "numpy:cpu"
    TORCH = "torch:cpu"
    JAX = "jax:cpu"
    STRICT = "strict:device1"
    CUPY = "cupy:cuda:0"
    TORCH_CUDA = "torch:cuda:0"
    JAX_CUDA = "jax:cuda:0"

    @property
    def framework(self) -> str:
        """Name of the framework, which `skip_backend` refers to."""
        return self.value.partition(":")[0]

    @property
    def needs_gpu(self) -> bool:
        """Whether it runs on an accelerator only."""
        return "cuda" in self.value

    @property
    def listed(self) -> bool:
        """Whether tests are made for it; test_gpu.py says which accelerators there are."""
        if not self.needs_gpu or "TEMPOTRON_TEST_CUDA" in os.environ:
            return True
        return self is Backends.CUPY and find_spec("cupy") is not None

    def pytest_param(self) -> Any:
        """This backend as a parameter of the `backend` fixture."""
        marks = [pytest.mark.gpu] if self.needs_gpu else []
        return pytest.param(self, id=self.name.lower().replace("_", "-"), marks=marks)


MODULES = {"strict": "array_api_strict"}


@cache
def obtain(wanted: Backends) -> Backend | str:
    """The backend, ready for tests, or why there is none."""
    name = wanted.framework
    module = MODULES.get(name, name)
    try:
        framework = pytest.importorskip(module)
    except pytest.skip.Exception:
        return f"{module} is not installed"
    PREPARE.get(name, lambda _: None)(framework)
    try:
        return select(wanted.value)
    except ValueError:
        if wanted.needs_gpu:
            return f"{wanted.value} cannot be used on this machine"
        raise


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers that this file gives meaning to; let JAX keep what it compiles."""
    for line in (
        "skip_backend(name, *, reason): the test does not apply to a framework",
        "slow_backend(name, *, reason): on a framework, the test is slow",
        "on_jax: one case of the test on JAX is not slow",
    ):
        config.addinivalue_line("markers", line)
    # Half of the suite's time is XLA compiling small programs: for this and later runs, for both
    # processes of pytest-xdist, and for the programs that tests start.
    if cache := getattr(config, "cache", None):
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache.mkdir("jax")))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        if "PYTEST_XDIST_WORKER" in os.environ:
            share_compilation(cache.mkdir("numba"))


def shown_elsewhere(cases: Iterable[dict[str, Any]]) -> set[int]:
    """Indices of cases, a value per parameter each, without which every value is still seen.

    The case with the most values not seen before is kept, the first one of several, until none
    are left.
    """
    unseen = {
        index: {(name, repr(value)) for name, value in case.items()}
        for index, case in enumerate(cases)
    }
    while any(unseen.values()):
        seen = unseen.pop(max(unseen, key=lambda index: len(unseen[index])))
        unseen = {index: values - seen for index, values in unseen.items()}
    return set(unseen)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from going through all that stays until the end, time and again.

    Modules and test items are millions of objects: a twentieth of the suite's time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)  # before `-m` is heeded
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what is on its backend, and what only repeats there what NumPy runs."""
    sweeps = defaultdict(list)
    for item in items:
        case = getattr(item, "callspec", None)
        wanted = case and case.params.get("backend")
        if not isinstance(wanted, Backends):  # no backend, or a parameter of the test's own
            continue
        skipped, on_request = (
            any(marker.args[0] == wanted.framework for marker in item.iter_markers(name))
            for name in ("skip_backend", "slow_backend")
        )
        if wanted.framework == "jax":  # test_jax_functions.py is in double precision
            chosen = item.get_closest_marker("on_jax") is not None
            on_request |= not chosen or case.params.get("dtype") == "float64"
        if on_request:
            item.add_marker(pytest.mark.slow)
        elif wanted is not Backends.NUMPY and not skipped:
            sweeps[item.path, item.originalname, wanted].append((item, case.params))
    for (_, _, wanted), sweep in sweeps.items():
        slow = shown_elsewhere(params for _, params in sweep)
        if wanted.framework == "jax":  # one case
            kept = min(set(range(len(sweep))) - slow)
            slow = set(range(len(sweep))) - {kept}
        for index in slow:
            sweep[index][0].add_marker(pytest.mark.slow)


@pytest.fixture(params=[each.pytest_param() for each in Backends if each.listed])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each backend in turn, skipped where its framework or its device is missing."""
    wanted: Backends = request.param
    for marker in request.node.iter_markers("skip_backend"):
        if marker.args[0] == wanted.framework:
            pytest.skip(f"{wanted.framework}: {marker.kwargs['reason']}")
    obtained = obtain(wanted)
    if isinstance(obtained, str):
        pytest.skip(obtained)
    return obtained


@pytest.fixture
def xp(backend: Backend) -> ModuleType:
    """The backend's Array API namespace."""
    return backend.xp


@pytest.fixture
def device(backend: Backend) -> Any:
    """The backend's device, to be passed as ``device=``; not the default one where that can be."""
    return backend.native_device


@pytest.fixture(params=["float64", "float32"])
def dtype(request: pytest.FixtureRequest, backend: Backend) -> Any:
    """Each floating-point dtype in turn, as an object of the backend's namespace."""
    if request.param not in backend.dtypes:
        pytest.skip(f"{backend} has no {request.param}")
    return backend.dtype(request.param)


@pytest.fixture
def asarray(backend: Backend, dtype: Any) -> Callable[..., Any]:
    """``asarray(values, dtype=None)``: an array on the backend's device.

    Floating-point values take the test's `dtype` unless told otherwise; integers and booleans keep
    their own.
    """

    def asarray(values: Any, dtype: Any = dtype) -> Any:
        host = np.asarray(values)
        return backend.from_numpy(host, dtype if host.dtype.kind == "f" else None)

    return asarray


@pytest.fixture
def to_numpy(backend: Backend) -> Callable[[Any], np.ndarray]:
    """``to_numpy(array)``: the values of an array of the backend, on the host."""
    return backend.to_numpy
