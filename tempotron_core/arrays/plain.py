"""Arrays and numbers that are more than their values: refused where the rest would be lost.

NumPy computes with masked arrays and with quantities of several packages as with any array, and a
compiled kernel sees their memory alone.
"""

from __future__ import annotations

import numpy as np

from .registry import is_followed

__all__ = ["check_plain", "check_plain_number"]

_PLAIN = (np.ndarray, np.memmap, np.recarray)
"""NumPy's own arrays that mean nothing but their values."""


def check_plain(name: str, value: object) -> None:
    """Raise TypeError if the value has a mask or a unit, or is some other subclass of NumPy's."""
    if type(value) in _PLAIN:
        return
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must have no mask, which would be lost, got a {type(value).__name__}: fill it "
            f"first"
        )
    if _has_unit(value):
        raise TypeError(
            f"{name} must hold plain numbers, got {value!r}, whose unit would be lost: convert it "
            f"to the unit that the other arguments are in and pass its magnitude"
        )
    if isinstance(value, np.ndarray):
        kind = f"{type(value).__module__}.{type(value).__name__}"
        raise TypeError(f"{name} must be a plain NumPy array, got a {kind}: pass np.asarray of it")


def check_plain_number(name: str, value: object) -> None:
    """Raise TypeError if a number has a mask, a unit or a gradient."""
    check_plain(name, value)
    if is_followed(value):
        raise TypeError(
            f"{name} must be a constant, got {value!r}, whose gradient would be lost: pass its "
            f"value as a float"
        )


def _has_unit(value: object) -> bool:
    # of NumPy, astropy, and the packages unyt, pint, quantities and neo, in this order
    if isinstance(value, np.timedelta64):
        return True
    return any(hasattr(value, name) for name in ("unit", "units", "dimensionality"))
