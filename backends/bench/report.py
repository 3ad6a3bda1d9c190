"""The results as tables: on a terminal, and in Markdown for a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .measure import Record
from .online import ONLINE_CALLS
from .preparing import PREPARE_CALLS
from .spiking import SPIKING_CALLS
from .step import STEP_CALLS
from .workload import Shape

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Table", "markdown", "print_tables", "require_rich", "tables"]

NOTHING = "–"

CALLS = {"prepare": "prepare", "forward": "forward", "gradient": "forward + gradient"}


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title : str
    head : tuple of str
    rows : list of tuple of str
        A cell may have a second line, after a line break: the spread of its first.
    notes : list of str
    """

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str]


def require_rich() -> None:
    """Raise ImportError, with what to install, unless rich can be imported."""
    try:
        import rich.table  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "the table needs rich, which is not installed: pip install 'tempotron-core[bench]'"
        ) from error


def tables(record: Record) -> Iterator[Table]:
    """Arrange what `command` has recorded."""
    for case in record["cases"]:
        yield _times(case, record)
        for peer in case["peers"]:
            yield _faster(case, peer)
    for case in record.get("spiking", ()):
        yield _spiking(case, record)
    for case in record.get("steps", ()):
        yield _steps(case, record)
    for case in record.get("preparing", ()):
        yield _preparing(case, record)
    for case in record.get("online", ()):
        yield _online(case, record)
    for swept in record["sweeps"]:
        if "longest_to_shortest" in swept:
            yield _durations(swept)


def _title(case: Record, record: Record) -> str:
    """What was measured, and on how many threads."""
    threads = record["threads"]
    return f"{Shape(**case['shape'])}, {case['dtype']}, {threads} thread{'s' * (threads > 1)}"


def _times(case: Record, record: Record) -> Table:
    """Times and memory of everything at one shape."""
    calls = [what for what in CALLS if what in case["subjects"][0]]
    has_floor = any(row["name"] == "floor" for row in case["subjects"])
    head = ["", "form", *(CALLS[what] for what in calls)]
    head += ["times the floor"] * has_floor + ["memory"]
    rows = []
    for row in (*case["subjects"], *case["peers"]):
        cells = [row["name"], row["form"], *(_time(row.get(what)) for what in calls)]
        if has_floor:
            factors = row.get("times_floor", {})
            shown = [_rounded(factors[w]["median"]) for w in calls if w in factors]
            cells.append(" / ".join(shown) if shown and row["name"] != "floor" else NOTHING)
        rows.append((*cells, _bytes(row["memory_bytes"])))
    notes = [_spikes(case), *_agreement(case), *case["notes"]]
    if has_floor and len(calls) > 2:
        notes.insert(0, "times the floor: forward / forward + gradient, over the floor's forward")
    return Table(_title(case, record), tuple(head), rows, notes)


def _spiking(case: Record, record: Record) -> Table:
    """Times of multi-spike neurons beside the peak."""
    rows = [
        (row["name"], row["form"], *(_time(row[what]) for what in SPIKING_CALLS))
        for row in case["subjects"]
    ]
    spikes = f"{case['mean_spikes']:.2g} output spikes per pair; θ* of {case['k']} spikes"
    return Table(
        _title(case, record), ("", "form", *SPIKING_CALLS.values()), rows, [spikes, *case["notes"]]
    )


def _steps(case: Record, record: Record) -> Table:
    """Times of a step of training beside those of its kernels."""
    rows = [
        (
            row["name"],
            row["form"],
            *(_time(row[what]) for what in STEP_CALLS),
            _factor(row["times_kernels"]),
        )
        for row in case["subjects"]
    ]
    head = ("", "form", *STEP_CALLS.values(), "times the kernels")
    note = "a step: forward, cross-entropy, gradient and Adam; kernels: peak and its gradient"
    return Table(_title(case, record), head, rows, [note, *case["notes"]])


def _preparing(case: Record, record: Record) -> Table:
    """Times of preparation beside the peak."""
    rows = [
        (row["name"], row["form"], *(_time(row[what]) for what in PREPARE_CALLS))
        for row in case["subjects"]
    ]
    notes = [f"{case['n_spikes']:,} spikes", *case["notes"]]
    return Table(_title(case, record), ("", "form", *PREPARE_CALLS.values()), rows, notes)


def _online(case: Record, record: Record) -> Table:
    """Times of epochs of learning pattern by pattern beside those of a scan."""
    rows = []
    for row in case["subjects"]:
        cells = [_time(row[what]) for what in ONLINE_CALLS]
        for what, factors in row["times_scan"].items():
            cells.append(f"{_factor(factors)}\n{row['wrong'][what]:.1%} wrong")
        rows.append((row["name"], row["form"], *cells))
    head = ("", "form", *ONLINE_CALLS.values(), *(f"{what} / peak" for what in row["times_scan"]))
    notes = ["an epoch of learn_online on random labels; peak: of the same patterns, in one call"]
    notes += [f"{row['name']}: mean of {row['epochs']} epochs" for row in case["subjects"]]
    return Table(_title(case, record), head, rows, [*notes, *case["notes"]])


