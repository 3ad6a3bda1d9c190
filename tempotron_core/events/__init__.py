"""Batches of spike patterns: checked, sorted in time, selected, joined and read back."""

from .batch import Events
from .ragged import RaggedEvents
from .units import UnitsWarning

__all__ = ["Events", "RaggedEvents", "UnitsWarning"]
