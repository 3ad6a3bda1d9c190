"""What people report of a neuron: capacity, robustness, responses, credit, and their intervals."""

from .capacity import Capacity, half_crossing
from .credit import Credit, temporal_credit
from .intervals import bootstrap_interval, proportion_interval
from .response import Response, response_per_feature
from .robustness import robustness_curve

__all__ = [
    "Capacity",
    "Credit",
    "Response",
    "bootstrap_interval",
    "half_crossing",
    "proportion_interval",
    "response_per_feature",
    "robustness_curve",
    "temporal_credit",
]
