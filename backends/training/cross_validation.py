"""Cross-validation of a recipe: every pattern is classified by a network that never saw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tempotron_core.arrays.numbers import whole_number

from .._backend import Backend
from ..data.patterns import Patterns
from ..recipes.recipe import Recipe
from .augment import augmentation
from .loop import begin, classify, train

__all__ = ["CrossValidation", "cross_validate", "stratified_folds"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What came of it.

    Attributes
    ----------
    folds : integer array, shape (R, B)
        In which fold each pattern was held out, in each of R shuffles.
    predicted : integer array, shape (R, B)
        The class that it was given there.
    accuracy : array, shape (R, F)
        Of each fold.
    by_chance : array, shape (P,)
        The mean accuracy over folds after each permutation of the labels.
    """

    folds: Integers
    predicted: Integers
    accuracy: Floats
    by_chance: Floats

    @property
    def p_value(self) -> float:
        """The part of permutations, the identity among them, that are as good.

        They are shuffled once each: a mean over several shuffles varies less than they do.
        """
        better = int(np.count_nonzero(self.by_chance >= self.accuracy.mean() - 1e-12))
        return (better + 1) / (len(self.by_chance) + 1)


def stratified_folds(labels: Integers, n_folds: int, rng: np.random.Generator) -> Integers:
    """Return a fold for each pattern, each class in proportion, at random.

    Raises
    ------
    ValueError
        If a class has fewer patterns than there are folds.
    """
    n_folds = whole_number("folds", n_folds, least=2)
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2 or counts.min() < n_folds:
        raise ValueError(
            f"folds must be at most the patterns of the smallest of two classes or more, "
            f"{counts.min()} of {len(classes)}, got {n_folds}"
        )
    folds = np.empty(len(labels), dtype=np.int64)
    dealt = 0  # one class goes on where the one before ended: folds are of one size
    for label in classes:
        members = rng.permutation(np.flatnonzero(labels == label))
        folds[members] = (dealt + np.arange(len(members))) % n_folds
        dealt += len(members)
    return folds


def cross_validate(
    data: Patterns,
    recipe: Recipe,
    backend: Backend,
    *,
    dtype: str = "float32",
    folds: int = 5,
    repeats: int = 1,
    permutations: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> CrossValidation:
    """Train on all folds but one, classify that one, and so with each.

    Parameters
    ----------
    data : Patterns
    recipe : Recipe
        Its seed decides folds, permutations and weights.
    backend : Backend
    dtype : str, default 'float32'
    folds : int, default 5
    repeats : int, default 1
        How often to shuffle the patterns into folds and train on them.
    permutations : int, default 0
        How often to do it all again with the labels permuted, for what chance gives.
    tell : callable, optional
        Told what is done, as it is done.

    Returns
    -------
    CrossValidation

    Raises
    ------
    ValueError
        If a class has fewer patterns than there are folds, or training diverges.
    """
    if recipe.counts:
        raise ValueError(f"rule must be that of labels in folds, got {recipe.rule!r}")
    repeats = whole_number("repeats", repeats)
    permutations = whole_number("permutations", permutations, least=0)
    rng = np.random.default_rng(recipe.seed)
    labels = np.asarray(data.labels)

    def in_folds(labels: Integers, of: str | None = None) -> tuple[Integers, Integers, Floats]:
        """Shuffle, and return folds, classes found there, and the accuracy of each fold."""
        split = stratified_folds(labels, folds, rng)
        found, accuracy = np.empty_like(split), np.empty(folds)
        for fold in range(folds):
            held_out = split == fold
            found[held_out] = _classes(data, labels, held_out, recipe, backend, dtype, rng)
            accuracy[fold] = np.mean(found[held_out] == labels[held_out])
            if of is not None:
                tell(f"{of}fold {fold + 1} of {folds}: {accuracy[fold]:.1%}")
        return split, found, accuracy

    shuffles = [
        in_folds(labels, f"shuffle {number + 1} of {repeats}, " if repeats > 1 else "")
        for number in range(repeats)
    ]
    by_chance = np.zeros(permutations)
    for number in range(permutations):
        *_, accuracy = in_folds(rng.permutation(labels))
        by_chance[number] = accuracy.mean()
        tell(f"permutation {number + 1} of {permutations}: {by_chance[number]:.1%}")
    split, predicted, accuracy = (np.stack(parts) for parts in zip(*shuffles, strict=True))
    return CrossValidation(split, predicted, accuracy, by_chance)


def _classes(
    data: Patterns,
    labels: Integers,
    held_out: NDArray[np.bool_],
    recipe: Recipe,
    backend: Backend,
    dtype: str,
    rng: np.random.Generator,
) -> Integers:
    """Train on some patterns, with labels that may not be theirs, and classify the others."""
    source = data.source(np.flatnonzero(~held_out), recipe, backend, dtype)
    source.labels = labels[~held_out]  # type: ignore[misc]
    state = begin(backend, source, recipe, rng, dtype)
    train(backend, source, state, recipe, augment=augmentation(recipe, data.image_shape))
    if state.interrupted:
        raise KeyboardInterrupt
    rest = data.source(np.flatnonzero(held_out), recipe, backend, dtype)
    return classify(backend, rest, state.result, recipe)
