"""The ``tempotron`` command: train, encode, eval, predict, bench, backends."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._backend import Backend
from .._selection import select, status
from .options import FAILURE, make_parser
from .training_options import RECIPE_OPTIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..data.patterns import EventPatterns, FeaturePatterns
    from ..recipes.recipe import Recipe
    from ..training.experiment import Experiment
    from ..training.trained_model import TrainedModel

__all__ = ["main"]

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        0, or 2 for a user's error (one message on stderr), or 130 after Ctrl-C.
    """
    try:
        args = make_parser().parse_args(argv)
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            code = COMMANDS[args.command](args)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse has printed its message
        return stop.code if isinstance(stop.code, int) else FAILURE
    except BrokenPipeError:  # the reader of our output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("tempotron: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ImportError, MemoryError, OSError, ValueError) as error:
        print(f"tempotron: error: {_message(error)}", file=sys.stderr)
        return FAILURE
    return code


def _train(args: argparse.Namespace) -> int:
    from ..data.patterns import open_patterns
    from ..plotting import require_matplotlib
    from ..training.callbacks import CsvLog
    from ..training.experiment import Experiment, KeepState
    from ..training.loop import SilenceWarning
    from ..training.progress import reporting

    require_matplotlib()  # better now than after the training
    warnings.simplefilter("once", SilenceWarning)
    backend = _backend(args)
    out = _output_folder(args.out)
    data = open_patterns(args.data)
    last = out / "last.npz"
    if args.resume:
        experiment = Experiment.resume(last, data, backend)
        _check_same_settings(args, experiment)
    else:
        experiment = Experiment.prepare(data, _recipe(args, data), backend, args.dtype)
        last.unlink(missing_ok=True)  # of another run, which this one takes the place of
    recipe, done = experiment.recipe, experiment.state.epoch
    print(f"data      {data.name}: {_count(experiment)}")
    print(f"encoding  {_coding(experiment)}")
    print(f"network   {_layers(experiment)}")
    print(
        f"training  {recipe.loss} loss, {backend} {experiment.dtype}, seed {recipe.seed}",
        flush=True,
    )
    if done:
        print(f"resuming  after {done} of {recipe.epochs} epochs", flush=True)
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
    hits, total = experiment.held_out_hits(), len(experiment.held_out_index)
    print(f"held-out accuracy {hits / total:.2%} ({hits} of {total})")
    # an interrupted run never takes the place of a complete one
    stem = "interrupted" if state.interrupted else "model"
    checkpoint, picture = out / f"{stem}.npz", out / f"{stem}.png"
    experiment.save(checkpoint, hits)
    print(f"wrote {checkpoint}")
    _save_training_figure(experiment, hits / total, picture)
    print(f"wrote {picture}")
    return INTERRUPTED if state.interrupted else 0


def _save_training_figure(experiment: Experiment, accuracy: float, path: Path) -> None:
    from ..plotting import training_figure

    figure = training_figure(
        **experiment.example(),
        history=experiment.state.history | {"held_out_accuracy": [accuracy]},
        heading=f"{experiment.data.name}: {accuracy:.1%} held-out accuracy",
    )
    _save_figure(figure, path)


