"""One step of learning from numbers of spikes: from a batch to its error and every gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..arrays.choices import check_choice
from ..arrays.host import to_host
from ..arrays.namespace import array_namespace, known_true
from ..arrays.settings import under_own_settings
from ..events import Events
from ..learning.clipping import clip_norm as clipped
from ..learning.spike_counts import aggregate_labels, correlation_rule
from ..learning.threshold_driven import without_history
from ..spiking import eligibility, revive_threshold
from .activity_rule import activity_gradients
from .counting import counting
from .learning_step import Step, awake
from .network import Network

__all__ = ["check_counting", "count_step"]

Array = Any

COUNT_RULES = ("exact", "truncated", "correlation")
KEEP_ACTIVE = 0.1


def check_counting(network: Network, rule: str) -> None:
    """Raise ValueError unless the rule can teach numbers of spikes to the network."""
    check_choice("rule", rule, COUNT_RULES)
    if network.readout != "counts":
        raise ValueError(
            f"network must have readout='counts' to be taught numbers of spikes, "
            f"got {network.readout!r}"
        )
    if rule == "correlation" and len(network.weights) > 1:
        raise ValueError(
            f"rule must be 'exact' with hidden layers, through which the correlation rule does "
            f"not reach, got {rule!r} for {len(network.weights)} layers"
        )


def count_step(
    network: Network,
    *,
    rule: str = "exact",
    recovery: str = "none",
    clip_norm: float = 0.0,
    keep_active: float = KEEP_ACTIVE,
) -> Callable[[Events, Array, tuple[Array, ...]], Step]:
    """Return a function from events, wanted counts and weights to what they teach.

    Parameters
    ----------
    network : Network
        Everything but the weights, with ``readout='counts'``.
    rule : {'exact', 'truncated', 'correlation'}
        See `tdp1`, `tdp2` and `correlation_rule`; the last for a single layer.
    recovery : {'none', 'eligibility', 'end'}
        Where to read outputs that never rise above rest, see `revive_threshold`.
    clip_norm : float, default 0
        Largest norm of the gradient; 0 for no limit.
    keep_active : float, default 0.1
        How much the gradient of a hidden layer that passes spikes on has of `activity_gradients`.

    Returns
    -------
    callable
        Its `Step` has ``loss``, the spikes too many or too few per pattern; ``hits``, the patterns
        counted exactly, by each output in part; and no gradients where there is no error.  Where
        spikes can only be counted on NumPy, see `counting`, the step is taken there, but for a
        network with ``max_spikes``.
    """
    check_counting(network, rule)
    check_choice("recovery", recovery, ("none", "eligibility", "end"))

    counter, moved = counting(network)
    if network.max_spikes is not None:
        counter = network

    @under_own_settings
    def step(events: Events, wanted: Array, weights: tuple[Array, ...]) -> Step:
        current = counter.with_weights(weights)
        activity = current.forward(events)
        counts = activity.spikes.counts
        loss, k, cotangent, where = aggregate_labels(counts, wanted, dtype=weights[-1].dtype)
        xp = array_namespace(cotangent=cotangent)
        exact = xp.sum(xp.astype(~where, cotangent.dtype)) / float(max(counts.shape[1], 1))
        learns = ~where
        if known_true(~xp.any(where)):
            return Step(loss, exact, None, awake(activity, current, learns))
        last = activity.inputs[-1], weights[-1], current.neurons[-1]
        if rule == "correlation":
            owed = eligibility(*last, activity.spikes)
            gradients: tuple[Array, ...] = (correlation_rule(owed, counts, wanted),)
            learns = xp.ones_like(where)  # it asks for no slope
        else:
            critical = current.critical_threshold(activity, k, where=where)
            if recovery != "none":
                critical = revive_threshold(*last, critical, where=where, at=recovery)
            if rule == "truncated":
                critical = without_history(critical)
            gradients = current.vjp(activity, cotangent, critical=critical).weights
            if keep_active > 0.0 and current.pass_on == "spikes":
                kept = activity_gradients(current, activity)
                hidden = [g + keep_active * k for g, k in zip(gradients, kept, strict=False)]
                gradients = (*hidden, gradients[-1])
            learns = learns | (critical.t > 0.0)
        if clip_norm > 0.0:
            gradients = clipped(gradients, clip_norm)
        return Step(loss, exact, gradients, awake(activity, current, learns))

    if counter is network:
        return step

    def elsewhere(events: Events, wanted: Array, weights: tuple[Array, ...]) -> Step:
        found = step(moved(events), to_host(wanted), tuple(map(to_host, weights)))
        back = partial(events.xp.asarray, device=events.device)
        gradients = None if found.gradients is None else tuple(map(back, found.gradients))
        return Step(back(found.loss), back(found.hits), gradients, tuple(map(back, found.awake)))

    return elsewhere
