"""Threads that run compiled kernels over parts of a batch.

A kernel gives up the interpreter's lock, so ordinary Python threads serve.  Which part of a batch
is worked on together is decided by shapes alone, never by the number of threads, so results do not
depend on it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["n_threads", "run", "split"]

T = TypeVar("T")


def n_threads() -> int:
    """Threads to use: what the environment asks for, else one per processor we may run on.

    ``TEMPOTRON_NUM_THREADS`` is read before ``OMP_NUM_THREADS``, at every call.  Of the latter's
    numbers for nested loops, ``4,2``, the first counts.

    Raises
    ------
    ValueError
        If ``TEMPOTRON_NUM_THREADS`` is no positive whole number.
    """
    given = os.environ.get("TEMPOTRON_NUM_THREADS", "").strip()
    if given and not _is_count(given):
        raise ValueError(f"TEMPOTRON_NUM_THREADS must be a positive whole number, got {given!r}")
    outermost = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    for asked in (given, outermost):
        if _is_count(asked):
            return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_count(text: str) -> bool:
    return text.isdecimal() and int(text) > 0


def split(total: int, n_parts: int) -> list[tuple[int, int]]:
    """Where each of so many nearly equal parts of ``total`` begins and ends."""
    bounds = [total * i // n_parts for i in range(n_parts + 1)] if n_parts else []
    return list(pairwise(bounds))


def run(task: Callable[[T], None], parts: Sequence[T], *, worth: bool = True) -> None:
    """Call ``task(part)`` for every part, side by side if that is ``worth`` the start of threads.

    An exception of a task is raised here, after the others have ended.
    """
    most = n_threads() if worth else 1
    wanted = min(most, len(parts))
    if wanted < 2:
        for part in parts:
            task(part)
        return
    todo = iter(parts)

    def work() -> None:
        # next() on a list's iterator is atomic: every part is taken once
        for part in todo:
            task(part)

    helpers = list(map(_pool(most - 1).submit, repeat(work, wanted - 1)))
    try:
        work()
    finally:
        # one that waits behind the work of another caller would find nothing left to do
        started = [helper for helper in helpers if not helper.cancel()]
        for helper in started:
            helper.exception()
    for helper in started:
        helper.result()


@functools.lru_cache(maxsize=1)
def _pool(size: int) -> ThreadPoolExecutor:
    """The one pool.  It starts threads as they are needed; once dropped for another, they end."""
    from concurrent.futures import ThreadPoolExecutor  # which takes its time to import

    return ThreadPoolExecutor(size, thread_name_prefix="tempotron")


if hasattr(os, "register_at_fork"):
    # a forked process has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
