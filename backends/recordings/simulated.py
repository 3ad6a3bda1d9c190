"""A session whose stimuli are told apart by latency alone, with known ground truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tempotron_core.arrays.numbers import check_generator, positive_float, whole_number

from .recording import Recording
from .session import Session
from .trials import Trials

__all__ = ["latency_session"]


def latency_session(
    rng: np.random.Generator,
    *,
    n_units: int = 100,
    n_trials: int = 400,
    n_stimuli: int = 4,
    n_informative: int = 10,
    rate: float = 5.0,
) -> tuple[Session, NDArray[np.int64]]:
    """Draw a session of units that fire as often for one stimulus as for another.

    In the 300 ms after a stimulus every unit fires once, on top of its background.  In most units
    this spike comes at any time.  In the informative ones it comes at a latency that tells the
    stimulus, 80 ms and 30 ms more for each further one, in 60 % of the trials and with a jitter of
    10 ms; in the best of them always, and with a jitter of 3 ms.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_units, n_trials, n_stimuli, n_informative : int
    rate : float
        Background, in spikes per second.

    Returns
    -------
    session : Session
        With the label ``"stimulus"``.
    informative : integer array, shape (n_informative,)
        The ids of the informative units, the best one first.
    """
    check_generator(rng)
    n_units = whole_number("n_units", n_units)
    n_trials = whole_number("n_trials", n_trials)
    n_stimuli = whole_number("n_stimuli", n_stimuli)
    n_informative = whole_number("n_informative", n_informative)
    if n_informative > n_units:
        raise ValueError(f"n_informative must be at most {n_units}, got {n_informative}")
    rate = positive_float("rate", rate, or_zero=True)
    stimulus = rng.permutation(np.arange(n_trials) % n_stimuli)
    onset = 1.0 + 0.6 * np.arange(n_trials)
    length = float(onset[-1]) + 1.0
    informative = rng.permutation(n_units)[:n_informative]
    trains = []
    for unit in range(n_units):
        evoked = onset + rng.uniform(0.0, 0.3, n_trials)
        if unit in informative:
            best = unit == informative[0]
            latency = 0.08 + 0.03 * stimulus + rng.uniform(0.0, 0.02)
            latency += rng.normal(0.0, 0.003 if best else 0.010, n_trials)
            tells = rng.random(n_trials) < (1.0 if best else 0.6)
            evoked = np.where(tells, onset + latency, evoked)
        background = rng.uniform(0.0, length, rng.poisson(rate * length))
        trains.append(np.concatenate([evoked, background]))
    recording = Recording.from_trains(trains, time_unit="s", span=(0.0, length))
    columns = {"start_time": onset, "stop_time": onset + 0.3, "stimulus": stimulus}
    trials = Trials.from_table(columns, label="stimulus", stop="stop_time", time_unit="s")
    return Session(recording, trials), informative
