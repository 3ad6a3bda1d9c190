"""The epochs of a fit: what is drawn in each, how it is augmented, and what is told of it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core.networks.training import Training

from .._backend import Backend
from ..data.loader import InMemory
from ..recipes.recipe import Recipe
from ..training.augment import augmentation
from ..training.callbacks import Callback
from ..training.loop import train
from ..training.progress import reporting
from .drawing import Drawn

__all__ = ["fit_epochs"]


def fit_epochs(
    backend: Backend,
    source: InMemory,
    state: Training,
    recipe: Recipe,
    *,
    watched: InMemory | None,
    drawn_by: NDArray[np.float64] | None,
    verbose: bool,
) -> None:
    """Train ``state`` in place; ``drawn_by`` has the weight of each pattern, if they differ."""
    callbacks: list[Callback] = []
    patterns: Any = source
    if drawn_by is not None:
        patterns = Drawn(source, drawn_by, state.rng)
        callbacks.append(patterns)
    report = reporting(recipe.epochs, done=state.epoch) if verbose else nullcontext()
    with report as heard:
        train(
            backend,
            patterns,
            state,
            recipe,
            validation=watched,
            augment=augmentation(recipe),
            callbacks=[*callbacks, heard] if heard else callbacks,
        )
