"""MNIST, from a folder of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..data.idx import load_idx_folder
from ..recipes.files import read_recipe
from . import accuracy
from .accuracy import Published
from .reproduction import Done, Job, Reproduction, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ONE, TEN, DEEP = "one neuron per class", "ten neurons per class", "200 hidden neurons"
RECIPES = {
    ONE: ("mnist", {}),
    TEN: ("mnist-10", {}),
    DEEP: ("mnist-deep", {"hidden": [200], "epochs": 20}),
}
SEEDS = {ONE: 3, TEN: 1, DEEP: 1}
COSTS = {ONE: 30.0, TEN: 150.0, DEEP: 300.0}
PUBLISHED = {
    ONE: Published("84.2 %", 0.842, 0.842, "cited: the tutorial of SpikingJelly's tempotron"),
    TEN: Published(
        "91.7 to 92.0 %", 0.917, 0.920, "cited: membrane potential driven, best epoch on the test"
    ),
    DEEP: Published("98.5 ± 0.3 %", 0.982, 0.988, "cited: SMDP, 800 hidden neurons"),
}


def _jobs(quick: bool, seed: int) -> list[Job]:
    if quick:
        settings = {**read_recipe("mnist"), "epochs": 2, "seed": seed}
        return [{"model": ONE, "recipe": settings, "cost": 5.0}]
    return [
        {
            "model": model,
            "recipe": {**read_recipe(name), **settings, "seed": seed + number},
            "cost": COSTS[model],
        }
        for model, (name, settings) in RECIPES.items()
        for number in range(SEEDS[model])
    ]


def _run(job: Job) -> dict[str, Any]:
    return accuracy.run(job, load_idx_folder(job["data"]))


def _rows(done: Done) -> list[Row]:
    return accuracy.rows(done, PUBLISHED)


def _draw(figure: Figure, done: Done) -> None:
    accuracy.draw(figure, done, PUBLISHED)


REPRODUCTION = Reproduction(
    name="mnist",
    shows="accuracy on MNIST of one and ten neurons per class, and of a hidden layer",
    paper="publications that the table cites",
    time="10 minutes on one core",
    quick_lacks="one network and 2 epochs of 15.",
    jobs=_jobs,
    run=_run,
    rows=_rows,
    draw=_draw,
    notes="The recipes of `tempotron train`, see the page on training. Each holds out 5,000 of the "
    "training images, or the test set where the folder has one; published numbers are of the test "
    "set, as far as is known. The hidden layer is a quarter of the recipe's, and has a quarter of "
    "its epochs: all of it takes half an hour of two cores, and had 98.7 % where it was run.",
    size=(6.4, 2.4),
    data="the folder of MNIST's files, train-images-idx3-ubyte.gz and so on",
)
