"""The variation of training patterns that a recipe asks for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tempotron_core import Events
from tempotron_core.encoding import delete_spikes, jitter_spikes, shift_image

from ..recipes.recipe import Recipe

__all__ = ["Augment", "augmentation"]

Augment = Callable[[Events, np.random.Generator], Events]


def augmentation(recipe: Recipe, image_shape: tuple[int, ...] | None = None) -> Augment | None:
    """Return a function from the events of a batch to varied ones, or None if none are asked for.

    Parameters
    ----------
    recipe : Recipe
    image_shape : tuple of int, optional
        Rows and columns of patterns that are images; only these are moved.

    Returns
    -------
    callable or None
    """
    shift = recipe.shift if image_shape is not None else 0
    if not (shift or recipe.jitter or recipe.deletion):
        return None

    def varied(events: Events, rng: np.random.Generator) -> Events:
        if shift and image_shape is not None:
            rows, columns = image_shape
            channels = recipe.afferents_per_feature
            events = shift_image(events, (rows, columns), shift, rng, channels=channels)
        if recipe.jitter:
            events = jitter_spikes(events, recipe.jitter, rng)
        if recipe.deletion:
            events = delete_spikes(events, recipe.deletion, rng)
        return events

    return varied
