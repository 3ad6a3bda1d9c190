"""The rooms of the two packages, what imports what, and the picture of architecture.md.

    python docs/architecture.py [FILE]

draws ``docs/images/architecture.svg``, or the file given, from the imports as they are.  The rules
are checked by ``tests/test_architecture.py``.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = {"tempotron_core": "tempotron_core", "tempotron_backends": "backends"}

# A room imports from rooms of the lines above its own, and from nothing else of the two packages.
# Rooms of one line, set apart by |, know nothing of each other.  A room is a folder or a file, or
# several that belong together; ``__init__`` is what a package hands on at its top.
ORDER = {
    "tempotron_core": (
        "arrays",
        "kernel neuron traced events",
        "encoding | membrane",
        "readouts",
        "conductance | spiking",
        "learning",
        "metrics",
        "networks",
        "files",
        "__init__",
    ),
    "tempotron_backends": (
        "_dlpack _backend",
        "fused.cpu | fused.cuda",
        "fused",
        "numpy | cupy | torch | jax | strict",
        "_selection __init__",
        "plotting | recipes | interchange | nir | sharded",
        "recordings",
        "data",
        "training",
        "sklearn | bench | reproduce",
        "cli __main__",
    ),
}

Imports = dict[str, set[str]]
Room = tuple[str, str]  # a package, and a room as ORDER writes it


# -- reading ------------------------------------------------------------------------------------


def modules(root: Path) -> dict[str, Path]:
    """Every module of the two packages, by its name."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


