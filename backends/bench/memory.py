"""Rise in memory of one call, each in a fresh process."""

from __future__ import annotations

from dataclasses import asdict

from .own_worker import COMMAND
from .peers import Worker
from .subjects import Subject
from .workload import Workload

__all__ = ["memory_of"]


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
