"""Tables of the UCI repository that come with scikit-learn."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.dataset import Dataset
from ..data.patterns import FeaturePatterns
from ..recipes.recipe import Recipe
from ..training.experiment import split
from . import accuracy
from .accuracy import LOGISTIC, Published
from .reproduction import Done, Job, Reproduction, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLES = ("breast_cancer", "iris", "wine")
TEMPOTRONS = "six neurons per class"
SETTINGS = {"hold_out": 0.5, "n_fields": 8}  # chosen on four other splits
PUBLISHED = {
    "breast cancer, six neurons per class": Published(
        "97.6 ± 0.8 %", 0.968, 0.984, "cited; which of two such tables it is of was not said"
    ),
}


def _jobs(quick: bool, seed: int) -> list[Job]:
    return [
        {
            "table": table,
            "model": f"{table.replace('_', ' ')}, {model}",
            "recipe": {**SETTINGS, "seed": seed + number},
            "cost": 0.1 if model == LOGISTIC else 1.5 if table == "breast_cancer" else 0.7,
        }
        for table in TABLES
        for model in (TEMPOTRONS, LOGISTIC)
        for number in range(2 if quick else 20)
    ]


def _run(job: Job) -> dict[str, Any]:
    kind = LOGISTIC if job["model"].endswith(LOGISTIC) else TEMPOTRONS
    return accuracy.run({**job, "model": kind}, load(job["table"], Recipe(**job["recipe"])))


def load(table: str, recipe: Recipe) -> Dataset:
    """Return a table with every feature from 0 to 1 in the patterns that are trained on.

    Parameters
    ----------
    table : str
        One of `TABLES`.
    recipe : Recipe
        Which patterns are trained on.  Others beyond their range are moved to its ends.
    """
    datasets = importlib.import_module("sklearn.datasets")
    given, labels = getattr(datasets, f"load_{table}")(return_X_y=True)
    features = np.asarray(given, np.float64)
    whole = Dataset(table, features, np.asarray(labels, np.int64), value_range=(0.0, 1.0))
    trained = split(FeaturePatterns(whole), recipe, np.random.default_rng(recipe.seed))[0]
    low, high = features[trained].min(axis=0), features[trained].max(axis=0)
    scaled = np.clip((features - low) / (high - low), 0.0, 1.0)
    return Dataset(table, scaled, whole.labels, value_range=(0.0, 1.0))


def _rows(done: Done) -> list[Row]:
    return accuracy.rows(done, PUBLISHED)


def _draw(figure: Figure, done: Done) -> None:
    accuracy.draw(figure, done, PUBLISHED)


REPRODUCTION = Reproduction(
    name="uci",
    shows="accuracy on small tables, beside logistic regression",
    paper="publications that the table cites",
    time="half a minute on one core",
    quick_lacks="two splits of twenty.",
    jobs=_jobs,
    run=_run,
    rows=_rows,
    draw=_draw,
    notes="The tables that scikit-learn ships: the 569 diagnoses of 30 features, 150 irises, 178 "
    "wines. Half of the patterns are held out, each class in proportion, by twenty seeds; others "
    "say 'breast cancer' of 683 diagnoses of 9 features too. Features are on eight Gaussian "
    "receptive fields over their range in the training half; eight were better than five on four "
    "other splits. Splits overlap, so that intervals are too short.",
    size=(7.2, 3.2),
)