def _faster(case: Record, peer: Record) -> Table:
    """How many times faster than a peer."""
    calls = [what for what in ("forward", "gradient") if peer.get(what) is not None]
    head = ("", "form", *(CALLS[what] for what in calls), "part of its memory")
    rows = []
    for row in case["subjects"]:
        factors = peer["times_faster"].get(row["label"])
        if factors is None:
            continue
        ours, theirs = row["memory_bytes"], peer["memory_bytes"]
        part = f"{_rounded(100.0 * ours / theirs)}%" if ours is not None and theirs else NOTHING
        cells = [_factor(factors[what]) if what in factors else NOTHING for what in calls]
        rows.append((row["name"], row["form"], *cells, part))
    runs = len(peer[calls[0]]["runs"])
    note = f"median and spread of the ratios of {runs} neighbouring runs"
    return Table(f"times faster than {peer['name']} ({peer['form']})", head, rows, [note])


def _durations(swept: Record) -> Table:
    """Time at the longest duration, as a multiple of that at the shortest."""
    first, last = swept["points"][0], swept["points"][-1]
    rows = [
        (label, *(f"{found[what]:.2f}" if what in found else NOTHING for what in list(CALLS)[1:]))
        for label, found in swept["longest_to_shortest"].items()
        if found
    ]
    return Table(
        f"median time at duration {last['value']:,g} over that at {first['value']:,g}, "
        f"the same {first['n_spikes']:,} spikes",
        ("", *list(CALLS.values())[1:]),
        rows,
        [],
    )


def _spikes(case: Record) -> str:
    return (
        f"{case['n_spikes']:,} spikes; {case['n_firing']:,} of {case['n_pairs']:,} peaks "
        "exceed the threshold"
    )


def _agreement(case: Record) -> Iterator[str]:
    """What was compared before, in words."""
    for peer in case["peers"]:
        found = peer["agreement"]
        text = f"{peer['name']}: v_max agrees to {found['difference']:.1e} ({found['compared']})"
        if found["below_exact"] is not None:
            text += f", and misses up to {found['below_exact']:.1e} of the exact peak"
        if found["nan"]:
            text += f"; in {case['dtype']} {found['nan']:,} of its {found['peaks']:,} peaks are NaN"
        yield text


def _time(figures: Record | None) -> str:
    if figures is None:
        return NOTHING
    unit, factor = _unit(figures["median"])
    median, low, high = (_rounded(figures[key] * factor) for key in ("median", "low", "high"))
    return f"{median} {unit}\n{low} – {high}"


def _unit(seconds: float) -> tuple[str, float]:
    if seconds >= 1.0:
        return "s", 1.0
    return ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)


def _factor(figures: Record) -> str:
    median, low, high = (_rounded(figures[key]) for key in ("median", "low", "high"))
    return f"{median}\n{low} – {high}"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"


def _bytes(size: int | None) -> str:
    if size is None:
        return NOTHING
    for unit, power in (("GiB", 30), ("MiB", 20)):
        if size >= 2**power:
            return f"{size / 2**power:.3g} {unit}"
    return f"{size / 2**10:.3g} KiB"


def print_tables(record: Record, console: Console) -> None:
    """Print all tables, with their notes below."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    for table in tables(record):
        shown = RichTable(box=box.SIMPLE_HEAD)
        for column, name in enumerate(table.head):
            shown.add_column(name, justify="left" if column < 2 else "right", no_wrap=column < 2)
        for row in table.rows:
            shown.add_row(*(_cell(text) for text in row))
        console.print(Text(table.title, "bold"))
        console.print(shown)
        for note in table.notes:
            console.print(Text(f"- {note}", "dim"))
        console.print()


def _cell(text: str) -> Any:
    from rich.text import Text

    first, _, second = text.partition("\n")
    return Text.assemble(first, (f"\n{second}" if second else "", "dim"))


def markdown(record: Record) -> str:
    """Return all tables as Markdown."""
    parts = []
    for table in tables(record):
        lines = [f"**{table.title}**", "", _row(table.head), _row(["---"] * len(table.head))]
        lines += [_row(map(_on_one_line, row)) for row in table.rows]
        lines += ["", *(f"- {note}" for note in table.notes)]
        parts.append("\n".join(lines).strip())
    return "\n\n".join(parts) + "\n"


def _on_one_line(text: str) -> str:
    first, _, second = text.partition("\n")
    return f"{first} ({second})" if second else first


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
