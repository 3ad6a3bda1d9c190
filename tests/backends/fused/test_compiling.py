"""Kernels compiled as a whole: what they make of Python's functions, and whose arrays are whose."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from tempotron_backends.fused.cpu.compiling.collector import collector_paused
from tempotron_backends.fused.cpu.compiling.compiled import compiled


def test_functions_of_python_and_numpy() -> None:
    """Each as in plain Python: with NaN, of two kinds of numbers, of one axis and of two."""

    @compiled
    def extremes(x, y, found):  # type: ignore[no-untyped-def]
        for i in range(x.shape[0]):
            found[0, i] = min(x[i], y[i])
            found[1, i] = max(x[i], y[i])
            found[2, i] = min(i, y[i])
            found[3, i] = max(x[i], 1, y[i])

    special = np.array([-np.inf, -0.0, 0.0, 1.0, np.nan])
    x, y = (side.ravel() for side in np.meshgrid(special, special))
    of_kernel, of_python = np.ones((2, 4, x.size))
    extremes(x, y, of_kernel)
    extremes.py_func(x, y, of_python)  # type: ignore[attr-defined]
    assert list(map(str, of_kernel.flat)) == list(map(str, of_python.flat))

    @compiled
    def arrays(like):  # type: ignore[no-untyped-def]
        n = np.uint64(3)
        some, more = np.empty((2, n), like.dtype), np.empty(n)
        some[:] = 7
        more[:] = 0.5
        return np.zeros(n), np.zeros((n, 2), np.int64), np.zeros(2, like.dtype), some, more

    like = np.ones(1, np.float32)
    for found, expected in zip(arrays(like), arrays.py_func(like), strict=True):  # type: ignore[attr-defined]
        np.testing.assert_array_equal(found, expected, strict=True)
        assert found.flags.carray


def test_arrays_are_held_as_long_as_they_are_used() -> None:
    """By whoever makes them, though most functions count no references."""

    @compiled
    def last_of(rows):  # type: ignore[no-untyped-def]
        return rows[rows.shape[0] - 1]

    @compiled
    def raised(rows, by):  # type: ignore[no-untyped-def]
        made = np.empty(rows.shape[1])
        made[:] = last_of(rows)
        for i in range(made.shape[0]):
            made[i] += by
        return made

    @compiled
    def swap(rows, spare):  # type: ignore[no-untyped-def]
        spare[0] = rows[1]
        rows[1] = rows[0]
        rows[0] = spare[0]
        rows, spare = spare, rows

    @compiled
    def total(rows, times):  # type: ignore[no-untyped-def]
        found = 0.0
        for _ in range(times):
            row = raised(rows, 1.0)
            row = raised(rows, row[0])
            swap(rows, rows)
            found += row.sum() + last_of(rows)[0]
        return found, last_of(rows)

    rows = np.array([[3.0, 2.0], [1.0, 5.0]])
    before = sys.getrefcount(rows)
    expected = total.py_func(rows.copy(), 101)  # type: ignore[attr-defined]
    found, last = total(rows, 101)
    assert found == expected[0]
    np.testing.assert_array_equal(last, expected[1])
    del last
    assert sys.getrefcount(rows) == before


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool) -> None:
    frozen = gc.get_freeze_count()

    def fail_within() -> None:
        with collector_paused():
            assert not gc.isenabled()
            raise KeyError

    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(KeyError):
            fail_within()
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
    assert (gc.get_freeze_count() > 0) == (frozen > 0)  # those that die leave the count
