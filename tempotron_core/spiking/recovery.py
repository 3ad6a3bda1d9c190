"""Bring neurons back that never rise above rest, which have no critical threshold to learn from."""

from __future__ import annotations

from typing import Any

from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.grouping import by_groups
from ..neuron import Neuron
from ..readouts.peak import Peak
from ..readouts.recovery import revive
from .arguments import check_spiking, spikes_asked
from .critical_threshold import CriticalThreshold

__all__ = ["revive_threshold"]

Array = Any


@by_groups("found", "where")
@under_own_settings
def revive_threshold(
    events: Events,
    weight: Array,
    neuron: Neuron,
    found: CriticalThreshold,
    *,
    where: Array | None = None,
    at: str = "eligibility",
) -> CriticalThreshold:
    r"""Give pairs at rest the potential at a time that they can learn at, as `revive` does.

    Their critical thresholds are 0, and so are the gradients.  Given the result,
    :func:`critical_threshold_vjp` returns the gradient of the potential at that time.

    Parameters
    ----------
    events, weight, neuron, where
        As given to :func:`critical_threshold`.
    found : CriticalThreshold
        What it returned for them.
    at : {'eligibility', 'end'}
        As for :func:`revive`.

    Returns
    -------
    CriticalThreshold
        For every pair in ``where`` at rest (``t`` is 0) whose pattern has spikes, ``t`` is that
        time and ``theta`` the potential at it, 0 or less.  Other pairs are as in ``found``.

    Raises
    ------
    TypeError, ValueError
        As :func:`critical_threshold`, and if ``found`` does not fit or ``at`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron
    >>> from tempotron_core.spiking import (
    ...     critical_threshold,
    ...     critical_threshold_vjp,
    ...     revive_threshold,
    ... )
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0]]), duration=50.0)
    >>> weight, neuron, ones = np.asarray([[-0.5, -0.25]]), Neuron(), np.ones((1, 1))
    >>> found = critical_threshold(events, weight, neuron, 1)
    >>> found = revive_threshold(events, weight, neuron, found)
    >>> print(critical_threshold_vjp(events, weight, neuron, found, ones).weight.round(3))
    [[0.989 0.993]]
    """
    xp = check_spiking(events, weight, neuron)
    if not isinstance(found, CriticalThreshold):
        raise TypeError(
            "found must be a CriticalThreshold (what critical_threshold returned), "
            f"got {type(found).__name__}"
        )
    looked_at = spikes_asked(1, where, events, weight, xp=xp) > 0
    revived = revive(events, weight, neuron, Peak(found.theta, found.t), at=at)
    return CriticalThreshold(
        xp.where(looked_at, revived.v_max, found.theta),
        xp.where(looked_at, revived.t_max, found.t),
        found.n_before,
    )
