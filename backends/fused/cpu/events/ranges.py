"""Whether times or numbers lie in a range, looked at once and without an array in between."""

from __future__ import annotations

from ..compiling.compiled import compiled

__all__ = ["lists_within", "times_within"]


@compiled
def times_within(times, latest):
    """Whether all times, in one axis, are in [0, latest]; NaN is not."""
    for t in times:  # noqa: SIM110 - Numba compiles no generators
        if not 0.0 <= t <= latest:
            return False
    return True


@compiled
def lists_within(numbers, starts, lengths, end):
    """Whether all numbers of lists, of ``lengths[p]`` from ``starts[p]`` on, are in [0, end)."""
    within = True
    for p in range(len(starts)):
        for number in numbers[starts[p] : starts[p] + lengths[p]]:
            # of all, so that a processor looks at several at once
            within &= (number >= 0) & (number < end)
    return within
