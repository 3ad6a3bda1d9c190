"""Tables with a spike in each row: of a recording, or of trials with times of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..recording import Recording
from ..session import Session, laid_out
from ..time_units import in_seconds
from ..trials import Trials

__all__ = ["from_dataframe"]


def from_dataframe(
    spikes: Any,
    trials: Any = None,
    *,
    time_unit: str,
    time: str = "time",
    unit: str = "unit",
    trial: str | None = None,
    align: str = "start_time",
    label: str | None = None,
    unit_ids: Any = None,
) -> Session:
    """Take a table with a row per spike, and a table with a row per trial.

    Parameters
    ----------
    spikes : DataFrame, or mapping from str to array
    trials : DataFrame, or mapping from str to array, optional
        Of a recording, with the moments of the trials.  Where spikes name their trial, with the
        labels of the trials, which its index or its own column ``trial`` names.
    time_unit : {'s', 'ms', 'us', 'ns'}
        Unit of all times.
    time, unit : str
        Columns of the spikes.
    trial : str, optional
        The column with the trial of each spike, whose time then counts from the alignment of that
        trial.
    align : str, default 'start_time'
        The column of the trials with the moment that becomes time 0; not looked at where spikes
        name their trial.
    label : str, optional
        The column that says what each trial is of; without ``trials``, a column of the spikes that
        is the same for all of a trial.
    unit_ids : sequence, optional
        Every unit there is, silent ones too; those that spike unless given.

    Returns
    -------
    Session

    Raises
    ------
    TypeError, ValueError
        If a column is missing, or a trial unknown.
    """
    times = in_seconds(time, _column("spikes", spikes, time), time_unit)
    units = _column("spikes", spikes, unit)
    if trial is None:
        recording = Recording.from_spikes(times, units, time_unit="s", unit_ids=unit_ids)
        if trials is None:
            return Session(recording, None)
        return Session(
            recording, Trials.from_table(trials, align=align, label=label, time_unit=time_unit)
        )
    of_spikes = _column("spikes", spikes, trial)
    if trials is None:
        ids, first, numbers = np.unique(of_spikes, return_index=True, return_inverse=True)
        columns = {}
        if label is not None:
            values = _column("spikes", spikes, label)
            columns = {label: values[first]}
            mixed = np.flatnonzero(values != columns[label][numbers])
            if len(mixed):
                raise ValueError(
                    f"label must be the same for all spikes of a trial, got "
                    f"{values[mixed[0]]!r} and {columns[label][numbers[mixed[0]]]!r} in trial "
                    f"{of_spikes[mixed[0]]!r}"
                )
    else:
        columns = {str(key): np.asarray(trials[key]) for key in trials.keys()}  # noqa: SIM118
        ids = columns[trial] if trial in columns else np.asarray(getattr(trials, "index", None))
        if ids.ndim != 1 or len(np.unique(ids)) != len(ids):
            raise ValueError(f"trials must name each trial once, by {trial!r} or its index")
        order = np.argsort(ids)
        numbers = order[np.minimum(np.searchsorted(ids[order], of_spikes), len(ids) - 1)]
        unknown = np.flatnonzero(ids[numbers] != of_spikes)
        if len(unknown):
            raise ValueError(
                f"{trial} must be one of the {len(ids)} trials, got "
                f"{of_spikes[unknown[0]].item()!r}"
            )
    found = laid_out(
        times,
        units,
        numbers.astype(np.int64),
        len(ids),
        unit_ids=unit_ids,
        ids=ids,
        columns=columns,
    )
    if label is None or found.trials is None:
        return found
    return found._replace(trials=found.trials.labelled(label))


def _column(table: str, given: Any, name: str) -> NDArray[Any]:
    try:
        columns = [str(key) for key in given.keys()]  # noqa: SIM118
    except (AttributeError, TypeError):
        raise TypeError(f"{table} must have named columns, got {type(given).__name__}") from None
    if name not in columns:
        raise ValueError(f"{table} must have a column {name!r}, got {', '.join(columns)}")
    values = np.asarray(given[name])
    if values.dtype.kind == "O" and all(isinstance(each, str) for each in values.tolist()):
        values = values.astype(str)
    return values
