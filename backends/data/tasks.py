"""Synthetic classification tasks: random latencies, Poisson spike trains, spike synchrony.

The kinds of task that the tempotron was introduced with [1]_.  Each function returns spike times
on the host, for `Events.from_latencies` or `Events.from_trains`, and one boolean per pattern:
whether the neuron should fire.  The losses want a column per neuron, ``labels[:, None]``.

References
----------
.. [1] R. Gütig and H. Sompolinsky, "The tempotron: a neuron that learns spike timing-based
   decisions", Nature Neuroscience 9, 420-428 (2006).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tempotron_core.arrays.numbers import positive_float, whole_number

__all__ = ["poisson_patterns", "random_latencies", "synchrony"]

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


def random_latencies(
    n_patterns: int,
    n_afferents: int,
    duration: float,
    rng: np.random.Generator,
    *,
    balanced: bool = True,
) -> tuple[Floats, Booleans]:
    """One spike per afferent at a random time, labels at random.

    There is nothing to generalise: the task measures how many patterns a neuron can tell apart.
    Its difficulty is the load, ``n_patterns / n_afferents``.

    Parameters
    ----------
    n_patterns, n_afferents : int
        Numbers B and N.
    duration : float
        Length of a pattern, in the unit of the time constants; times are uniform over it.
    rng : numpy.random.Generator
    balanced : bool, default True
        Should the neuron fire for exactly half of the patterns (rounded down), in random order?
        Otherwise each label is the toss of a coin.

    Returns
    -------
    times : array, shape (B, N)
        Spike times, for `Events.from_latencies`.
    labels : array of bool, shape (B,)

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a number is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> times, labels = random_latencies(1000, 500, 500.0, np.random.default_rng(0))
    >>> times.shape, int(labels.sum())
    ((1000, 500), 500)
    """
    patterns, afferents, duration = _sizes(n_patterns, n_afferents, duration, rng)
    times = rng.uniform(0.0, duration, (patterns, afferents))
    return times, _labels(patterns, rng, balanced)


def poisson_patterns(
    n_patterns: int,
    n_afferents: int,
    duration: float,
    rng: np.random.Generator,
    *,
    rate: float,
    balanced: bool = True,
) -> tuple[Floats, Booleans]:
    """Independent Poisson spike trains of one rate, labels at random.

    As `random_latencies`, but an afferent may be silent or fire several times.

    Parameters
    ----------
    n_patterns, n_afferents, duration, rng, balanced
        As in `random_latencies`.
    rate : float
        Mean number of spikes of an afferent per unit of time: 0.005 per millisecond is 5 Hz.

    Returns
    -------
    times : array, shape (B, N, S)
        Spike times in ascending order, padded with +inf, for `Events.from_trains`.  S, at least
        1, is the largest number of spikes drawn.
    labels : array of bool, shape (B,)

    Raises
    ------
    TypeError, ValueError
        As `random_latencies`.
    """
    patterns, afferents, duration = _sizes(n_patterns, n_afferents, duration, rng)
    rate = positive_float("rate", rate)
    # given their number, the spikes of a Poisson process are independent and uniform
    counts = rng.poisson(rate * duration, (patterns, afferents))
    slots = np.arange(max(1, counts.max()))
    times = rng.uniform(0.0, duration, (*counts.shape, len(slots)))
    times[slots >= counts[:, :, None]] = np.inf
    times.sort(axis=-1)
    return times, _labels(patterns, rng, balanced)


def synchrony(
    n_patterns: int,
    n_afferents: int,
    duration: float,
    rng: np.random.Generator,
    *,
    group_size: int = 2,
    n_spikes: int = 1,
    jitter: float = 0.0,
    balanced: bool = True,
) -> tuple[Floats, Booleans]:
    """Classes that differ only in which afferents fire together.

    The afferents are divided into groups at random, once for each class.  In a pattern, the
    members of a group share their spike times; these are drawn anew for every group and pattern,
    uniform over the duration.  So the spikes of one afferent say nothing about the class, nor does
    the number of spikes or the amount of synchrony, and unlike in the other tasks there is a rule
    that new patterns follow: draw more than are needed and keep some for a test.

    That classes are told by synchrony alone follows the paper.  That each class has one fixed
    division, into pairs by default, and the options here are this module's reading of it: the
    paper's own protocol has not been compared in detail.

    Parameters
    ----------
    n_patterns, n_afferents, duration, rng, balanced
        As in `random_latencies`.
    group_size : int, default 2
        Afferents that fire together, at least 2; ``n_afferents`` must be a multiple of it, and
        hold at least two groups.
    n_spikes : int, default 1
        Spikes of every afferent.
    jitter : float, default 0
        Standard deviation of Gaussian noise on every single spike time, in the unit of
        ``duration``.  Times are reflected at both ends, which keeps them uniform.

    Returns
    -------
    times : array, shape (B, N, n_spikes)
        Spike times in ascending order, for `Events.from_trains`.
    labels : array of bool, shape (B,)
        Which of the two divisions a pattern follows.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a number is out of range, or the afferents cannot be divided so.
    """
    patterns, afferents, duration = _sizes(n_patterns, n_afferents, duration, rng)
    group_size = whole_number("group_size", group_size, least=2)
    spikes = whole_number("n_spikes", n_spikes)
    jitter = positive_float("jitter", jitter, or_zero=True)
    if afferents % group_size or afferents < 2 * group_size:
        raise ValueError(
            f"n_afferents must be a multiple of group_size={group_size}, twice it or more, "
            f"got {n_afferents}"
        )
    labels = _labels(patterns, rng, balanced)
    groups = _two_divisions(afferents, group_size, rng)[labels.astype(np.int64)]
    shared = rng.uniform(0.0, duration, (patterns, afferents // group_size, spikes))
    times = np.take_along_axis(shared, groups[:, :, None], axis=1)
    if jitter > 0.0:
        times += rng.normal(0.0, jitter, times.shape)
        times = duration - np.abs(duration - times % (2.0 * duration))
    times.sort(axis=-1)
    return times, labels


def _two_divisions(
    n_afferents: int, group_size: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return two different divisions into groups, shape (2, N): the group of each afferent."""
    ordered = np.arange(n_afferents) // group_size
    while True:
        divisions = np.stack([rng.permutation(ordered) for _ in range(2)])
        # some afferents may share a group in both, but not so that the classes are the same
        if np.unique(divisions, axis=1).shape[1] > n_afferents // group_size:
            return divisions


def _labels(n_patterns: int, rng: np.random.Generator, balanced: bool) -> Booleans:
    if not isinstance(balanced, bool):
        raise TypeError(f"balanced must be True or False, got {balanced!r}")
    if balanced:
        return rng.permutation(n_patterns) < n_patterns // 2
    return rng.random(n_patterns) < 0.5


def _sizes(
    n_patterns: int, n_afferents: int, duration: float, rng: np.random.Generator
) -> tuple[int, int, float]:
    """Return the checked sizes as Python numbers."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy.random.Generator (see numpy.random.default_rng), "
            f"got {type(rng).__name__}"
        )
    patterns = whole_number("n_patterns", n_patterns)
    afferents = whole_number("n_afferents", n_afferents)
    return patterns, afferents, positive_float("duration", duration)
