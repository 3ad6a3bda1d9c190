"""Messages of the library in the words of the command line: options, not the settings they set."""

from __future__ import annotations

import re

from .training_options import RECIPE_OPTIONS

__all__ = ["in_options"]

CHECKPOINT = dict.fromkeys(("checkpoint", "path"), "CHECKPOINT")
TRIALS = {
    "trials": "--trials",
    "align": "--align",
    "label": "--label",
    "window": "--window",
    "time_unit": "--time-unit",
    "group": "--group",
    "spikes": "--spikes",
    "labels": "--label",
    "pool": "--pool",
}
RUN = {"data": "--data", "device": "--device", "recipe": "--recipe"} | TRIALS
ARGUMENTS = {
    "train": RUN | {"backend": "--backend", "counts": "--counts"},
    "crossval": RUN
    | {"folds": "--folds", "repeats": "--repeats", "permutations": "--permutations"},
    "encode": {"data": "RECORDING", "path": "--out"} | TRIALS,
    "info": {"data": "FILE", "path": "FILE"} | TRIALS,
    "eval": {"counts": "--counts", "data": "--data", "device": "--device"} | CHECKPOINT | TRIALS,
    "detect": {"events": "EVENTS", "device": "--device"} | CHECKPOINT,
    "reproduce": {
        "name": "NAME",
        "out": "--out",
        "jobs": "--jobs",
        "seed": "--seed",
        "data": "--data",
        "cluster": "--cluster",
    },
    "predict": {"input": "INPUT", "data": "INPUT", "device": "--device"} | CHECKPOINT,
}
"""What a message of the library begins with, and what that is on the command line."""

SETTINGS = {"train", "encode", "crossval"}
"""Commands whose options are the settings of a recipe."""

WORDS = "|".join(map(re.escape, RECIPE_OPTIONS))
SUBJECT = re.compile(rf"(?<![\w-])({WORDS})(?= (?:must|needs|may|brings)\b)")


def in_options(message: str, command: str | None) -> str:
    """Return a message to a user of a command, who has never seen the names of the library.

    Parameters
    ----------
    message : str
        ``"learning_rate must be ..."``
    command : str or None
        ``"train"``; None if there was none yet.

    Returns
    -------
    str
        ``"--learning-rate must be ..."``
    """
    first, space, rest = message.partition(" ")
    if first in ARGUMENTS.get(command or "", {}) and rest.startswith(("must", "needs")):
        return ARGUMENTS[command or ""][first] + space + rest
    if command not in SETTINGS or first.startswith("'"):  # of what a file holds, in its words
        return message
    return SUBJECT.sub(lambda found: RECIPE_OPTIONS[found[1]], message)
