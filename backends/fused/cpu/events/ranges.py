"""Whether times lie in a range, looked at once and without an array in between."""

from __future__ import annotations

from ..compiling.compiled import compiled

__all__ = ["times_within"]


@compiled
def times_within(times, latest):
    """Whether all times, in one axis, are in [0, latest]; NaN is not."""
    for t in times:  # noqa: SIM110 - Numba compiles no generators
        if not 0.0 <= t <= latest:
            return False
    return True
