"""The options that say where to compute: ``--backend`` and ``--device``."""

from __future__ import annotations

import argparse
import os

from .._backend import Backend
from .._selection import EXTRAS, select

__all__ = ["add_where_options", "chosen_backend"]


def add_where_options(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of a command."""
    group = parser.add_argument_group("where to compute")
    group.add_argument("--backend", choices=sorted(EXTRAS), help="array library (default: numpy)")
    group.add_argument(
        "--device", help="such as cpu, cuda or cuda:1 (default: the backend's first)"
    )


def chosen_backend(args: argparse.Namespace) -> Backend:
    """Return the backend that they name together."""
    backend = select(":".join(part for part in (args.backend, args.device) if part) or "numpy")
    if str(backend) == "torch:cpu" and "OMP_NUM_THREADS" not in os.environ:
        import torch

        # a batch is too small to share out: more threads spend their time waiting for each other
        torch.set_num_threads(1)
    return backend
