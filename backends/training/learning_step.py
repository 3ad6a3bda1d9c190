"""One step of learning: from a batch of patterns to its loss and the gradient of every layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Activity, Events, Network, revive
from tempotron_core.learning import (
    clip_norm,
    cross_entropy_loss,
    mse_loss,
    pool,
    pool_vjp,
    tempotron_loss,
)

from .._backend import Backend
from .._jit import compiled
from ..recipes.recipe import Recipe

__all__ = ["Step", "class_values", "learning_step"]

Array = Any


class Step(NamedTuple):
    """What one batch teaches.

    Attributes
    ----------
    loss : array, shape ()
        Averaged over the batch.
    hits : array, shape ()
        Patterns classified correctly.
    gradients : tuple of array
        Of every layer's weights.
    awake : tuple of boolean array
        For every layer, the neurons that any pattern can change: hidden ones that spike, outputs
        that rise above rest.
    """

    loss: Array
    hits: Array
    gradients: tuple[Array, ...]
    awake: tuple[Array, ...]


def class_values(v_max: Array, recipe: Recipe) -> Array:
    """Return one value per class, shape (B, C), from the potentials of its neurons."""
    return pool(v_max, **_pooling(v_max, recipe))


def learning_step(
    network: Network, recipe: Recipe, class_weight: NDArray[np.float64] | None, backend: Backend
) -> Callable[[Events, Array, tuple[Array, ...]], Step]:
    """Return a function from events, labels and weights to what they teach.

    Parameters
    ----------
    network : Network
        Everything but the weights.
    recipe : Recipe
    class_weight : array, shape (C,), or None
        How much patterns of each class count.
    backend : Backend

    Returns
    -------
    callable
        Compiled for the shapes of its arguments where the backend's library does so.
    """
    xp, v_threshold = backend.xp, recipe.v_threshold

    def cost(values: Array, labels: Array) -> tuple[Array, Array]:
        weight = None if class_weight is None else backend.from_numpy(class_weight, values.dtype)
        if recipe.loss == "cross_entropy":
            return cross_entropy_loss(
                values, labels, temperature=recipe.temperature * v_threshold, class_weight=weight
            )
        loss_of = tempotron_loss if recipe.loss == "tempotron" else mse_loss
        margin = recipe.margin * v_threshold
        return loss_of(values, labels, v_threshold, margin=margin, class_weight=weight)

    def step(events: Events, labels: Array, weights: tuple[Array, ...]) -> Step:
        current = network.with_weights(weights)
        activity = current.forward(events)
        awake = _awake(activity, recipe, xp)
        found = activity.peak
        if recipe.recovery != "none":
            found = revive(
                activity.inputs[-1], weights[-1], current.neurons[-1], found, at=recipe.recovery
            )
            activity = activity._replace(peak=found)
        values = class_values(found.v_max, recipe)
        loss, cotangent = cost(values, labels)
        v_cotangent = pool_vjp(found.v_max, cotangent=cotangent, **_pooling(found.v_max, recipe))
        gradients = current.vjp(activity, v_cotangent).weights
        if recipe.clip_norm > 0.0:
            gradients = clip_norm(gradients, recipe.clip_norm)
        hit = xp.argmax(values, axis=1) == labels
        return Step(loss, xp.sum(xp.astype(hit, values.dtype)), gradients, awake)

    return compiled(backend, step)


def _awake(activity: Activity, recipe: Recipe, xp: Any) -> tuple[Array, ...]:
    """Return for every layer which of its neurons have a gradient in any pattern."""
    fires = [
        hidden.v_max > recipe.v_threshold if recipe.pass_on == "peak" else xp.isfinite(hidden)
        for hidden in activity.hidden
    ]
    return tuple(xp.any(pairs, axis=0) for pairs in (*fires, activity.peak.t_max > 0.0))


def _pooling(v_max: Array, recipe: Recipe) -> dict[str, Any]:
    return {
        "n_classes": v_max.shape[1] // recipe.neurons_per_class,
        "how": recipe.pooling,
        "temperature": recipe.pool_temperature * recipe.v_threshold,
    }
