"""The reproductions, by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .reproduction import Job, Reproduction

__all__ = ["NAMES", "find", "run_job"]

NAMES = (
    "capacity-2006",
    "robustness-2006",
    "synchrony-2006",
    "time-warp-2009",
    "gumbel-2010",
    "capacity-2010",
    "clues-2016",
    "digits",
    "mnist",
    "uci",
)
"""On the command line; the module of each has underscores for hyphens."""


def find(name: str) -> Reproduction:
    """Return the reproduction of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    module = import_module(f".{name.replace('-', '_')}", __package__)
    found: Reproduction = module.REPRODUCTION
    return found


def run_job(name: str, job: Job) -> dict[str, Any]:
    """Run one job of a reproduction; a process is told no more than this."""
    return find(name).run(job)
