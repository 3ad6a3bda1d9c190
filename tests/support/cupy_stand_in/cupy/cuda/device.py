"""Where array_api_compat looks for the class."""

from . import Device

__all__ = ["Device"]
