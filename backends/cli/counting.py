"""Counts on the command line: the patterns that have them, and how well they are met."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..data.counted import CountedPatterns
    from ..data.patterns import EventPatterns, FeaturePatterns
    from ..data.trial_patterns import TrialPatterns

__all__ = ["counted", "counting_scores", "scores_in_words"]

Integers = NDArray[np.int64]


def counted(
    data: EventPatterns | FeaturePatterns | TrialPatterns, counts: str | None
) -> EventPatterns | FeaturePatterns | TrialPatterns | CountedPatterns:
    """Return the data, with the counts of a file if one is named.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or does not hold a count for every pattern.
    """
    from ..data.counted import CountedPatterns, read_counts

    return data if counts is None else CountedPatterns(data, read_counts(counts, len(data)))


def counting_scores(wanted: Integers, found: Integers) -> dict[str, float]:
    """Return how many counts are correct, and by how much they are wrong on average.

    Parameters
    ----------
    wanted, found : integer array, shape (B, O)
    """
    return {
        "correct": int(np.sum(found == wanted)),
        "mean_absolute_error": float(np.mean(np.abs(found - wanted))),
    }


def scores_in_words(scores: dict[str, float], total: int) -> str:
    """Return them as they are printed, of so many counts."""
    correct, error = int(scores["correct"]), scores["mean_absolute_error"]
    return f"{correct / total:.2%} ({correct} of {total}), mean absolute error {error:.4f}"