def imported(module: str, path: Path) -> Iterator[str]:
    """Full names that a module imports, in its functions and for type checking too."""
    package = module.split(".")
    if path.name != "__init__.py":
        del package[-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            start += [node.module] if node.module else []
            yield from (".".join((*start, alias.name)) for alias in node.names)


def read(root: Path = ROOT) -> Imports:
    """The modules of the two packages, each with those of them that it imports."""
    paths = modules(root)
    imports: Imports = {}
    for module, path in paths.items():
        imports[module] = set()
        for name in imported(module, path):
            target = name
            while (
                target and target not in paths
            ):  # a name in a module, or one that is not ours
                target = target.rpartition(".")[0]
            imports[module] |= {target} - {""}
    return imports


# -- the rules ----------------------------------------------------------------------------------


@cache
def rooms() -> dict[Room, int]:
    """Every room, with the place of its line: the core's lines come first."""
    lines = [(package, line) for package, order in ORDER.items() for line in order]
    return {
        (package, room.strip()): place
        for place, (package, line) in enumerate(lines)
        for room in line.split("|")
    }


@cache
def room_of(module: str) -> Room | None:
    """The room in which a module stands: the one that names most of its path."""
    package, _, rest = module.partition(".")
    rest = rest or "__init__"
    found = [
        (len(name), room)
        for room in rooms()
        for name in room[1].split()
        if room[0] == package and f"{rest}.".startswith(f"{name}.")
    ]
    return max(found)[1] if found else None


def faults(imports: Imports) -> list[str]:
    """What breaks the rules, in words."""
    places, found = rooms(), []
    for module, targets in imports.items():
        here = room_of(module)
        if here is None:
            found.append(
                f"{module} stands in no room of ORDER, in docs/architecture.py"
            )
            continue
        for target in sorted(targets):
            there = room_of(target)
            if there is None or there == here or places[there] < places[here]:
                continue
            where = "beside" if places[there] == places[here] else "after"
            found.append(
                f"{module} imports {target}, but {there[1]!r} stands {where} {here[1]!r} in ORDER"
            )
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        found.append(
            f"modules import each other in a circle: {' <- '.join(error.args[1])}"
        )
    return found


def arrows(imports: Imports) -> set[tuple[Room, Room]]:
    """Pairs of rooms, the first of which imports from the second."""
    pairs = {
        (room_of(module), room_of(to))
        for module, targets in imports.items()
        for to in targets
    }
    return {(a, b) for a, b in pairs if a is not None and b is not None and a != b}


def needed(pairs: set[tuple[Room, Room]]) -> set[tuple[Room, Room]]:
    """Without the arrows that a longer way of arrows makes plain (a transitive reduction)."""
    below: dict[Room, set[Room]] = {}

    def reach(room: Room) -> set[Room]:
        if room not in below:
            direct = {b for a, b in pairs if a == room}
            below[room] = direct.union(*(reach(b) for b in direct))
        return below[room]

    return {
        (a, b) for a, b in pairs if not any(b in reach(c) for x, c in pairs if x == a)
    }


# -- the picture --------------------------------------------------------------------------------

# Middles of the boxes, from left to right, the widths of some, and where some arrows run.  A room
# that is not named gets a share of its line.
MIDDLES = {
    "tempotron_core": {
        "kernel neuron events": 1.5,
        "encoding": 0.7,
        "membrane": 2.2,
        "readouts": 2.2,
        "conductance": 0.8,
        "spiking": 2.4,
        "learning": 3.2,
        "metrics": 3.6,
    },
    "tempotron_backends": {
        "fused.cpu": 6.45,
        "fused.cuda": 8.05,
        "fused": 7.25,
        "numpy": 6.2,
        "cupy": 7.3,
        "torch": 8.4,
        "jax": 10.2,
        "strict": 11.7,
        "_selection __init__": 10.9,
        "recipes": 6.1,
        "sharded": 7.45,
        "interchange": 10.7,
        "plotting": 12.5,
        "nir": 13.7,
        "recordings": 10.7,
        "data": 5.7,
        "training": 7.8,
        "sklearn": 9.5,
        "bench": 12.0,
        "reproduce": 13.4,
        "cli __main__": 9.9,
    },
}
WIDTHS = {
    "__init__": 4.2,
    "arrays": 4.2,
    "_dlpack _backend": 9.4,
    "fused": 3.2,
    "data": 1.7,
    "cli __main__": 4.6,
}
LANES = {
    ("metrics", "arrays"): 4.1,
    ("data", "_dlpack _backend"): 5.05,
    ("sklearn", "_selection __init__"): 9.35,
    ("_selection __init__", "_dlpack _backend"): 9.3,
}
COLUMNS = {"tempotron_core": (0.0, 4.4), "tempotron_backends": (4.8, 14.2)}
HEIGHT, MARGIN = 0.4, 0.15


def label(package: str, name: str) -> str:
    """A room as the picture names it."""
    return name.replace("__init__", package).replace(".", "/").replace(" ", ", ")


def boxes() -> dict[Room, tuple[float, float, float]]:
    """Left and right end and height of every room's box."""
    placed = {}
    for package, order in ORDER.items():
        left, right = COLUMNS[package]
        step = 7.0 / (len(order) - 1)
        for row, line in enumerate(order):
            names = [name.strip() for name in line.split("|")]
            for k, name in enumerate(names):
                share = left + (k + 0.5) / len(names) * (right - left)
                middle = MIDDLES[package].get(name, share)
                half = 0.5 * WIDTHS.get(
                    name, 0.35 + 0.115 * len(label(package, name))
                )
                placed[package, name] = (middle - half, middle + half, row * step)
    return placed


def draw(path: Path, imports: Imports) -> None:
    """Draw the rooms, and the arrows that no longer way makes plain."""
    import matplotlib as mpl
    from matplotlib.patches import FancyBboxPatch

    from tempotron_backends.plotting.style import INK, QUIET, TARGET, new_figure

    settings = {"svg.hashsalt": "rooms", "svg.fonttype": "path", "font.size": 8.5}
    placed = boxes()
    with new_figure(9.6, 5.2) as figure, mpl.rc_context(settings):
        axes = figure.subplots()
        for a, b in sorted(
            needed({(a, b) for a, b in arrows(imports) if a[0] == b[0]})
        ):
            (left, right, top), (left_b, right_b, bottom) = placed[a], placed[b]
            aim = LANES.get((a[1], b[1]), 0.5 * (left_b + right_b))
            start = min(max(aim, left + MARGIN), right - MARGIN)
            end = min(max(start, left_b + MARGIN), right_b - MARGIN)
            arrow = axes.annotate(
                "",
                (end, bottom + 0.5 * HEIGHT),
                xytext=(start, top - 0.5 * HEIGHT),
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": QUIET,
                    "shrinkA": 0,
                    "shrinkB": 0,
                },
            )
            arrow.arrow_patch.set_gid(f"{a[1]} imports {b[1]}")
        for (package, name), (left, right, y) in placed.items():
            colour = TARGET if package == "tempotron_core" else INK
            box = FancyBboxPatch(
                (left, y - 0.5 * HEIGHT),
                right - left,
                HEIGHT,
                "round,pad=0,rounding_size=0.08",
                facecolor="white",
                edgecolor=colour,
                zorder=3,
            )
            axes.add_patch(box)
            text = label(package, name)
            axes.text(
                0.5 * (left + right),
                y,
                text,
                ha="center",
                va="center_baseline",
                color=colour,
                zorder=4,
            )
        axes.set(xlim=(-0.2, 14.6), ylim=(-0.5, 7.5))
        axes.set_axis_off()
        figure.savefig(
            path, metadata={"Date": None} if path.suffix == ".svg" else None
        )


if __name__ == "__main__":
    target = (
        Path(sys.argv[1])
        if len(sys.argv) > 1
        else ROOT / "docs/images/architecture.svg"
    )
    draw(target, read())
