"""What people report of a neuron: its capacity, and how sure one can be of a number."""

from .capacity import Capacity, half_crossing
from .intervals import bootstrap_interval, proportion_interval

__all__ = ["Capacity", "bootstrap_interval", "half_crossing", "proportion_interval"]
