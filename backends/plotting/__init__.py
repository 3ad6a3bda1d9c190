"""Figures: panels that draw into matplotlib axes, and arrangements of them.

Panels take axes and arrays of any library; spikes as `Events`, arrays or lists.  Figures are made
without pyplot, so no window system is needed and no state is shared between threads.
"""

from .capacity import capacity_curve
from .confusion import confusion_matrix
from .curve import learning_curve
from .figures import evaluation_figure, training_figure
from .images import pattern_images, receptive_fields
from .panels import spike_raster, voltage_traces
from .shapes import kernel_shapes, warped_traces
from .spiking import spikes_against_threshold
from .style import FAINT, INK, QUIET, STYLE, require_matplotlib
from .trials import class_potentials, importance_map, trial_raster, unit_bars

__all__ = [
    "FAINT",
    "INK",
    "QUIET",
    "STYLE",
    "capacity_curve",
    "class_potentials",
    "confusion_matrix",
    "evaluation_figure",
    "importance_map",
    "kernel_shapes",
    "learning_curve",
    "pattern_images",
    "receptive_fields",
    "require_matplotlib",
    "spike_raster",
    "spikes_against_threshold",
    "training_figure",
    "trial_raster",
    "unit_bars",
    "voltage_traces",
    "warped_traces",
]
