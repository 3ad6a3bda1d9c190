"""The package as such: what importing it loads, its metadata, its public names and its imports."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.resources
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tempotron_backends
import tempotron_core
from tempotron_core.arrays import registry

ROOT = Path(__file__).parents[1]
CORE = Path(tempotron_core.__file__).parent
WALKED = list(pkgutil.walk_packages([str(CORE)], "tempotron_core."))
MODULES = sorted(info.name.removeprefix("tempotron_core.") for info in WALKED)
ROOMS = {info.name.removeprefix("tempotron_core.") for info in WALKED if info.ispkg}
OPTIONAL = (
    "torch jax jaxlib cupy array_api_strict numba dask distributed sklearn matplotlib rich scipy "
    "mpmath safetensors"
).split()


def module(name: str) -> ModuleType:
    return importlib.import_module(f"tempotron_core.{name}")


def python(code: str) -> str:
    """Output of Python code run in a process of its own."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


# -- importing --------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["tempotron_core", "tempotron_backends"])
def test_import_loads_nothing_yet(package):
    """Not even NumPy: everything is imported when it is first asked for."""
    loaded = set(python(f"import sys, {package}; print(*sys.modules)").split())
    assert package in loaded
    assert not loaded & {*OPTIONAL, "numpy", "array_api_compat", "tempotron_core.neuron"}


def test_all_names_load_no_framework():
    loaded = set(python("import sys; from tempotron_core import *; print(*sys.modules)").split())
    assert "tempotron_core.readouts.peak" in loaded
    assert not loaded & {*OPTIONAL, "tempotron_backends"}


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_version_and_help_of_the_command_wait_for_nothing(argument):
    code = f"""
import sys
from tempotron_backends.cli import main
assert main([{argument!r}]) == 0
print(*sys.modules)
"""
    loaded = set(python(code).splitlines()[-1].split())
    assert "tempotron_backends.cli.options" in loaded
    assert not loaded & {*OPTIONAL, "numpy", "tempotron_backends.cli.train"}


def test_a_numpy_call_loads_no_framework():
    """Entry points are loaded for the library at hand only."""
    code = """
import sys
import numpy as np
from tempotron_core import Events, Neuron, peak, peak_vjp
events = Events.from_latencies(np.ones((1, 2)), 50.0)
found = peak(events, np.ones((1, 2)), Neuron())
peak_vjp(events, np.ones((1, 2)), Neuron(), found, np.ones((1, 1)))
print(*sys.modules)
"""
    loaded = set(python(code).split())
    assert "tempotron_backends.numpy" in loaded
    # Numba compiles the kernels for NumPy, and brings SciPy
    assert not loaded & set(OPTIONAL) - {"numba", "scipy"}


def test_the_first_peak_loads_what_it_needs():
    """So that it takes not much longer than to import Numba, whose compiler takes as long again."""
    pytest.importorskip("numba")
    code = """
import sys
import numpy as np
from tempotron_core import Events, Neuron, peak
peak(Events.from_latencies(np.ones((1, 2)), 50.0), np.ones((1, 2)), Neuron())
print(*sys.modules)
"""
    python(code)  # compiles what has not been compiled yet
    loaded = set(python(code).split())
    assert "tempotron_backends.fused.cpu.readouts.peak_scan" in loaded
    compiler = {"numba.np.arraymath", "numba.np.arrayobj", "numba.cpython.unicode"}
    # with the namespace of NumPy come all parts of NumPy, and a compiler of Fortran among them
    others = {"array_api_compat.numpy", "array_api_extra", "numpy.f2py", "numpy.ma"}
    assert not loaded & {*compiler, *others, "tempotron_backends.fused.cpu.spiking.functions"}


def test_import_loads_its_own_modules_alone():
    """So that it takes no time to speak of beyond what its dependencies take."""
    code = """
import sys
import array_api_compat.numpy, array_api_extra, numpy
before = set(sys.modules)
from tempotron_core import *
print(*set(sys.modules) - before)
"""
    loaded = python(code).split()
    assert [name for name in loaded if name.partition(".")[0] != "tempotron_core"] == []


# -- metadata ---------------------------------------------------------------------------------


def test_version():
    assert tempotron_core.__version__ == importlib.metadata.version("tempotron-core")
    assert re.fullmatch(r"\d+\.\d+\.\d+", tempotron_core.__version__)


@pytest.mark.parametrize("package", [tempotron_core, tempotron_backends], ids=lambda p: p.__name__)
def test_typed(package):
    assert importlib.resources.files(package).joinpath("py.typed").is_file()


