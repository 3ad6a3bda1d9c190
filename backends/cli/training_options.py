"""The options of ``tempotron train``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from tempotron_core.encoding.clock import PER_TAU

from ..recipes.coding import LATENCY_FROM
from ..recipes.recipe import Recipe
from ..recipes.settings import CHOICES, check_settings
from .windows import TrialWindow

__all__ = ["DTYPE", "RECIPE_OPTIONS", "add_training_options", "checked", "number_or_part"]


def number_or_part(text: str) -> float | int:
    """Read a number of patterns, or a part between 0 and 1."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def sizes(text: str) -> tuple[int, ...]:
    """Read the sizes of layers, separated by commas; an empty text is no layer."""
    return tuple(map(int, text.split(","))) if text.strip() else ()


def clock(text: str) -> str | float | tuple[float, ...]:
    """Read a period, times separated by commas, or the word that stands for a period."""
    if text == PER_TAU:
        return text
    return tuple(map(float, text.split(","))) if "," in text else float(text)


def checked(name: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a reader of a setting that refuses what the setting may not be."""

    def reader(text: str) -> Any:
        value = read(text)
        try:
            check_settings({name: value})
        except (TypeError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error).removeprefix(f"{name} ")) from None
        return value

    reader.__name__ = read.__name__  # argparse names it
    return reader


NUMBER: dict[str, Any] = {"metavar": "N", "type": int}
REAL: dict[str, Any] = {"metavar": "X", "type": float}
SIZES: dict[str, Any] = {"metavar": "N,N", "type": sizes}
WINDOW: dict[str, Any] = {"metavar": "X", "type": float, "nargs": "+", "action": TrialWindow}
COUNT: dict[str, Any] = {"metavar": "N", "type": number_or_part}
CLOCK: dict[str, Any] = {"metavar": "X", "type": clock, "nargs": "?", "const": PER_TAU}

# group, flag, setting, what it is, further arguments
TABLE: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("data", "--hold-out", "hold_out", "part or number of the patterns to hold out", COUNT),
    ("data", "--validation", "validation", "part or number of training patterns to watch", COUNT),
    ("data", "--seed", "seed", "seed of split, weights and shuffles", NUMBER),
    ("encoding", "--encoder", "encoder", f"values to spikes; latency above {LATENCY_FROM}", {}),
    ("encoding", "--fields", "n_fields", "Gaussian fields per feature", NUMBER),
    ("encoding", "--duration", "duration", "length of a pattern in ms", REAL),
    ("encoding", "--window", "window", "first part of it to code into, or of trials", WINDOW),
    ("encoding", "--clock", "clock", "reference spikes: period in ms, times, or tau", CLOCK),
    ("encoding", "--shift", "shift", "move training images by up to so many pixels", NUMBER),
    ("encoding", "--jitter", "jitter", "noise of training spikes, standard deviation in ms", REAL),
    ("encoding", "--deletion", "deletion", "probability that a training spike is lost", REAL),
    ("network", "--hidden", "hidden", "neurons of the hidden layers, as 400 or 200,100", SIZES),
    ("network", "--pass-on", "pass_on", "when hidden neurons spike", {}),
    ("network", "--firing", "firing", "part of patterns hidden neurons fire for at first", REAL),
    ("network", "--neurons-per-class", "neurons_per_class", "output neurons of each class", NUMBER),
    ("network", "--pooling", "pooling", "how they become one value", {}),
    ("network", "--pool-temperature", "pool_temperature", "of logsumexp, in thresholds", REAL),
    ("network", "--tau", "tau", "membrane time constant in ms", REAL),
    ("network", "--tau-s", "tau_s", "synaptic time constant in ms", REAL),
    ("network", "--output-tau", "output_tau", "that of the outputs, if another", REAL),
    ("network", "--output-tau-s", "output_tau_s", "that of the outputs, if another", REAL),
    ("learning", "--rule", "rule", "what is learned: labels, or counts, by one of two rules", {}),
    ("learning", "--loss", "loss", "what to minimise", {}),
    ("learning", "--margin", "margin", "distance from threshold to train for", REAL),
    ("learning", "--temperature", "temperature", "of the cross-entropy, in thresholds", REAL),
    ("learning", "--class-weight", "class_weight", "weigh classes by how rare they are", {}),
    ("learning", "--recovery", "recovery", "where to read neurons that stay at rest", {}),
    ("learning", "--epochs", "epochs", "passes through the data", NUMBER),
    (
        "learning",
        "--patience",
        "patience",
        "epochs without progress to stop after; 0: none",
        NUMBER,
    ),
    ("learning", "--batch-size", "batch_size", "patterns per step", NUMBER),
    ("learning", "--optimiser", "optimiser", "how gradients become steps", {}),
    ("learning", "--learning-rate", "learning_rate", "step size times a layer's spikes", REAL),
    ("learning", "--momentum", "momentum", "part of the last step repeated", REAL),
    ("learning", "--weight-decay", "weight_decay", "pull of the weights towards 0", REAL),
    ("learning", "--schedule", "schedule", "how the step size falls", {}),
    ("learning", "--warm-up", "warm_up", "part of the run over which it rises first", REAL),
    ("learning", "--min-slope", "min_slope", "least slope at a hidden spike, thresholds/ms", REAL),
    ("learning", "--clip-norm", "clip_norm", "largest norm of a gradient; 0: no limit", REAL),
)

RECIPE_OPTIONS = {setting: flag for _, flag, setting, _, _ in TABLE}
"""Options that are fields of the recipe, which knows their defaults, and how they are given."""

DTYPE = "float32"
"""Of weights and spike times, unless one is asked for."""


NOT_IN_FOLDS = ("hold_out", "validation", "patience", "rule")
"""Settings that say which patterns are held out, which folds do themselves, and that of counts."""


def add_training_options(parser: argparse.ArgumentParser, *, in_folds: bool = False) -> None:
    """Add them to the parser of a command; ``in_folds`` those that a cross-validation has."""
    groups = {
        name: parser.add_argument_group(title)
        for name, title in (
            ("data", "data and output"),
            ("encoding", "encoding and augmentation"),
            ("network", "network"),
            ("learning", "learning"),
        )
    }
    data = groups["data"]
    data.add_argument(
        "--data",
        metavar="DATA",
        help="event file, recording, folder of images in MNIST's IDX format, or breast-cancer "
        "(default: digits)",
    )
    folder = "tempotron-crossval" if in_folds else "tempotron-run"
    data.add_argument(
        "--out", metavar="DIR", default=folder, help="output folder (default: %(default)s)"
    )
    if not in_folds:
        data.add_argument(
            "--counts",
            metavar="FILE",
            help="how often each neuron should spike, with --rule aggregate or correlation: .npy "
            "or .csv, a row per pattern",
        )
        data.add_argument(
            "--resume",
            action="store_true",
            help="continue the run in DIR after its last full epoch",
        )
    data.add_argument(
        "--recipe",
        metavar="NAME",
        help="settings to start from: a TOML file, or one of those that come with the package; "
        "options given beside it take precedence",
    )
    groups["learning"].add_argument(
        "--dtype", choices=("float32", "float64"), help=f"(default: {DTYPE})"
    )
    for group, flag, name, text, more in TABLE:
        if in_folds and name in NOT_IN_FOLDS:
            continue
        default = getattr(Recipe, name)
        shown = "none" if default in ((), None) else default
        choices: dict[str, Any] = {"choices": CHOICES[name]} if name in CHOICES else {}
        groups[group].add_argument(
            flag, dest=name, help=f"{text} (default: {shown})", **_checked(name, more), **choices
        )


def _checked(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of an option with a reader that also checks what it reads."""
    if "type" not in arguments or arguments is WINDOW:  # which has an action that checks
        return arguments
    return arguments | {"type": checked(name, arguments["type"])}
