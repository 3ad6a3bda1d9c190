"""``tempotron encode``: write a data set as an event file."""

from __future__ import annotations

import argparse

from ..recipes.coding import CODED_BY, LATENCY_FROM, usual_encoder
from ..recipes.recipe import Recipe
from ..recipes.settings import CHOICES
from .recording_options import add_recording_options, trial_choice
from .training_options import RECIPE_OPTIONS, checked
from .windows import TrialWindow

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of the command."""
    parser.add_argument(
        "recording",
        metavar="RECORDING",
        nargs="?",
        help="a recording with its trials (.nwb, .npz of pynapple, .mat, .csv, a folder of Phy), "
        "or event data (.h5 of SHD or SSC, folders of N-MNIST or DVS128 Gesture)",
    )
    data = parser.add_argument_group("data and output")
    data.add_argument(
        "--data",
        metavar="DATA",
        help="in place of RECORDING, a folder of images in MNIST's IDX format, gzipped or not, or "
        "breast-cancer (default: digits)",
    )
    data.add_argument("--out", metavar="FILE", required=True, help="event file (a folder) to write")
    data.add_argument("--overwrite", action="store_true", help="replace an event file at FILE")
    coding = parser.add_argument_group("encoding")
    coding.add_argument(
        "--encoder",
        choices=CHOICES["encoder"],
        help=f"how values become spikes (default: gaussian; latency above {LATENCY_FROM} features)",
    )
    coding.add_argument(
        "--fields",
        dest="n_fields",
        metavar="M",
        type=checked("n_fields", int),
        help=f"Gaussian fields per feature (default: {Recipe.n_fields})",
    )
    coding.add_argument(
        "--duration",
        metavar="T",
        type=checked("duration", float),
        help=f"length of a pattern in ms (default: {Recipe.duration})",
    )
    coding.add_argument(
        "--window",
        metavar="T",
        type=float,
        nargs="+",
        action=TrialWindow,
        help="first part of it that spikes are coded into "
        f"(default: {Recipe.window}); or two: the part of the trials of a recording, in ms from "
        "their alignment",
    )
    add_recording_options(parser)


def run(args: argparse.Namespace) -> int:
    """Encode the data and return the exit code.

    Raises
    ------
    ImportError, OSError, ValueError
        If the data cannot be had, an option is not possible, or there is something at FILE.
    """
    from ..data.event_encoding import encode_dataset
    from ..data.patterns import FeaturePatterns, open_patterns
    from ..data.recording_files import format_of

    if args.recording is not None and args.data is not None:
        raise ValueError(f"--data must be left out beside a recording, got {args.data!r}")
    path = args.recording if args.recording is not None else args.data
    if args.recording is not None or (path is not None and format_of(path) is not None):
        return _encode_recording(args, path)
    data = open_patterns(args.data)
    if not isinstance(data, FeaturePatterns):
        raise ValueError(f"--data must be features to encode, got the event file {args.data!r}")
    dataset = data.dataset
    given = {name: value for name in CODED_BY if (value := getattr(args, name)) is not None}
    recipe = Recipe(**{"encoder": usual_encoder(dataset.features.shape[1])} | given)
    written = encode_dataset(dataset, recipe, args.out, overwrite=args.overwrite)
    n_features, n_classes = dataset.features.shape[1], dataset.n_classes
    counts = f"{len(dataset)} patterns, {n_features} features, {n_classes} classes"
    coding = f"{written.n_afferents} afferents, {written.duration:g} ms"
    print(f"data      {dataset.name}: {counts}")
    print(f"encoding  {recipe.encoder}, {coding}, {written.mean_spikes:.1f} spikes per pattern")
    print(f"wrote {args.out}")
    return 0


def _encode_recording(args: argparse.Namespace, path: str) -> int:
    """Write the trials of a recording, or the patterns of a set of event data."""
    from pathlib import Path

    from ..data.recording_files import open_recording, trials_of
    from ..data.trial_patterns import write_event_set, write_trials
    from ..recordings import EventSet

    given = [name for name in ("encoder", "n_fields", "window") if getattr(args, name) is not None]
    if given:
        flag = RECIPE_OPTIONS[given[0]]
        more = ", or have two numbers" if flag == "--window" else ""
        raise ValueError(
            f"{flag} must be left out for spikes{more}, got {getattr(args, given[0])!r}"
        )
    choice, name = trial_choice(args), Path(path).name
    found = open_recording(path, choice)
    if isinstance(found, EventSet):
        written = write_event_set(found, args.out, duration=args.duration, overwrite=args.overwrite)
        what = f"{len(written)} patterns, {written.n_classes} classes"
    else:
        if args.duration is not None:
            raise ValueError(f"--duration must be left out for trials, got {args.duration}")
        trials = trials_of(path, choice)
        written = write_trials(trials, args.out, name=name, overwrite=args.overwrite)
        stop = trials.start + trials.events.duration
        what = (
            f"{len(trials)} trials from {trials.start:g} to {stop:g} ms, "
            f"classes {', '.join(trials.class_names)}"
        )
    print(f"data      {name}: {what}")
    print(
        f"encoding  {written.n_afferents} afferents, {written.mean_spikes:.1f} spikes per pattern"
    )
    print(f"wrote {args.out}")
    return 0
