"""One step of learning: from a batch of patterns to its loss and the gradient of every layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..arrays.namespace import array_namespace, device_of
from ..arrays.registry import compiled, fused, is_followed
from ..arrays.settings import under_own_settings
from ..events import Events
from ..learning.clipping import clip_norm
from ..learning.losses import cross_entropy_loss, mse_loss, tempotron_loss
from ..learning.pooling import pool, pool_vjp
from ..neuron import Neuron
from ..readouts.arguments import check_fit
from ..readouts.recovery import revive
from .activity import Activity
from .network import Network
from .passing_on import first_spikes, spikes_passed_on

__all__ = ["Objective", "Step", "awake", "learning_step"]

Array = Any


@dataclass(frozen=True)
class Objective:
    """What the outputs of a network are to do: classify, by several neurons per class.

    Attributes
    ----------
    neurons_per_class : int
    pooling : {'logsumexp', 'max', 'mean'}
        How the largest potentials of a class's neurons become one value.
    pool_temperature : float
        Of ``'logsumexp'``, in units of the threshold.
    loss : {'cross_entropy', 'tempotron', 'mse'}
    temperature : float
        Of the cross-entropy, in units of the threshold.
    margin : float
        Of the other losses, in units of the threshold.
    recovery : {'none', 'eligibility', 'end'}
        Where to read outputs that never rise above rest, see `tempotron_core.revive`.
    clip_norm : float
        Largest norm of a step's gradient; 0 for no limit.
    v_threshold : float
        The unit of the above.
    """

    neurons_per_class: int = 6
    pooling: str = "logsumexp"
    pool_temperature: float = 0.2
    loss: str = "cross_entropy"
    temperature: float = 0.2
    margin: float = 0.4
    recovery: str = "none"
    clip_norm: float = 0.0
    v_threshold: float = 1.0

    def class_values(self, v_max: Array) -> Array:
        """Return one value per class, shape (B, C), from the potentials of its neurons."""
        return pool(v_max, **self._pooling(v_max))

    def cost(
        self, v_max: Array, labels: Array, class_weight: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """Return the loss, its cotangent of ``v_max``, and the patterns classified correctly."""
        form = fused("class_cost", "auto", v_max)
        found: tuple[Array, Array, Array] | None = (
            None if form is None else form(v_max, labels, self, class_weight)
        )
        return self._cost(v_max, labels, class_weight) if found is None else found

    def _cost(
        self, v_max: Array, labels: Array, class_weight: Array | None
    ) -> tuple[Array, Array, Array]:
        values = self.class_values(v_max)
        if self.loss == "cross_entropy":
            loss, cotangent = cross_entropy_loss(
                values,
                labels,
                temperature=self.temperature * self.v_threshold,
                class_weight=class_weight,
            )
        else:
            loss_of = tempotron_loss if self.loss == "tempotron" else mse_loss
            loss, cotangent = loss_of(
                values,
                labels,
                self.v_threshold,
                margin=self.margin * self.v_threshold,
                class_weight=class_weight,
            )
        xp = array_namespace(v_max=v_max)
        hits = xp.sum(xp.astype(xp.argmax(values, axis=1) == labels, values.dtype))
        return loss, pool_vjp(v_max, cotangent=cotangent, **self._pooling(v_max)), hits

    def _pooling(self, v_max: Array) -> dict[str, Any]:
        return {
            "n_classes": v_max.shape[1] // self.neurons_per_class,
            "how": self.pooling,
            "temperature": self.pool_temperature * self.v_threshold,
        }


class Step(NamedTuple):
    """What one batch teaches.

    Attributes
    ----------
    loss : array, shape ()
        Averaged over the batch.
    hits : array, shape ()
        Patterns classified correctly.
    gradients : tuple of array or None
        Of every layer's weights; None where there is nothing to learn.
    awake : tuple of boolean array
        For every layer, the neurons that any pattern can change: hidden ones that spike, outputs
        that rise above rest.
    """

    loss: Array
    hits: Array
    gradients: tuple[Array, ...] | None
    awake: tuple[Array, ...]


def learning_step(
    network: Network, objective: Objective, class_weight: Any = None
) -> Callable[[Events, Array, tuple[Array, ...]], Step]:
    """Return a function from events, labels and weights to what they teach.

    Parameters
    ----------
    network : Network
        Everything but the weights, of which only the library counts.
    objective : Objective
    class_weight : array of NumPy, shape (C,), or None
        How much patterns of each class count.

    Returns
    -------
    callable
        Compiled for the shapes of its arguments where the weights' library gains from that.
    """
    neuron = network.neurons[0]
    simple = (
        len(network.weights) == 1
        and network.readout == "peak"
        and not (network.clock or network.reference_times)
        and objective.recovery == "none"
        and type(objective) is Objective
    )

    def step(events: Events, labels: Array, weights: tuple[Array, ...]) -> Step:
        by_class = None if class_weight is None else _beside(weights[-1], class_weight)
        given = events, labels, objective, by_class
        found = _at_once(weights[0], neuron, *given) if simple else None
        if found is None:
            found = _in_turn(network.with_weights(weights), *given)
        if objective.clip_norm > 0.0 and found.gradients is not None:
            found = found._replace(gradients=clip_norm(found.gradients, objective.clip_norm))
        return found

    return compiled(step, network.weights[0])


@under_own_settings
def _beside(weight: Array, class_weight: Any) -> Array:
    """Return what each class counts in the library, on the device and in the dtype of weights."""
    xp = array_namespace(weights=weight)
    return xp.asarray(class_weight, dtype=weight.dtype, device=device_of(weight))


@under_own_settings
def _in_turn(
    network: Network,
    events: Events,
    labels: Array,
    objective: Objective,
    class_weight: Array | None,
) -> Step:
    """Return what a batch teaches: forward, cost, and back."""
    activity = network.forward(events)
    responding = awake(activity, network, activity.peak.t_max > 0.0)
    found = activity.peak
    if objective.recovery != "none":
        last = activity.inputs[-1], network.weights[-1], network.neurons[-1]
        found = revive(*last, found, at=objective.recovery)
        activity = activity._replace(peak=found)
    loss, cotangent, hits = objective.cost(found.v_max, labels, class_weight)
    return Step(loss, hits, network.vjp(activity, cotangent).weights, responding)


def _at_once(
    weight: Array,
    neuron: Neuron,
    events: Events,
    labels: Array,
    objective: Objective,
    class_weight: Array | None,
) -> Step | None:
    """Return the same by the fused form for one layer, or None where there is none.

    Kernels have no settings, and asking for them takes longer than all the rest here.
    """
    form = fused("learn_classes", "auto", weight)
    if form is None or type(events) is not Events or is_followed(weight):
        return None
    check_fit(events, weight, neuron)
    if is_followed(events.times):
        return None
    found = form(events, labels, weight, neuron, objective, class_weight)
    if found is None:
        return None
    loss, hits, gradient, responding = found
    return Step(loss, hits, (gradient,), (responding,))


def awake(activity: Activity, network: Network, last: Array) -> tuple[Array, ...]:
    """Return for every layer which of its neurons do something in any pattern, or can learn to.

    Hidden neurons do if they spike; ``last`` [B, O] says of which outputs it is so.
    """
    xp = array_namespace(last=last)
    fires = [
        xp.isfinite(first_spikes(spikes_passed_on(hidden, neuron, network.pass_on)))
        for hidden, neuron in zip(activity.hidden, network.neurons, strict=False)
    ]
    return tuple(xp.any(pairs, axis=0) for pairs in (*fires, last))
