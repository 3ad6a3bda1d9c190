"""Weight updates from gradients."""

from .adam import Adam
from .momentum import Momentum

__all__ = ["Adam", "Momentum"]
