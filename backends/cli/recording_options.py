"""The options that say what to take for trials of a recording."""

from __future__ import annotations

import argparse

from ..data.recording_files import TrialChoice
from ..recordings.time_units import PER_SECOND

__all__ = ["add_recording_options", "trial_choice"]


def add_recording_options(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of a command."""
    group = parser.add_argument_group("trials of a recording")
    group.add_argument(
        "--trials",
        metavar="TABLE",
        help="table of intervals of an .nwb (default: trials), or a .csv or .npz file of trials",
    )
    group.add_argument(
        "--align",
        metavar="COLUMN",
        help="column with the moment that becomes time 0 (default: start_time)",
    )
    group.add_argument("--label", metavar="COLUMN", help="column that says what each trial is of")
    group.add_argument(
        "--time-unit",
        choices=tuple(PER_SECOND),
        help="unit of times in tables and .mat files, which do not say it",
    )
    group.add_argument("--group", metavar="NAME", help="units to take of Phy's, such as good")
    group.add_argument(
        "--spikes", metavar="NAME", help="variable with the cells of a .mat file (default: spikes)"
    )
    group.add_argument(
        "--pool", metavar="N", type=int, default=1, help="pixels of a camera that make one afferent"
    )
    parser.set_defaults(trial_window=None)


def trial_choice(args: argparse.Namespace) -> TrialChoice:
    """Return what the options say."""
    return TrialChoice(
        trials=args.trials,
        align=args.align,
        label=args.label,
        window=args.trial_window,
        time_unit=args.time_unit,
        group=args.group,
        spikes=args.spikes,
        pool=args.pool,
    )
