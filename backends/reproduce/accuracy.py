"""Accuracies of trained tempotrons, beside published ones and logistic regression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tempotron_core.metrics import bootstrap_interval, proportion_interval

from .. import select
from ..data.dataset import Dataset
from ..data.patterns import FeaturePatterns
from ..recipes.recipe import Recipe
from ..training.experiment import Experiment, split
from .reproduction import Done, Job, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LOGISTIC", "Published", "accuracies", "draw", "rows", "run"]

LOGISTIC = "logistic regression"


class Published(NamedTuple):
    """A published accuracy.

    Attributes
    ----------
    words : str
    low, high : float
        Its spread, or twice the number.
    source : str
    """

    words: str
    low: float
    high: float
    source: str


def run(job: Job, dataset: Dataset) -> dict[str, Any]:
    """Train what a job says on a data set, and score the patterns it holds out.

    Parameters
    ----------
    job : dict
        ``model`` is `LOGISTIC`, or any name; ``recipe`` are the settings, the seed among them.
    dataset : Dataset

    Returns
    -------
    dict
        ``correct`` of ``held_out`` patterns.
    """
    recipe = Recipe(**job["recipe"])
    if job["model"] == LOGISTIC:
        return _logistic(dataset, recipe)
    experiment = Experiment.prepare(FeaturePatterns(dataset), recipe, select("numpy"))
    experiment.train()
    return {"correct": experiment.held_out_hits(), "held_out": len(experiment.held_out_index)}


def _logistic(dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    patterns = FeaturePatterns(dataset)
    train, _, held_out = split(patterns, recipe, np.random.default_rng(recipe.seed))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(dataset.features[train], dataset.labels[train])
    right = model.predict(dataset.features[held_out]) == dataset.labels[held_out]
    return {"correct": int(right.sum()), "held_out": len(held_out)}


def accuracies(done: Done) -> dict[str, list[float]]:
    """Part of the held-out patterns decided rightly, of each seed, by model."""
    found: dict[str, list[float]] = {}
    for job, result in done:
        found.setdefault(job["model"], []).append(result["correct"] / result["held_out"])
    return found


def rows(done: Done, published: Mapping[str, Published]) -> list[Row]:
    """Return a row for each model.

    Parameters
    ----------
    done : sequence of (job, result)
    published : mapping from str to Published
        By model.
    """
    rng, made = np.random.default_rng(0), []
    for model, parts in accuracies(done).items():
        mean = float(np.mean(parts))
        here = f"{mean:.1%}"
        if len(parts) > 1:
            low, high = bootstrap_interval(parts, np.mean, rng)
            here += f" ± {np.std(parts, ddof=1):.1%}, {len(parts)} seeds"
        else:
            (result,) = (result for job, result in done if job["model"] == model)
            low, high = proportion_interval(result["correct"], result["held_out"])
        known = published.get(model)
        made.append(
            Row(
                f"accuracy, {model}",
                known.words if known else "–",
                known.source if known else "no number at hand",
                here,
                f"{low:.1%} to {high:.1%}",
                _verdict(known, low, high),
            )
        )
    return made


def _verdict(known: Published | None, low: float, high: float) -> str:
    if known is None:
        return "–"
    if low <= known.high and known.low <= high:
        return "agrees"
    return "lower here" if high < known.low else "higher here"


def draw(figure: Figure, done: Done, published: Mapping[str, Published]) -> None:
    """Draw each model's accuracies, and the published ones."""
    from ..plotting.accuracies import accuracy_dots

    ranges = {model: (known.low, known.high) for model, known in published.items()}
    accuracy_dots(figure.subplots(), accuracies(done), ranges)
