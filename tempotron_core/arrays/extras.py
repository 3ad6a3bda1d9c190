"""Functions of array-api-extra, which is imported when one is called: NumPy's kernels need none."""

from __future__ import annotations

from typing import Any, Literal

__all__ = ["default_dtype", "searchsorted"]

Array = Any


def default_dtype(xp: Any, kind: Literal["real floating", "indexing"], *, device: Any) -> Any:
    """Return the dtype of a kind that a library takes on a device unless told otherwise."""
    import array_api_extra

    return array_api_extra.default_dtype(xp, kind, device=device)


def searchsorted(
    rows: Array, values: Array, *, side: Literal["left", "right"] = "left", xp: Any
) -> Array:
    """Where values belong in ascending rows, along the last axis."""
    import array_api_extra

    return array_api_extra.searchsorted(rows, values, side=side, xp=xp)