def _save_figure(figure: Figure, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        figure.savefig(temporary, format="png")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _eval(args: argparse.Namespace) -> int:
    from ..data.patterns import open_patterns

    if args.figure is not None:
        from ..plotting import require_matplotlib

        require_matplotlib()
    model = _trained(args)
    data = open_patterns(args.data, args.split if args.split in ("train", "test") else None)
    index, kind = _chosen_part(args, model, data)
    labels, values = data.labels[index], model.potentials(data, index)
    predicted = values.argmax(axis=1)
    hits = int((predicted == labels).sum())
    print(f"{kind} {hits / len(labels):.2%} ({hits} of {len(labels)})")
    if args.figure is not None:
        from ..plotting import evaluation_figure

        figure = evaluation_figure(
            labels,
            predicted,
            v_max=values,
            images=data.images(index),
            heading=f"{data.name}: {kind} {hits / len(labels):.2%}",
        )
        _save_figure(figure, Path(args.figure))
        print(f"wrote {args.figure}")
    return 0


def _chosen_part(
    args: argparse.Namespace, model: TrainedModel, data: FeaturePatterns | EventPatterns
) -> tuple[NDArray[np.int64], str]:
    """Return the patterns to score, and what to call their accuracy."""
    everything = np.arange(len(data))
    if args.split == "all":
        return everything, "accuracy"
    if args.split == "test":
        if data.test_from is not None:  # an event file, or the digits, hold all they have
            return everything[data.test_from :], "test accuracy"
        if args.data is None or not hasattr(data, "dataset") or args.data == "breast-cancer":
            raise ValueError(f"--split test needs data with a test set, got {data.name}")
        return everything, "test accuracy"
    if args.split == "train" and data.test_from is not None:
        return everything[: data.test_from], "training-set accuracy"
    parts = model.parts(data)
    if parts is not None:
        if args.split == "train":
            return parts[0], "training accuracy"
        return parts[2], "held-out accuracy"
    if args.split == "train":
        return everything, "training-set accuracy"
    if args.data is None or args.split == "held-out":
        raise ValueError(
            f"checkpoint {args.checkpoint!r} was trained on {model.data['name']}, "
            f"not on {data.name}: name its data with --data"
        )
    print(f"these are not the data it was trained on: scoring all {len(data)} patterns")
    return everything, "accuracy"


def _predict(args: argparse.Namespace) -> int:
    from ..data.datasets import read_features

    model = _trained(args)
    features = read_features(args.input)
    labels = model.classify(features)
    low, high = model.data["value_range"]
    if len(features) and (features.min() < low or features.max() > high):
        print(
            f"tempotron: warning: input runs from {features.min():g} to {features.max():g}, "
            f"the model was trained on {low:g} to {high:g}",
            file=sys.stderr,
        )
    for label in labels:
        print(label)
    return 0


def _encode(args: argparse.Namespace) -> int:
    from .encode import run

    return run(args)


def _bench(args: argparse.Namespace) -> int:
    from ..bench.command import run

    return run(args, None if args.out is None else _output_folder(args.out))


def _backends(args: argparse.Namespace) -> int:
    del args
    rows = status()
    cells = [
        (
            row.name,
            row.device,
            row.version,
            row.default_dtype,
            "yes" if row.usable else f"no: {row.reason}",
        )
        for row in rows
    ]
    head = ("backend", "device", "version", "dtype", "usable")
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        widths = [max(len(row[i]) for row in (head, *cells)) for i in range(4)]
        for line in (head, *cells):
            print("  ".join([*map(str.ljust, line, widths), line[4]]))
        return 0
    table = Table(*head)
    for row, line in zip(rows, cells, strict=True):
        table.add_row(*map(Text, line[:4]), Text(line[4], "green" if row.usable else "yellow"))
    Console().print(table)
    return 0


def _backend(args: argparse.Namespace) -> Backend:
    """Return the backend that ``--backend`` and ``--device`` name together."""
    backend = select(":".join(part for part in (args.backend, args.device) if part) or "numpy")
    if str(backend) == "torch:cpu" and "OMP_NUM_THREADS" not in os.environ:
        import torch

        # a batch is too small to share out: more threads spend their time waiting for each other
        torch.set_num_threads(1)
    return backend


def _recipe(args: argparse.Namespace, data: FeaturePatterns | EventPatterns) -> Recipe:
    from ..data.patterns import EventPatterns
    from ..recipes.files import read_recipe
    from ..recipes.recipe import Recipe, usual_encoder

    settings = {} if args.recipe is None else read_recipe(args.recipe)
    if isinstance(data, EventPatterns):
        settings |= data.coded_by()
    else:
        settings = {"encoder": usual_encoder(data.dataset.features.shape[1])} | settings
    return Recipe(**settings | _given(args))


def _given(args: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name in RECIPE_OPTIONS if (value := getattr(args, name)) is not None}


def _check_same_settings(args: argparse.Namespace, experiment: Experiment) -> None:
    """Raise if a run is to be continued with other settings than its own."""
    from ..recipes.files import read_recipe

    asked = ({} if args.recipe is None else read_recipe(args.recipe)) | _given(args)
    for name, value in asked.items():
        own = getattr(experiment.recipe, name)
        if (tuple(value) if name == "hidden" else value) != own:
            raise ValueError(f"{name} must be that of the run to resume, {own}, got {value}")


def _output_folder(out: str) -> Path:
    """Make the folder, and see to it that it can be written to before hours of training."""
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--out must be a folder, got the file {out!r}")
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"--out must be a folder that can be written to, got {out!r}")
    return folder


def _trained(args: argparse.Namespace) -> TrainedModel:
    from ..training.trained_model import TrainedModel

    return TrainedModel.read(args.checkpoint, _backend(args))


def _count(experiment: Experiment) -> str:
    data, source = experiment.data, experiment.source
    parts = [f"{len(experiment.train_index)} to train"]
    if len(experiment.validation_index):
        parts.append(f"{len(experiment.validation_index)} to watch")
    parts.append(f"{len(experiment.held_out_index)} held out")
    features = data.describe().get("n_features")
    features = "" if features is None else f"{features} features, "
    return f"{len(data)} patterns, {features}{source.n_classes} classes; {', '.join(parts)}"


def _coding(experiment: Experiment) -> str:
    recipe, source = experiment.recipe, experiment.source
    return (
        f"{recipe.encoder}, {source.n_afferents} afferents, {source.mean_spikes:.1f} spikes in "
        f"{recipe.duration:g} ms"
    )


def _layers(experiment: Experiment) -> str:
    weights = experiment.state.network.weights
    sizes = [weights[0].shape[1], *(weight.shape[0] for weight in weights)]
    n_weights = sum(weight.shape[0] * weight.shape[1] for weight in weights)
    return f"{' - '.join(map(str, sizes))} neurons, {n_weights:,} weights"


def _show_warning(message: Warning | str, *_: Any) -> None:
    print(f"tempotron: warning: {message}", file=sys.stderr)


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.strerror}: {error.filename!r}"
    return str(error) or type(error).__name__


COMMANDS = {
    "train": _train,
    "encode": _encode,
    "eval": _eval,
    "predict": _predict,
    "bench": _bench,
    "backends": _backends,
}
