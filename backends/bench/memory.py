"""Rise in memory of one call of ours, each in a process of its own that runs this module."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from .._selection import select
from .machine import limited_to
from .peer_worker import rise_in_memory, serve
from .peers import Worker
from .subjects import Subject, make_subject
from .workload import Shape, Workload

__all__ = ["memory_of"]

COMMAND = [sys.executable, "-m", "tempotron_backends.bench.memory"]


def memory_of(subject: Subject, workload: Workload, what: str, threads: int) -> int | None:
    """Peak resident memory during a call, less that after import, inputs and a warm-up call.

    Parameters
    ----------
    subject : Subject
        Only its name and form are used: the process makes its own.
    workload : Workload
    what : str
        Which call.
    threads : int

    Returns
    -------
    int or None
        Bytes; None for the floor, for a device with memory of its own, and where the system does
        not tell a process's peak.
    """
    if subject.name == "floor" or not subject.on_host:
        return None
    with Worker(COMMAND, f"the memory of {subject.label}", threads) as worker:
        reply = worker.ask(
            "memory",
            backend=subject.name,
            form=subject.form,
            shape=asdict(workload.shape),
            dtype=workload.dtype,
            what=what,
            threads=threads,
        )
    return None if reply["bytes"] is None else int(reply["bytes"])


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


if __name__ == "__main__":
    serve({"memory": memory})
