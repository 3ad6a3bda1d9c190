"""What all figures share: colours, matplotlib settings, an empty figure without pyplot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FAINT",
    "INK",
    "QUIET",
    "RIVAL",
    "STYLE",
    "TARGET",
    "draw_legend",
    "names_or_indices",
    "new_figure",
    "require_matplotlib",
]

INK = "#24292f"
QUIET = "#8c959f"
FAINT = "#d8dee4"
TARGET = "#0b6e99"
RIVAL = "#c4512d"

STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


def require_matplotlib() -> None:
    """Raise ImportError, with what to install, unless matplotlib can be imported."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "figures need matplotlib, which is not installed: pip install 'tempotron-core[train]'"
        ) from error


@contextmanager
def new_figure(width: float, height: float, *, layout: str = "constrained") -> Iterator[Figure]:
    """Yield an empty figure; what is drawn inside the ``with`` block takes the style.

    Parameters
    ----------
    width, height : float
        Size in inches.
    layout : str, optional
        Layout engine; "compressed" keeps images, whose shape is given, close together.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    require_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(width, height), dpi=150, layout=layout)  # type: ignore[arg-type]
        FigureCanvasAgg(figure)
        yield figure


def names_or_indices(names: Sequence[str] | None, count: int) -> list[str]:
    """Return the names as a list, indices where there are none; an error unless ``count``."""
    if names is None:
        return [str(i) for i in range(count)]
    if len(names) != count:
        raise ValueError(f"names must have one name for each of {count}, got {len(names)}")
    return list(names)


def draw_legend(axes: Axes, ncols: int = 2) -> None:
    """Draw a legend in the headroom that a panel leaves above its data."""
    axes.legend(
        loc="upper left",
        ncols=ncols,
        fontsize=8,
        borderaxespad=0.1,
        columnspacing=1.0,
        handletextpad=0.6,
        handlelength=1.2,
    )
