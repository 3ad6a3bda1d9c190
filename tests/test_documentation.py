"""The documents: their programs run, their links lead somewhere, and they name no one's machine."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import pytest

import tempotron_backends
import tempotron_core

ROOT = Path(__file__).parents[1]
BLOCK = re.MULTILINE | re.DOTALL
DOCS = ROOT / "docs"
PAGES = [
    path for each in ("*", "api/*", "recordings/*") for path in sorted(DOCS.glob(f"{each}.md"))
]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES]
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))


def title(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Fenced code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, BLOCK)


@contextmanager
def skipped_without_libraries() -> Iterator[None]:
    """Skip the test where what a document uses is not installed."""
    try:
        yield
    except ImportError as error:
        if "pip install" in str(error) or not (error.name or "tempotron").startswith("tempotron"):
            pytest.skip(str(error))
        raise


# -- programs ---------------------------------------------------------------------------------


def spikingjelly_user() -> dict[str, Any]:
    """What a reader of docs/spikingjelly.md has at hand."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    return {
        "torch": torch,
        "in_features": 5,
        "out_features": 3,
        "T": 20,
        "in_spikes": torch.asarray(rng.integers(-1, 20, (4, 5)).astype(np.float32)),
        "label": torch.asarray([0, 2, 1, 1]),
    }


# Names that a document takes for granted. Without an entry its programs have to be complete.
GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "docs/backends.md": lambda: {"host_array": np.ones((2, 3), dtype=np.float32)},
    "docs/spikingjelly.md": spikingjelly_user,
}


LIBRARIES = "dask h5py jax neo nir optax pandas pynapple pynwb sklearn sparse torch".split()
"""What programs import, and may not be installed."""


def without_gpu(code: str) -> str:
    return code.replace("torch:cuda:0", "torch:cpu")


def programs(path: Path) -> dict[str, Any]:
    """Run a document's Python blocks one after another, as one program; return its names."""
    names = GIVEN.get(title(path), dict)()
    for number, code in enumerate(blocks(read(path), "python"), start=1):
        for framework in LIBRARIES:
            if re.search(rf"\bimport {framework}\b|\bfrom {framework}\b|\"{framework}\b", code):
                pytest.importorskip(framework)
        with skipped_without_libraries():
            exec(compile(without_gpu(code), f"{title(path)}, block {number}", "exec"), names)
    return names


# those of formats run in test_formats.py, with the files they need
WITH_PROGRAMS = [
    path for path in DOCUMENTS if blocks(read(path), "python") and path.parent.name != "recordings"
]


def test_documents_with_programs_are_found():
    found = {title(path) for path in WITH_PROGRAMS}
    assert found >= {"README.md", "docs/backends.md", "docs/spikingjelly.md"}
    assert found >= set(GIVEN)


LONG = "counts frameworks jax learning multispike recipes recordings scale sklearn torch".split()
"""Pages with programs of more than two seconds: .ci/run runs all of them, with the figures."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.stem in LONG else [])
        for path in WITH_PROGRAMS
        if path.name != "README.md"  # below
    ],
    ids=title,
)
def test_programs_run(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # some write files
    programs(path)


def test_quickstart_does_what_it_says():
    names = programs(ROOT / "README.md")
    assert names["right"].double().mean() > 0.93  # of the stack as it is pasted
    assert names["result"].v_max.shape == names["result"].t_max.shape == (32, 3)
    assert names["gradient"].shape == names["weight"].shape == (3, 50)
    # both kinds of error occur, and the step is the one of the tempotron rule
    assert set(np.unique(names["error"])) == {-1.0, 0.0, 1.0}
    # torch's part takes the gradient at the weights after that step
    gradient, _ = tempotron_core.peak_vjp(
        tempotron_core.Events.from_latencies(names["latencies"], 100.0),
        names["weight"],
        names["neuron"],
        tempotron_core.peak(
            tempotron_core.Events.from_latencies(names["latencies"], 100.0),
            names["weight"],
            names["neuron"],
        ),
        names["error"],
    )
    np.testing.assert_allclose(names["w"].grad.numpy(), gradient, rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("path", WITH_PROGRAMS, ids=title)
def test_programs_can_be_pasted(path):
    """At Python's prompt a loop, a function or a with-block ends with a blank line."""
    for code in blocks(read(path), "python"):
        lines = code.splitlines()
        for statement, following in pairwise(ast.parse(code).body):
            if hasattr(statement, "body"):
                after = lines[statement.end_lineno]
                assert not after.strip(), f"line {following.lineno} of {code}"


@pytest.mark.parametrize("path", WITH_PROGRAMS, ids=title)
def test_imports_are_in_order(path):
    """By the name of the module, as in the sources."""
    for code in blocks(read(path), "py(?:thon)?"):
        for group in re.findall(r"(?:^from tempotron_[\w.]+ import .*\n)+", code, re.MULTILINE):
            modules = re.findall(r"^from (\S+)", group, re.MULTILINE)
            assert modules == sorted(set(modules))


