"""Imports run one way through the rooms of the two packages; see docs/architecture.md."""

from __future__ import annotations

import re
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
house = SimpleNamespace(**run_path(str(DOCS / "architecture.py")))


@pytest.fixture(scope="module")
def imports():
    """What every module imports."""
    return house.read()


def test_imports_run_one_way_and_in_no_circle(imports):
    assert house.faults(imports) == []


def test_all_modules_and_their_imports_are_read(imports):
    assert len(imports) > 150
    assert imports["tempotron_core.readouts.peak"] >= {
        "tempotron_core.events",
        "tempotron_core.membrane.integration",
    }
    assert "tempotron_core.learning.schedules" in imports["tempotron_core.learning"]
    # in a function, by absolute name, for type checking
    assert "tempotron_backends.fused.cuda.devices" in imports["tempotron_backends.fused.choice"]
    assert "tempotron_core" in imports["tempotron_backends.torch.layer"]


def test_every_room_exists(imports):
    standing = {house.room_of(module) for module in imports}
    assert set(house.rooms()) == standing
    for package, room in house.rooms():
        for name in room.split():
            assert f"{package}.{name}".removesuffix(".__init__") in imports, name


FORBIDDEN = {
    "from ..readouts.peak import peak": ("tempotron_core", "membrane/scan", "after"),
    "from ..readouts import peak": ("tempotron_core", "arrays/numbers", "after"),
    "from .. import readouts": ("tempotron_core", "membrane/tiles", "after"),
    "from ..encoding import latency": ("tempotron_core", "membrane/scan", "beside"),
    "from tempotron_core import peak": ("tempotron_core", "networks/network", "after"),
    "from .. import Events": ("tempotron_core", "files/archive", "after"),
    "import tempotron_core.files.archive as archive": (
        "tempotron_core",
        "learning/losses",
        "after",
    ),
    "def f():\n    from ..networks.network import Network": (
        "tempotron_core",
        "readouts/voltage",
        "after",
    ),
    "if TYPE_CHECKING:\n    from .networks import network": ("tempotron_core", "neuron", "after"),
    "import tempotron_backends": ("tempotron_core", "files/checkpoint", "after"),
    "from ...training import loop": ("backends", "fused/cpu/threads", "after"),
    "from ..cuda import launch": ("backends", "fused/cpu/threads", "beside"),
    "from .data.loader import Loader": ("backends", "numpy", "after"),
    "from ..recipes.recipe import Recipe": ("backends", "torch/layer", "after"),
    "from ..torch import layer": ("backends", "jax/functions", "beside"),
    "from ..cli import command": ("backends", "training/loop", "after"),
    "from .. import select": ("backends", "jax/functions", "after"),
}


@pytest.fixture(scope="module")
def empty_house(tmp_path_factory):
    """Every module of the two packages, with nothing in it."""
    root = tmp_path_factory.mktemp("house")
    for path in house.modules(ROOT).values():
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    return root


@pytest.mark.parametrize("line", FORBIDDEN, ids=lambda line: line.split("\n")[-1].strip())
def test_forbidden_imports_are_found(empty_house, line):
    (package, module, where) = FORBIDDEN[line]
    path = empty_house / package / f"{module}.py"
    path.write_text(line + "\n")
    (fault, *more) = house.faults(house.read(empty_house))
    path.write_text("")
    assert not more
    assert f".{module.replace('/', '.')} imports " in fault
    assert f" stands {where} " in fault


@pytest.mark.parametrize(
    "lines",
    [
        {"membrane/scan": "from .tiles import x", "membrane/tiles": "from .scan import x"},
        {"neuron": "from . import kernel", "kernel": "def f():\n    from .neuron import Neuron"},
        {"learning/__init__": "from .losses import x", "learning/losses": "from . import x"},
    ],
    ids=lambda lines: " and ".join(lines),
)
def test_circles_are_found(empty_house, lines):
    paths = {empty_house / "tempotron_core" / f"{name}.py": line for name, line in lines.items()}
    for path, line in paths.items():
        path.write_text(line + "\n")
    (fault,) = house.faults(house.read(empty_house))
    for path in paths:
        path.write_text("")
    assert "circle" in fault


def test_a_module_without_a_room_is_found(tmp_path):
    (tmp_path / "tempotron_core").mkdir()
    (tmp_path / "tempotron_core" / "utils.py").touch()
    (fault,) = house.faults(house.read(tmp_path))
    assert fault.startswith("tempotron_core.utils stands in no room")


# -- the page -----------------------------------------------------------------------------------


def test_picture_shows_the_imports_as_they_are(imports):
    """Else draw it again: ``python docs/architecture.py``."""
    picture = (DOCS / "images" / "architecture.svg").read_text(encoding="utf-8")
    shown = set(re.findall(r'id="([^"]+) imports ([^"]+)"', picture))
    within = {(a, b) for a, b in house.arrows(imports) if a[0] == b[0]}
    assert shown == {(a[1], b[1]) for a, b in house.needed(within)}


def test_picture_is_drawn(tmp_path, imports):
    pytest.importorskip("matplotlib")
    house.draw(tmp_path / "rooms.svg", imports)
    assert "<svg" in (tmp_path / "rooms.svg").read_text(encoding="utf-8")


def test_files_on_the_page_exist():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w./-]+/[\w.-]*)`", page))
    assert len(named) > 40
    missing = {name for name in named if "<" not in name and not (ROOT / name).exists()}
    assert not missing
