r"""Schedules: how large the steps are over the course of training.

A schedule is a function of the progress :math:`p`, 0 at the start of training and 1 at its end,
that returns a factor in [0, 1] for the learning rate.  Those made here are a shape, times a rise
from 0 to 1 over the first part of training (``warm_up``): a large first step may silence a neuron
for good.  Any function from a float to a float will do in their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

__all__ = ["constant", "cosine", "exponential", "linear", "steps"]

Schedule = Callable[[float], float]


def constant(warm_up: float = 0.0) -> Schedule:
    """The factor 1 throughout.

    Parameters
    ----------
    warm_up : float, default 0
        Part of the training, in [0, 1), over which the factor rises from zero.

    Returns
    -------
    callable
        From the progress in [0, 1] to the factor; a ValueError for any other progress.

    Raises
    ------
    ValueError
        If ``warm_up`` is not in [0, 1).
    """
    return _scheduled(lambda _: 1.0, warm_up)


def cosine(warm_up: float = 0.0) -> Schedule:
    r"""From 1 to 0 along half a cosine, :math:`(1 + \cos \pi p) / 2` [1]_.

    Parameters
    ----------
    warm_up : float, default 0
        As in :func:`constant`.

    Returns
    -------
    callable
        As :func:`constant`.

    Raises
    ------
    ValueError
        As :func:`constant`.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts",
       International Conference on Learning Representations (2017).

    Examples
    --------
    >>> schedule = cosine(warm_up=0.25)
    >>> [round(schedule(progress), 3) for progress in (0.0, 0.125, 0.25, 0.5, 1.0)]
    [0.0, 0.481, 0.854, 0.5, 0.0]
    """
    return _scheduled(lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)), warm_up)


def linear(warm_up: float = 0.0) -> Schedule:
    """From 1 to 0 in a straight line.

    Parameters
    ----------
    warm_up : float, default 0
        As in :func:`constant`.

    Returns
    -------
    callable
        As :func:`constant`.

    Raises
    ------
    ValueError
        As :func:`constant`.
    """
    return _scheduled(lambda progress: 1.0 - progress, warm_up)


def exponential(final: float = 0.01, warm_up: float = 0.0) -> Schedule:
    """From 1 to ``final``, by the same factor in every equal part of the training.

    Parameters
    ----------
    final : float, default 0.01
        Factor at the end, in (0, 1].
    warm_up : float, default 0
        As in :func:`constant`.

    Returns
    -------
    callable
        As :func:`constant`.

    Raises
    ------
    ValueError
        If ``final`` is not in (0, 1], or ``warm_up`` not in [0, 1).
    """
    _check_part("final", final, above=True)
    return _scheduled(lambda progress: float(final**progress), warm_up)


def steps(factors: Mapping[float, float], warm_up: float = 0.0) -> Schedule:
    """The factor 1 at first, then another one from each given progress on.

    Parameters
    ----------
    factors : mapping of float to float
        From progress to factor, each in [0, 1].
    warm_up : float, default 0
        As in :func:`constant`.

    Returns
    -------
    callable
        As :func:`constant`.

    Raises
    ------
    TypeError
        If ``factors`` is not a mapping.
    ValueError
        If one of its numbers is not in [0, 1], or ``warm_up`` not in [0, 1).

    Examples
    --------
    >>> schedule = steps({0.5: 0.1, 0.75: 0.01})
    >>> [schedule(progress) for progress in (0.0, 0.5, 0.75, 1.0)]
    [1.0, 0.1, 0.01, 0.01]
    """
    if not isinstance(factors, Mapping):
        raise TypeError(
            f"factors must be a mapping from progress to factor, got {type(factors).__name__}"
        )
    for progress, factor in factors.items():
        _check_part("factors' progress", progress)
        _check_part("factors' factor", factor)
    ordered = sorted((float(progress), float(factor)) for progress, factor in factors.items())

    def shape(progress: float) -> float:
        return next((factor for start, factor in reversed(ordered) if progress >= start), 1.0)

    return _scheduled(shape, warm_up)


def _scheduled(shape: Schedule, warm_up: float) -> Schedule:
    """Check what all schedules are given, and multiply the shape by the rise."""
    _check_part("warm_up", warm_up, below=True)

    def schedule(progress: float) -> float:
        _check_part("progress", progress)
        factor = shape(progress)
        return factor * (progress / warm_up) if progress < warm_up else factor

    return schedule


def _check_part(name: str, value: object, *, above: bool = False, below: bool = False) -> None:
    """Raise unless the value is a number from 0 to 1; ``above`` 0 and ``below`` 1 if so asked."""
    excluded = (0,) * above + (1,) * below
    if not (isinstance(value, int | float) and 0.0 <= value <= 1.0 and value not in excluded):
        interval = f"{'(' if above else '['}0, 1{')' if below else ']'}"
        raise ValueError(f"{name} must be a number in {interval}, got {value!r}")