@pytest.mark.parametrize("path", [*DOCUMENTS, *EXAMPLES], ids=title)
def test_code_fits_the_page(path):
    """Lines of at most 86 characters: more are cut off, or scroll, in the column of the site.

    Formulas are set, not shown as written.
    """
    fenced = re.findall(r"^```([^\n]*)\n(.*?)^```$", read(path), BLOCK)
    lines = [line for kind, text in fenced if kind != "math" for line in text.splitlines()]
    lines = read(path).splitlines() if path.suffix == ".py" else lines
    assert not [line for line in lines if len(line) > 86]


# -- names ------------------------------------------------------------------------------------


def find(name: str) -> Any:
    """What a full name stands for: a module, or what is in one."""
    first, *rest = name.split(".")
    found: Any = import_module(first)
    for part in rest:
        if not hasattr(found, part):
            import_module(f"{found.__name__}.{part}")
        found = getattr(found, part)
    return found


NAME = r"(?<![/\w])tempotron_(?:core|backends)(?:\.[A-Za-z_]\w*)+(?![/\w])"


@pytest.mark.parametrize("path", DOCUMENTS, ids=title)
def test_names_exist(path):
    """`tempotron_core.x.y` and `tempotron_backends.x.y` in the text are there."""
    for name in re.findall(NAME, read(path)):
        if name != "tempotron_core.kernels":  # a group of entry points
            with skipped_without_libraries():
                find(name)


def listed(page: str) -> list[str]:
    """Names in the tables of a page of the reference."""
    tables = re.findall(r"^\.\. autosummary::\n(.*?)^```$", read(DOCS / "api" / page), BLOCK)
    assert tables
    return re.findall(r"^ +~?([A-Za-z_][\w.]*)$", "".join(tables), re.MULTILINE)


def test_reference_lists_every_public_name_of_the_core_once():
    names = listed("core.md")
    assert len(names) == len(set(names))
    rooms = {"conductance", "encoding", "learning", "metrics", "spiking"}
    public = set(tempotron_core.__all__) - rooms
    for room in rooms:
        public |= {f"{room}.{name}" for name in getattr(tempotron_core, room).__all__}
    schedules = tempotron_core.learning.schedules
    public |= {f"learning.schedules.{name}" for name in schedules.__all__}
    assert set(names) >= public - {"learning.schedules"}


def test_reference_lists_every_public_name_of_the_backends():
    names = listed("backends.md")
    assert len(names) == len(set(names))
    assert set(names) >= {f"tempotron_backends.{name}" for name in tempotron_backends.__all__}


@pytest.mark.parametrize("page", ["core.md", "backends.md"])
def test_names_of_the_reference_exist(page):
    for name in listed(page):
        with skipped_without_libraries():
            find(name if page == "backends.md" else f"tempotron_core.{name}")


# -- links ------------------------------------------------------------------------------------


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=BLOCK)


def headings(text: str) -> set[str]:
    """Anchors of a document's headings, as code hosts make them."""
    anchors = set()
    for heading in re.findall(r"^#+ (.*)$", without_code(text), re.MULTILINE):
        plain = re.sub(r"[`*$]", "", heading).strip().lower()
        anchors.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return anchors


def links(path: Path) -> Iterator[str]:
    yield from re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", without_code(read(path)))


@pytest.mark.parametrize("path", DOCUMENTS, ids=title)
def test_links_resolve(path):
    for link in links(path):
        if re.match(r"[a-z]+:", link):
            assert link.startswith("https://"), link
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in headings(read(target)), link


def linked(start: Path) -> set[Path]:
    """Pages that can be reached by following links."""
    seen: set[Path] = set()
    todo = [start]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        local = [link.partition("#")[0] for link in links(path) if not re.match(r"[a-z]+:", link)]
        todo += [(path.parent / link).resolve() for link in local if link.endswith(".md")]
    return seen


@pytest.mark.parametrize("start", ["README.md", "docs/index.md"])
def test_pages_are_reachable(start):
    assert linked(ROOT / start) >= set(PAGES)


def test_pages_are_in_the_contents_of_the_site():
    """Sphinx checks this too; here it is known before the pages are built."""
    entries = set()
    for folder, page in (
        (DOCS, "index.md"),
        (DOCS, "recordings.md"),
        (DOCS / "api", "index.md"),
    ):
        for tree in re.findall(r"^```{toctree}\n(.*?)^```$", read(folder / page), BLOCK):
            names = [line for line in tree.splitlines() if line and not line.startswith(":")]
            entries |= {folder / f"{name}.md" for name in names}
    assert entries - {DOCS / "gallery" / "index.md"} == set(PAGES) - {DOCS / "index.md"}


