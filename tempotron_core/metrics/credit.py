r"""Whether a neuron spikes at the clues that it was never shown, only told the number of.

A clue that ends at e may account for one output spike within
:math:`[e - \text{before}, e + \text{after}]`, and a spike for one clue.  As all windows are alike,
pairs made in the order of time, each clue with the first spike that is left in its window, are as
many as can be: a pairing with crossed pairs can be uncrossed, and an earlier spike can take the
place of a later one.  The same trains, shifted around the pattern's ends, keep their rate, bursts
and pauses and lose what ties them to clues: they say what matches by chance.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays.host import to_host
from ..arrays.numbers import positive_float, whole_number

__all__ = ["Credit", "temporal_credit"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Credit(NamedTuple):
    """What `temporal_credit` found; shapes () and (shifts,) for one neuron without an axis.

    Attributes
    ----------
    precision : array, shape () or (O,)
        Part of the output spikes that have a clue; 0 where there is no spike.
    recall : array, shape () or (O,)
        Part of the clues that have a spike.
    shifted_precision, shifted_recall : array, shape (shifts,) or (shifts, O)
        The same, of the trains moved by each of the shifts.
    """

    precision: Any
    recall: Any
    shifted_precision: Floats
    shifted_recall: Floats


def temporal_credit(
    times: Any,
    ends: Any,
    duration: Any,
    *,
    window: float | tuple[float, float] = 10.0,
    shifts: int = 19,
) -> Credit:
    """Precision and recall of output spikes near the ends of clues, and those of chance.

    Parameters
    ----------
    times : array, shape (B, S) or (B, O, S)
        Output spikes of B patterns, padded with +inf, as `tempotron_core.spiking.output_spikes`
        returns them.
    ends : array, shape (B, E)
        When the clues end, padded with +inf; as often as it asks for spikes, if for several.
    duration : float or array, shape (B,)
        Length of the patterns, around which trains are shifted.
    window : float or (float, float), default 10
        How far a spike may be from its clue's end; two numbers for before and after it.
    shifts : int, default 19
        Shifts of the trains, even parts of the duration.

    Returns
    -------
    Credit

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or there is no clue at all.

    Examples
    --------
    >>> inf = float("inf")
    >>> times = [[48.0, 120.0], [205.0, inf]]  # two patterns
    >>> ends = [[50.0, inf], [200.0, 300.0]]
    >>> found = temporal_credit(times, ends, 500.0)
    >>> round(float(found.precision), 3), round(float(found.recall), 3)
    (0.667, 0.667)
    """
    spikes, clues = _times("times", times), _times("ends", ends)
    if spikes.ndim not in (2, 3) or clues.ndim != 2 or len(clues) != len(spikes):
        raise ValueError(
            f"times and ends must have shapes (B, S) or (B, O, S), and (B, E), got "
            f"{spikes.shape} and {clues.shape}"
        )
    lengths = np.asarray(to_host(duration) if hasattr(duration, "shape") else duration, np.float64)
    if lengths.shape not in ((), (len(spikes),)):
        raise ValueError(f"duration must be a number or have shape (B,), got {lengths.shape}")
    if not (np.all(np.isfinite(lengths)) and np.all(lengths > 0.0)):
        raise ValueError("duration must be positive and finite")
    both = window if isinstance(window, tuple | list) else (window, window)
    if len(both) != 2:
        raise ValueError(f"window must be one number or two, got {window!r}")
    before, after = (positive_float("window", each, or_zero=True) for each in both)
    shifts = whole_number("shifts", shifts)
    n_clues = int(np.isfinite(clues).sum())
    if n_clues == 0:
        raise ValueError("ends must hold at least one clue, got none")
    trains = spikes if spikes.ndim == 3 else spikes[:, None]
    n_spikes = np.isfinite(trains).sum(axis=(0, 2))
    around = np.broadcast_to(lengths, len(spikes))[:, None, None]
    matched = np.stack(
        [
            _matched(_shifted(trains, around, part), clues, before, after)
            for part in np.arange(shifts + 1) / (shifts + 1)
        ]
    )
    precision, recall = matched / np.maximum(n_spikes, 1), matched / n_clues
    if spikes.ndim == 2:
        precision, recall = precision[:, 0], recall[:, 0]
    return Credit(precision[0], recall[0], precision[1:], recall[1:])


def _shifted(trains: Floats, lengths: Floats, part: float) -> Floats:
    if part == 0.0:
        return trains
    held = np.isfinite(trains)
    moved: Floats = np.where(held, np.where(held, trains + part * lengths, 0.0) % lengths, np.inf)
    return moved


def _matched(trains: Floats, clues: Floats, before: float, after: float) -> Floats:
    """Pairs of each neuron, over all patterns."""
    trains, clues = np.sort(trains, axis=2), np.sort(clues, axis=1)
    found = np.zeros(trains.shape[1])
    for neurons, ends in zip(trains, clues, strict=True):
        for output, train in enumerate(neurons):
            found[output] += _pairs(train, ends, before, after)
    return found


def _pairs(train: Floats, ends: Floats, before: float, after: float) -> int:
    at = pairs = 0
    spikes = train[np.isfinite(train)].tolist()
    for end in ends[np.isfinite(ends)].tolist():
        while at < len(spikes) and spikes[at] < end - before:
            at += 1  # too early for this clue, and for all later ones
        if at < len(spikes) and spikes[at] <= end + after:
            pairs, at = pairs + 1, at + 1
    return pairs


def _times(name: str, given: Any) -> Floats:
    found = np.asarray(to_host(given) if hasattr(given, "shape") else given)
    if found.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be times, got dtype {found.dtype}")
    found = found.astype(np.float64)
    if np.any(np.isnan(found)) or np.any(found == -np.inf):
        raise ValueError(f"{name} must be finite, or +inf for none, got NaN or -inf")
    return found
