"""The ``tempotron`` command: train, eval, predict, bench, backends."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ._backend import Backend
from ._selection import select, status
from .options import FAILURE, LATENCY_FROM, RECIPE_OPTIONS, make_parser

if TYPE_CHECKING:
    from .datasets import Dataset
    from .experiment import Experiment, TrainedModel
    from .recipe import Recipe
    from .training import Training

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
    from .experiment import Experiment
    from .plotting import require_matplotlib
    from .progress import reporting

    require_matplotlib()  # better now than after the training
    backend = _backend(args)
    out = _output_folder(args.out)
    dataset = _dataset(args.data)
    recipe = _recipe(args, dataset)
    experiment = Experiment.prepare(dataset, recipe, backend, args.dtype)
    afferents = experiment.model.in_features
    print(f"data      {dataset.name}: {_count(experiment)}")
    print(f"encoding  {recipe.encoder}, {afferents} afferents, {recipe.duration:g} ms")
    print(f"training  {recipe.loss} loss, {backend} {args.dtype}, seed {recipe.seed}", flush=True)
    with reporting(recipe.epochs) as progress:
        training = experiment.train(progress)
    return _finish(experiment, training, out)


def _finish(experiment: Experiment, training: Training, out: Path) -> int:
    """Score and save a run, complete or not."""
    done, wanted = len(training.history["loss"]), experiment.recipe.epochs
    if training.interrupted:
        print(f"interrupted after {done} of {wanted} epochs; saving", flush=True)
    hits, total = experiment.held_out_hits(), len(experiment.held_out_index)
    print(f"held-out accuracy {hits / total:.2%} ({hits} of {total})")
    # an interrupted run never takes the place of a complete one
    stem = "interrupted" if training.interrupted else "model"
    checkpoint, picture = out / f"{stem}.npz", out / f"{stem}.png"
    experiment.save(checkpoint, training, hits)
    print(f"wrote {checkpoint}")
    _save_figure(experiment, training, hits / total, picture)
    print(f"wrote {picture}")
    return INTERRUPTED if training.interrupted else 0


def _save_figure(experiment: Experiment, training: Training, accuracy: float, path: Path) -> None:
    from .plotting import training_figure

    figure = training_figure(
        **experiment.example(),
        history=training.history | {"held_out_accuracy": [accuracy]},
        heading=f"{experiment.dataset.name}: {accuracy:.1%} held-out accuracy",
    )
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        figure.savefig(temporary, format="png")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _eval(args: argparse.Namespace) -> int:
    model = _trained(args)
    dataset = _dataset(args.data)
    index = model.held_out_part(dataset)
    kind = "accuracy" if index is None else "held-out accuracy"
    if index is None:
        if args.data is None:
            raise ValueError(
                f"checkpoint {args.checkpoint!r} was trained on {model.data['name']}, "
                f"not on {dataset.name}: name its folder with --data"
            )
        print(f"these are not the data it was trained on: scoring all {len(dataset)} patterns")
        index = np.arange(len(dataset))
    labels = dataset.labels[index]
    hits = int((model.classify(dataset.features[index]) == labels).sum())
    print(f"{kind} {hits / len(labels):.2%} ({hits} of {len(labels)})")
    return 0


def _predict(args: argparse.Namespace) -> int:
    from .datasets import read_features

    model = _trained(args)
    features = read_features(args.input)
    low, high = model.data["value_range"]
    labels = model.classify(features)
    if len(features) and (features.min() < low or features.max() > high):
        print(
            f"tempotron: warning: input runs from {features.min():g} to {features.max():g}, "
            f"the model was trained on {low:g} to {high:g}",
            file=sys.stderr,
        )
    for label in labels:
        print(label)
    return 0


def _bench(args: argparse.Namespace) -> int:
    from .bench.command import run

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


def _dataset(folder: str | None) -> Dataset:
    from .datasets import load_digits, load_idx_folder

    return load_digits() if folder is None else load_idx_folder(folder)


def _recipe(args: argparse.Namespace, dataset: Dataset) -> Recipe:
    from .recipe import Recipe

    given = {name: value for name in RECIPE_OPTIONS if (value := getattr(args, name)) is not None}
    if dataset.features.shape[1] > LATENCY_FROM:
        given = {"encoder": "latency"} | given
    return Recipe(**given)


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
    from .experiment import TrainedModel

    return TrainedModel.read(args.checkpoint, _backend(args))


def _count(experiment: Experiment) -> str:
    dataset = experiment.dataset
    return (
        f"{len(dataset)} patterns, {dataset.features.shape[1]} features, "
        f"{dataset.n_classes} classes; {len(experiment.train_index)} to train, "
        f"{len(experiment.held_out_index)} held out"
    )


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.strerror}: {error.filename!r}"
    return str(error) or type(error).__name__


COMMANDS = {
    "train": _train,
    "eval": _eval,
    "predict": _predict,
    "bench": _bench,
    "backends": _backends,
}


if __name__ == "__main__":
    sys.exit(main())
