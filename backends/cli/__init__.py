"""The command ``tempotron``."""

from .command import main

__all__ = ["main"]
