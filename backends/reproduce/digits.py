"""scikit-learn's handwritten digits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..data.built_in import load_digits
from . import accuracy
from .reproduction import Done, Job, Reproduction, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODELS: dict[str, dict[str, Any]] = {
    "one neuron per class": {"neurons_per_class": 1},
    "six neurons per class": {},
    accuracy.LOGISTIC: {},
}


def _jobs(quick: bool, seed: int) -> list[Job]:
    short = {"epochs": 10} if quick else {}
    return [
        {
            "model": model,
            "recipe": {**settings, **short, "seed": seed + number},
            "cost": 0.5 if model == accuracy.LOGISTIC else 15.0 * (0.2 if quick else 1.0),
        }
        for model, settings in MODELS.items()
        for number in range(2 if quick else 10)
    ]


def _run(job: Job) -> dict[str, Any]:
    return accuracy.run(job, load_digits())


def _rows(done: Done) -> list[Row]:
    return accuracy.rows(done, {})


def _draw(figure: Figure, done: Done) -> None:
    accuracy.draw(figure, done, {})


REPRODUCTION = Reproduction(
    name="digits",
    shows="accuracy on 8 x 8 images of digits, beside logistic regression",
    paper="the defaults of `tempotron train`",
    time="2 minutes on one core",
    quick_lacks="10 epochs of 40, and two seeds.",
    jobs=_jobs,
    run=_run,
    rows=_rows,
    draw=_draw,
    notes="Every pixel on five Gaussian receptive fields, a "
    "quarter held out, each class in proportion. A seed draws the split, too; logistic regression, "
    "on standardised pixels, has the same splits. Splits overlap, so that intervals are too short.",
    size=(6.4, 2.4),
)