# -- figures and examples -----------------------------------------------------------------------


@pytest.mark.slow
def test_figures_of_the_mathematics_are_drawn_by_their_script(tmp_path):
    pytest.importorskip("matplotlib")
    figures = run_path(str(DOCS / "figures.py"))
    figures["main"](tmp_path)
    shown = set(re.findall(r"\(images/(mathematics_\w+\.png)\)", read(DOCS / "mathematics.md")))
    assert {path.name for path in tmp_path.iterdir()} == shown
    assert all((DOCS / "images" / name).exists() for name in shown)


def test_examples_say_why_and_draw_something():
    """They run when the pages are built; these are what the gallery needs of them."""
    assert len(EXAMPLES) >= 6
    for path in EXAMPLES:
        text = read(path)
        heading, rule, empty, why = text.removeprefix('"""\n').split("\n", 3)
        assert set(rule) == {"="}, path
        assert len(rule) == len(heading), path
        assert not empty, path
        assert len(why.partition('"""')[0].split()) > 20, path
        assert "plt.show()" in text, path
        compile(text, path, "exec")


# -- commands ---------------------------------------------------------------------------------


def marked(name: str) -> str:
    """The command after the README's line ``<!-- ci: name -->``, found as .ci/run finds it."""
    pattern = rf"^<!-- ci: {name} -->\n```\w*\n(.*?)^```"
    found = re.findall(pattern, read(ROOT / "README.md"), BLOCK)
    assert len(found) == 1, f"README.md has {len(found)} code blocks after <!-- ci: {name} -->"
    return found[0].strip()


def test_readme_has_the_commands_that_ci_runs():
    run = ROOT / ".ci" / "run"
    if not run.exists():
        pytest.skip(".ci/run is not part of a source distribution")
    used = set(re.findall(r"\$\(readme_command (\w+)\)", read(run)))
    assert used == {"docs", "test", "train"}
    assert set(re.findall(r"<!-- ci: (\w+) -->", read(ROOT / "README.md"))) == used
    test, train, site = marked("test"), marked("train"), marked("docs")
    assert "pip install -e '.[test]'" in test
    assert test.endswith("-m pytest -n 2 --dist loadfile")
    assert "pip install '.[train,fast]'" in train
    assert train.endswith("tempotron train")
    assert "pip install '.[docs]'" in site
    assert ".venv/bin/sphinx-build -W " in site
    for command in (test.removesuffix(" --dist loadfile"), train, site):
        # from the root of a clone, with nothing but Python; never a private place or index
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
        assert not re.search(r"index|https?:|--\w+", command)


def test_extras_in_commands_exist():
    """Every ``pip install '.[a,b]'`` names extras that pyproject.toml has."""
    pyproject = read(ROOT / "pyproject.toml")
    for path in DOCUMENTS:
        for names in re.findall(r"'(?:\.|tempotron-core)\[([\w,-]+)\]'", read(path)):
            for name in names.split(","):
                assert re.search(rf"^{re.escape(name)} = \[", pyproject, re.MULTILINE), name


def test_packages_are_installed_from_a_clone_until_one_is_published():
    """By name only where it is there already, for which pip asks no index."""
    for path in [*DOCUMENTS, DOCS / "examples" / "GALLERY_HEADER.rst"]:
        for line in re.findall(r"^.*pip install '?tempotron-core.*$", read(path), re.MULTILINE):
            assert line.startswith("Once it is installed, "), f"{title(path)}: {line}"


# -- every file -------------------------------------------------------------------------------


def files() -> list[Path]:
    """Files that belong to the project: what git has, or could be told to add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):  # no git, or an unpacked sdist
        built = re.compile(r"build|dist|__pycache__|\.(?!ci$).*")  # environments and caches too
        found = (
            path
            for path in ROOT.rglob("*")
            if not any(built.fullmatch(part) for part in path.relative_to(ROOT).parts[:-1])
        )
    else:
        found = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in found if path.is_file()]


# In pieces, so that this file does not name them.
FOLDERS = "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me", "tm" + "p/w", "Us" + "ers"))
HOSTS = "|".join(
    ("py" + "pi", "test.py" + "pi", "files.pythonho" + "sted", "download.pyto" + "rch")
)
PRIVATE = {
    "a folder of one machine": rf"(?<![\w.])/(?:{FOLDERS})\b",
    "a package registry": rf"\b(?:{HOSTS})\.org|--(?:extra-)?index-" + "url",
}


def test_no_file_names_a_machine_or_a_registry():
    found = files()
    assert ROOT / "README.md" in found
    assert Path(__file__).resolve() in found
    for path in found:
        try:
            text = read(path)
        except UnicodeDecodeError:
            continue
        for what, pattern in PRIVATE.items():
            match = re.search(pattern, text)
            assert match is None, f"{title(path)} names {what}: {match and match[0]}"
