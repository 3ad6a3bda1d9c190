"""The documents: their programs run, their links lead somewhere, and they name no one's machine."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tempotron_backends
import tempotron_core

ROOT = Path(__file__).parents[1]
BLOCK = re.MULTILINE | re.DOTALL
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def title(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Fenced code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, BLOCK)


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


def without_gpu(code: str) -> str:
    return code.replace("torch:cuda:0", "torch:cpu")


def programs(path: Path) -> dict[str, Any]:
    """Run a document's Python blocks one after another, as one program; return its names."""
    names = GIVEN.get(title(path), dict)()
    for number, code in enumerate(blocks(read(path), "python"), start=1):
        for framework in ("torch", "jax"):
            if framework in code:
                pytest.importorskip(framework)
        exec(compile(without_gpu(code), f"{title(path)}, block {number}", "exec"), names)
    return names


WITH_PROGRAMS = [path for path in DOCUMENTS if blocks(read(path), "python")]


def test_documents_with_programs_are_found():
    found = {title(path) for path in WITH_PROGRAMS}
    assert found >= {"README.md", "docs/backends.md", "docs/spikingjelly.md"}
    assert found >= set(GIVEN)


@pytest.mark.parametrize("path", WITH_PROGRAMS, ids=title)
def test_programs_run(path):
    programs(path)


def test_quickstart_does_what_it_says():
    names = programs(ROOT / "README.md")
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


# -- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=title)
def test_names_exist(path):
    """`tempotron_core.x` and `tempotron_backends.x` in the text are there."""
    for package, name in re.findall(r"\b(tempotron_(?:core|backends))\.([a-z_]\w*)", read(path)):
        if (package, name) == ("tempotron_core", "kernels"):
            continue  # a group of entry points
        module = {"tempotron_core": tempotron_core, "tempotron_backends": tempotron_backends}
        there = hasattr(module[package], name) or find_spec(f"{package}.{name}")
        assert there, f"{package}.{name}"


def test_index_lists_every_public_name():
    text = read(ROOT / "docs" / "index.md")
    readouts_results = {"DelayGradient", "Gradient", "Peak"}  # what the listed functions return
    missing = [
        name
        for name in tempotron_core.__all__
        if name not in readouts_results and f"`{name}" not in text
    ]
    assert not missing


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


def test_documents_are_reachable():
    """From the README, by following links."""
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        local = [link.partition("#")[0] for link in links(path) if not re.match(r"[a-z]+:", link)]
        todo += [(path.parent / link).resolve() for link in local if link.endswith(".md")]
    assert {title(p) for p in (ROOT / "docs").glob("*.md")} <= {title(p) for p in seen}


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
    assert used == {"test", "train"}
    assert set(re.findall(r"<!-- ci: (\w+) -->", read(ROOT / "README.md"))) == used
    test, train = marked("test"), marked("train")
    assert "pip install -e '.[test]'" in test
    assert test.endswith("-m pytest")
    assert "pip install '.[train]'" in train
    assert train.endswith("tempotron train")
    for command in (test, train):
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