def test_version_is_stated_once_and_cited():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in pyproject["project"]["dynamic"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(
        rf"^version: \"?{re.escape(tempotron_core.__version__)}\"?$", citation, re.MULTILINE
    )
    assert f"## [{tempotron_core.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_folder_of_code_is_packaged():
    """Setuptools packages what pyproject.toml names, and nothing else."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = set(pyproject["tool"]["setuptools"]["packages"])
    found = set()
    for folder, package in (
        ("tempotron_core", "tempotron_core"),
        ("backends", "tempotron_backends"),
    ):
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).parts[:-1]
            found.add(".".join((package, *parts)))
    assert named == found


def test_kernels_are_declared_for_every_library():
    declared = {e.name: e.value for e in importlib.metadata.entry_points(group=GROUP)}
    assert {"numpy", "torch", "jax", "cupy"} <= set(declared)
    # the arrays of JAX belong to the module jaxlib
    assert declared["jaxlib"] == declared["jax"]


def test_what_comes_first_on_the_path_is_registered(tmp_path, monkeypatch):
    """A package that is there twice counts once, as it is imported once."""
    there = ("late", "a", "a.old"), ("soon", "a", "a.new"), ("soon", "b", "b")
    for folder, name, module in there:
        path = tmp_path / folder / f"{name}-1.dist-info"
        path.mkdir(parents=True)
        (path / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (path / "entry_points.txt").write_text(f"[{GROUP}]\nshared = {module}:KERNELS\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "soon"), str(tmp_path / "late")])
    found = registry._registered.__wrapped__()
    assert sorted(e.value for e in found) == ["a.new:KERNELS", "b:KERNELS"]


GROUP = "tempotron_core.kernels"


# -- public names -----------------------------------------------------------------------------


def public(namespace: ModuleType) -> dict[str, Any]:
    return {name: getattr(namespace, name) for name in namespace.__all__}


@pytest.mark.parametrize("package", [tempotron_core, tempotron_backends], ids=lambda p: p.__name__)
def test_all_is_complete(package):
    """What is listed is what type checkers see imported, found when asked for, and shown."""
    tree = ast.parse(inspect.getsource(package))
    (seen,) = (node for node in tree.body if isinstance(node, ast.If))
    homes = {
        alias.name: f"{package.__name__}.{node.module or alias.name}"
        for node in ast.walk(seen)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(homes) == list(package.__all__)
    assert set(package.__all__) <= set(dir(package))
    for name, home in homes.items():
        found = getattr(package, name)
        assert (found if inspect.ismodule(found) else vars(module_of(home))[name]) is found


def module_of(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_rooms_are_reached_from_the_top():
    code = "import tempotron_core as core; print(core.kernel.Kernel, core.files)"
    assert "tempotron_core.kernel" in python(code)
    rooms = {name.partition(".")[0] for name in MODULES}
    assert rooms <= set(tempotron_core._ROOMS)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tempotron_core.nothing  # noqa: B018


@pytest.mark.parametrize("name", [name for name in MODULES if name not in ROOMS])
def test_all_of_a_module(name):
    """A module's __all__ is sorted, exists, and belongs to that module."""
    listed = module(name).__all__
    assert list(listed) == sorted(listed)
    for each, value in public(module(name)).items():
        assert inspect.unwrap(value).__module__ == f"tempotron_core.{name}", each


@pytest.mark.parametrize("name", sorted(ROOMS))
def test_a_room_only_hands_names_on(name):
    """Its ``__init__`` defines nothing, and what it lists comes from its own modules."""
    room = module(name)
    tree = ast.parse(inspect.getsource(room))
    assert not [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    listed = getattr(room, "__all__", [])
    assert list(listed) == sorted(listed)
    for each in listed:
        value = getattr(room, each)
        origin = value.__name__ if inspect.ismodule(value) else inspect.unwrap(value).__module__
        assert origin.startswith(f"tempotron_core.{name}."), each


def callables() -> Iterator[Any]:
    """Public functions and classes, and the public methods of the classes."""
    handed_on = (
        tempotron_core,
        tempotron_core.encoding,
        tempotron_core.learning,
        tempotron_core.spiking,
    )
    for name, value in (item for package in handed_on for item in public(package).items()):
        if inspect.ismodule(value) or (inspect.isclass(value) and issubclass(value, Warning)):
            continue
        yield pytest.param(value, id=name)
        if inspect.isclass(value):
            for attribute, member in vars(value).items():
                function = getattr(member, "__func__", member)
                ours = getattr(function, "__module__", "").startswith("tempotron_core")
                if inspect.isfunction(function) and ours and not attribute.startswith("_"):
                    yield pytest.param(function, id=f"{name}.{attribute}")


def section(docstring: str, title: str) -> str:
    """Text of one section of a numpydoc docstring, empty if there is none."""
    found = re.search(
        rf"^{title}\n-{{{len(title)}}}\n(.*?)(?=^\S[^\n]*\n-{{3,}}\n|\Z)",
        docstring,
        re.MULTILINE | re.DOTALL,
    )
    return found[1] if found else ""


@pytest.mark.parametrize("function", [*callables()])
def test_docstring(function):
    """Every parameter is described, and what is returned."""
    docstring = inspect.getdoc(function) or ""
    summary, *_ = docstring.partition("\n")
    assert summary.endswith((".", ":")), summary
    described = section(docstring, "Parameters") + section(docstring, "Attributes")
    # "a, b : type" and "a, b" (of another function) both name a and b
    named = {
        name.strip().lstrip("*")
        for line in re.findall(r"^(\S[^:\n]*)", described, re.MULTILINE)
        for name in line.split(",")
    }
    parameters = [
        p
        for p in inspect.signature(function).parameters
        if p not in ("self", "cls") and not p.startswith("_")
    ]
    if parameters:
        assert described, "there is no section Parameters"
        assert set(parameters) <= named
    returns = inspect.signature(function).return_annotation
    if inspect.isfunction(inspect.unwrap(function)) and returns not in (None, "None"):
        assert section(docstring, "Returns"), "there is no section Returns"


@pytest.mark.parametrize("name", MODULES)
def test_module_docstring(name):
    assert module(name).__doc__


# -- what the core may import and ask ---------------------------------------------------------

ALLOWED = {"array_api_compat", "array_api_extra", "numpy"}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(CORE.rglob("*.py")):
        yield path.name, ast.parse(path.read_text())


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_core_imports_no_framework():
    for file, tree in trees():
        for name in imported(tree):
            top, _, rest = name.partition(".")
            assert top in ALLOWED or top in sys.stdlib_module_names, f"{file} imports {name}"
            # array_api_compat.torch is torch
            is_framework = top == "array_api_compat" and rest.partition(".")[0] in {
                *OPTIONAL,
                "numpy",
                "dask",
            }
            assert not is_framework, f"{file} imports {name}"


def test_core_never_imports_by_name():
    """No import is hidden in a string, but for what the package hands on when it is asked for.

    Entry points bring in what knows a framework.
    """
    for file, tree in trees():
        names = [
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Name | ast.Attribute)
        ]
        assert not {"__import__", "exec", "eval"} & set(names), file
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        relative = [c for c in calls if ast.unparse(c).startswith("import_module(f'.{")]
        assert names.count("import_module") == len(relative), file
        for name in imported(tree):
            if name.startswith("importlib"):
                allowed = "importlib.import_module" if relative else "importlib.metadata"
                assert name.startswith(allowed), f"{file} imports {name}"


LIBRARIES = {*OPTIONAL, "numpy", "dask", "jax.numpy"} | {
    f"array_api_compat.{name}" for name in (*OPTIONAL, "numpy", "dask")
}


def decisions(tree: ast.AST) -> Iterator[ast.expr]:
    """Comparisons, and calls of string methods that compare."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from (node.left, *node.comparators)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("startswith", "endswith", "find", "count")
        ):
            yield from (node.func.value, *node.args)
        elif isinstance(node, ast.Match):
            yield node.subject


def test_core_does_not_branch_on_the_library():
    """The Array API decides; a name of a namespace is for messages and for the registry."""
    for file, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name | ast.Attribute):
                name = node.id if isinstance(node, ast.Name) else node.attr
                asks = re.fullmatch(r"is_\w+_(namespace|array)", name)
                assert not asks or name == "is_lazy_array", f"{file}: {name}"
        for compared in decisions(tree):
            for node in ast.walk(compared):
                where = f"{file}:{getattr(node, 'lineno', '?')}"
                if isinstance(node, ast.Constant):
                    assert node.value not in LIBRARIES, where
                elif isinstance(node, ast.Attribute) and node.attr == "__name__":
                    # the name of a type may be asked for, that of a namespace may not
                    assert isinstance(node.value, ast.Call), where
