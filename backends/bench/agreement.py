"""All that is timed has to compute the same: v_max is compared first."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .peers import Peer
from .subjects import Subject
from .workload import NEURON, Workload

__all__ = ["Agreement", "check_peer", "check_subjects", "n_firing"]

TOLERANCE = {"float32": 2e-6, "float64": 1e-12}
"""Largest error of a potential, as a part of `Workload.scale`: the bars of the test suite."""

ON_GRID = 1e-11
"""The same for the dense form in double precision, which adds in another order."""


@dataclass(frozen=True)
class Agreement:
    """How far a peer's v_max is from ours.

    Attributes
    ----------
    difference : float
        The largest difference from ours on the same clock.
    allowed : float
        The largest that is allowed.
    below_exact : float or None
        For a grid: by how much its maximum misses the exact peak, at most.
    compared : str
        What was compared with what.
    nan : int
        Peaks that are NaN in the dtype of the timing.
    peaks : int
        All peaks.
    """

    difference: float
    allowed: float
    compared: str
    nan: int
    peaks: int
    below_exact: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the attributes as JSON takes them."""
        return asdict(self)


def n_firing(workload: Workload) -> int:
    """Pairs of pattern and output whose peak exceeds the threshold."""
    return int((workload.exact() > NEURON.v_threshold).sum())


def check_subjects(workload: Workload, subjects: list[Subject]) -> dict[str, float]:
    """Compare every form's v_max with the Array API form on NumPy in float64.

    Returns
    -------
    dict
        The largest difference of each, by label.

    Raises
    ------
    ValueError
        If a form is further off than its dtype allows.
    """
    expected = workload.exact()
    allowed = TOLERANCE[workload.dtype] * workload.scale
    found = {}
    for subject in subjects:
        if subject.v_max is None:
            continue
        off = _largest(subject.v_max() - expected)
        _require(subject.label, off, allowed, workload)
        found[subject.label] = off
    return found


def check_peer(workload: Workload, peer: Peer, folder: Path) -> Agreement:
    """Compare a peer's v_max with ours: on its grid, or exact and shunted.

    Raises
    ------
    ValueError
        If it is further off than its dtype allows, or a grid's maximum exceeds the exact peak.
    """
    theirs, nan = peer.compared(folder)
    shape = (workload.shape.batch, workload.shape.outputs)
    if theirs.shape != shape:
        raise ValueError(f"{peer.name} must give v_max of shape {shape}, got {theirs.shape}")
    if peer.is_exact:
        # SpikingJelly 2.0.0 always shunts: input after the first crossing is ignored
        ours = workload.exact(replace(NEURON, shunt=True))
        allowed = TOLERANCE[workload.dtype] * workload.scale
        off = _largest(theirs - ours)
        _require(peer.name, off, allowed, workload)
        return Agreement(off, allowed, f"exact peaks in {workload.dtype}", nan, theirs.size)
    steps = int(workload.shape.duration)
    allowed = ON_GRID * workload.scale
    off = _largest(theirs - workload.exact(grid=(steps, 1.0)))
    _require(peer.name, off, allowed, workload)
    below = workload.exact() - theirs
    if float(below.min()) < -allowed:
        raise ValueError(f"{peer.name} exceeds the exact peak by {-float(below.min()):.3g}")
    compared = f"samples at {steps} steps in float64"
    return Agreement(off, allowed, compared, nan, theirs.size, float(below.max()))


def _largest(difference: Any) -> float:
    """Largest magnitude; NaN counts as infinite, so that it is never allowed."""
    return float(np.nan_to_num(np.abs(difference), nan=np.inf).max())


def _require(name: str, off: float, allowed: float, workload: Workload) -> None:
    if not off <= allowed:
        raise ValueError(
            f"{name} differs from the exact v_max by up to {off:.3g}, allowed {allowed:.3g} "
            f"({workload.shape}, {workload.dtype}): nothing was timed"
        )
