"""Batches of spike patterns: checked, sorted in time, selected, joined and read back."""

from .batch import Events

__all__ = ["Events"]
