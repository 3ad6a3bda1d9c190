"""``tempotron train``: train a network, score it on held-out patterns and save both."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tempotron_core import SilenceWarning, UnitsWarning
from tempotron_core.encoding.clock import PER_TAU

from .counting import counted, counting_scores, scores_in_words
from .options import INTERRUPTED
from .output import output_folder, save_figure
from .recording_options import add_recording_options, trial_choice
from .training_options import DTYPE, RECIPE_OPTIONS, add_training_options
from .where import add_where_options, chosen_backend

if TYPE_CHECKING:
    from .._backend import Backend
    from ..data.patterns import EventPatterns, FeaturePatterns
    from ..data.trial_patterns import TrialPatterns
    from ..recipes.recipe import Recipe
    from ..training.experiment import Experiment

    Spikes = EventPatterns | TrialPatterns
    Labelled = FeaturePatterns | Spikes

__all__ = ["add_arguments", "chosen_recipe", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    add_where_options(parser)
    add_training_options(parser)
    add_recording_options(parser)


def run(args: argparse.Namespace) -> int:
    """Train, score and save, and return the exit code.

    Raises
    ------
    ImportError, OSError, ValueError
        If the data cannot be had, an option is not possible, or there is nowhere to write.
    """
    from ..plotting import require_matplotlib

    require_matplotlib()  # better now than after the training
    backend = chosen_backend(args)
    with output_folder(args.out) as out:
        return _train(args, backend, out)


def _train(args: argparse.Namespace, backend: Backend, out: Path) -> int:
    from ..data.patterns import open_patterns
    from ..training.callbacks import CsvLog
    from ..training.experiment import Experiment, KeepState
    from ..training.progress import reporting

    for kind in (SilenceWarning, UnitsWarning):
        warnings.simplefilter("once", kind)
    opened = open_patterns(args.data, choice=trial_choice(args))
    data = counted(opened, args.counts)
    last = out / "last.npz"
    if args.resume:
        if not last.is_file():
            raise FileNotFoundError(
                f"--resume needs a run to continue in --out, got {args.out!r} without {last.name}"
            )
        experiment = Experiment.resume(last, data, backend, epochs=args.epochs)
        _check_same_settings(args, experiment)
    else:
        recipe = chosen_recipe(args, opened)
        experiment = Experiment.prepare(data, recipe, backend, args.dtype or DTYPE)
        # of a run that this one takes the place of; its model stays until there is a new one
        for left in (last, out / "best.npz", *_written(out, "interrupted")):
            left.unlink(missing_ok=True)
    recipe, done = experiment.recipe, experiment.state.epoch
    print(f"data      {data.name}: {_count(experiment)}")
    print(f"encoding  {_coding(experiment)}")
    print(f"network   {_layers(experiment)}")
    learned = f"{recipe.rule} rule" if recipe.counts else f"{recipe.loss} loss"
    print(
        f"training  {learned}, {backend} {experiment.dtype}, seed {recipe.seed}",
        flush=True,
    )
    if done:
        over = "" if done < recipe.epochs else ": complete, unless --epochs asks for more"
        print(f"resuming  after {done} of {recipe.epochs} epochs{over}", flush=True)
    with reporting(recipe.epochs, done=done) as progress:
        log = CsvLog(out / "log.csv", epochs_done=done)
        experiment.train([KeepState(experiment, last, out / "best.npz"), log, progress])
    return _finish(experiment, out)


def _finish(experiment: Experiment, out: Path) -> int:
    """Score and save a run, complete or not."""
    state, wanted = experiment.state, experiment.recipe.epochs
    if state.interrupted:
        print(f"interrupted after {state.epoch} of {wanted} epochs; saving", flush=True)
    elif state.epoch < wanted:
        print(f"stopped after {state.epoch} epochs: no better since epoch {state.best_epoch}")
    scores, told = _scores(experiment)
    print(f"held-out {told}")
    # an interrupted run never takes the place of a complete one
    checkpoint, picture = _written(out, "interrupted" if state.interrupted else "model")
    experiment.save(checkpoint, scores)
    print(f"wrote {checkpoint}")
    _save_training_figure(experiment, scores["correct"] / _of_held_out(experiment), picture)
    print(f"wrote {picture}")
    if not state.interrupted:
        for left in _written(out, "interrupted"):  # of this run, before it was resumed
            left.unlink(missing_ok=True)
    return INTERRUPTED if state.interrupted else 0


def _scores(experiment: Experiment) -> tuple[dict[str, float], str]:
    """Return how the held-out patterns are met, as numbers and in words."""
    total = _of_held_out(experiment)
    if experiment.recipe.counts:
        wanted = experiment.data.labels[experiment.held_out_index]
        scores = counting_scores(wanted, experiment.held_out_counts())
        return scores, f"exact counts {scores_in_words(scores, total)}"
    hits = experiment.held_out_hits()
    return {"correct": hits}, f"accuracy {hits / total:.2%} ({hits} of {total})"


def _of_held_out(experiment: Experiment) -> int:
    """Labels, or counts, of the held-out patterns."""
    return int(experiment.data.labels[experiment.held_out_index].size)


def _written(out: Path, stem: str) -> tuple[Path, Path]:
    """Return the checkpoint and the figure of a complete or interrupted run."""
    return out / f"{stem}.npz", out / f"{stem}.png"


def _save_training_figure(experiment: Experiment, accuracy: float, path: Path) -> None:
    from ..plotting import training_figure
    from ..training.example import example

    of_what = "of held-out counts" if experiment.recipe.counts else "held-out accuracy"
    figure = training_figure(
        **example(experiment),
        history=experiment.state.history | {"held_out_accuracy": [accuracy]},
        heading=f"{experiment.data.name}: {accuracy:.1%} {of_what}",
    )
    save_figure(figure, path)


def chosen_recipe(args: argparse.Namespace, data: Labelled) -> Recipe:
    """Return the settings of a run: those of ``--recipe``, the data and the options."""
    from ..data.patterns import FeaturePatterns
    from ..recipes.coding import usual_encoder
    from ..recipes.files import read_recipe
    from ..recipes.recipe import COUNTING, Recipe

    settings = {} if args.recipe is None else read_recipe(args.recipe)
    if getattr(args, "hold_out", None) is not None and data.test_from is not None:
        raise ValueError(
            f"--hold-out must be left out for data that have a test set of their own, as "
            f"{data.name} has, got {args.hold_out}"
        )
    if isinstance(data, FeaturePatterns):
        settings = {"encoder": usual_encoder(data.dataset.features.shape[1])} | settings
    else:
        _check_coding(args, settings, data)
        if data.of_trials:
            settings = {"clock": PER_TAU} | settings
        settings |= data.coded_by()
    settings |= _given(args)
    if settings.get("rule", Recipe.rule) != Recipe.rule:
        settings = COUNTING | settings
    return Recipe(**settings)


def _check_coding(args: argparse.Namespace, settings: dict[str, Any], data: Spikes) -> None:
    """Raise if spikes that are there are to be coded otherwise."""
    from ..recipes.coding import CODED_BY

    fixed = data.coded_by()
    for name in CODED_BY:
        flag, asked = RECIPE_OPTIONS[name], getattr(args, name)
        if asked is not None and name not in fixed:
            raise ValueError(f"{flag} must be left out for spikes such as {data.name}, got {asked}")
        if asked is not None and asked != fixed[name]:
            raise ValueError(f"{flag} must be that of {data.name}, {fixed[name]}, got {asked}")
        if name in fixed and settings.get(name, fixed[name]) != fixed[name]:
            raise ValueError(
                f"--recipe must have the {name} of {data.name}, {fixed[name]}, "
                f"got {settings[name]} in {args.recipe!r}"
            )


def _given(args: argparse.Namespace) -> dict[str, Any]:
    return {
        name: value for name in RECIPE_OPTIONS if (value := getattr(args, name, None)) is not None
    }


def _check_same_settings(args: argparse.Namespace, experiment: Experiment) -> None:
    """Raise if a run is to be continued with other settings than its own."""
    from ..recipes.files import read_recipe

    if args.dtype not in (None, experiment.dtype):
        raise ValueError(
            f"--dtype must be that of the run to resume, {experiment.dtype}, got {args.dtype}"
        )
    asked = ({} if args.recipe is None else read_recipe(args.recipe)) | _given(args)
    if args.epochs is not None:
        del asked["epochs"]  # a run may be made longer
    for name, value in asked.items():
        own = getattr(experiment.recipe, name)
        if (tuple(value) if isinstance(value, list) else value) != own:
            raise ValueError(f"{name} must be that of the run to resume, {own}, got {value}")


def _count(experiment: Experiment) -> str:
    data, source = experiment.data, experiment.source
    parts = [f"{len(experiment.train_index)} to train"]
    if len(experiment.validation_index):
        parts.append(f"{len(experiment.validation_index)} to watch")
    parts.append(f"{len(experiment.held_out_index)} held out")
    features = data.describe().get("n_features")
    features = "" if features is None else f"{features} features, "
    what = f"{source.n_classes} classes"
    if experiment.recipe.counts:
        what = f"counts of {source.n_classes} neuron{'s' * (source.n_classes > 1)}"
    return f"{len(data)} patterns, {features}{what}; {', '.join(parts)}"


def _coding(experiment: Experiment) -> str:
    recipe, source = experiment.recipe, experiment.source
    data = getattr(experiment.data, "data", experiment.data)  # of patterns with counts
    settings = getattr(data, "coded_by", recipe.to_dict)()
    how = recipe.encoder if "encoder" in settings else "spikes as they are"
    return (
        f"{how}, {source.n_afferents} afferents, {source.mean_spikes:.1f} spikes in "
        f"{recipe.duration:g} ms"
    )


def _layers(experiment: Experiment) -> str:
    weights = experiment.state.network.weights
    sizes = [weights[0].shape[1], *(weight.shape[0] for weight in weights)]
    clock = experiment.state.network.clock
    if clock:
        sizes[0] = f"{sizes[0] - len(clock)} + {len(clock)} of the clock"
    n_weights = sum(weight.shape[0] * weight.shape[1] for weight in weights)
    return f"{' - '.join(map(str, sizes))} neurons, {n_weights:,} weights"
