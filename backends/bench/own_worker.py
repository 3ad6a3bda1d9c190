"""A process of our own, for figures that need a fresh one: the rise in memory of a call."""

from __future__ import annotations

import sys
from typing import Any

from .._selection import select
from .machine import limited_to
from .peer_worker import rise_in_memory, serve
from .subjects import make_subject
from .workload import Shape, Workload

__all__ = ["COMMAND", "memory"]

COMMAND = [sys.executable, "-m", "tempotron_backends.bench.own_worker"]


def memory(
    backend: str, form: str, shape: dict[str, Any], dtype: str, what: str, threads: int
) -> dict[str, Any]:
    """Rise in memory during a call, after one on a single pattern.

    JAX compiles for every shape anew, so there the call before is the same as the one measured.
    """
    with limited_to(threads):
        chosen = select(backend)
        workload = Workload(Shape(**shape), dtype)
        small = Workload(workload.shape.with_(batch=1), dtype)
        _call(make_subject(small, chosen, form), what)
        # what made the inputs is not part of them
        subject = make_subject(workload, chosen, form)
        if form == "jit":
            _call(subject, what)
        return {"bytes": rise_in_memory(lambda: _call(subject, what))}


def _call(subject: Any, what: str) -> Any:
    result = subject.calls[what]()
    subject.wait(result)
    return result


def main() -> None:
    """Answer requests until the input ends."""
    serve({"memory": memory})


if __name__ == "__main__":
    main()
