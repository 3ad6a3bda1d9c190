"""Whether times or numbers lie in a range, looked at once and without an array in between."""

from __future__ import annotations

from ..compiling.compiled import compiled

__all__ = ["copy_within", "times_within"]


@compiled
def times_within(times, latest):
    """Whether all times, in one axis, are in [0, latest]; NaN is not."""
    for t in times:  # noqa: SIM110 - Numba compiles no generators
        if not 0.0 <= t <= latest:
            return False
    return True


@compiled
def copy_within(numbers, starts, lengths, end, copy):
    """Copy numbers of lists, of ``lengths[p]`` from ``starts[p]`` on, to their places.

    Return whether all are in [0, end).
    """
    within = True
    for p in range(len(starts)):
        for i in range(starts[p], starts[p] + lengths[p]):
            number = numbers[i]
            copy[i] = number
            # of all, so that a processor looks at several at once
            within &= (number >= 0) & (number < end)
    return within
