"""What people report of a neuron: capacity, robustness, and how sure one can be of a number."""

from .capacity import Capacity, half_crossing
from .intervals import bootstrap_interval, proportion_interval
from .robustness import robustness_curve

__all__ = [
    "Capacity",
    "bootstrap_interval",
    "half_crossing",
    "proportion_interval",
    "robustness_curve",
]
