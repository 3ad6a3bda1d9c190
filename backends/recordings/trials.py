"""A table of trials: when each is aligned, how long it is, what it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..interchange.host_arrays import host_array
from .time_units import in_seconds

__all__ = ["Trials"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Trials:
    """Trials of a recording; made by :meth:`from_arrays`, :meth:`from_table` or a reader.

    Attributes
    ----------
    align : array, shape (T,)
        The moment of each trial that becomes its time 0, in seconds.
    lengths : array, shape (T,), or None
        From there to the end of each trial, in seconds.
    label : str or None
        The column that says what each trial is of.
    ids : array, shape (T,)
    columns : dict of str to array, shape (T,)
        Everything known of the trials, the label among it.
    limits : array, shape (T, 2), or None
        Where each trial has spikes of its own, in seconds: no window takes others.
    """

    align: Floats
    lengths: Floats | None
    label: str | None
    ids: NDArray[Any]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    limits: Floats | None = None

    @classmethod
    def from_arrays(
        cls,
        align: Any,
        labels: Any = None,
        *,
        time_unit: str,
        lengths: Any = None,
        ids: Any = None,
        columns: Mapping[str, Any] | None = None,
        limits: Floats | None = None,
    ) -> Trials:
        """Take arrays.

        Parameters
        ----------
        align : array, shape (T,)
            The moment of each trial that becomes its time 0.
        labels : array, shape (T,), optional
            Numbers, booleans or strings: what each trial is of.  They become the column
            ``"label"``.
        time_unit : {'s', 'ms', 'us', 'ns'}
            Unit of ``align`` and ``lengths``.
        lengths : array, shape (T,), or float, optional
            From the alignment to the end of each trial.
        ids : array, shape (T,), optional
            From 0 unless given.
        columns : mapping from str to array, optional
            Whatever else is known.
        limits : array, shape (T, 2), optional
            In seconds, where each trial has spikes of its own.

        Returns
        -------
        Trials

        Raises
        ------
        TypeError, ValueError
            If there is no trial, lengths do not fit each other, or a time is not finite.
        """
        moments = in_seconds("align", align, time_unit)
        if len(moments) == 0:
            raise ValueError("align must hold one trial or more, got none")
        if lengths is not None:
            given = np.broadcast_to(lengths, moments.shape) if np.ndim(lengths) == 0 else lengths
            lengths = in_seconds("lengths", given, time_unit)
            if lengths.shape != moments.shape:
                raise ValueError(
                    f"lengths must have one entry per trial, got {len(lengths)} for {len(moments)}"
                )
            if not (lengths > 0.0).all():
                raise ValueError(f"lengths must be positive, got {lengths[~(lengths > 0.0)][0]} s")
        found = {str(key): _column(str(key), values) for key, values in (columns or {}).items()}
        if labels is not None:
            found["label"] = _column("labels", labels)
        numbers = np.arange(len(moments)) if ids is None else _column("ids", ids)
        for key, values in ({"ids": numbers} | found).items():
            if values.shape[:1] != moments.shape:
                what = "labels" if key == "label" else key
                raise ValueError(
                    f"{what} must have one entry per trial, got shape {values.shape} for "
                    f"{len(moments)} trials"
                )
        label = None if labels is None else "label"
        return cls(moments, lengths, label, numbers, found, limits)

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        align: str = "start_time",
        label: str | None = None,
        stop: str | None = None,
        time_unit: str,
    ) -> Trials:
        """Take a table with named columns: a DataFrame, a mapping of arrays.

        Parameters
        ----------
        table : DataFrame, or mapping from str to array
        align : str
            The column with the moment of each trial that becomes its time 0.
        label : str, optional
            The column that says what each trial is of.
        stop : str, optional
            The column with the end of each trial.
        time_unit : {'s', 'ms', 'us', 'ns'}
            Unit of these times.

        Returns
        -------
        Trials
            With the index of a DataFrame for ids.

        Raises
        ------
        TypeError, ValueError
            As :meth:`from_arrays`, or if there is no such column.
        """
        try:
            columns = {str(key): np.asarray(table[key]) for key in table.keys()}  # noqa: SIM118
        except (AttributeError, TypeError, KeyError):
            raise TypeError(f"table must have named columns, got {type(table).__name__}") from None
        for name, column in (("align", align), ("label", label), ("stop", stop)):
            if column is not None and column not in columns:
                raise ValueError(
                    f"{name} must be a column of the trials ({', '.join(columns)}), got {column!r}"
                )
        lengths = None
        if stop is not None:
            lengths = host_array(stop, columns[stop]) - host_array(align, columns[align])
        found = cls.from_arrays(
            columns[align],
            time_unit=time_unit,
            lengths=lengths,
            ids=getattr(table, "index", None),
            columns=columns,
        )
        return replace(found, label=label)

    def __len__(self) -> int:
        return len(self.align)

    def __repr__(self) -> str:
        labelled = f", label={self.label!r}" if self.label else ""
        return f"Trials({len(self)}{labelled}, columns: {', '.join(self.columns) or 'none'})"

    def __getitem__(self, chosen: Any) -> Trials:
        """Return some of the trials: a slice, numbers, or yes or no for each."""
        index = np.arange(len(self))[chosen]
        if np.ndim(index) != 1 or len(index) == 0:
            raise IndexError(f"trials must be chosen so that one or more are left, got {chosen!r}")
        return Trials(
            self.align[index],
            None if self.lengths is None else self.lengths[index],
            self.label,
            self.ids[index],
            {key: values[index] for key, values in self.columns.items()},
            None if self.limits is None else self.limits[index],
        )

    def labelled(self, label: str) -> Trials:
        """Return the trials with another column as their label.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        if label not in self.columns:
            raise ValueError(
                f"label must be a column of the trials ({', '.join(self.columns)}), got {label!r}"
            )
        return replace(self, label=label)

    @property
    def has_label(self) -> NDArray[np.bool_]:
        """For each trial, whether its label is there (neither None, NaN nor empty)."""
        if self.label is None:
            return np.zeros(len(self), dtype=np.bool_)
        values = self.columns[self.label]
        if values.dtype.kind == "f":
            finite: NDArray[np.bool_] = np.isfinite(values)
            return finite
        if values.dtype.kind in "OU":
            found = [not (each is None or each != each or each == "") for each in values.tolist()]
            return np.asarray(found, dtype=np.bool_)
        return np.ones(len(self), dtype=np.bool_)

    def labels(self) -> NDArray[Any] | None:
        """Return what each trial is of, all of one kind; None if no column says it.

        Raises
        ------
        TypeError
            If labels are neither numbers, booleans nor strings.
        ValueError
            If the label of a trial is missing.
        """
        if self.label is None:
            return None
        there = self.has_label
        if not there.all():
            missing = self.ids[~there].tolist()
            raise ValueError(
                f"label must be there for every trial, got none in column {self.label!r} for "
                f"{len(missing)} of {len(self)} trials, first {missing[0]!r}: choose the others "
                f"by trials[trials.has_label]"
            )
        values = self.columns[self.label]
        if values.dtype.kind == "O":
            kinds = {type(each) for each in values.tolist()}
            values = values.astype(str) if kinds == {str} else np.asarray(values.tolist())
        if values.ndim != 1 or values.dtype.kind not in "biufU":
            raise TypeError(
                f"label must be a column of numbers, booleans or strings, got {values.dtype} of "
                f"shape {values.shape} in {self.label!r}"
            )
        return values


def _column(name: str, values: Any) -> NDArray[Any]:
    if type(values).__module__.partition(".")[0] == "pandas":
        return np.asarray(values)
    return host_array(name, values)
