"""The results as plots: a bar for every form, and curves of how cost grows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..plotting import FAINT, INK, QUIET, STYLE
from .measure import Record
from .workload import Shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["cases_figure", "sweeps_figure"]

# Distinct for readers who do not see red and green apart, and dark enough for thin lines.
COLOURS = {
    "numpy": "#0b6e99",
    "torch": "#c4512d",
    "jax": "#7a4fa3",
    "cupy": "#2f7d4f",
    "floor": QUIET,
}
RIVALS = ("#24292f", "#8a6d00", "#b0307a")

FORMS = {"fused": "-", "plain": "--", "jit": "--", "bare scan": ":"}

TITLES = {
    "outputs": "Outputs",
    "afferents": "Afferents, and spikes with them",
    "batch": "Patterns in a batch",
    "duration": "Duration, at the same spikes",
}

MIB = 2**20


def cases_figure(record: Record) -> Figure:
    """Draw time and memory of every form at every shape, one row for each shape."""
    cases = record["cases"]
    rows = [[*case["subjects"], *case["peers"]] for case in cases]
    height = sum(1.3 + 0.34 * len(row) for row in rows) + 0.4
    figure = _figure((10.5, height))
    with _styled():
        axes = figure.subplots(
            len(cases),
            2,
            squeeze=False,
            width_ratios=(1.7, 1.0),
            height_ratios=[1.3 + 0.34 * len(row) for row in rows],
        )
        for case, row, (times, memory) in zip(cases, rows, axes, strict=True):
            _time_bars(times, row)
            times.set_title(f"{Shape(**case['shape'])}, {case['dtype']}")
            _memory_bars(memory, row)
        figure.suptitle(_heading(record), x=0.008, ha="left", fontsize=9, color=QUIET)
    return figure


def sweeps_figure(record: Record) -> Figure:
    """Draw forward plus weight gradient against every size varied, and memory against the batch."""
    swept = record["sweeps"]
    panels: list[tuple[Record, str]] = [(each, "gradient") for each in swept]
    panels += [(each, "memory_bytes") for each in swept if each["factor"] == "batch"]
    n_rows = -(-(len(panels) + 1) // 3)
    figure = _figure((12.0, 3.7 * n_rows))
    with _styled():
        axes = figure.subplots(n_rows, 3, squeeze=False).ravel()
        for (each, what), panel in zip(panels, axes, strict=False):
            _curves(panel, each, what)
        for panel in axes[len(panels) :]:
            panel.axis("off")
        handles: dict[str, Any] = {}
        for panel in axes[: len(panels)]:
            for line, label in zip(*panel.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, line)
        axes[len(panels)].legend(
            handles.values(), handles.keys(), loc="upper left", fontsize=9, handlelength=3.0
        )
        base = Shape(**swept[0]["base"])
        heading = f"{_heading(record)}\none size varied, the others at {base}, {swept[0]['dtype']}"
        figure.suptitle(heading, x=0.008, ha="left", fontsize=9, color=QUIET)
    return figure


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(wspace=0.06, hspace=0.08)  # type: ignore[union-attr,call-arg]
    return figure


def _styled() -> Any:
    import matplotlib

    return matplotlib.rc_context(STYLE)  # type: ignore[arg-type]


def _heading(record: Record) -> str:
    machine = record["machine"]
    return f"{machine['processor']}, {record['threads']} threads, {record['when'][:10]}"


def _label(row: Record) -> str:
    if row["name"] == "floor":
        return "floor (bare scan)"
    return f"{row['name']} {row['form']}" if row["name"].count(":") else str(row["name"])


def _colours(rows: Sequence[Record]) -> Iterator[str]:
    rivals = iter(RIVALS * len(rows))
    for row in rows:
        yield COLOURS.get(row["name"].partition(":")[0]) or next(rivals)


def _time_bars(axes: Axes, rows: Sequence[Record]) -> None:
    """Forward in a light bar, forward plus gradient in a full one, with the spread."""
    for y, (row, colour) in enumerate(zip(rows, _colours(rows), strict=True)):
        shown = [(what, row.get(what)) for what in ("forward", "gradient")]
        present = [(what, figures) for what, figures in shown if figures is not None]
        for place, (what, figures) in enumerate(present):
            offset = 0.0 if len(present) == 1 else 0.4 * place - 0.2
            median = figures["median"]
            axes.barh(
                y + offset,
                median,
                height=0.36,
                color=_lighter(colour) if what == "forward" else colour,
            )
            axes.plot((figures["low"], figures["high"]), (y + offset,) * 2, color=INK, linewidth=1)
            axes.annotate(
                _short(median),
                (max(median, figures["high"]), y + offset),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
    _bar_axes(axes, rows)
    axes.set_xlabel("seconds per call: forward (light), forward + weight gradient (full)")
    # on a log axis a bar has no natural start; room for the numbers at the other end
    drawn: list[Record] = [r[what] for r in rows for what in ("forward", "gradient") if r.get(what)]
    least, most = min(f["low"] for f in drawn), max(f["high"] for f in drawn)
    axes.set_xlim(_decade_below(least), most * 5.0)


def _memory_bars(axes: Axes, rows: Sequence[Record]) -> None:
    for y, (row, colour) in enumerate(zip(rows, _colours(rows), strict=True)):
        size = row["memory_bytes"]
        if size is None:
            continue
        mib = max(size / MIB, 0.1)
        axes.barh(y, mib, height=0.6, color=colour)
        axes.annotate(
            f"{size / MIB:,.3g}" if size < 1000 * MIB else f"{size / MIB:,.0f}",
            (mib, y),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    _bar_axes(axes, rows)
    axes.set_yticklabels([])
    axes.set_xlabel("MiB above import, inputs and warm-up")
    sizes = [max(row["memory_bytes"] / MIB, 0.1) for row in rows if row["memory_bytes"] is not None]
    if sizes:
        axes.set_xlim(_decade_below(min(sizes)), max(sizes) * 8.0)


def _bar_axes(axes: Axes, rows: Sequence[Record]) -> None:
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def _decade_below(value: float) -> float:
    return float(10.0 ** math.floor(math.log10(value) - 0.1))


def _lighter(colour: str) -> Any:
    """The colour mixed with white: a transparent one would let the grid through."""
    from matplotlib.colors import to_rgb

    return tuple(1.0 - 0.45 * (1.0 - part) for part in to_rgb(colour))


def _short(seconds: float) -> str:
    if seconds >= 1.0:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def _curves(axes: Axes, swept: Record, what: str) -> None:
    """One curve for every form; the floor's forward pass among the gradients."""
    labels: dict[str, Record] = {}
    for point in swept["points"]:
        for label, row in point["subjects"].items():
            labels.setdefault(label, row)
    for row, label, colour in zip(
        labels.values(), labels, _colours([*labels.values()]), strict=True
    ):
        curve = [*_points(swept, label, what)]
        if not curve:
            continue
        axes.plot(
            [x for x, _ in curve],
            [y for _, y in curve],
            FORMS.get(row["form"], "-."),
            color=colour,
            linewidth=1.6,
            marker="o",
            markersize=3.5,
            label="floor: bare scan, forward" if row["name"] == "floor" else _label(row),
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    values = [point["value"] for point in swept["points"]]
    axes.set_xticks(values, [f"{value:,g}" for value in values])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(swept["factor"])
    memory = what == "memory_bytes"
    axes.set_ylabel("MiB above the inputs" if memory else "seconds, forward + weight gradient")
    axes.set_title("Memory" if memory else TITLES[swept["factor"]])


def _points(swept: Record, label: str, what: str) -> Iterator[tuple[float, float]]:
    for point in swept["points"]:
        row = point["subjects"].get(label)
        if row is None:
            continue
        if what == "memory_bytes":
            if row.get(what) is not None:
                yield point["value"], max(row[what] / MIB, 0.01)
        elif found := row.get("gradient") or (row.get("forward") if label == "floor" else None):
            yield point["value"], found["median"]
