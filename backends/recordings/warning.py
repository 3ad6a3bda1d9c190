"""The warning of recordings and their trials."""

from __future__ import annotations

__all__ = ["RecordingWarning"]


class RecordingWarning(UserWarning):
    """Something in a recording or its trials that a user should know of."""
